"""Schemas as JSON, and back."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pytest
from hypothesis import given

from connect.api import DataError, Schema
from connect.stores.schema_texts import as_document, of_document, text_of
from tests.runtime.contracts.schemas import schemas


@given(schemas)
def test_a_schema_survives_json(schema: Schema) -> None:
    assert of_document(json.loads(json.dumps(as_document(schema)))) == schema


@pytest.mark.parametrize(
    "schema",
    [
        Schema("int8", default=3, doc="words", name="n", version=4, parameters={"a": "b"}),
        Schema("float64", default=1.0),
        Schema("bytes", default=b"\x00\xff"),
        Schema.decimal(2, default=decimal.Decimal("1.25")),
        Schema.date(default=dt.date(2026, 1, 1)),
        Schema.time(default=dt.time(1, 2, 3)),
        Schema.timestamp(default=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        Schema.array(Schema("bytes"), default=[b"a"]),
        Schema.map(Schema("int32"), Schema("string"), default={1: "a"}),
        Schema.struct({"a": Schema("int32", optional=True)}, default={"a": 1}),
    ],
)
def test_a_default_survives_json(schema: Schema) -> None:
    assert of_document(json.loads(json.dumps(as_document(schema)))) == schema


def test_a_schema_that_json_does_not_take_is_a_bad_one() -> None:
    with pytest.raises(DataError, match="cannot be kept as JSON"):
        text_of(Schema.struct({"\ud800": Schema("int8")}))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "an object with 'type'"),
        ({}, "'type' is one of"),
        ({"type": "number"}, "it is 'number'"),
        ({"type": "int32", "optional": 1}, "'optional' is true or false"),
        ({"type": "int32", "version": "1"}, "'version' is a number"),
        ({"type": "int32", "name": 1}, "'name' is a text"),
        ({"type": "int32", "parameters": {"a": 1}}, "'parameters' is an object of texts"),
        ({"type": "struct"}, "'fields' is a list"),
        ({"type": "struct", "fields": [{"type": "int32"}]}, "in 'field'"),
        ({"type": "struct", "fields": [{"type": "int32", "field": "a"}] * 2}, "duplication"),
        ({"type": "struct", "fields": [{"type": "x", "field": "a"}]}, "field 'a': 'type'"),
        ({"type": "array", "items": {"type": "x"}}, "items: 'type'"),
        ({"type": "bytes", "default": "?"}, "the schema: "),
        ({"type": "int32", "default": "a"}, "default"),
        ({"type": "struct", "fields": [], "default": [1]}, "the default of a struct is an object"),
        ({"type": "int32", "version": 1 << 31}, "a number of 32 bits"),
        (json.loads('{"type":"array","items":' * 300 + '{"type":"int8"}' + "}" * 300), "deeper than 100 levels"),
    ],
)
def test_what_describes_no_schema_is_refused_and_says_where(document: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        of_document(document)
