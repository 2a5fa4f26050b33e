"""Connect schemas as JSON Schema, as Confluent's converter has registered them."""

from __future__ import annotations

import datetime as dt
import json
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
    OPTIONAL_STRING,
    STRING,
    DataError,
    Schema,
    SchemaType,
)
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_UNION
from connect_schemas.json_schema.documents import Document
from connect_schemas.json_schema.options import ENUM, ONE_OF, Options
from connect_schemas.json_schema.to_connect import to_connect
from connect_schemas.json_schema.to_json_schema import to_json_schema
from connect_schemas.recursive import Place, RecursiveSchema
from tests.support.converters import schemas

DECIMAL = "org.apache.kafka.connect.data.Decimal"


def said(schema: Schema, **options: Any) -> Any:
    return json.loads(to_json_schema(schema, Options(**options)))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (BOOLEAN, {"type": "boolean"}),
        (INT8, {"type": "integer", "connect.type": "int8"}),
        (INT16, {"type": "integer", "connect.type": "int16"}),
        (INT32, {"type": "integer", "connect.type": "int32"}),
        (INT64, {"type": "integer", "connect.type": "int64"}),
        (FLOAT32, {"type": "number", "connect.type": "float32"}),
        (FLOAT64, {"type": "number", "connect.type": "float64"}),
        (BYTES, {"type": "string", "connect.type": "bytes"}),
        (STRING, {"type": "string"}),
        (OPTIONAL_STRING, {"oneOf": [{"type": "null"}, {"type": "string"}]}),
        (
            Schema.timestamp(),
            {
                "type": "integer",
                "title": "org.apache.kafka.connect.data.Timestamp",
                "connect.version": 1,
                "connect.type": "int64",
            },
        ),
        (Schema.array(INT8), {"type": "array", "items": {"type": "integer", "connect.type": "int8"}}),
        (
            Schema.map(STRING, INT32, name="named"),
            {
                "type": "object",
                "title": "named",
                "connect.type": "map",
                "additionalProperties": {"type": "integer", "connect.type": "int32"},
            },
        ),
        (
            Schema.map(INT32, OPTIONAL_STRING),
            {
                "type": "array",
                "connect.type": "map",
                "items": {
                    "type": "object",
                    "properties": {
                        "key": {"type": "integer", "connect.type": "int32", "connect.index": 0},
                        "value": {"oneOf": [{"type": "null"}, {"type": "string"}], "connect.index": 1},
                    },
                },
            },
        ),
        (
            STRING.replace(parameters={ENUM: "", f"{ENUM}.one": "one", f"{ENUM}.<NULL>": "<NULL>"}),
            {"enum": ["one", None]},
        ),
        (
            STRING.replace(parameters={GENERAL_ENUM: "", f"{GENERAL_ENUM}.one": "0"}),
            {"enum": ["one"], "connect.parameters": {GENERAL_ENUM: "", f"{GENERAL_ENUM}.one": "0"}},
        ),
        (
            Schema.struct({f"{ONE_OF}.field.0": INT32, f"{ONE_OF}.field.1": OPTIONAL_STRING}, name=ONE_OF),
            {
                "oneOf": [
                    {"type": "integer", "connect.type": "int32", "connect.index": 0},
                    {"type": "string", "connect.index": 1},
                ]
            },
        ),
        (
            Schema.struct({"connect_union_field_0": STRING}, name="u", parameters={GENERAL_UNION: "u"}, optional=True),
            {"oneOf": [{"type": "null"}, {"type": "string", "connect.index": 0}]},
        ),
        (
            Schema.timestamp(default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
            {
                "type": "integer",
                "title": "org.apache.kafka.connect.data.Timestamp",
                "default": 0,
                "connect.version": 1,
                "connect.type": "int64",
            },
        ),
    ],
)
def test_each_type_is_said_as_confluent_says_it(schema: Schema, expected: Any) -> None:
    assert said(schema) == expected


@pytest.mark.parametrize(("numeric", "kind"), [(False, "string"), (True, "number")])
def test_a_decimal_is_text_or_a_number(numeric: bool, kind: str) -> None:
    expected = {
        "type": kind,
        "title": DECIMAL,
        "connect.version": 1,
        "connect.type": "bytes",
        "connect.parameters": {"scale": "2"},
    }
    assert said(Schema.decimal(2), numeric_decimals=numeric) == expected


