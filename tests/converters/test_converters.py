"""Converters: what is written is read again, columns are what single values are, and nothing but DataError is raised."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BOOLEAN, FLOAT64, INT32, OPTIONAL_INT64, OPTIONAL_STRING, STRING, ConfigError, DataError, Schema
from connect_converters import ByteArrayConverter, JsonConverter, SimpleHeaderConverter, StringConverter
from connect_converters.values import parse, to_text

INT64_MAX = (1 << 63) - 1
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INT64_MAX - 1, INT64_MAX)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ORDER = Schema.struct(
    {
        "id": INT32, "note": OPTIONAL_STRING, "total": FLOAT64, "paid": BOOLEAN, "at": Schema.timestamp(optional=True),
        "price": Schema.decimal(2, optional=True), "tags": Schema.array(STRING), "left": Schema.map(STRING, OPTIONAL_INT64),
    },
    name="order",
)  # fmt: skip
orders = st.fixed_dictionaries(
    {
        "id": st.integers(-(1 << 31), (1 << 31) - 1), "note": st.none() | st.text(), "paid": st.booleans(),
        "total": st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: str(x) != "-0.0"),
        "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
        "price": st.none() | st.integers(-(10**12), 10**12).map(lambda n: Decimal(n).scaleb(-2)),
        "tags": st.lists(st.text(max_size=3), max_size=3),
        "left": st.dictionaries(st.text(max_size=3), st.none() | st.integers(-9, 9), max_size=3),
    }
)  # fmt: skip


def made(cls: Any, **config: str) -> Any:
    converter = cls()
    converter.configure(cls.config_class.parse({name.replace("_", "."): value for name, value in config.items()}))
    return converter


@given(st.lists(json_values, min_size=1, max_size=4))
def test_json_without_schemas_is_read_as_it_was_written(values: list[Any]) -> None:
    converter = made(JsonConverter, schemas_enable="false")
    data = converter.encode("t", None, values)
    assert data == [converter.from_connect_data("t", None, value) for value in values]
    (column,) = converter.decode("t", data)
    assert column.schema is None
    assert column.values == values


@given(st.lists(orders, min_size=1, max_size=4), st.sampled_from(["BASE64", "numeric"]))
def test_json_with_schemas_is_read_as_it_was_written(values: list[Any], decimals: str) -> None:
    converter = made(JsonConverter, decimal_format=decimals)
    data = converter.encode("t", ORDER, values)
    assert data == [converter.from_connect_data("t", ORDER, value) for value in values]
    (column,) = converter.decode("t", data)
    assert column.schema == ORDER
    assert column.values == values


@given(st.binary(max_size=40) | st.text('{}[]"schemapylod:,0123.eE-', max_size=40).map(str.encode), st.sampled_from(["true", "false"]))  # fmt: skip
def test_bytes_that_are_no_json_are_a_data_error(data: bytes, schemas: str) -> None:
    with contextlib.suppress(DataError):
        made(JsonConverter, schemas_enable=schemas).to_connect_data("t", data)


def test_messages_of_two_schemas_become_two_columns() -> None:
    converter = made(JsonConverter)
    numbers, texts = converter.encode("t", INT32, [1, 2]), converter.encode("t", STRING, ["a"])
    columns = converter.decode("t", [*numbers, *texts, *numbers])
    assert [(c.schema, c.values) for c in columns] == [(INT32, [1, 2]), (STRING, ["a"]), (INT32, [1, 2])]


def test_more_schemas_than_the_cache_holds_are_all_right() -> None:
    converter = made(JsonConverter, schemas_cache_size="2")
    schemas = [Schema.struct({f"f{i}": INT32}) for i in range(5)]
    data = [converter.from_connect_data("t", s, {f"f{i}": i}) for i, s in enumerate(schemas)]
    assert [c.schema for c in converter.decode("t", data)] == schemas


def test_a_schema_in_the_config_is_that_of_every_message() -> None:
    content = '{"type":"struct","fields":[{"field":"a","type":"int32"}]}'
    converter = made(JsonConverter, schemas_enable="true", schema_content=content)
    (column,) = converter.decode("t", [b'{"a":1}', b'{"a":2}'])
    assert column.schema == Schema.struct({"a": INT32})
    assert column.values == [{"a": 1}, {"a": 2}]


def test_a_schema_in_the_config_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"schema\.content"):
        made(JsonConverter, schema_content="{")


@given(st.lists(st.none() | st.text(), max_size=4), st.sampled_from(["UTF-8", "UTF-16", "ISO-8859-1"]))
def test_text_is_read_as_it_was_written(values: list[str | None], encoding: str) -> None:
    converter = made(StringConverter, converter_encoding=encoding)
    data = converter.encode("t", OPTIONAL_STRING, values)
    if encoding != "ISO-8859-1":
        assert [value for column in converter.decode("t", data) for value in column.values] == values
    assert [item is None for item in data] == [value is None for value in values]


def test_an_unknown_character_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such character set"):
        made(StringConverter, converter_encoding="UTF-9")


def test_bytes_pass_through_untouched() -> None:
    converter, data = made(ByteArrayConverter), [b"a", None, b"\x00"]
    assert converter.decode("t", data)[0].values == data
    assert all(out is given for out, given in zip(converter.encode("t", None, data), data, strict=True))
    assert converter.encode("t", None, [bytearray(b"x"), memoryview(b"y")]) == [b"x", b"y"]


@given(st.integers(-INT64_MAX - 1, INT64_MAX) | st.booleans() | st.dates(min_value=dt.date(1970, 1, 2)) | st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)))  # fmt: skip
def test_scalars_come_back_from_their_text(value: Any) -> None:
    found = parse(to_text(value))
    assert found is not None
    assert found[1] == value


@given(st.text('[]{}:,"\\ 0123456789-.TZnulltrfasxe', max_size=30) | st.text(max_size=30))
def test_any_text_is_a_header(text: str) -> None:
    converter = made(SimpleHeaderConverter)
    schema, value = converter.to_connect_header("t", "h", text.encode())
    if schema is not None and schema.value_schema is None and schema.type.is_primitive:
        schema.validate(value)


def test_a_header_of_ten_thousand_brackets_stays_bytes() -> None:
    data = b"[" * 10_000
    assert made(SimpleHeaderConverter).to_connect_header("t", "h", data)[1] == data


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf"), "b": None}, {"a": [{"b": float("-inf")}]}])
def test_a_number_that_json_lacks_is_written_as_text_and_not_lost(value: Any) -> None:
    converter = made(JsonConverter, schemas_enable="false")
    alone = converter.from_connect_data("t", None, value)
    assert converter.encode("t", None, [{"x": None}, value]) == [b'{"x":null}', alone]
    assert any(word in alone for word in (b'"NaN"', b'"Infinity"', b'"-Infinity"'))


def test_a_batch_of_structs_with_one_odd_value_is_written_as_its_values_are() -> None:
    converter = made(JsonConverter)
    schema = Schema.struct({"a": FLOAT64, "b": OPTIONAL_STRING})
    values = [{"a": 1.5, "b": "x"}, {"a": 1e7, "b": None}, {"b": "y", "a": 0.0}, {"a": 1e-9}]
    assert converter.encode("t", schema, values) == [converter.from_connect_data("t", schema, v) for v in values]


def test_messages_that_begin_alike_and_differ_are_told_apart() -> None:
    converter = made(JsonConverter)
    schema = Schema.struct({"a": INT32}, optional=True)
    good = converter.encode("t", schema, [{"a": 1}, {"a": 2}])
    head = good[0][: good[0].index(b'{"a"')]
    odd = [head + b'{"a":"x"}}', head + b"null}", head + b'{"a":1,"z":2}}', head + b'{"a":3000000000}}']
    values = [value for column in converter.decode("t", [*good, *odd]) for value in column.values]
    assert values == [{"a": 1}, {"a": 2}, {"a": 0}, None, {"a": 1}, {"a": 3_000_000_000 - (1 << 32)}]
    with pytest.raises(DataError, match="may not contain additional fields"):
        converter.decode("t", [*good, head + b'{"a":1},"more":1}'])
