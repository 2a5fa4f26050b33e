from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BYTES, INT8, STRING, DataError
from connect_converters import SimpleHeaderConverter
from tests.support.converters import INT64_MAX, make_converter


@given(
    st.integers(-INT64_MAX - 1, INT64_MAX)
    | st.booleans()
    | st.dates(min_value=dt.date(1970, 1, 2))
    | st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))
)
def test_scalars_come_back_from_their_text(value: Any) -> None:
    converter = make_converter(SimpleHeaderConverter)
    assert converter.to_connect_header("t", "h", converter.from_connect_header("t", "h", None, value))[1] == value


@given(st.text('[]{}:,"\\ 0123456789-.TZnulltrfasxe', max_size=30) | st.text(max_size=30))
def test_any_text_is_a_header(text: str) -> None:
    schema, value = make_converter(SimpleHeaderConverter).to_connect_header("t", "h", text.encode())
    if schema is not None and schema.type.is_primitive:
        schema.validate(value)


def test_a_header_of_ten_thousand_brackets_stays_bytes() -> None:
    data = b"[" * 10_000
    assert make_converter(SimpleHeaderConverter).to_connect_header("t", "h", data)[1] == data


def test_a_value_of_no_connect_type_is_refused() -> None:
    with pytest.raises(DataError, match="Failed to serialize unexpected value type"):
        make_converter(SimpleHeaderConverter).from_connect_header("t", "h", None, object())


def test_null_is_no_bytes_both_ways_and_what_java_cannot_write_is_a_question_mark() -> None:
    converter = make_converter(SimpleHeaderConverter)
    assert converter.from_connect_header("t", "h", None, None) is None
    assert converter.to_connect_header("t", "h", None) == (None, None)
    assert converter.from_connect_header("t", "h", None, "a\ud800") == b"a?"


def test_the_type_is_read_from_the_text() -> None:
    converter = make_converter(SimpleHeaderConverter)
    assert converter.to_connect_header("t", "h", b"5") == (INT8, 5)
    assert converter.to_connect_header("t", "h", b"five") == (STRING, "five")
    assert converter.to_connect_header("t", "h", b"[" * 10_000)[0] == BYTES
