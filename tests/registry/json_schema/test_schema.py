from __future__ import annotations

import json
import socket

import pytest

from connect.registry.json_schema.nodes import InvalidJsonSchemaError
from connect.registry.json_schema.schema import parse_json_schema
from connect.registry.schemas import Referred


def test_white_space_makes_no_difference_and_normalizing_orders() -> None:
    schema = parse_json_schema('{ "type": "object",\n "properties": {"b": true, "a": {}} }', (), True)
    assert schema.canonical == schema.inlined == '{"type":"object","properties":{"b":true,"a":{}}}'
    assert schema.normalized == '{"properties":{"a":{},"b":true},"type":"object"}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting"),
        ("1", "this is int"),
        ('{"type": "strin"}', "at '#/type'"),
        ('{"properties": 1}', "at '#/properties'"),
        ('{"$schema": {}}', r"at '#/\$schema'"),
        ('{"$id": 1}', r"at '#/\$id'"),
        ('{"items": {"$id": 1}}', "at '#/items"),
        ('{"properties": {"a": {"items": {"$ref": "#/none"}}}}', "'#/none' leads to nothing"),
        ('{"$ref": "http://elsewhere.example/a.json"}', "leads to nothing"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "nested too deep"),
    ],
)
def test_what_is_no_json_schema_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidJsonSchemaError, match=told):
        parse_json_schema(text, (), True)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("the network was asked"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a name was asked for"))
    for reference in ("https://elsewhere.example/a.json", "file:///etc/passwd", "//elsewhere.example/x"):
        with pytest.raises(InvalidJsonSchemaError):
            parse_json_schema(json.dumps({"$ref": reference}), (), True)


@pytest.mark.parametrize("address", [{}, {"$id": "http://x.example/dir/main.json"}])
def test_schemas_refer_to_others_by_their_names(address: dict[str, str]) -> None:
    inner = Referred("inner.json", '{"type":"object","properties":{"a":{"$ref":"leaf.json#/definitions/n"}}}')
    leaf = Referred("leaf.json", '{"definitions":{"n":{"type":"number"}}}')
    schema = parse_json_schema(json.dumps({**address, "items": {"$ref": "inner.json"}}), [leaf, inner], True)
    other = Referred("leaf.json", '{"definitions":{"n":{"type":"string"}}}')
    changed = parse_json_schema(json.dumps({**address, "items": {"$ref": "inner.json"}}), [other, inner], True)
    told = changed.problems(schema, reader_name="new", writer_name="old")
    assert ["TYPE_CHANGED" in one and "#/items/properties/a" in one for one in told] == [True]


@pytest.mark.parametrize(
    "draft",
    [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
def test_each_draft_is_read(draft: str) -> None:
    assert parse_json_schema(json.dumps({"$schema": draft, "type": "object"}), (), True).root.kind == "object"


def test_patterns_are_javascripts_and_bounded() -> None:
    for pattern in (r"^\p{L}+$", "(?<year>[0-9]{4})", r"[[a]"):
        parse_json_schema(json.dumps({"type": "string", "pattern": pattern}), (), True)
    # This one would fill the memory of a server as soon as it is compiled.
    for pattern in ("((", "(((a{1000}){1000}){1000})"):
        for keyword, value in (("pattern", pattern), ("patternProperties", {pattern: True})):
            with pytest.raises(InvalidJsonSchemaError, match="regex"):
                parse_json_schema(json.dumps({keyword: value}), (), True)