def test_a_change_event_is_said_to_the_byte_as_a_java_worker_has_said_it() -> None:
    # Out of a schema that Debezium's connector for MySQL has registered by Confluent's converter; its fields, in the
    # order of connect.index, and of those of its rows three.
    row = Schema.struct(
        {
            "id": INT64,
            "issuerFee": Schema(
                SchemaType.BYTES,
                name=DECIMAL,
                version=1,
                parameters={"scale": "4", "connect.decimal.precision": "14"},
                optional=True,
            ),
            "createdTime": STRING.replace(
                name="io.debezium.time.ZonedTimestamp", version=1, default="1970-01-01T00:00:00Z"
            ),
        },
        name="cdc_marqeta_jcard_tranlog.Value",
        optional=True,
    )
    schema = Schema.struct({"before": row, "op": STRING, "prg_id": INT32}, name="cdc_marqeta_jcard_tranlog.Envelope")
    assert to_json_schema(schema, Options(numeric_decimals=True)) == (
        '{"type":"object","title":"cdc_marqeta_jcard_tranlog.Envelope","properties":{"prg_id":{"type":"integer",'
        '"connect.index":2,"connect.type":"int32"},"op":{"type":"string","connect.index":1},"before":{"connect.index":0,'
        '"oneOf":[{"type":"null"},{"type":"object","title":"cdc_marqeta_jcard_tranlog.Value","properties":{'
        '"createdTime":{"type":"string","title":"io.debezium.time.ZonedTimestamp","default":"1970-01-01T00:00:00Z",'
        '"connect.index":2,"connect.version":1},"id":{"type":"integer","connect.index":0,"connect.type":"int64"},'
        '"issuerFee":{"connect.index":1,"oneOf":[{"type":"null"},{"type":"number",'
        '"title":"org.apache.kafka.connect.data.Decimal","connect.version":1,"connect.type":"bytes",'
        '"connect.parameters":{"scale":"4","connect.decimal.precision":"14"}}]}}}]}}}'
    )


def test_objects_may_have_no_other_properties() -> None:
    assert said(Schema.struct({"a": STRING}), additional_properties=False)["additionalProperties"] is False
    assert said(Schema.struct({}), additional_properties=False) == {"type": "object", "additionalProperties": False}


def test_a_schema_that_contains_itself_refers_to_where_it_stands() -> None:
    place = Place()
    place.schema = Schema.struct({"next/~ü": RecursiveSchema(place, optional=True)}, name="Node")
    whole = Schema.struct({"a b": place.schema})
    assert said(whole)["properties"]["a b"]["properties"]["next/~ü"] == {
        "connect.index": 0,
        "oneOf": [{"type": "null"}, {"$ref": "#/properties/a%20b"}],
    }
    assert to_connect(Document(to_json_schema(whole, Options()), {}), Options()) == whole


def test_a_part_of_a_schema_that_contains_itself_is_a_definition() -> None:
    place = Place()
    place.schema = Schema.struct({"next": RecursiveSchema(place, optional=True)}, name="Node")
    found = said(Schema.struct({"first": place.schema.fields[0].schema}))
    assert found["properties"]["first"]["oneOf"][1] == {"$ref": "#/definitions/Node"}
    assert found["definitions"]["Node"]["properties"]["next"]["oneOf"][1] == {"$ref": "#/definitions/Node"}


@pytest.mark.parametrize("schema", [Schema.array(None), Schema.map(None, STRING), Schema.map(STRING, None)])
def test_what_says_no_type_cannot_be_said(schema: Schema) -> None:
    with pytest.raises(DataError, match="of no known type") as caught:
        to_json_schema(schema, Options())
    assert caught.value.code == "schemas.invalid"


def test_a_schema_that_is_nested_too_deeply_is_told() -> None:
    schema = STRING
    for _ in range(400):
        schema = Schema.array(schema)
    with pytest.raises(DataError, match="no form as JSON Schema"):
        to_json_schema(schema, Options())


@given(
    schemas(),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "name": st.none() | st.text(min_size=1),
            "doc": st.none() | st.text(),
            "version": st.none() | st.integers(1, 9),
            "parameters": st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1, max_size=3),
        }
    ),
)
def test_a_schema_is_the_same_behind_json_schema(schema: Schema, numeric: bool, words: dict[str, Any]) -> None:
    options = Options(numeric_decimals=numeric)
    if not schema.is_logical:
        schema = schema.replace(**words)
    assert to_connect(Document(to_json_schema(schema, options), {}), options) == schema
