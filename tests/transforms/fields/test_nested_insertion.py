"""A value put at a path of an object, and a field at a path of a schema."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, STRING, ConnectError, DataError, Schema
from connect_transforms.fields.nested_insertion import put_at, with_field

PURPOSE = "testing"


def test_a_field_is_added_at_its_path_and_missing_structs_are_optional() -> None:
    made = with_field(Schema.struct({"id": INT32}, name="row"), ("a", "b", "c"), STRING, PURPOSE)
    inner = Schema.struct({"b": Schema.struct({"c": STRING}, optional=True)}, optional=True)
    assert made == Schema.struct({"id": INT32, "a": inner}, name="row")


def test_a_struct_on_the_way_keeps_its_fields_and_its_place() -> None:
    made = with_field(Schema.struct({"a": Schema.struct({"x": INT32}), "z": INT32}), ("a", "y"), STRING, PURPOSE)
    assert made == Schema.struct({"a": Schema.struct({"x": INT32, "y": STRING}), "z": INT32})


def test_a_field_that_is_there_or_no_struct_on_the_way_is_an_error() -> None:
    row = Schema.struct({"a": INT32})
    with pytest.raises(ConnectError):
        with_field(row, ("a",), STRING, PURPOSE)
    with pytest.raises(
        DataError, match=r"Only Struct objects supported for \[testing\], found: field 'a' of type INT32"
    ):
        with_field(row, ("a", "b"), STRING, PURPOSE)


def test_a_value_is_put_and_the_objects_on_the_way_are_copied() -> None:
    inner = {"x": 1}
    target: dict[Any, Any] = {"a": inner}
    put_at(target, ("a", "y"), 2, None, PURPOSE)
    assert (target, inner) == ({"a": {"x": 1, "y": 2}}, {"x": 1})


def test_an_object_that_is_missing_is_made_but_not_one_whose_null_the_schema_knows() -> None:
    target: dict[Any, Any] = {}
    put_at(target, ("a", "b"), 1, None, PURPOSE)
    assert target == {"a": {"b": 1}}
    known = Schema.struct({"a": Schema.struct({"x": INT32}, optional=True)})
    null: dict[Any, Any] = {"a": None}
    put_at(null, ("a", "b"), 1, known, PURPOSE)
    assert null == {"a": None}


def test_what_is_no_object_on_the_way_is_an_error() -> None:
    with pytest.raises(DataError, match=r"\[testing\], found: java\.lang\.Integer"):
        put_at({"a": 5}, ("a", "b"), 1, None, PURPOSE)
