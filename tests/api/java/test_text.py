from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import FLOAT32, INT32, STRING, Schema
from connect.api.java.numbers import to_single
from connect.api.java.text import float_text, java_text


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.001, "0.001"),
        (1e-4, "1.0E-4"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (123456789.125, "1.23456789125E8"),
        (5e-324, "4.9E-324"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (2.6381593468124288e18, "2.6381593468124288E18"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
    ],
)
def test_doubles_print_as_in_java(value: float, printed: str) -> None:
    assert float_text(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.1, "0.1"),
        (1.4e-45, "1.4E-45"),
        (16777216.0, "1.6777216E7"),
        (2147483648.0, "2.14748365E9"),
        (1.0e10, "1.0E10"),
        (3.4028235e38, "3.4028235E38"),
    ],
)
def test_singles_print_with_as_many_digits_as_they_need(value: float, printed: str) -> None:
    assert float_text(to_single(value), single=True) == printed


@given(st.floats(allow_nan=False), st.floats(width=32, allow_nan=False))
def test_a_number_comes_back_from_its_text(double: float, single: float) -> None:
    assert float(float_text(double)) == double
    assert to_single(float(float_text(single, single=True))) == single


@pytest.mark.parametrize(
    ("value", "schema", "printed"),
    [
        (None, None, "null"),
        (True, None, "true"),
        (Decimal("1E+3"), None, "1E+3"),
        ([1, ["a"], None], None, "[1, [a], null]"),
        ({"a": {"b": 1.0}}, None, "{a={b=1.0}}"),
        ([0.10000000149011612], Schema.array(FLOAT32), "[0.1]"),
        ({"a": 1, "b": None}, Schema.struct({"a": INT32, "b": STRING}), "Struct{a=1}"),
        (dt.date(2024, 2, 29), None, "Thu Feb 29 00:00:00 UTC 2024"),
        (dt.time(1, 2, 3), None, "Thu Jan 01 01:02:03 UTC 1970"),
        (dt.datetime(2024, 2, 29, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))), None, "Wed Feb 28 23:00:00 UTC 2024"),
        (b"x", None, "eA=="),
    ],
)
def test_values_print_as_in_java(value: Any, schema: Schema | None, printed: str) -> None:
    assert java_text(value, schema) == printed
