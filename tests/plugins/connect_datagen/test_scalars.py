"""Columns of single types: what their properties bound, and what is refused. Whole records: test_generate.py."""

from __future__ import annotations

import array
import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connect_datagen import counting, scalars
from connect_datagen.avro import AvroProblem
from tests.plugins.connect_datagen.schemas import field

COUNT = 200
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1}


def drawn(declared: Any, *, first: int = 0, count: int = COUNT, **properties: Any) -> list[Any]:
    return scalars.scalar(field(declared, **properties))(random.Random(1), first, count)


def test_a_range_has_its_least_and_stays_below_its_most() -> None:
    assert set(drawn("int", range={"min": -1, "max": 2})) == {-1, 0, 1}
    low, high = -(1 << 63), 1 << 63
    assert all(low <= value < high for value in drawn("long"))


def test_a_boolean_has_the_odds_that_it_is_given() -> None:
    assert set(drawn("boolean", odds=1.0)) == {True}
    assert set(drawn("boolean", odds=0)) == {False}


def test_a_text_has_its_length_and_what_goes_around_it() -> None:
    assert {len(text) for text in drawn("string", length={"min": 2, "max": 4})} == {2, 3}
    assert all(text.startswith("<") and text.endswith(">") for text in drawn("string", prefix="<", suffix=">"))
    assert {len(data) for data in drawn("bytes", length=3)} == {3}


def test_a_text_of_a_regex_is_as_long_as_its_length_says() -> None:
    made = drawn("string", regex="a*", length={"min": 4, "max": 6})
    assert set(made) == {"aaaa", "aaaaa"}


def test_a_decimal_has_no_more_digits_than_its_schema_allows() -> None:
    made = drawn(MONEY)
    assert all(-Decimal("99.9") <= value <= Decimal("99.9") for value in made)
    assert {value.as_tuple().exponent for value in made} == {-1}


def test_a_decimal_has_the_range_that_its_digits_can_show() -> None:
    assert set(drawn(MONEY, range={"min": 0.25, "max": 0.5})) == {Decimal("0.3"), Decimal("0.4")}
    assert min(drawn(MONEY, range={"min": 99.8})) == Decimal("99.8")
    cheap = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}
    prices = drawn(cheap, count=2000, range={"min": 10.0, "max": 50.0})
    assert all(10 <= price < 50 for price in prices)
    assert len(set(prices)) > 1000


def test_a_fixed_decimal_fits_its_bytes_too() -> None:
    made = drawn({"type": "fixed", "name": "f", "size": 1, "logicalType": "decimal", "precision": 9})
    assert min(made) < -100
    assert max(made) > 100
    assert all(-127 <= value <= 127 for value in made)


bounds = st.floats(-(2**100), 2**100, allow_nan=False)


@given(st.sampled_from(["float", "double"]), bounds, bounds, st.integers(0, 99))
def test_a_float_is_within_its_range(kind: str, low: float, high: float, seed: int) -> None:
    low, high = sorted((low, high))
    assume(high - low > max(abs(high) / 1e6, 2.0**-140))  # else there may be no float of 32 bits between them
    made = scalars.scalar(field(kind, range={"min": low, "max": high}))(random.Random(seed), 0, 50)
    assert all(low <= value < high for value in made)
    assert kind == "double" or made == array.array("f", made).tolist()


@pytest.mark.parametrize("kind", ["float", "double"])
def test_a_float_s_range_without_a_bound_goes_to_the_end_of_its_type(kind: str) -> None:
    most = counting.FLOAT_MAX[kind]
    assert max(drawn(kind, range={"min": 0})) > most / 2
    assert min(drawn(kind, range={"max": 0})) < -most / 2
    whole = drawn(kind, range={"min": -most, "max": most})
    assert min(whole) < -most / 2
    assert most / 2 < max(whole) < most


@pytest.mark.parametrize(("low", "high"), [(0, 2**-149), (-(2**-149), 0), (1, 1 + 2**-23), (-1 - 2**-23, -1)])
def test_the_only_float_of_32_bits_in_a_range_is_drawn(low: float, high: float) -> None:
    assert set(drawn("float", range={"min": low, "max": high})) == {low}


def test_a_smaller_whole_type_has_its_own_bounds() -> None:
    assert all(-128 <= value < 128 for value in drawn({"type": "int", "connect.type": "int8"}))
    with pytest.raises(AvroProblem, match="outside of int"):
        drawn({"type": "int", "connect.type": "int16"}, range={"max": 1 << 16})


def test_a_day_has_no_more_than_its_milliseconds() -> None:
    made = drawn({"type": "int", "logicalType": "time-millis"}, count=1, iteration={"start": 86_399_999})
    assert made == [dt.time(23, 59, 59, 999_000)]


@pytest.mark.parametrize(
    ("declared", "properties", "said"),
    [
        ("int", {"range": {"min": 1, "max": 1}}, "range from 1 to 1 is empty"),
        ("int", {"range": {"max": 1 << 40}}, "outside of int"),
        ("int", {"range": {"least": 1}}, "range must be an object with max, min"),
        ("double", {"range": {"min": 1, "max": 1}}, "range from 1.0 to 1.0 is empty or outside of double"),
        ("double", {"range": {"min": float("nan")}}, "expected a number, found nan"),
        ("float", {"range": {"max": 1e39}}, "outside of float"),
        ("float", {"range": {"min": 1 + 2**-30, "max": 1 + 2**-29}}, "holds no float of 32 bits"),
        ("boolean", {"odds": 2}, "odds must be a number from 0 to 1"),
        ("boolean", {"odds": True}, "odds must be a number from 0 to 1"),
        (
            MONEY,
            {"range": {"min": 0, "max": 1000}},
            "range from 0 to 1000 is empty or outside of a decimal of 3",
        ),
        (MONEY, {"range": {"min": 0.01, "max": 0.02}}, "range from 0.01 to 0.02 is empty"),
        ("string", {"length": -1}, "is empty, negative or above"),
        ("string", {"regex": "("}, "regex"),
        ("string", {"regex": "a", "length": {"min": 2, "max": 3}}, "hardly ever makes texts of 2 to 2 characters"),
        ("string", {"prefix": 1}, "prefix and suffix must be texts"),
    ],
)
def test_properties_that_make_no_sense_are_refused(declared: Any, properties: dict[str, Any], said: str) -> None:
    with pytest.raises(AvroProblem) as caught:
        drawn(declared, **properties)
    assert said in str(caught.value)
