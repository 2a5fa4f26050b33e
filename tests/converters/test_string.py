from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import FLOAT32, OPTIONAL_STRING, STRING, ConfigError, Schema
from connect_converters import StringConverter
from tests.support.converters import make_converter


@given(st.lists(st.none() | st.text(), max_size=4), st.sampled_from(["UTF-8", "UTF-16", "ISO-8859-1"]))
def test_text_is_read_as_it_was_written(values: list[str | None], encoding: str) -> None:
    converter = make_converter(StringConverter, converter_encoding=encoding)
    data = converter.encode("t", OPTIONAL_STRING, values)
    if encoding != "ISO-8859-1":
        assert [value for column in converter.decode("t", data) for value in column.values] == values
    assert [item is None for item in data] == [value is None for value in values]


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (None, True, b"true"),
        (None, 1e7, b"1.0E7"),
        (FLOAT32, 0.10000000149011612, b"0.1"),
        (None, Decimal("1.50"), b"1.50"),
        (None, [1, None, {"a": "b"}], b"[1, null, {a=b}]"),
        (Schema.struct({"a": STRING}), {"a": "b"}, b"Struct{a=b}"),
        (None, dt.date(2024, 2, 29), b"Thu Feb 29 00:00:00 UTC 2024"),
        (None, [b"\xff"], b"[/w==]"),
    ],
)
def test_what_is_no_text_is_written_as_java_prints_it(schema: Schema | None, value: Any, text: bytes) -> None:
    assert make_converter(StringConverter).from_connect_data("t", schema, value) == text


def test_bytes_pass_as_they_are() -> None:
    converter, data = make_converter(StringConverter), [b"a", b"\xff"]
    assert all(out is given for out, given in zip(converter.encode("t", None, data), data, strict=True))
    assert converter.encode("t", None, ["x", memoryview(b"y"), None]) == [b"x", b"y", None]


def test_an_unknown_character_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such character set"):
        make_converter(StringConverter, converter_encoding="UTF-9")


def test_what_is_no_utf8_is_read_as_java_reads_it() -> None:
    data = [b"\xed\xa0\x80a", b"\xff\xfe", b"\xe2\x82"]
    assert make_converter(StringConverter).decode("t", data)[0].values == ["\ufffda", "\ufffd\ufffd", "\ufffd"]
