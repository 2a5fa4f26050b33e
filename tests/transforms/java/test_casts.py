"""Java's conversions between primitive types. What is expected is what Kafka's Cast returned."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest

from connect.api import INT32, DataError, Schema, SchemaType
from connect_transforms.java.casts import TARGETS, cast_column, caster


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        (SchemaType.INT8, 300, 44),
        (SchemaType.INT8, -129, 127),
        (SchemaType.INT32, 3_000_000_000, -1_294_967_296),
        (SchemaType.INT32, 1e10, 2_147_483_647),
        (SchemaType.INT16, 1e10, -1),
        (SchemaType.INT64, math.nan, 0),
        (SchemaType.INT64, -1e300, -(1 << 63)),
        (SchemaType.INT32, "+42", 42),
        (SchemaType.INT64, True, 1),
        (SchemaType.FLOAT64, " 1.5f ", 1.5),
        (SchemaType.FLOAT64, "0x1.8p1", 3.0),
        (SchemaType.FLOAT64, "-Infinity", -math.inf),
        (SchemaType.FLOAT32, 0.1, 0.1),
        (SchemaType.FLOAT32, 123456.789, 123456.79),
        (SchemaType.FLOAT32, math.inf, math.inf),
        (SchemaType.FLOAT32, 1e300, math.inf),
        (SchemaType.BOOLEAN, "TRUE", True),
        (SchemaType.BOOLEAN, "yes", False),
        (SchemaType.BOOLEAN, 0.5, False),
        (SchemaType.BOOLEAN, -3, True),
        (SchemaType.STRING, 1e7, "1.0E7"),
        (SchemaType.STRING, 0.001, "0.001"),
        (SchemaType.STRING, True, "true"),
        (SchemaType.STRING, b"\x00\xff", "AP8="),
        (SchemaType.STRING, None, None),
        (SchemaType.INT8, None, None),
    ],
)
def test_a_value_without_schema(target: SchemaType, value: Any, expected: Any) -> None:
    assert caster(target, None)(value) == expected
    assert cast_column(target, None, [value]) == [expected]


@pytest.mark.parametrize(
    ("target", "schema", "value", "expected"),
    [
        (SchemaType.INT32, Schema.date(), dt.date(1970, 1, 11), 10),
        (SchemaType.INT64, Schema.timestamp(), dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC), 1000),
        (
            SchemaType.STRING,
            Schema.timestamp(),
            dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC),
            "2024-01-31T12:00:00.000Z",
        ),
        (SchemaType.STRING, Schema("float32"), 0.10000000149011612, "0.1"),
        (SchemaType.INT8, Schema.decimal(2), Decimal("300.75"), 44),
        (SchemaType.STRING, Schema.decimal(2), Decimal("1.50"), "1.50"),
    ],
)
def test_a_value_with_schema(target: SchemaType, schema: Schema, value: Any, expected: Any) -> None:
    assert caster(target, schema)(value) == expected


@pytest.mark.parametrize("text", ["", " 42", "1_000", "0x10", "1e3", "3.7", "128", "9" * 5000])
def test_a_text_that_is_no_number_of_the_type_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="out of range for requested data type"):
        cast_column(SchemaType.INT8, None, [text])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "casting from ARRAY"),
        ({}, "casting from MAP"),
        (Decimal(1), "BigDecimal"),
        (1 << 70, "BigInteger"),
        (b"", r"class \[B"),
    ],
)
def test_what_has_no_number_is_refused(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cast_column(SchemaType.INT32, None, [value])


def test_a_struct_cannot_be_cast() -> None:
    with pytest.raises(DataError, match="casting from STRUCT"):
        caster(SchemaType.STRING, Schema.struct({"a": INT32}))({"a": 1})


EDGES = [sign * (1 << bits) + step for bits in (7, 15, 31, 53, 63) for sign in (1, -1) for step in (-1, 0, 1)]


@pytest.mark.parametrize(
    "values",
    [
        EDGES,
        [0.001, 0.00099, 9_999_999.9, 1e7, -1.0, 0.0, math.nan, math.inf, 123456.789, 1e300],
        [*map(str, EDGES), "0" * 17 + "7", "0" * 18 + "7", "1" * 18, "1" * 19, "\u0663", "", "1.5", "true"],
    ],
    ids=["int", "float", "str"],
)
@pytest.mark.parametrize("target", TARGETS)
def test_a_column_becomes_what_each_of_its_values_does(target: SchemaType, values: list[Any]) -> None:
    for value in values:
        assert outcome(cast_column, target, None, [value, value]) == outcome(one_by_one, target, None, [value, value])
    small = values[:3]
    assert outcome(cast_column, target, None, small) == outcome(one_by_one, target, None, small)


def one_by_one(target: SchemaType, schema: Schema | None, values: list[Any]) -> list[Any]:
    return [caster(target, schema)(value) for value in values]


def outcome(cast: Any, *given: Any) -> str:
    try:
        return repr(cast(*given))
    except DataError as error:
        return str(error)
