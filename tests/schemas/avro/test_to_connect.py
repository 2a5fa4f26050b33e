"""Avro schemas as Connect's: what test_as_confluents does not draw."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from connect.api import DECIMAL_NAME, DataError, Schema
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.to_connect import to_connect

FIXED = {"type": "fixed", "name": "ns.F", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 1}


def made(schema: Any, **options: bool) -> Schema:
    return to_connect(parsed(json.dumps(schema)), Options(**options))


def test_a_fixed_decimal_is_a_decimal_that_knows_its_size() -> None:
    schema = made(FIXED)
    assert schema.name == DECIMAL_NAME
    assert schema.parameters == {"scale": "1", "connect.decimal.precision": "4", "connect.fixed.size": "2"}


def test_a_union_of_one_type_is_that_type_unless_it_is_kept() -> None:
    assert made(["string"]) == Schema("string")
    assert made(["string"], flatten=False).fields[0].name == "string"


def test_the_version_of_the_subject_counts_where_the_schema_says_none() -> None:
    assert to_connect(parsed('{"type":"record","name":"R","fields":[]}'), Options(), 7).version == 7
    assert to_connect(parsed('{"type":"int","connect.version":3}'), Options(), 7).version == 3
    assert to_connect(parsed('{"type":"int","logicalType":"date"}'), Options(), 7).version == 1


def test_branches_of_a_general_union_are_counted_with_null() -> None:
    schema = made(["null", "int", "string"], generalized=True)
    assert [field.name for field in schema.fields] == ["connect_union_field_1", "connect_union_field_2"]
    assert schema.optional


def test_a_default_that_is_none_is_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    fields = [{"name": "a", "type": "int", "default": "x"}, {"name": "b", "type": "long", "default": 5}]
    with caplog.at_level(logging.WARNING):
        schema = made({"type": "record", "name": "R", "fields": fields})
    assert [field.schema.default for field in schema.fields] == [None, 5]
    assert "a default of int" in caplog.text


def test_a_records_default_takes_those_of_its_fields() -> None:
    inner = {"type": "record", "name": "In", "fields": [{"name": "x", "type": "int", "default": 3}]}
    schema = made({"type": "record", "name": "R", "fields": [{"name": "in", "type": inner, "default": {}}]})
    assert schema.fields[0].schema.default == {"x": 3}


def test_a_schema_that_contains_itself_without_end_is_refused() -> None:
    with pytest.raises(DataError, match="without end"):
        made({"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]})


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("null", "Standalone null"),
        ({"type": "int", "connect.type": "int9"}, "Connect type annotation"),
        ({"type": "int", "connect.version": "x"}, "Invalid Connect version"),
        ({"type": "int", "connect.version": 1e400}, "OverflowError"),
        ({"type": "int", "logicalType": "date", "connect.version": 3}, "its connect.version is 3"),
        ({"type": "int", "connect.parameters": 5}, "Expected JSON object for schema parameters"),
        ({"type": "int", "connect.parameters": {"a": 5}}, "parameter values to be strings"),
        ({"type": "int", "connect.name": 5}, "Invalid schema name"),
        ({"type": "int", "logicalType": "date", "connect.name": "x"}, "its connect.name is x"),
        ({"type": "bytes", "logicalType": "decimal", "precision": "x"}, "precision property"),
        (
            {"type": "array", "items": {"type": "record", "name": "io.confluent.connect.avro.MapEntry", "fields": []}},
            "Found map encoded as array",
        ),
        (
            [{"type": "fixed", "name": "a.F", "size": 1}, {"type": "fixed", "name": "b.F", "size": 1}],
            "two types of a union come to the field 'F'",
        ),
    ],
)
def test_what_connect_has_no_form_for_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        made(schema)
    assert raised.value.code == "schemas.invalid"


def test_a_schema_that_unfolds_without_measure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_schemas.avro.to_connect.TYPES_MAX", 5000)
    schema: object = "int"
    for number in range(40):
        again = f"R{number - 1}" if number else "int"
        fields = [{"name": "a", "type": schema}, {"name": "b", "type": again}]
        schema = {"type": "record", "name": f"R{number}", "fields": fields}
    with pytest.raises(DataError, match="it comes to more than 5000 types"):
        made(schema)


@pytest.mark.parametrize(
    ("kind", "default", "kept"),
    [
        ({"type": "array", "items": "R"}, [], []),
        ({"type": "array", "items": "R"}, [{}], None),
        ({"type": "map", "values": "R"}, {"a": {"f": {}}}, None),
        (["string", "R"], "x", None),
    ],
)
def test_a_default_that_holds_the_type_that_it_is_in_is_left_out(kind: Any, default: Any, kept: Any) -> None:
    fields = [{"name": "f", "type": kind, "default": default}]
    schema = to_connect(parsed(json.dumps({"type": "record", "name": "R", "fields": fields})), Options())
    assert schema.fields[0].schema.default == kept
