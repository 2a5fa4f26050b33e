"""A JSON Schema's patterns: JavaScript's, and none takes for ever."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from jsonschema.exceptions import SchemaError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from connect.api import ConfigError, DataError, SlowPatternError, json_schema_validator
from tests.support.transforms import transformed


def checked(schema: dict[str, Any], value: Any) -> Any:
    return transformed("ValidateJsonSchema$Value", value, schema=json.dumps(schema))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": r'^[^()[\]\\@"]+@\d+$'}, "a@1", "a[@1"),
        ({"pattern": "^[a&&b]$"}, "&", "c"),
        ({"pattern": r"^\p{Lu}/\/$"}, "É//", "é//"),
        ({"patternProperties": {"^n": {"type": "integer"}}}, {"n1": 1, "x": ""}, {"n1": ""}),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, {"n1": ""}, {"n1": "", "x": 1}),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
        ({"patternProperties": {"^n": {}}, "additionalProperties": {"type": "integer"}}, {"n": "", "b": 1}, {"b": ""}),
    ],
)
def test_patterns_mean_what_json_schema_says(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert checked(schema, good) == good
    with pytest.raises(DataError, match="does not meet its JSON Schema"):
        checked(schema, bad)


def test_keys_that_are_no_text_match_no_pattern() -> None:
    assert checked({"patternProperties": {"1": {"type": "string"}}}, {1: 2}) == {1: 2}


@pytest.mark.parametrize("schema", [{"pattern": "^(a|aa)+$"}, {"patternProperties": {"^(a|aa)+$": {}}}])
def test_a_pattern_that_takes_for_ever_is_an_error_of_the_record(schema: dict[str, Any]) -> None:
    text = "a" * 60 + "!"
    began = time.monotonic()
    with pytest.raises(SlowPatternError, match="schema: pattern"):
        checked(schema, text if "pattern" in schema else {text: 1})
    assert time.monotonic() - began < 60


def doubling(count: int) -> dict[str, Any]:
    """A schema of which each definition leads to the next one twice."""
    steps = {f"d{at}": {"allOf": [{"$ref": f"#/definitions/d{at + 1}"}] * 2} for at in range(count)}
    return {"$ref": "#/definitions/d0", "definitions": {**steps, f"d{count}": {}}}


def test_a_schema_that_takes_for_ever_is_an_error_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(doubling(6), 1) == 1
    monkeypatch.setattr("connect.api.json_schemas._CHECK_S", 0.05)
    with pytest.raises(DataError, match=r"longer than 0.05 s to be checked"):
        checked(doubling(60), 1)
    tree = {"properties": {"in": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
    value: Any = 1
    for _ in range(40):
        value = {"in": value}
    with pytest.raises(DataError, match=r"longer than 0.05 s to be checked"):
        checked(tree, value)


def test_the_time_of_a_check_is_that_of_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    validator = json_schema_validator(doubling(8))
    monkeypatch.setattr("connect.api.json_schemas._CHECK_S", 0.1)
    until = time.thread_time() + 0.2
    while time.thread_time() < until:
        assert validator.is_valid(1)


@pytest.mark.parametrize("number", [10**400, float("inf"), float("nan")])
def test_a_number_that_cannot_be_checked_is_an_error_of_the_record(number: float) -> None:
    with pytest.raises(DataError, match="a number cannot be checked by the JSON Schema"):
        checked({"multipleOf": 0.1}, number)


def test_a_reference_to_what_is_no_schema_is_told() -> None:
    with pytest.raises(DataError, match="refers to what is no schema"):
        checked({"title": "x", "$ref": "#/title"}, 1)


@pytest.mark.parametrize("pattern", ["(", "((a{1000}){1000}){1000}"])
def test_what_is_no_pattern_is_refused_with_the_schema(pattern: str) -> None:
    with pytest.raises(ConfigError, match="Invalid regex"):
        checked({"properties": {"a": {"pattern": pattern}}}, {})


def test_patterns_that_could_take_for_ever_beside_unevaluated_properties_are_refused() -> None:
    schema = {"allOf": [{"patternProperties": {"^(a|aa)+$": {}}}], "unevaluatedProperties": False}
    with pytest.raises(ConfigError, match="patternProperties beside unevaluatedProperties"):
        checked(schema, {"a" * 60 + "!": 1})
    assert checked({"properties": {"a": {}}, "unevaluatedProperties": False}, {"a": 1}) == {"a": 1}


def test_a_schema_may_refer_to_documents_that_are_given_and_none_is_fetched() -> None:
    schema = {"$ref": "http://127.0.0.1:1/other.json"}
    other = Resource(contents={"type": "integer"}, specification=DRAFT202012)
    documents = Registry().with_resource("http://127.0.0.1:1/other.json", other)
    assert json_schema_validator(schema, documents=documents).is_valid(1)
    with pytest.raises(Unresolvable):
        json_schema_validator(schema).is_valid(1)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"pattern": "("}, "Invalid regex"),
        ({"type": "foo"}, "'foo' is not valid"),
        ({"patternProperties": {"^(a|aa)+$": {}}}, "patternProperties beside unevaluatedProperties"),
    ],
)
def test_documents_that_are_given_are_looked_at_as_the_schema_is(contents: dict[str, Any], words: str) -> None:
    documents = Registry().with_resource("other.json", Resource(contents, DRAFT202012))
    with pytest.raises((ValueError, SchemaError), match=words):
        json_schema_validator({"$ref": "other.json", "unevaluatedProperties": False}, documents=documents)


def test_a_schema_without_a_dialect_is_of_the_one_that_is_given() -> None:
    schema = {"type": "array", "items": [{"type": "integer"}]}
    assert not json_schema_validator(schema, dialect="http://json-schema.org/draft-07/schema#").is_valid(["a"])
