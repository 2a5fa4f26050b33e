"""Schemas that contain themselves."""

from __future__ import annotations

import pickle

import pytest

from connect.api import INT32, Schema, SchemaError
from connect_schemas.recursive import Place, RecursiveSchema


def tree(name: str = "Tree") -> Schema:
    place = Place()
    kids = Schema.array(RecursiveSchema(place, optional=False))
    place.schema = Schema.struct({"n": INT32, "kids": kids}, name=name)
    return place.schema


def inner(schema: Schema) -> Schema:
    field = schema.field("kids")
    assert field is not None
    assert field.schema.value_schema is not None
    return field.schema.value_schema


def test_it_looks_like_the_schema_that_it_stands_for() -> None:
    schema = tree()
    within = inner(schema)
    assert within.name == "Tree"
    assert within.fields is schema.fields
    assert within.field("n") == schema.field("n")
    assert repr(within) == "Schema{Tree:STRUCT, recursive}"


def test_two_that_are_made_alike_are_equal_and_hash_alike() -> None:
    first, second, other = tree(), tree(), tree("Other")
    assert first == second
    assert hash(first) == hash(second)
    assert first != other
    assert inner(first) != first


def test_values_are_checked_all_the_way_down() -> None:
    schema = tree()
    schema.validate({"n": 1, "kids": [{"n": 2, "kids": []}]})
    with pytest.raises(SchemaError, match="INT32"):
        schema.validate({"n": 1, "kids": [{"n": "x", "kids": []}]})


def test_it_goes_to_another_process_and_back() -> None:
    schema = tree()
    back = pickle.loads(pickle.dumps(schema))
    assert back == schema
    assert inner(back).fields is back.fields
