"""HoistField: wraps key or value in an object with one field."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, Batch, ConnectError, Record, Schema
from tests.support.transforms import make_transform, transformed


def test_a_value_becomes_an_object_with_one_field_and_a_null_too() -> None:
    assert transformed("HoistField$Value", "hello", field="line") == {"line": "hello"}
    assert transformed("HoistField$Value", None, field="line") == {"line": None}


def test_a_value_with_schema_gets_a_struct_around_it() -> None:
    made = make_transform("HoistField$Value", field="n").apply(Record("t", 5, key="k", value_schema=INT32))
    assert made == Record("t", {"n": 5}, key="k", value_schema=Schema.struct({"n": INT32}))


def test_a_path_makes_objects_within_objects() -> None:
    config = {"field": "log.line", "field_syntax_version": "V2"}
    assert transformed("HoistField$Value", "hello", **config) == {"log": {"line": "hello"}}
    made = make_transform("HoistField$Value", **config).apply(Record("t", "hello", value_schema=STRING))
    assert made is not None
    assert made.value_schema == Schema.struct({"log": Schema.struct({"line": STRING})})


def test_a_null_of_a_required_schema_is_an_error() -> None:
    with pytest.raises(ConnectError, match="null"):
        make_transform("HoistField$Value", field="n").apply_batch(Batch("t", [1, None], value_schema=INT32))


def test_the_key_is_hoisted_beside_the_value() -> None:
    assert make_transform("HoistField$Key", field="id").apply(Record("t", 1, key=2)) == Record("t", 1, key={"id": 2})
