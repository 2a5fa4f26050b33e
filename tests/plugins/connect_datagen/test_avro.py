"""Avro schemas to types and Connect schemas."""

import json

import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    Schema,
    SchemaType,
)
from connect_datagen.avro import AvroProblem, parse

UNION = "io.confluent.connect.avro.Union"
DECIMAL = "org.apache.kafka.connect.data.Decimal"


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
        ({"type": "fixed", "name": "f", "size": 4, "logicalType": "decimal", "precision": 9}, Schema.decimal(0)),
        (["int", "string"], Schema.struct({"int": OPTIONAL_INT32, "string": OPTIONAL_STRING}, name=UNION)),
        (["int", "null", "string"],
         Schema.struct({"int": OPTIONAL_INT32, "string": OPTIONAL_STRING}, name=UNION, optional=True)),
        ({"type": "long", "connect.name": "org.apache.kafka.connect.data.Timestamp"}, Schema.timestamp()),
        ({"type": "int", "connect.name": "org.apache.kafka.connect.data.Date", "connect.version": 1}, Schema.date()),
        ({"type": "int", "connect.name": "org.apache.kafka.connect.data.Time"}, Schema.time()),
        ({"type": "bytes", "connect.name": DECIMAL, "connect.parameters": {"scale": "3"}}, Schema.decimal(3)),
        ({"type": "int", "connect.type": "int16"}, INT16),
        ({"type": "string", "connect.name": "Word", "connect.version": 2, "connect.doc": "of people",
          "connect.parameters": {"lang": "de"}},
         Schema(SchemaType.STRING, name="Word", version=2, doc="of people", parameters={"lang": "de"})),
        ({"type": "enum", "name": "e", "symbols": ["A"], "connect.name": "com.E"},
         Schema(SchemaType.STRING, name="com.E")),
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


def test_a_union_of_named_types_has_their_own_names():
    side = {"type": "enum", "name": "com.example.side", "symbols": ["LEFT"]}
    parsed = parse(record(side, ["null", "com.example.side", {"type": "fixed", "name": "id", "size": 2}]))
    assert list(parsed.fields["b"].branches) == ["side", "id"]
    with pytest.raises(AvroProblem, match="the union has two types 'side'"):
        parse(record([side, {**side, "name": "org.example.side"}]))


def test_a_record_keeps_connect_s_name_and_its_fields_their_doc():
    parsed = parse(
        of_fields({"name": "a", "type": "int", "doc": "why"}, **{"connect.name": "com.R", "connect.version": 3})
    )
    assert (parsed.schema.name, parsed.schema.version) == ("com.R", 3)
    assert parsed.schema.field("a").schema == Schema(SchemaType.INT32, doc="why")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (record("nope"), "field 'a': unknown Avro type 'nope'"),
        (record("null"), "type null alone holds nothing"),
        (record(["null"]), "a union needs a type beside null"),
        (record(["int", "null", "null"]), "null once at most"),
        (record(["int", "int"]), "the union has two types 'int'"),
        (record(["int", "float", ["string"]]), "a union must not stand in a union"),
        (record(["int", "float", {"type": ["null", "string"]}]), "a union must not stand in a union"),
        (record({"type": "array", "items": "int", "connect.name": DECIMAL}), "is for type bytes or fixed, not array"),
        (record({"type": "long", "connect.name": "org.apache.kafka.connect.data.Date"}), "is for type int, not long"),
        (record({"type": "bytes", "connect.name": DECIMAL}), "a decimal needs 'precision'"),
        (record({"type": "bytes", "logicalType": "decimal", "precision": 10**9}), "a decimal of 1000000000 digits"),
        (record({"type": "int", "connect.name": 3}), "connect.name must be a text, not 3"),
        (record({"type": "int", "connect.version": True}), "connect.version must be a whole number, not true"),
        (record({"type": "int", "arg.properties": 3}), "arg.properties must be an object"),
        ('{"type": ' + "1" * 5000 + "}", "it has a number that is too long"),
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
