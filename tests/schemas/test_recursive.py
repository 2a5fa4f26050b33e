"""Schemas that contain themselves."""

from __future__ import annotations

import pickle

import pytest

from connect.api import INT32, Schema, SchemaError
from connect_schemas.recursive import Place, RecursiveSchema


def node(name: str = "Node", **own: str) -> Schema:
    place = Place()
    inner = RecursiveSchema(place, optional=True, parameters=own)
    place.schema = Schema.struct({"value": INT32, "next": inner}, name=name)
    return place.schema


def test_it_looks_like_the_schema_around_it_but_for_what_is_its_own() -> None:
    outer = node(tag="2")
    field = outer.field("next")
    assert field is not None
    assert (field.schema.name, field.schema.fields) == ("Node", outer.fields)
    assert (field.schema.optional, outer.optional, field.schema.parameters) == (True, False, {"tag": "2"})
    assert repr(field.schema) == "Schema{Node:STRUCT, recursive}"


def test_values_are_checked_all_the_way_down() -> None:
    node().validate({"value": 1, "next": {"value": 2, "next": None}})
    with pytest.raises(SchemaError, match="required field"):
        node().validate({"value": 1, "next": {"value": None, "next": None}})


def test_equal_ones_are_equal_and_hash_alike() -> None:
    assert node() == node()
    assert hash(node()) == hash(node())
    assert node() != node("Other")
    assert node() != node(tag="2")
    assert node().fields[1].schema != INT32
    assert node().fields[1].schema.__eq__(5) is NotImplemented


def test_one_goes_to_another_process_and_back() -> None:
    assert pickle.loads(pickle.dumps(node(tag="1"))) == node(tag="1")


def test_without_properties_of_its_own_it_has_those_of_the_schema_around_it() -> None:
    place = Place()
    inner = RecursiveSchema(place, optional=True)
    place.schema = Schema.struct({"next": inner}, name="Node", parameters={"a": "b"})
    assert inner.parameters == {"a": "b"}


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


def test_it_may_stand_in_a_list_of_the_struct() -> None:
    schema = tree()
    within = inner(schema)
    assert within.name == "Tree"
    assert within.fields is schema.fields
    assert within.field("n") == schema.field("n")
    assert repr(within) == "Schema{Tree:STRUCT, recursive}"


def test_two_lists_of_themselves_that_are_made_alike_are_equal_and_hash_alike() -> None:
    first, second, other = tree(), tree(), tree("Other")
    assert first == second
    assert hash(first) == hash(second)
    assert first != other
    assert inner(first) != first
