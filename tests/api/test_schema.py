from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    Schema,
    SchemaError,
    SchemaType,
    Struct,
)
from connect.api.java import java_class

POINT = Schema.struct({"x": INT32, "y": OPTIONAL_INT32}, name="point")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INT8, -128),
        (BOOLEAN, False),
        (BYTES, memoryview(b"x")),
        (OPTIONAL_STRING, None),
        (Schema.array(INT32), [1, 2]),
        (Schema.map(STRING, FLOAT64), {"a": 1.0}),
        (POINT, {"x": 1}),
        (Schema.decimal(2), Decimal("1.50")),
        (Schema.date(), dt.date(2024, 2, 29)),
        (Schema.timestamp(), dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
    ],
)
def test_a_value_that_fits_is_taken(schema: Schema, value: Any) -> None:
    schema.validate(value)


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        (INT8, 128, r"schema with type INT8: class java\.lang\.Integer for value"),
        (INT32, True, r"type INT32: class java\.lang\.Boolean for value"),
        (INT32, None, "null used for required value, schema type: INT32"),
        (Schema.date(), dt.datetime(2024, 1, 1, tzinfo=dt.UTC), r'schema "org\.apache\.kafka\.connect\.data\.Date"'),
        (Schema.array(INT32), [1, "a"], "for element of array value"),
        (Schema.map(STRING, INT32), {"a": "b"}, "for value of map value"),
        (Schema.map(STRING, INT32), {1: 1}, "for key of map value"),
        (POINT, {"y": 1}, 'null used for required field: "x"'),
        (Schema.array(None), [], "No schema defined for element of array value"),
        (Schema.map(STRING, None), {}, "No schema defined for value of map value"),
        (POINT, Struct(Schema.struct({"x": INT32}), {"x": 1}), "Struct schemas do not match"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(schema: Schema, value: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        schema.validate(value)


def test_a_field_can_be_named() -> None:
    with pytest.raises(SchemaError, match='for field: "age"'):
        INT32.validate("x", "age")


def test_equal_schemas_hash_alike_and_order_counts() -> None:
    same = Schema.struct({"x": INT32, "y": OPTIONAL_INT32}, name="point")
    assert (same, hash(same)) == (POINT, hash(POINT))
    assert Schema.struct({"y": OPTIONAL_INT32, "x": INT32}, name="point") != POINT
    assert POINT.replace(version=2) != POINT
    assert Schema(SchemaType.INT32, default=1) != Schema(SchemaType.INT32)


def test_a_default_must_fit_and_a_name_is_given_once() -> None:
    with pytest.raises(SchemaError, match="Invalid default value"):
        Schema(SchemaType.INT32, default="x")
    with pytest.raises(SchemaError, match="field name duplication a"):
        Schema(SchemaType.STRUCT, fields=[("a", INT32), ("a", INT64)])


def test_fields_are_looked_up_on_structs_alone() -> None:
    field = POINT.field("y")
    assert field is not None
    assert (field.index, field.schema) == (1, OPTIONAL_INT32)
    assert POINT.field("z") is None
    with pytest.raises(SchemaError, match="Cannot look up fields on non-struct type"):
        INT32.field("x")


@pytest.mark.parametrize(
    ("value", "schema", "name"),
    [
        (1, None, "java.lang.Integer"),
        (1 << 40, None, "java.lang.Long"),
        (1 << 70, None, "java.math.BigInteger"),
        (1, INT8, "java.lang.Byte"),
        (True, INT8, "java.lang.Boolean"),
        ({}, None, "java.util.LinkedHashMap"),
        ({}, POINT, "org.apache.kafka.connect.data.Struct"),
        (Struct(POINT), None, "org.apache.kafka.connect.data.Struct"),
        (dt.time(), None, "java.util.Date"),
        ("x", INT8, "java.lang.String"),
    ],
)
def test_messages_name_javas_classes(value: Any, schema: Schema | None, name: str) -> None:
    assert java_class(value, schema) == name


def test_fields_of_another_schema_are_taken_in_their_new_order() -> None:
    row = Schema.struct({"a": INT32, "b": STRING})
    made = Schema(SchemaType.STRUCT, fields=row.fields[::-1])
    assert [(field.name, field.index, field.schema) for field in made.fields] == [("b", 0, STRING), ("a", 1, INT32)]
