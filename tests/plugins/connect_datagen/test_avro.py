"""Avro schemas to types and Connect schemas."""

import json

import pytest

from connect.api import BOOLEAN, BYTES, FLOAT32, FLOAT64, INT32, INT64, OPTIONAL_STRING, STRING, Schema, SchemaType
from connect_datagen.avro import AvroProblem, parse


def record(*fields, **more):
    """Return the JSON of a record with these field types, named a, b, c, …"""
    return of_fields(*({"name": chr(97 + index), "type": field} for index, field in enumerate(fields)), **more)


def of_fields(*fields, **more):
    return json.dumps({"type": "record", "name": "r", "fields": fields, **more})


@pytest.mark.parametrize(
    ("avro", "schema"),
    [
        ("int", INT32), ("long", INT64), ("float", FLOAT32), ("double", FLOAT64), ("boolean", BOOLEAN),
        ("string", STRING), ("bytes", BYTES), (["null", "string"], OPTIONAL_STRING), (["string"], STRING),
        ({"type": "array", "items": "int"}, Schema.array(INT32)),
        ({"type": "map", "values": "long"}, Schema.map(STRING, INT64)),
        ({"type": "int", "logicalType": "date"}, Schema.date()),
        ({"type": "int", "logicalType": "time-millis"}, Schema.time()),
        ({"type": "long", "logicalType": "timestamp-millis"}, Schema.timestamp()),
        ({"type": "long", "logicalType": "timestamp-micros"}, INT64),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, Schema.decimal(2)),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, Schema(SchemaType.STRING, name="e")),
        ({"type": "fixed", "name": "f", "size": 4}, Schema(SchemaType.BYTES, name="f")),
    ],
)  # fmt: skip
def test_each_type_has_its_connect_schema(avro, schema):
    assert parse(record(avro)).fields["a"].schema == schema


def test_names_take_their_namespace_and_may_be_used_again():
    side = {"type": "enum", "name": "side", "symbols": ["LEFT"]}
    inner = {"type": "record", "name": "point", "fields": [{"name": "x", "type": side}]}
    parsed = parse(record(inner, "point", "com.example.point", namespace="com.example"))
    assert [field.schema.name for field in parsed.fields.values()] == ["com.example.point"] * 3
    assert parsed.fields["b"].fields["x"].path == "b.x"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (record("nope"), "field 'a': unknown Avro type 'nope'"),
        (record("null"), "type null alone holds nothing"),
        (record(["int", "string"]), "of unions, only null with one other type"),
        (record(["null", "r"]), "type 'r' contains itself"),
        (record({"type": "array"}), "type array lacks 'items'"),
        (record({"type": "enum", "name": "e"}), "an enum needs 'symbols'"),
        (record({"type": "fixed", "name": "f"}), "a fixed needs 'size'"),
        (record({"type": "bytes", "logicalType": "decimal"}), "a decimal needs 'precision'"),
        (record({"type": "record", "fields": []}), "type record lacks a 'name'"),
        (record({"type": "record", "name": "s", "fields": []}), "a record needs 'fields'"),
        (record(*({"type": "fixed", "name": "f", "size": size} for size in (1, 2))), "declared twice"),
        (record(3), "expected an Avro type, found 3"),
        (of_fields({"name": "a"}), "a field needs 'name' and 'type'"),
        (of_fields({"name": "a", "type": "int"}, {"name": "a", "type": "int"}), "field 'a' is declared twice"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_generated_says_why(schema, message):
    with pytest.raises(AvroProblem, match="^.*" + message.replace("(", r"\(")):
        parse(schema)
