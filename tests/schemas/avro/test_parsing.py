"""Avro schemas out of JSON: names, namespaces, references, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connect.api import DataError
from connect_schemas.avro.parsing import parsed

INNER = {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "long"}]}


def test_a_name_is_looked_for_in_its_namespace_first() -> None:
    schema = {
        "type": "record",
        "name": "a.Outer",
        "fields": [{"name": "in", "type": INNER}, {"name": "again", "type": "Inner"}, {"name": "f", "type": "a.Inner"}],
    }
    node = parsed(json.dumps(schema))
    assert node.members is not None
    first, second, third = (member.node for member in node.members)
    assert first.full_name == "a.Inner"
    assert first is second is third


def test_what_a_schema_refers_to_is_parsed_in_front_of_it() -> None:
    node = parsed('{"type":"array","items":"ns.Inner"}', [json.dumps({**INNER, "namespace": "ns"})])
    assert node.inner is not None
    assert node.inner.full_name == "ns.Inner"


def test_a_record_may_contain_itself() -> None:
    tree = {"type": "record", "name": "Tree", "fields": [{"name": "kids", "type": {"type": "array", "items": "Tree"}}]}
    node = parsed(json.dumps(tree))
    assert node.members is not None
    assert node.members[0].node.inner is node


def test_what_else_is_said_stays_as_properties() -> None:
    node = parsed('{"type":"int","logicalType":"date","x":{"y":1}}')
    assert node.props == {"logicalType": "date", "x": {"y": 1}}
    enum = parsed('{"type":"enum","name":"E","symbols":["A"],"default":"A","aliases":["F"],"doc":"d"}')
    assert (enum.enum_default, enum.aliases, enum.doc, enum.props) == ("A", ("F",), "d", {})
    assert parsed('{"type":{"type":"string"}}').kind == "string"
    assert parsed("string").kind == "string"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("nope{", "not JSON"),
        ('"Unknown"', "no type is called 'Unknown'"),
        ("5", "a type is a name"),
        ('{"type":"record","fields":[]}', "a record without a name"),
        ('{"type":"record","name":"R"}', "without 'fields'"),
        ('{"type":"record","name":"R","fields":[{"name":"a"}]}', "a name and a type"),
        (
            '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}',
            "two fields of record 'R'",
        ),
        ('{"type":"enum","name":"E"}', "without 'symbols'"),
        ('{"type":"fixed","name":"F"}', "without a size"),
        ('{"type":"array"}', "an array without 'items'"),
        ('{"type":"map"}', "a map without 'values'"),
        ('["int","int"]', "int twice"),
        ('["int",["string"]]', "a union within a union"),
        ('[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]', "two types are called 'F'"),
        ('{"type":"record","name":"R","fields":[],"aliases":5}', "TypeError"),
        ("[" * 100000, "nested too deeply|not JSON"),
    ],
)
def test_what_is_no_schema_is_told_as_such(schema: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        parsed(schema)
    assert raised.value.code == "schemas.invalid"
