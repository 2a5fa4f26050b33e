from __future__ import annotations

import copy
import datetime as dt

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, DataError, Schema, SchemaError, SchemaType, Struct

ORDER = Schema.struct(
    {
        "id": INT32,
        "state": Schema(SchemaType.STRING, default="new"),
        "note": OPTIONAL_STRING,
        "at": Schema.timestamp(optional=True),
    },
    name="order",
)


def test_a_struct_is_the_dict_of_its_values() -> None:
    struct = Struct(ORDER).put("id", 1).put("note", None)
    assert struct == {"id": 1, "note": None}
    assert copy.deepcopy(struct).schema == ORDER


def test_a_field_that_is_null_has_its_default_unless_asked_without() -> None:
    struct = Struct(ORDER, {"id": 1})
    assert (struct.value("state"), struct.value_without_default("state"), struct.value("note")) == ("new", None, None)


def test_each_field_is_checked_as_it_is_put() -> None:
    with pytest.raises(SchemaError, match=r'class java\.lang\.String for field: "id"'):
        Struct(ORDER).put("id", "x")
    with pytest.raises(SchemaError, match='null used for required field: "state"'):
        Struct(ORDER).put("state", None)
    with pytest.raises(DataError, match="nope is not a valid field name"):
        Struct(ORDER).put("nope", 1)


def test_a_field_of_a_type_is_only_that_types() -> None:
    struct = Struct(ORDER, {"id": 1, "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)})
    assert (struct.value_as("id", "int32"), struct.value_as("state", SchemaType.STRING)) == (1, None)
    with pytest.raises(DataError, match="Field 'id' is not of type STRING"):
        struct.value_as("id", SchemaType.STRING)
    with pytest.raises(DataError, match=r"Field 'at' holds a java\.util\.Date and no INT64"):
        struct.value_as("at", SchemaType.INT64)


def test_validation_finds_what_is_missing() -> None:
    Struct(ORDER, {"id": 1}).validate()
    with pytest.raises(SchemaError, match='null used for required field: "id"'):
        Struct(ORDER).validate()


def test_it_prints_as_kafkas_does() -> None:
    assert (
        str(Struct(ORDER, {"id": 1, "at": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}))
        == "Struct{id=1,at=Thu Jan 01 00:00:00 UTC 1970}"
    )
    assert repr(Struct(ORDER, {"id": 1})) == "Struct(Schema{order:STRUCT}, {'id': 1})"


def test_only_a_struct_schema_makes_a_struct() -> None:
    with pytest.raises(DataError, match=r"Not a struct schema: Schema\{STRING\}"):
        Struct(STRING)


def test_a_value_without_default_is_what_was_put_and_of_a_field_that_there_is() -> None:
    struct = Struct(ORDER).put("id", 7)
    assert (struct.value_without_default("id"), struct.value_without_default("state")) == (7, None)
    with pytest.raises(DataError, match="nothing"):
        struct.value_without_default("nothing")
