"""Columns mean what single values mean, to the byte."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BYTES, FLOAT64, INT32, OPTIONAL_STRING, STRING, DataError, Schema
from connect.api.columns import OddValueError
from connect_schemas.json_schema import columns
from connect_schemas.json_schema.options import ONE_OF, Options
from connect_schemas.json_schema.values import ABSENT, Decoder, Encoder
from connect_schemas.recursive import Place, RecursiveSchema
from tests.support.converters import json_values, schemas, values_of


@st.composite
def column_of(draw: st.DrawFn) -> tuple[Schema, list[Any]]:
    schema = draw(schemas())
    return schema, draw(st.lists(values_of(schema), min_size=1, max_size=4))


def written(schema: Schema, values: list[Any], options: Options, *, is_key: bool = False) -> list[bytes]:
    convert = columns.encoding(schema, Encoder(options, is_exact=is_key), nulls_to_defaults=True, is_key=is_key)
    return [orjson.dumps(node) for node in convert(values)]


def read(schema: Schema, nodes: list[Any]) -> list[Any]:
    convert = columns.decoding(schema, Decoder(Options()), nulls_to_defaults=True)
    return convert(nodes)


@given(column_of(), st.booleans(), st.booleans())
def test_a_column_is_written_as_its_values_are(column: tuple[Schema, list[Any]], numeric: bool, is_key: bool) -> None:
    schema, values = column
    options = Options(numeric_decimals=numeric)
    singly = [Encoder(options, is_exact=is_key).node(schema, value) for value in values]
    if ABSENT not in singly:
        assert written(schema, values, options, is_key=is_key) == [orjson.dumps(node) for node in singly]


@given(column_of())
def test_a_column_is_read_as_its_values_are(column: tuple[Schema, list[Any]]) -> None:
    schema, values = column
    texts = [orjson.dumps(Encoder(Options()).node(schema, value)) for value in values]
    assert read(schema, list(map(orjson.loads, texts))) == values


@given(schemas(), st.lists(json_values, min_size=1, max_size=3))
def test_a_column_takes_nothing_that_single_values_do_not(schema: Schema, nodes: list[Any]) -> None:
    try:
        found = read(schema, orjson.loads(orjson.dumps(nodes)))
    except OddValueError:
        return
    assert found == [Decoder(Options()).value(schema, node) for node in nodes]


STRUCT = Schema.struct(
    {"a": INT32, "b": OPTIONAL_STRING, "at": Schema.timestamp(optional=True), "d": STRING.replace(default="x")}
)


def test_structs_that_lack_fields_or_have_more_stay_quick() -> None:
    nodes = [{"b": None, "z": 1, "a": 1, "at": 0}, {"a": 2, "d": "y"}]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert read(STRUCT, nodes) == [
        {"a": 1, "b": None, "at": epoch, "d": "x"},
        {"a": 2, "b": None, "at": None, "d": "y"},
    ]
    assert read(Schema.struct({"a": INT32}), [{"a": 1, "b": 2}]) == [{"a": 1}]
    assert read(Schema.struct({}), [{"a": 1}]) == [{}]
    assert read(STRUCT, []) == []


@pytest.mark.parametrize("node", [{"a": None}, {"a": True}, {"a": 1 << 31}, {"a": 1, "b": 2}, 5, None])
def test_what_is_not_to_the_letter_is_left_to_single_values(node: Any) -> None:
    with pytest.raises(OddValueError):
        read(STRUCT, [{"a": 1}, node])


def test_fields_have_the_order_of_the_schema() -> None:
    schema = Schema.struct({"a": INT32, "b": INT32})
    value = {"b": 2, "a": 1}
    assert written(schema, [value], Options()) == [b'{"a":1,"b":2}']
    assert written(schema, [{**value, "c": 3}], Options()) == [b'{"a":1,"b":2}']
    assert value == {"b": 2, "a": 1}, "it is the caller's"


def test_doubles_of_keys_are_written_as_java_writes_them() -> None:
    values = [1e7, 0.0001, 1.5, float("inf")]
    texts = [b"1.0E7", b"1.0E-4", b"1.5", b'"Infinity"']
    assert written(FLOAT64, values, Options(), is_key=True) == texts
    assert [orjson.loads(text) for text in written(FLOAT64, values, Options())] == [1e7, 0.0001, 1.5, "Infinity"]


def test_a_value_that_lacks_a_required_field_is_left_to_single_values() -> None:
    with pytest.raises(OddValueError):
        written(Schema.struct({"a": INT32, "b": INT32}), [{"a": 1}], Options())


def test_a_union_beside_other_fields_goes_value_by_value_in_its_column() -> None:
    one_of = Schema.struct({f"{ONE_OF}.field.0": INT32.replace(optional=True)}, name=ONE_OF)
    schema = Schema.struct({"u": one_of, "b": BYTES})
    values = [{"u": {f"{ONE_OF}.field.0": n}, "b": b"x"} for n in range(3)]
    texts = written(schema, values, Options())
    assert texts[2] == b'{"u":2,"b":"eA=="}'
    assert read(schema, list(map(orjson.loads, texts))) == values


def test_a_schema_that_contains_itself_is_written_and_read() -> None:
    place = Place()
    place.schema = Schema.struct({"n": FLOAT64, "next": RecursiveSchema(place, optional=True)}, name="Node")
    values = [{"n": 1.5, "next": {"n": 2.5, "next": None}}]
    texts = written(place.schema, values, Options())
    assert texts == [b'{"n":1.5,"next":{"n":2.5,"next":null}}']
    assert read(place.schema, list(map(orjson.loads, texts))) == values
    with pytest.raises(DataError):
        Decoder(Options()).value(place.schema, {"n": 1, "next": {"n": "x"}})
