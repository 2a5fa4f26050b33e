from __future__ import annotations

import json

import pytest

from connect.registry.avro.model import InvalidAvroError
from connect.registry.avro.parsing import parse


def record(*fields: object, **more: object) -> str:
    return json.dumps({"type": "record", "name": "R", "fields": fields, **more})


def test_names_take_the_namespace_they_stand_in() -> None:
    inner = {"type": "fixed", "name": "F", "size": 2, "aliases": ["Old", "x.Other"]}
    schema, names = parse(record({"name": "f", "type": inner}, {"name": "g", "type": "F"}, namespace="a.b"))
    assert set(names) == {"a.b.R", "a.b.F"} and schema.short_name == "R"
    assert schema.fields[0].schema is schema.fields[1].schema and names["a.b.F"].aliases == ("a.b.Old", "x.Other")


def test_a_type_may_contain_itself_and_types_of_other_schemas() -> None:
    _, known = parse(record(namespace="n"))
    schema, _ = parse(
        '{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]},{"name":"r","type":"n.R"}]}', known
    )
    assert schema.fields[0].schema.branches[1] is schema and schema.fields[1].schema is known["n.R"]


def test_a_name_alone_is_a_schema() -> None:
    assert parse("string")[0].type == "string" and parse('"long"')[0].type == "long"


def test_a_type_in_a_type_is_the_inner_one() -> None:
    assert parse('{"type":{"type":"int","logicalType":"date"}}')[0].props == {"logicalType": "date"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting property name"),
        ("12", "No type"),
        ("{}", "No type"),
        ('"Unknown"', "not a defined name"),
        ('{"type":"record","fields":[]}', "No name in schema"),
        ('{"type":"record","name":"a-b","fields":[]}', "Illegal character in: a-b"),
        ('{"type":"record","name":"R","namespace":"a..b","fields":[]}', "Empty name"),
        ('{"type":"record","name":"R"}', "Record has no fields"),
        (record(1), "No field name"),
        (record({"name": "f"}), "No field type"),
        (record({"name": "f", "type": "int"}, {"name": "f", "type": "int"}), "Duplicate field f in record R"),
        (record({"name": "f", "type": "int", "order": "up"}), "order of field f"),
        (record({"name": "f", "type": "int", "aliases": "g"}), "aliases not an array"),
        (record({"name": "f", "type": {"type": "record", "name": "R", "fields": []}}), "Can't redefine: R"),
        ('["int","int"]', "Duplicate in union:int"),
        ('["null",["int"]]', "Nested union"),
        ('{"type":"array"}', "Array has no items"),
        ('{"type":"map"}', "Map has no values"),
        ('{"type":"enum","name":"E"}', "Enum has no symbols"),
        ('{"type":"enum","name":"E","symbols":["A","A"]}', "Duplicate enum symbol"),
        ('{"type":"enum","name":"E","symbols":["1"]}', "Illegal character"),
        ('{"type":"enum","name":"E","symbols":["A"],"default":"B"}', "Enum Default: B is not in"),
        ('{"type":"fixed","name":"F","size":-1}', "Invalid or no size"),
        ("[" * 1000 + "]" * 1000, "nested too deep"),
    ],
)
def test_what_is_no_avro_schema_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidAvroError, match=told):
        parse(text)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("null", None, 0),
        ("boolean", True, 1),
        ("int", 1, 2**31),
        ("long", 2**40, 1.5),
        ("float", 1, "1"),
        ("double", 1.5, True),
        ("string", "a", 1),
        ("bytes", "\u00ff", None),
        (["null", "int"], 1, "a"),
        ({"type": "array", "items": "int"}, [1], ["a"]),
        ({"type": "map", "values": "int"}, {"a": 1}, {"a": "b"}),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "A", 1),
        ({"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}, {"x": 1}, {}),
    ],
)
def test_a_default_must_be_one_of_its_type_where_the_schema_is_new(kind: object, right: object, wrong: object) -> None:
    assert parse(record({"name": "f", "type": kind, "default": right}))[0].fields[0].has_default
    with pytest.raises(InvalidAvroError, match=r"Invalid default for field R\.f"):
        parse(record({"name": "f", "type": kind, "default": wrong}))
    assert parse(record({"name": "f", "type": kind, "default": wrong}), checks_defaults=False)
