from __future__ import annotations

import json

import pytest

from connect.registry.json_schema.nodes import InvalidJsonSchemaError, Node, parts_of
from connect.registry.json_schema.schema import parse_json_schema


def node(body: object) -> Node:
    return parse_json_schema(json.dumps(body), (), False).root


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (True, "everything"),
        ({}, "everything"),
        ({"title": "x"}, "everything"),
        (False, "nothing"),
        ({"type": "integer"}, "number"),
        ({"properties": {}}, "object"),
        ({"minItems": 1}, "array"),
        ({"pattern": "x"}, "string"),
        ({"enum": [1]}, "enum"),
        ({"const": 1}, "const"),
        ({"not": {}}, "not"),
        ({"if": {}}, "condition"),
        ({"type": ["null", "string"]}, "combined"),
        ({"type": "string", "enum": ["a"]}, "combined"),
        ({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#b"}, "b": {"$id": "#b", "type": "null"}}}, "null"),
    ],
)
def test_what_a_schema_is(body: object, kind: str) -> None:
    assert node(body).kind == kind


def test_what_several_keywords_say_is_all_of_it() -> None:
    both = node({"type": ["null", "integer"], "enum": [1, None]})
    assert both.criterion == "allOf"
    enum, types = parts_of(both)
    assert enum.kind == "enum" and types.criterion == "anyOf"
    assert [(part.kind, part.whole) for part in parts_of(types)] == [("null", False), ("number", True)]


@pytest.mark.parametrize("body", [{"$ref": "#/none"}, {"$ref": "http://elsewhere.example/a.json"}, {"$ref": "#"}])
def test_a_reference_that_leads_nowhere_is_told(body: object) -> None:
    with pytest.raises(InvalidJsonSchemaError, match=r"leads to nothing|in a circle"):
        node(body)
