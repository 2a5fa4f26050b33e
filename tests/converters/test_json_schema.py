"""Schemas as JSON, in the shape of JsonConverter's envelope."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from connect.api import INT32, OPTIONAL_STRING, STRING, DataError, Schema
from connect_converters import json_schema
from connect_converters.json_values import Decoder, Encoder
from tests.support.converters import schemas

ENCODER = Encoder(numeric_decimals=True, nulls_to_defaults=True)
DECODER = Decoder(nulls_to_defaults=True)


@given(schemas())
def test_a_schema_is_read_as_it_was_written(schema: Schema) -> None:
    assert json_schema.decode(json_schema.encode(schema, ENCODER.node), DECODER) == schema


def test_a_schema_is_written_in_kafkas_shape() -> None:
    row = Schema.struct(
        {"id": INT32, "tags": Schema.array(STRING), "by": Schema.map(STRING, Schema("float64"))}, name="row", version=2
    )
    assert json_schema.encode(row, ENCODER.node) == {
        "type": "struct",
        "fields": [
            {"type": "int32", "optional": False, "field": "id"},
            {"type": "array", "items": {"type": "string", "optional": False}, "optional": False, "field": "tags"},
            {
                "type": "map",
                "keys": {"type": "string", "optional": False},
                "values": {"type": "double", "optional": False},
                "optional": False,
                "field": "by",
            },
        ],
        "optional": False,
        "name": "row",
        "version": 2,
    }


def test_what_describes_a_schema_goes_along_with_it() -> None:
    node = {
        "type": "string", "optional": True, "name": "n", "version": 3, "doc": "d", "parameters": {"a": "b"},
        "default": "x",
    }  # fmt: skip
    schema = Schema("string", optional=True, name="n", version=3, doc="d", parameters={"a": "b"}, default="x")
    assert json_schema.decode(node, DECODER) == schema
    assert json_schema.encode(schema, ENCODER.node) == node


def test_null_is_no_schema_and_what_is_not_said_is_required() -> None:
    assert json_schema.decode(None, DECODER) is None
    assert json_schema.decode({"type": "string"}, DECODER) == STRING
    assert (
        json_schema.decode({"type": "string", "optional": True, "name": 5, "version": True}, DECODER) == OPTIONAL_STRING
    )


def test_a_version_beyond_32_bits_wraps_as_in_java() -> None:
    found = json_schema.decode({"type": "int32", "version": (1 << 32) + 5}, DECODER)
    assert found is not None and found.version == 5


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (5, "Schema must contain 'type' field"),
        ({}, "Schema must contain 'type' field"),
        ({"type": "uuid"}, "Unknown schema type: uuid"),
        ({"type": "array"}, "did not specify the element type"),
        ({"type": "map", "keys": {"type": "string"}}, "did not specify the value type"),
        ({"type": "map", "keys": None, "values": None}, "keySchema cannot be null"),
        ({"type": "struct"}, "argument is not an array"),
        ({"type": "struct", "fields": [{"type": "string"}]}, "field name not specified properly"),
        ({"type": "struct", "fields": [{"type": "string", "field": ""}]}, "fieldName cannot be null"),
        ({"type": "string", "parameters": {"a": 5}}, "must have string values"),
        ({"type": "string", "default": 5}, "Invalid default value: 5 is null as STRING"),
    ],
)
def test_json_that_describes_no_schema_is_refused_in_kafkas_words(node: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        json_schema.decode(node, DECODER)
