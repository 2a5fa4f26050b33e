"""Columns of single types: what their properties bound, and what is refused. Whole records: test_generate.py."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any

import pytest

from connect_datagen import scalars
from connect_datagen.avro import AvroProblem, AvroType, parse

COUNT = 200


def field(declared: Any, **properties: Any) -> AvroType:
    """The type of a record's field 'a'."""
    avro = {**({"type": declared} if isinstance(declared, str) else declared), "arg.properties": properties}
    fields = parse(json.dumps({"type": "record", "name": "r", "fields": [{"name": "a", "type": avro}]})).fields
    assert fields is not None
    return fields["a"]


def drawn(declared: Any, *, first: int = 0, count: int = COUNT, **properties: Any) -> list[Any]:
    return scalars.scalar(field(declared, **properties))(random.Random(1), first, count)


def test_a_range_has_its_least_and_stays_below_its_most() -> None:
    assert set(drawn("int", range={"min": -1, "max": 2})) == {-1, 0, 1}
    low, high = -(1 << 63), 1 << 63
    assert all(low <= value < high for value in drawn("long"))


def test_counting_goes_on_where_the_records_are_and_begins_anew_at_its_end() -> None:
    assert drawn("int", first=10, count=3, iteration={"start": 5}) == [15, 16, 17]
    assert drawn("int", first=1, count=4, iteration={"start": 0, "restart": 3}) == [1, 2, 0, 1]
    assert drawn("int", count=4, iteration={"start": 3, "restart": 0, "step": -1}) == [3, 2, 1, 3]


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


def test_options_are_picked_in_the_field_s_own_type() -> None:
    column = scalars.options(field("double", options=[1, 2.5]))
    assert set(column(random.Random(1), 0, COUNT)) == {1.0, 2.5}
    column = scalars.options(field({"type": "int", "logicalType": "date"}, options=[0, 1]))
    assert set(column(random.Random(1), 0, COUNT)) == {dt.date(1970, 1, 1), dt.date(1970, 1, 2)}


def test_a_decimal_has_no_more_digits_than_its_schema_allows() -> None:
    made = drawn({"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1})
    assert all(-Decimal("99.9") <= value <= Decimal("99.9") for value in made)
    assert {value.as_tuple().exponent for value in made} == {-1}


def test_a_day_has_no_more_than_its_milliseconds() -> None:
    made = drawn({"type": "int", "logicalType": "time-millis"}, count=1, iteration={"start": 86_399_999})
    assert made == [dt.time(23, 59, 59, 999_000)]


@pytest.mark.parametrize(
    ("declared", "properties", "said"),
    [
        ("int", {"range": {"min": 1, "max": 1}}, "range from 1 to 1 is empty"),
        ("int", {"range": {"max": 1 << 40}}, "outside of int"),
        ("int", {"range": {"least": 1}}, "range must be an object with max, min"),
        ("int", {"iteration": {"step": 1}}, "iteration lacks 'start'"),
        ("int", {"iteration": {"start": 5, "restart": 0}}, "step must lead from start towards restart"),
        ("int", {"iteration": {"start": 0, "restart": 3, "initial": 3}}, "initial must lie between"),
        ("double", {"range": {"min": 0}}, "needs both min and max"),
        ("boolean", {"odds": 2}, "odds must be a number from 0 to 1"),
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


def test_an_empty_list_of_options_is_refused() -> None:
    with pytest.raises(AvroProblem, match="options must be a list that is not empty"):
        scalars.options(field("string", options=[]))
