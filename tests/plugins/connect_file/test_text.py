"""Values as lines: one each, which whoever reads the file can read back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect_file.text import to_lines

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text(), PLAIN, max_size=3), min_size=1, max_size=250))
def test_json_is_read_back_line_by_line(values: list[Any]) -> None:
    *lines, rest = to_lines(values).split(b"\n")
    assert [json.loads(line) for line in lines] == [json.loads(json.dumps(value)) for value in values]
    assert rest == b""


@given(st.lists(st.binary().filter(lambda data: b"\n" not in data), min_size=1))
def test_bytes_are_as_they_are_and_each_is_a_line(values: list[bytes]) -> None:
    assert to_lines(values).split(b"\n") == [*values, b""]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a\u00e4", "a\u00e4"),
        (b"raw", "raw"),
        (bytearray(b"raw"), "raw"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (Decimal("1E+2"), "100"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        ({"at": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)}, '{"at":"2026-01-02T03:00:00+00:00"}'),
        ({"raw": b"\x00\x01", "sum": Decimal("1.50")}, '{"raw":"AAE=","sum":"1.50"}'),
        ({1: "a number as a key"}, '{"1":"a number as a key"}'),
        ([1 << 70], f"[{1 << 70}]"),
        ("\ud800", "?"),
    ],
)
def test_a_value_is_one_line(value: Any, line: str) -> None:
    assert to_lines([value]).decode() == line + "\n"
    assert to_lines(["x", value]).decode() == f"x\n{line}\n"


@pytest.mark.parametrize("value", [object(), {"inside": object()}, {"a": {1, 2}}])
def test_what_has_no_text_is_a_data_error_that_names_the_type(value: Any) -> None:
    with pytest.raises(DataError, match=f"a value of type {type(value).__name__} cannot be written as a line"):
        to_lines([value])
