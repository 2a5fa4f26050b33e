"""JSON Schemas as Connect's, as Confluent's converter reads them."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_BOOLEAN,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT8,
    OPTIONAL_INT16,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Schema,
)
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_UNION
from connect_schemas.json_schema.documents import Document
from connect_schemas.json_schema.options import ENUM, ONE_OF, Options
from connect_schemas.json_schema.to_connect import to_connect
from connect_schemas.recursive import RecursiveSchema


def made(said: Any, used: dict[str, Any] | None = None, **options: Any) -> Schema:
    texts = {name: json.dumps(other) for name, other in (used or {}).items()}
    return to_connect(Document(json.dumps(said), texts), Options(**options))


def union(*types: Schema, **more: Any) -> Schema:
    fields = {f"{ONE_OF}.field.{index}": one for index, one in enumerate(types)}
    return Schema.struct(fields, name=ONE_OF, **more)


def enum(*symbols: str, **more: Any) -> Schema:
    return STRING.replace(parameters={ENUM: "", **{f"{ENUM}.{one}": one for one in symbols}}, **more)


_INT8 = {"type": "integer", "connect.type": "int8"}
_INT16 = {"type": "integer", "connect.type": "int16"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": "boolean"}, BOOLEAN),
        (_INT8, INT8),
        (_INT16, INT16),
        ({"type": "integer", "connect.type": "int32"}, INT32),
        ({"type": "number", "connect.type": "int64"}, INT64),
        ({"type": "integer"}, INT64),
        ({"type": "number", "connect.type": "float32"}, FLOAT32),
        ({"type": "number"}, FLOAT64),
        ({"type": "string"}, STRING),
        ({"type": "string", "format": "date-time"}, STRING),
        ({"minLength": 1}, STRING),
        ({"type": "string", "connect.type": "bytes"}, BYTES),
        ({"oneOf": [{"type": "null"}, {"type": "boolean"}]}, OPTIONAL_BOOLEAN),
        ({"anyOf": [{"type": "string"}, {"type": "null", "title": "none"}]}, OPTIONAL_STRING),
        ({"type": ["null", "string"], "format": "uuid"}, OPTIONAL_STRING),
        ({"type": ["integer", "null"]}, OPTIONAL_INT64),
        ({"type": "array", "items": _INT8}, Schema.array(INT8)),
        ({"type": "object", "additionalProperties": _INT8, "connect.type": "map"}, Schema.map(STRING, INT8)),
        (
            {
                "type": "array",
                "connect.type": "map",
                "items": {"type": "object", "properties": {"value": _INT16, "key": _INT8}},
            },
            Schema.map(INT8, INT16),
        ),
        ({"enum": ["one", "two"]}, enum("one", "two")),
        ({"const": "one"}, enum("one")),
        ({"type": "string", "enum": ["one", "two"]}, enum("one", "two")),
        ({"allOf": [{"type": "string"}, {"enum": ["one"]}]}, enum("one")),
        ({"enum": ["one", None]}, enum("one", "<NULL>", optional=True)),
        ({"const": "money", "type": "string"}, STRING),
        ({"const": 123, "type": "integer"}, INT64),
        ({"const": 123.45, "type": "number"}, FLOAT64),
        ({"type": "number", "enum": [1, 2]}, FLOAT64),
        ({"enum": [1, 2]}, INT64),
        ({"enum": [1, 2.5]}, FLOAT64),
        ({"enum": [True]}, BOOLEAN),
        ({"oneOf": [_INT8, _INT16]}, union(OPTIONAL_INT8, OPTIONAL_INT16)),
        ({"anyOf": [{"type": "null"}, _INT8, _INT16]}, union(OPTIONAL_INT8, OPTIONAL_INT16, optional=True)),
        ({"allOf": [{"oneOf": [_INT8, _INT16]}, {"enum": [1]}]}, union(OPTIONAL_INT8, OPTIONAL_INT16)),
        ({"type": ["string", "number"]}, union(OPTIONAL_STRING, OPTIONAL_FLOAT64)),
        ({"oneOf": [{"type": "string"}]}, STRING),
        ({"allOf": [{"$ref": "#/definitions/n"}], "definitions": {"n": _INT8}}, INT8),
        ({"$ref": "#/$defs/n", "$defs": {"n": _INT8}}, INT8),
        ({"title": "T", "description": "words", "type": "string"}, STRING.replace(name="T", doc="words")),
        (
            {"type": "string", "connect.version": 3, "connect.parameters": {"a": "b", "c": 1}},
            STRING.replace(version=3, parameters={"a": "b", "c": "1"}),
        ),
        ({**_INT8, "default": 34}, INT8.replace(default=34)),
        (
            {"oneOf": [{"type": "null"}, {"type": "string"}], "description": "user id"},
            OPTIONAL_STRING.replace(doc="user id"),
        ),
    ],
)
def test_each_type_is_read_as_confluent_reads_it(said: Any, expected: Schema) -> None:
    assert made(said) == expected


def test_fields_have_the_order_of_their_index_and_of_the_text() -> None:
    said = {
        "type": "object",
        "title": "Record",
        "properties": {
            "b": {"type": "string", "connect.index": 1},
            "a": {**_INT8, "connect.index": 0},
            "c": {"type": "string"},
        },
    }
    assert made(said) == Schema.struct({"a": INT8, "b": STRING, "c": STRING}, name="Record")


def test_properties_of_one_index_are_all_kept() -> None:
    said = {"properties": {name: {"type": "string", "connect.index": 0} for name in "abc"}}
    assert [field.name for field in made(said).fields] == ["a", "b", "c"]


def test_what_is_not_required_may_become_optional() -> None:
    said = {"type": "object", "properties": {"a": _INT8, "b": {"type": "string"}}, "required": ["a"]}
    assert made(said) == Schema.struct({"a": INT8, "b": STRING})
    assert made(said, optional_for_nonrequired=True) == Schema.struct({"a": INT8, "b": OPTIONAL_STRING})


def test_required_that_is_no_list_requires_nothing() -> None:
    said = {"properties": {"a": {"type": "string"}}, "required": True}
    assert made(said, optional_for_nonrequired=True) == Schema.struct({"a": OPTIONAL_STRING})


def test_all_of_brings_the_properties_of_all() -> None:
    said = {
        "allOf": [{"$ref": "#/definitions/Base"}, {"$ref": "#/definitions/Other"}],
        "title": "Message",
        "type": "object",
        "properties": {"own": {"type": "string"}},
        "definitions": {
            "Base": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
            "Other": {"allOf": [{"$ref": "#/definitions/Base"}], "properties": {"id2": {"type": "string"}}},
        },
    }
    fields = {"id": STRING, "id2": OPTIONAL_STRING, "own": OPTIONAL_STRING}
    assert made(said, optional_for_nonrequired=True) == Schema.struct(fields, name="Message")


def test_an_object_with_alternatives_and_no_properties_is_a_union() -> None:
    one = {"type": "object", "properties": {"a": {"type": "string"}}}
    found = made({"title": "T", "type": "object", "anyOf": [one, one]})
    assert found.name == ONE_OF
    assert [field.schema.optional for field in found.fields] == [True, True]


def test_unions_and_enums_may_be_named_as_in_the_other_formats() -> None:
    found = made({"oneOf": [_INT8, {"enum": ["a", "b"]}]}, generalized=True)
    assert found.name == "connect_union_0"
    assert found.parameters == {GENERAL_UNION: "connect_union_0"}
    assert [field.name for field in found.fields] == ["connect_union_field_0", "connect_union_field_1"]
    assert found.fields[1].schema.parameters == {
        GENERAL_ENUM: "",
        f"{GENERAL_ENUM}.a": "0",
        f"{GENERAL_ENUM}.b": "1",
    }


def test_a_union_of_one_type_can_be_kept() -> None:
    assert made({"oneOf": [{"type": "string"}]}, flatten=False) == union(OPTIONAL_STRING)


def test_a_struct_may_contain_itself() -> None:
    said = {
        "type": "object",
        "title": "Task",
        "properties": {
            "parent": {"oneOf": [{"type": "null"}, {"$ref": "#"}]},
            "all": {"type": "array", "items": {"$ref": "#"}},
        },
    }
    found = made(said)
    parent, items = found.fields[0].schema, found.fields[1].schema.value_schema
    assert isinstance(parent, RecursiveSchema)
    assert parent.optional
    assert parent.target is found
    assert isinstance(items, RecursiveSchema)
    assert not items.optional


@pytest.mark.parametrize("word", ["id", "$id"])
def test_a_struct_may_contain_itself_as_confluents_converter_writes_it(word: str) -> None:
    said = {"type": "object", "title": "Task", word: "#id1", "properties": {"parent": {"$ref": "#id1"}}}
    found = made(said)
    parent = found.fields[0].schema
    assert isinstance(parent, RecursiveSchema)
    assert parent.target is found


@pytest.mark.parametrize(
    ("root_id", "reference", "name"),
    [
        ({}, "other.json", "other.json"),
        ({"$id": "http://schemas/one/this.json"}, "other.json", "other.json"),
        ({"$id": "http://schemas/one/this.json"}, "http://schemas/one/other.json", "other.json"),
        ({}, "http://schemas/other.json#/definitions/n", "http://schemas/other.json"),
    ],
)
def test_a_reference_leads_into_a_schema_that_the_registry_names(
    root_id: dict[str, str], reference: str, name: str
) -> None:
    other = {**_INT8, "definitions": {"n": _INT8}}
    said = {**root_id, "type": "object", "properties": {"a": {"$ref": reference}}}
    assert made(said, {name: other}) == Schema.struct({"a": INT8})


def test_beside_a_reference_nothing_counts_before_2019() -> None:
    said = {"$ref": "#/$defs/n", "type": "string", "$defs": {"n": _INT8}}
    assert made(said) == INT8
    modern = {**said, "$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert made(modern) == STRING


def test_the_version_is_the_schemas_own_or_its_subjects() -> None:
    assert to_connect(Document('{"type":"string"}', {}), Options(), 7).version == 7
    assert to_connect(Document('{"type":"string","connect.version":2}', {}), Options(), 7).version == 2


def test_a_default_that_is_none_of_its_type_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert made({**_INT8, "default": "x"}) == INT8
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "it names no type"),
        ({"properties": {"a": True}}, "at #/properties/a: an object is expected, and this is a boolean"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"type": "array", "items": {"$ref": "#"}}, "leads back to itself"),
        ({"$ref": "http://127.0.0.1:1/x.json"}, "leads to nothing in it"),
        ({"$ref": "#/definitions/none"}, "leads to nothing in it"),
        ({"type": "array"}, "does not say what its items are"),
        ({"type": "array", "items": [_INT8]}, "does not say what its items are"),
        ({"type": "array", "connect.type": "map", "items": {"type": "object"}}, "'key' and 'value'"),
        ({"type": "object", "connect.type": "map"}, "does not say what its values are"),
        ({"type": "null"}, "null and nothing else"),
        ({"oneOf": [{"type": "null"}]}, "no type but null"),
        ({"type": ["null"]}, "null and nothing else"),
        ({"type": "decimal"}, "its type 'decimal' is none of"),
        ({"type": []}, "is none of"),
        ({"type": "integer", "connect.type": {}}, "is none of"),
        ({"enum": ["a", 1]}, "of several types"),
        ({"enum": [None]}, "no value but null"),
        ({"enum": []}, "is no list, or empty"),
        ({"oneOf": 3}, "is no list, or empty"),
        ({"properties": []}, "is no object"),
        ({"$id": 5, "type": "string"}, "is none"),
        ({"properties": {"a": {"$id": 7, "type": "string"}}}, "is none"),
    ],
)
def test_what_has_no_form_in_connect_is_told_with_its_place(said: Any, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        made(said)
    assert caught.value.code == "schemas.invalid"


def test_definitions_that_use_each_other_twice_do_not_take_for_ever() -> None:
    definitions = {
        f"a{n}": {"properties": {"x": {"$ref": f"#/definitions/a{n + 1}"}, "y": {"$ref": f"#/definitions/a{n + 1}"}}}
        for n in range(40)
    }
    began = time.process_time()
    with pytest.raises(DataError, match="more than 10000 types"):
        made({"$ref": "#/definitions/a0", "definitions": {**definitions, "a40": {"type": "string"}}})
    assert time.process_time() - began < 20


def test_parts_that_each_refer_to_the_next_twice_end_in_time() -> None:
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/definitions/a{n + 1}"}] * 2} for n in range(40)}
    definitions = {**twice, "a40": {"type": "object", "properties": {"x": {"type": "string"}}}}
    with pytest.raises(DataError, match="more than 10000 types"):
        made({"allOf": [{"$ref": "#/definitions/a0"}] * 2, "definitions": definitions})


def test_a_schema_that_is_nested_too_deeply_is_told() -> None:
    text = '{"type":"array","items":' * 5000 + '{"type":"string"}' + "}" * 5000
    with pytest.raises(DataError, match="nested too deeply"):
        to_connect(Document(text, {}), Options())


_WORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "oneOf",
        "anyOf",
        "allOf",
        "$ref",
        "enum",
        "const",
        "default",
        "connect.type",
        "connect.index",
        "connect.version",
        "connect.parameters",
        "required",
        "title",
        "additionalProperties",
        "$id",
        "id",
        "$schema",
        "definitions",
        "minimum",
        "pattern",
    ]
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.sampled_from(
        ["string", "integer", "object", "array", "null", "#", "#/definitions/a", "map", "bytes", "int8", "http://a/b"]
    )
)
_RUBBISH = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_WORDS, _RUBBISH, max_size=5))
def test_whatever_a_schema_says_it_is_one_or_a_data_error(said: dict[str, Any]) -> None:
    with contextlib.suppress(DataError):
        made(said)
