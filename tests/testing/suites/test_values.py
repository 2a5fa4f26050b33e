from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from connect.api import Schema
from connect.testing.suites.values import PRIMITIVES, Values, ordinary, same, typed


def test_what_is_made_fits_its_schema_and_is_the_same_for_the_same_seed() -> None:
    for _, schema, value in typed(7, 200):
        schema.validate(value)
    assert [value for _, _, value in typed(7, 50)] == [value for _, _, value in typed(7, 50)]
    assert [value for _, _, value in typed(7, 50)] != [value for _, _, value in typed(8, 50)]


def test_every_type_is_made() -> None:
    names = {(schema.type, schema.name) for schema, _ in PRIMITIVES.values()}
    assert {(schema.type, schema.name) for schema in (Schema.decimal(2), Schema.date(), Schema.time())} < names
    assert {kind.type.value for _, kind, _ in typed(1, 0)} >= {"array", "map", "struct", "int8", "bytes"}


@pytest.mark.parametrize(
    ("left", "right"), [(1, True), (1, 1.0), (0.0, -0.0), ("a", b"a"), ({"a": 1}, {"a": 1, "b": None}), ([1], [1, 1])]
)
def test_values_of_other_types_are_not_the_same(left: object, right: object) -> None:
    assert not same(left, right)
    assert not same([left], [right])


@pytest.mark.parametrize("value", [math.nan, 1, {"a": [Decimal("1.0"), dt.date(2024, 1, 1)]}, None])
def test_a_value_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)
    assert same({"x": value}, {"x": value})


def test_ordinary_records_count_up_and_are_in_more_than_one_batch() -> None:
    records = ordinary("t", 8)
    assert [record.source_offset for record in records] == [{"n": number} for number in range(8)]
    assert len({record.value_schema for record in records}) == 2


def test_bytes_are_made_up() -> None:
    made = Values(1)
    assert len({made.bytes() for _ in range(20)}) > 10
