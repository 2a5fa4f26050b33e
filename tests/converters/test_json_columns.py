"""JsonConverter's columns: which schemas have a fast way, and that odd values leave it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import BYTES, FLOAT32, FLOAT64, INT8, INT32, STRING, Schema
from connect.api.columns import OddValueError
from connect_converters import json_columns
from connect_converters.json_values import Decoder, Encoder

ENCODER = Encoder(numeric_decimals=False, nulls_to_defaults=True)
DECODER = Decoder(nulls_to_defaults=True)


def encoded(schema: Schema, column: list[Any]) -> list[Any]:
    convert = json_columns.encoding(schema, ENCODER)
    assert convert is not None
    return convert(column)


def decoded(schema: Schema, column: list[Any]) -> list[Any]:
    convert = json_columns.decoding(schema, DECODER)
    assert convert is not None
    return convert(column)


@pytest.mark.parametrize("schema", [INT32, STRING, FLOAT64, Schema.array(STRING), Schema.struct({"a": INT32})])
def test_a_column_that_needs_no_change_is_the_very_list(schema: Schema) -> None:
    column: list[Any] = {INT32: [1], STRING: ["a"], FLOAT64: [1.5]}.get(schema) or (
        [["a"]] if schema.value_schema else [{"a": 1}]
    )
    assert encoded(schema, column) is column or encoded(schema, column) == column
    assert decoded(schema, column) == column


@pytest.mark.parametrize(
    ("schema", "values", "nodes"),
    [
        (BYTES, [b"\x01", b""], ["AQ==", ""]),
        (Schema.decimal(2), [Decimal("1.50")], ["AJY="]),
        (Schema.timestamp(), [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)], [1000]),
        (Schema.date(), [dt.date(1970, 1, 3)], [2]),
        (Schema("int32", optional=True), [None, 5], [None, 5]),
    ],
)
def test_a_column_is_written_and_read_again(schema: Schema, values: list[Any], nodes: list[Any]) -> None:
    assert encoded(schema, values) == nodes
    assert decoded(schema, nodes) == values


@pytest.mark.parametrize(
    ("schema", "column"),
    [
        (INT8, [1, 200]), (INT32, [1, True]), (STRING, ["a", None]), (FLOAT64, [1.5, 1]),
        (Schema.array(INT32), [[1], (2,)]), (Schema.map(STRING, INT32), [{1: 2}]),
        (Schema.decimal(2), [Decimal("1.5")]), (Schema.timestamp(), [dt.datetime(2024, 1, 1)]),
    ],
)  # fmt: skip
def test_a_value_that_is_not_to_the_letter_leaves_the_fast_way(schema: Schema, column: list[Any]) -> None:
    with pytest.raises(OddValueError):
        encoded(schema, column)


@pytest.mark.parametrize(
    ("schema", "column"),
    [
        (INT8, [200]), (INT32, ["5"]), (BYTES, ["!"]), (STRING, [None]), (Schema.timestamp(), [1 << 62]),
        (Schema.decimal(2), [""]),
    ],
)  # fmt: skip
def test_json_that_is_not_to_the_letter_leaves_the_fast_way(schema: Schema, column: list[Any]) -> None:
    with pytest.raises(OddValueError):
        decoded(schema, column)


def test_a_map_whose_keys_are_no_text_has_no_fast_way() -> None:
    for schema in (Schema.map(INT32, INT32), Schema.array(Schema.map(INT32, INT32))):
        assert json_columns.encoding(schema, ENCODER) is None
        assert json_columns.decoding(schema, DECODER) is None


def test_a_null_becomes_its_default() -> None:
    schema = Schema("int32", optional=True, default=7)
    assert encoded(schema, [None, 5]) == [7, 5]
    assert decoded(schema, [None, 5]) == [7, 5]


def test_numbers_are_read_as_doubles_and_singles() -> None:
    assert decoded(FLOAT64, [1, 2.5, Decimal("0.1")]) == [1.0, 2.5, 0.1]
    assert decoded(FLOAT32, [1, 0.1]) == [1.0, 0.10000000149011612]
