"""Confluent's rules, one by one: what of values that were valid may not be valid any more."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from connect.registry.json_schema.compatibility import Difference
from connect.registry.json_schema.schema import parse_json_schema
from connect.registry.pairs import TooLargeError

CLOSED: dict[str, Any] = {"additionalProperties": False}
TEXTS: dict[str, Any] = {"additionalProperties": {"type": "string"}}


def told(original: Any, update: Any) -> list[str]:
    before, after = (parse_json_schema(json.dumps(one), (), True) for one in (original, update))
    return after.problems(before, reader_name="new", writer_name="old")


def record(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def number(**more: Any) -> dict[str, Any]:
    return {"type": "number", **more}


def items(*first: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": list(first), **more}


@pytest.mark.parametrize(
    ("original", "update"),
    [
        (text(), {}),
        (False, text()),
        (text(), True),
        ({"type": "integer"}, number()),
        (text(maxLength=1, minLength=1, pattern="a"), text(maxLength=2)),
        (number(maximum=1, exclusiveMinimum=1, multipleOf=6), number(maximum=1.5, exclusiveMinimum=0, multipleOf=3)),
        ({"enum": [1, "a"]}, {"enum": ["a", 1, 2]}),
        (text(), {"type": ["string", "null"]}),
        (text(), {"oneOf": [{"type": "null"}, text()]}),
        ({"allOf": [text(), {"maxLength": 3}]}, text()),
        ({"oneOf": [text(), number()]}, {"anyOf": [number(), text(), {"type": "null"}]}),
        ({"not": number()}, {"not": {"type": "integer"}}),
        (record(a=text(), b=text()), record(a=text())),
        ({**record(a=text()), **CLOSED}, {**record(a=text(), b=number()), **CLOSED}),
        ({**record(a=text()), **CLOSED}, {**record("b", a=text(), b=number(default=1)), **CLOSED}),
        (record(a=text()), record(a=text(), b={})),
        ({**record(a=text()), **TEXTS}, {**record(a=text(), b=text()), **TEXTS}),
        ({**record(a=text(), b=text()), **TEXTS}, {**record(a=text()), **TEXTS}),
        ({**record(a=text()), **CLOSED}, record(a=text())),
        (record("a", a=text()), record(a=text())),
        (record(a=text()), record("a", a=text(default="x"))),
        ({**record(), "maxProperties": 1, "dependencies": {"a": ["b"]}}, record()),
        ({**record(), "dependentRequired": {"a": ["b", "c"]}}, {**record(), "dependentRequired": {"a": ["b"]}}),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, {"type": "array", "items": number()}),
        (items(text(), additionalItems=False), items(text(), text(), additionalItems=False)),
        (items(text(), text()), items(text())),
        ({"if": text(), "then": {"maxLength": 1}}, {"if": text(), "then": {"maxLength": 1}}),
        ({"type": "number", "connect.type": "bytes"}, {"type": "string", "connect.type": "bytes"}),
    ],
)
def test_changes_that_fit(original: Any, update: Any) -> None:
    assert told(original, update) == []


@pytest.mark.parametrize(
    ("original", "update", "kind"),
    [
        (text(), number(), "TYPE_CHANGED"),
        ({}, text(), "TYPE_CHANGED"),
        (number(), {"type": "integer"}, "TYPE_NARROWED"),
        (text(), text(maxLength=1), "MAX_LENGTH_ADDED"),
        (text(maxLength=2), text(maxLength=1), "MAX_LENGTH_DECREASED"),
        (text(minLength=1), text(minLength=2), "MIN_LENGTH_INCREASED"),
        (text(), text(pattern="a"), "PATTERN_ADDED"),
        (text(pattern="b"), text(pattern="a"), "PATTERN_CHANGED"),
        (number(), number(exclusiveMaximum=1), "EXCLUSIVE_MAXIMUM_ADDED"),
        (number(multipleOf=2), number(multipleOf=4), "MULTIPLE_OF_EXPANDED"),
        (number(multipleOf=2), number(multipleOf=3), "MULTIPLE_OF_CHANGED"),
        (number(), number(multipleOf=3), "MULTIPLE_OF_ADDED"),
        ({"enum": [1, 2]}, {"enum": [1]}, "ENUM_ARRAY_NARROWED"),
        ({"enum": [1, 2]}, {"enum": [1, 3]}, "ENUM_ARRAY_CHANGED"),
        ({"const": 1}, {"const": 2}, "ENUM_ARRAY_CHANGED"),
        ({"not": {"type": "integer"}}, {"not": number()}, "NOT_TYPE_EXTENDED"),
        ({"if": text(), "then": {"maxLength": 1}}, {"if": text(), "then": {"maxLength": 2}}, "CONDITION_CHANGED"),
        ({"anyOf": [text(), number()]}, {"oneOf": [text(), number()]}, "COMBINED_TYPE_CHANGED"),
        ({"anyOf": [text(), number()]}, {"anyOf": [text()]}, "SUM_TYPE_NARROWED"),
        ({"allOf": [text()]}, {"allOf": [text(), {"maxLength": 1}]}, "PRODUCT_TYPE_EXTENDED"),
        ({"oneOf": [text(), number()]}, {"oneOf": [text(), {"type": "null"}]}, "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
        (record(a=text()), record(a=text(), b=text()), "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"),
        (record(a=text()), record("b", a=text(), b=text()), "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"),
        (record(), record("b", b=text(default="")), "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL"),
        (
            {**record(), **CLOSED},
            {**record("b", b=text()), **CLOSED},
            "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        ),
        ({**record(a=text()), **CLOSED}, {**record(), **CLOSED}, "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"),
        (
            {**record(), **TEXTS},
            {**record(b=number()), **TEXTS},
            "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        ),
        (
            {**record(b=number()), **TEXTS},
            {**record(), **TEXTS},
            "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        ),
        (record(a=text()), record("a", a=text()), "REQUIRED_ATTRIBUTE_ADDED"),
        (record(), {**record(), **CLOSED}, "ADDITIONAL_PROPERTIES_REMOVED"),
        (record(), {**record(), **TEXTS}, "ADDITIONAL_PROPERTIES_NARROWED"),
        (record(), {**record(), "unevaluatedProperties": False}, "UNEVALUATED_PROPERTIES_REMOVED"),
        (record(), {**record(), "dependencies": {"a": ["b"]}}, "DEPENDENCY_ARRAY_ADDED"),
        (record(), {**record(), "dependentSchemas": {"a": {}}}, "DEPENDENCY_SCHEMA_ADDED"),
        ({"type": "array"}, {"type": "array", "items": text()}, "SCHEMA_ADDED"),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}, "UNIQUE_ITEMS_ADDED"),
        (items(text()), items(text(), text()), "ITEM_ADDED_TO_OPEN_CONTENT_MODEL"),
        (
            items({}, text(), additionalItems=False),
            items({}, additionalItems=False),
            "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
        ),
        (
            items({}, additionalItems=number()),
            items({}, text(), additionalItems=number()),
            "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        ),
    ],
)
def test_changes_that_may_not_fit_are_told(original: Any, update: Any, kind: str) -> None:
    assert any(f'"{kind}"' in one for one in told(original, update)), told(original, update)


def test_schemas_that_contain_themselves() -> None:
    def tree(kind: str) -> dict[str, Any]:
        return {**record(left={"$ref": "#"}, right={"$ref": "#"}, value={"type": kind}), **CLOSED}

    assert told(tree("integer"), tree("number")) == []
    assert "TYPE_NARROWED" in told(tree("number"), tree("integer"))[0]


def test_the_place_is_told() -> None:
    assert Difference("TYPE_CHANGED", "#/a").told() == (
        '{errorType:"TYPE_CHANGED", description:"type changed, at path \'#/a\' of the new schema"}'
    )


def test_patterns_that_look_for_long_end_the_comparison() -> None:
    closed = record() | CLOSED | {"patternProperties": {"^(a|a)*$": text()}}
    named = closed | record(**{"a" * 35 + f"!{number}": text() for number in range(1000)})
    began = time.monotonic()
    with pytest.raises(TooLargeError, match="takes longer"):
        told(closed, named)
    assert time.monotonic() - began < 10
