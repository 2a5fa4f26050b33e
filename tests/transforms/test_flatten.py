"""Flatten: objects within objects become fields of one object."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, ConnectError, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed

INNER = Schema.struct({"city": STRING, "zip": Schema("int32", default=0)}, optional=True)


def test_names_are_joined_with_the_delimiter_and_arrays_stay() -> None:
    value = {"a": 1, "b": {"c": {"d": 2}, "e": [1, {"f": 2}]}}
    assert transformed("Flatten$Value", value) == {"a": 1, "b.c.d": 2, "b.e": [1, {"f": 2}]}
    assert transformed("Flatten$Value", value, delimiter="_") == {"a": 1, "b_c_d": 2, "b_e": [1, {"f": 2}]}


def test_a_field_of_an_optional_struct_becomes_optional_and_keeps_its_default() -> None:
    schema = Schema.struct({"id": INT32, "to": INNER}, name="row", version=3)
    record = Record("t", {"id": 1, "to": {"city": "Lyon", "zip": 5}}, value_schema=schema)
    made = make_transform("Flatten$Value").apply(record)
    assert made is not None and made.value_schema is not None
    assert made.value == {"id": 1, "to.city": "Lyon", "to.zip": 5}
    assert {field.name: field.schema for field in made.value_schema.fields} == {
        "id": INT32,
        "to.city": OPTIONAL_STRING,
        "to.zip": Schema("int32", optional=True, default=0),
    }
    assert (made.value_schema.name, made.value_schema.version) == ("row", 3)


def test_a_null_struct_leaves_its_fields_unset() -> None:
    schema = Schema.struct({"id": INT32, "to": INNER})
    assert transformed("Flatten$Value", {"id": 1, "to": None}, schema) == {"id": 1}


def test_a_map_with_a_schema_is_an_error_that_names_the_field() -> None:
    schema = Schema.struct({"n": Schema.struct({"m": Schema.map(STRING, INT32)})})
    with pytest.raises(DataError, match=r"does not support MAP for record with schemas \(for field n\.m\)"):
        transformed("Flatten$Value", {"n": {"m": {"a": 1}}}, schema)


def test_two_fields_of_one_name_are_an_error() -> None:
    schema = Schema.struct({"a.b": INT32, "a": Schema.struct({"b": INT32})})
    with pytest.raises(ConnectError, match=r"a\.b"):
        transformed("Flatten$Value", {"a.b": 1, "a": {"b": 2}}, schema)


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j])
def test_a_value_of_no_type_of_connect_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="not supported by Connect's data API"):
        transformed("Flatten$Value", {"a": {"b": value}})


def test_the_key_is_flattened_and_a_null_passes() -> None:
    made = make_transform("Flatten$Key").apply(Record("t", None, key={"a": {"b": 1}}))
    assert made == Record("t", None, key={"a.b": 1})
    assert transformed("Flatten$Value", None) is None


def test_a_delimiter_may_be_empty() -> None:
    assert transformed("Flatten$Value", {"a": {"b": 1}}, delimiter="") == {"ab": 1}
