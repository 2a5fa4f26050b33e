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


@given(st.lists(st.integers() | st.integers(-(1 << 70), 1 << 70), min_size=1), st.sampled_from(["UTF-8", "UTF-16"]))
def test_whole_numbers_are_written_together_as_one_by_one_and_truth_is_none(values: list[int], encoding: str) -> None:
    converter = make_converter(StringConverter, converter_encoding=encoding)
    expected = [converter._encoded(None, value) for value in values]
    assert converter.encode("t", None, values) == expected
    assert converter.encode("t", None, [*values, True]) == [*expected, converter._encoded(None, True)]


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


@pytest.mark.parametrize(
    ("encoding", "data"),
    [("UTF-16", b"\xfe\xff\0\xe9"), ("ISO-8859-1", b"\xe9"), ("UTF8", b"\xc3\xa9"), ("us-ascii", b"?")],
)
def test_a_character_set_has_the_bytes_that_java_writes(encoding: str, data: bytes) -> None:
    converter = make_converter(StringConverter, converter_encoding=encoding)
    assert converter.encode("t", STRING, ["\u00e9", None]) == [data, None]
    assert converter.from_connect_header("t", "h", STRING, "\u00e9") == data


def test_utf16_is_read_by_its_mark_or_else_with_the_higher_byte_first() -> None:
    converter = make_converter(StringConverter, converter_encoding="UTF-16")
    data = [b"\xff\xfea\0", b"\xfe\xff\0a", b"\0a", None]
    assert converter.decode("t", data) == [(OPTIONAL_STRING, ["a", "a", "a", None])]
    assert converter.decode("t", []) == []


def test_a_header_is_text_as_a_value_is() -> None:
    converter = make_converter(StringConverter)
    assert converter.to_connect_header("t", "h", b"a") == (OPTIONAL_STRING, "a")
    assert converter.to_connect_header("t", "h", None) == (OPTIONAL_STRING, None)
    assert converter.from_connect_header("t", "h", FLOAT32, 0.10000000149011612) == b"0.1"


def test_what_only_python_calls_a_codec_is_no_character_set() -> None:
    with pytest.raises(ConfigError, match=r"value base64 for configuration converter\.encoding"):
        make_converter(StringConverter, converter_encoding="base64")
