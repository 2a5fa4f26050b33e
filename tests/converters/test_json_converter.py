"""JsonConverter: what is written is read again, columns are what single values are, nothing but DataError is raised."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    BYTES,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    ConfigError,
    DataError,
    Schema,
    Struct,
)
from connect_converters import JsonConverter
from tests.support.converters import json_values, make_converter, schemas, values_of


@st.composite
def columns(draw: st.DrawFn) -> tuple[Schema, list[Any]]:
    schema = draw(schemas())
    return schema, draw(st.lists(values_of(schema), min_size=1, max_size=4))


@given(st.lists(json_values, min_size=1, max_size=4))
def test_json_without_schemas_is_read_as_it_was_written(values: list[Any]) -> None:
    converter = make_converter(JsonConverter, schemas_enable="false")
    data = converter.encode("t", None, values)
    assert data == [converter.from_connect_data("t", None, value) for value in values]
    (column,) = converter.decode("t", data)
    assert column.schema is None
    assert column.values == values


@given(columns(), st.sampled_from(["BASE64", "numeric"]), st.booleans())
def test_json_with_schemas_is_read_as_it_was_written(
    column: tuple[Schema, list[Any]], decimals: str, key: bool
) -> None:
    schema, values = column
    converter = make_converter(JsonConverter, is_key=key, decimal_format=decimals)
    data = converter.encode("t", schema, values)
    assert data == [converter.from_connect_data("t", schema, value) for value in values]
    (found,) = converter.decode("t", data)
    assert found.schema == schema
    assert found.values == values
    assert converter.decode("t", data) == [found], "once the messages' beginning is known"


@given(columns())
def test_columns_are_written_to_the_byte_as_single_values_and_read_alike(column: tuple[Schema, list[Any]]) -> None:
    schema, values = column
    converter = make_converter(JsonConverter, schemas_enable="false")
    texts = [converter._encoder.encode(schema, value) for value in values]
    assert converter.encode("t", schema, values) == texts
    read = [converter._decoder.decode(schema, converter._parsed(text)) for text in texts]
    assert repr(converter._reader(schema).read(texts)) == repr(read)


@given(st.lists(json_values, min_size=1, max_size=3))
def test_keys_without_schemas_mean_what_values_mean(values: list[Any]) -> None:
    key, value = (make_converter(JsonConverter, is_key=k, schemas_enable="false") for k in (True, False))
    assert value.decode("t", key.encode("t", None, values))[0].values == values


def test_keys_are_written_to_the_byte_as_kafka_writes_them() -> None:
    key = make_converter(JsonConverter, is_key=True, schemas_enable="false")
    odd = {"n": 1e7, "t": "\U0001f600\x1f\\u001f"}
    assert key.from_connect_data("t", None, odd) == b'{"n":1.0E7,"t":"\\uD83D\\uDE00\\u001F\\\\u001f"}'


@given(
    st.binary(max_size=40) | st.text('{}[]"schemapylod:,0123.eE-', max_size=40).map(str.encode),
    st.sampled_from(["true", "false"]),
)
def test_bytes_that_are_no_json_are_a_data_error(data: bytes, enabled: str) -> None:
    with contextlib.suppress(DataError):
        make_converter(JsonConverter, schemas_enable=enabled).to_connect_data("t", data)


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_json_that_is_nested_too_deep_is_a_data_error(enabled: str) -> None:
    with pytest.raises(DataError, match="Converting byte"):
        make_converter(JsonConverter, schemas_enable=enabled).to_connect_data("t", b"[" * 100_000)


def test_a_value_that_is_nested_too_deep_is_a_data_error() -> None:
    value: Any = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(DataError, match="Converting Kafka Connect data to byte"):
        make_converter(JsonConverter, schemas_enable="false").encode("t", None, [{"a": None}, value])


def test_messages_of_two_schemas_and_tombstones_become_columns() -> None:
    converter = make_converter(JsonConverter)
    numbers, texts = converter.encode("t", INT32, [1, 2]), converter.encode("t", STRING, ["a"])
    found = converter.decode("t", [*numbers, *texts, None, *numbers])
    assert [(c.schema, c.values) for c in found] == [(INT32, [1, 2]), (STRING, ["a"]), (None, [None]), (INT32, [1, 2])]


def test_more_schemas_than_the_cache_holds_are_all_right() -> None:
    converter = make_converter(JsonConverter, schemas_cache_size="2")
    several = [Schema.struct({f"f{i}": INT32}) for i in range(5)]
    data = [converter.from_connect_data("t", s, {f"f{i}": i}) for i, s in enumerate(several)]
    assert [c.schema for c in converter.decode("t", data)] == several


def test_a_schema_in_the_config_is_that_of_every_message() -> None:
    content = '{"type":"struct","fields":[{"field":"a","type":"int32"}]}'
    converter = make_converter(JsonConverter, schema_content=content)
    messages = [b'{"a":1}', None, b'{"schema":{"type":"string"},"payload":{"a":2}}', b'{"a":3}']
    (column,) = converter.decode("t", messages)
    assert column.schema == Schema.struct({"a": INT32})
    assert column.values == [{"a": 1}, None, {"a": 2}, {"a": 3}]


def test_a_schema_in_the_config_counts_only_where_schemas_are_enabled() -> None:
    converter = make_converter(JsonConverter, schemas_enable="false", schema_content='{"type":"string"}')
    assert converter.to_connect_data("t", b"5") == (None, 5)


def test_a_schema_in_the_config_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"schema\.content"):
        make_converter(JsonConverter, schema_content="{")


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf"), "b": None}, {"a": [{"b": float("-inf")}]}])
def test_a_number_that_json_lacks_is_written_as_text_and_not_lost(value: Any) -> None:
    converter = make_converter(JsonConverter, schemas_enable="false")
    alone = converter.from_connect_data("t", None, value)
    assert converter.encode("t", None, [{"x": None}, value]) == [b'{"x":null}', alone]
    assert any(word in alone for word in (b'"NaN"', b'"Infinity"', b'"-Infinity"'))


@pytest.mark.parametrize("kind", [FLOAT32, FLOAT64])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_lacks_is_read_as_it_was_written(kind: Schema, value: float) -> None:
    converter = make_converter(JsonConverter)
    schema = Schema.struct({"a": kind, "b": Schema.array(kind)})
    messages = converter.encode("t", schema, [{"a": value, "b": [value, 1.0]}] * 2)
    (column,) = converter.decode("t", messages)
    assert repr(column.values) == repr([{"a": value, "b": [value, 1.0]}] * 2)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", 'a"', "a\\", "", '":null', "é", "é" * 40]),
            st.none() | st.just(float("nan")) | st.just('":null') | st.just({"a": float("nan")}) | st.just([None]),
        )
    )
)
def test_a_nan_is_found_among_any_nulls(values: list[Any]) -> None:
    converter = make_converter(JsonConverter, schemas_enable="false")
    assert converter.encode("t", None, values) == [converter._encoder.encode(None, value) for value in values]


def test_a_batch_of_structs_with_odd_values_is_written_as_its_values_are() -> None:
    converter = make_converter(JsonConverter)
    schema = Schema.struct({"a": FLOAT64, "b": OPTIONAL_STRING})
    values = [{"a": 1.5, "b": "x"}, {"a": 1e7, "b": None}, {"b": "y", "a": 0.0}, {"a": 1e-9}, {"a": 1.0, "b": "\ud800"}]
    assert converter.encode("t", schema, values) == [converter.from_connect_data("t", schema, v) for v in values]


def test_the_values_given_are_never_changed() -> None:
    converter = make_converter(JsonConverter)
    schema = Schema.struct({"at": Schema.timestamp(), "in": Schema.struct({"raw": BYTES})})
    value = {"at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "in": {"raw": b"x"}}
    converter.encode("t", schema, [value, value])
    assert value == {"at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "in": {"raw": b"x"}}


def test_messages_that_begin_alike_and_differ_are_told_apart() -> None:
    converter = make_converter(JsonConverter)
    schema = Schema.struct({"a": INT32}, optional=True)
    good = converter.encode("t", schema, [{"a": 1}, {"a": 2}])
    head = good[0][: good[0].index(b'{"a"')]
    odd = [head + b'{"a":"x"}}', head + b"null}", head + b'{"a":1,"z":2}}', head + b'{"a":3000000000}}']
    values = [value for column in converter.decode("t", [*good, *odd]) for value in column.values]
    assert values == [{"a": 1}, {"a": 2}, {"a": 0}, None, {"a": 1}, {"a": 3_000_000_000 - (1 << 32)}]
    for wrong in (head + b'{"a":1},"more":1}', head + b'{"a":1}', head + b"12"):
        with pytest.raises(DataError):
            converter.decode("t", [*good, wrong])


@pytest.mark.parametrize(
    "text", ['{ "schema" : %s ,\n "payload": %s }', '{"payload":%s,"schema":%s}', '{"schema":%s,"payload":%s}\n']
)
def test_envelopes_of_any_spacing_and_order_are_read(text: str) -> None:
    parts = ['{"type":"int32","doc":"\\"payload\\":"}', "7"]
    data = (text % tuple(reversed(parts) if text.startswith('{"payload') else parts)).encode()
    found = make_converter(JsonConverter).decode("t", [data, data, data])
    assert [(c.schema.doc, c.values) for c in found] == [('"payload":', [7, 7, 7])]


def test_numeric_decimals_keep_every_digit() -> None:
    converter = make_converter(JsonConverter, decimal_format="NUMERIC")
    schema = Schema.struct({"price": Schema.decimal(2), "weight": FLOAT64})
    values = [{"price": Decimal(text), "weight": 0.1} for text in ("1.50", "12345678901234567890.12", "0.00")]
    data = converter.encode("t", schema, values)
    assert [str(v["price"]) for v in converter.decode("t", data * 2)[0].values[-3:]] == [
        "1.50",
        "12345678901234567890.12",
        "0.00",
    ]


def test_a_struct_of_another_schema_is_refused() -> None:
    mine, other = Schema.struct({"a": INT32}), Schema.struct({"a": INT64})
    with pytest.raises(DataError, match="Mismatching schema"):
        make_converter(JsonConverter).from_connect_data("t", mine, Struct(other, {"a": 1}))


def test_a_list_of_nothing_but_nulls_is_written() -> None:
    data = make_converter(JsonConverter).from_connect_data("t", Schema.array(None), [None])
    assert data == b'{"schema":{"type":"array","items":null,"optional":false},"payload":[null]}'


def test_an_error_names_the_field() -> None:
    converter = make_converter(JsonConverter, schemas_enable="false", schema_content="")
    schema = Schema.struct({"in": Schema.struct({"a": INT32})})
    with pytest.raises(DataError, match=r"required and has no default value; field 'in\.a'"):
        converter.encode("t", schema, [{"in": {"a": 1}}, {"in": {}}])
    with pytest.raises(DataError, match=r"Invalid null value for required INT32 field; field 'in\.a'"):
        converter._reader(schema).read([b'{"in":{"a":null}}'])


def test_a_field_that_is_read_as_null_must_be_allowed_to_be() -> None:
    schema = Schema.struct({"a": Schema.array(STRING), "b": STRING})
    reader = make_converter(JsonConverter)._reader(schema)
    with pytest.raises(DataError, match="null used for required field: \"b\", schema type: STRING; field 'b'"):
        reader.read([b'{"a":[],"b":5}'])
    with pytest.raises(DataError, match='null used for required element of array field: "a", schema type: STRING'):
        reader.read([b'{"a":[5],"b":""}'])


def test_a_number_too_wide_for_its_schema_is_refused() -> None:
    with pytest.raises(DataError, match=r"Invalid type for INT32: class java\.lang\.Long"):
        make_converter(JsonConverter).from_connect_data("t", INT32, 3_000_000_000)


def test_schemas_that_differ_in_a_default_alone_are_told_apart() -> None:
    converter = make_converter(JsonConverter)
    message = b'{"schema":{"type":%s,"optional":true,"default":%s},"payload":null}'
    found = [
        converter.to_connect_data("t", message % parts)[1] for parts in ((b'"double"', b"1.5"), (b'"string"', b'"1.5"'))
    ]
    assert found == [1.5, "1.5"]
    assert converter.to_connect_data("t", message % (b'"double"', b"1" + b"0" * 30))[1] == 1e30


def test_a_default_that_is_read_as_null_is_none() -> None:
    with pytest.raises(DataError, match="Invalid default value"):
        make_converter(JsonConverter).to_connect_data("t", b'{"schema":{"type":"string","default":5},"payload":"a"}')


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_header_is_converted_as_a_value_is(enabled: str) -> None:
    converter = make_converter(JsonConverter, schemas_enable=enabled)
    data = converter.from_connect_header("t", "h", None, {"a": [1, None]})
    assert data == converter.from_connect_data("t", None, {"a": [1, None]})
    assert converter.to_connect_header("t", "h", data) == converter.to_connect_data("t", data)
    assert converter.to_connect_header("t", "h", data)[1] == {"a": [1, None]}


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_a_record_that_names_a_schema_of_a_registry_is_told_to_look_so(enabled: str) -> None:
    converter = make_converter(JsonConverter, schemas_enable=enabled)
    with pytest.raises(DataError, match=r"due to serialization error: .*; it begins as what AvroConverter and others"):
        converter.to_connect_data("t", b"\0\0\0\0\1\6one")
    with pytest.raises(DataError) as raised:
        converter.to_connect_data("t", b"one")
    assert "AvroConverter" not in raised.value.message
