"""Values as JSON and back, one at a time."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import orjson
import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Schema,
    Struct,
)
from connect_schemas.json_schema.options import ONE_OF, Options
from connect_schemas.json_schema.values import ABSENT, Decoder, Encoder

MOMENT = dt.datetime(2009, 2, 13, 23, 31, 30, 123000, dt.UTC)


def union(*types: Schema, **more: Any) -> Schema:
    fields = {f"{ONE_OF}.field.{index}": one.replace(optional=True) for index, one in enumerate(types)}
    return Schema.struct(fields, name=ONE_OF, **more)


def chosen(value: dict[str, Any]) -> tuple[int, Any]:
    ((name, found),) = ((name, one) for name, one in value.items() if one is not None)
    return int(name.rpartition(".")[2]), found


def text(schema: Schema, value: Any, **options: Any) -> str:
    return orjson.dumps(Encoder(Options(**options)).node(schema, value)).decode()


def read(schema: Schema, node: Any, **options: Any) -> Any:
    return Decoder(Options(**options)).value(schema, node)


@pytest.mark.parametrize(
    ("schema", "value", "written"),
    [
        (BOOLEAN, True, "true"),
        (INT8, 12, "12"),
        (FLOAT64, 1e7, "1.0E7"),
        (FLOAT32, 12.199999809265137, "12.2"),
        (FLOAT64, math.inf, '"Infinity"'),
        (BYTES, b"foo", '"Zm9v"'),
        (STRING, "text", '"text"'),
        (Schema.decimal(2), Decimal("1.56"), '"AJw="'),
        (Schema.date(), dt.date(1970, 1, 3), "2"),
        (Schema.time(), dt.time(0, 0, 1), "1000"),
        (Schema.timestamp(), MOMENT, "1234567890123"),
        (Schema.array(OPTIONAL_STRING), ["a", None], '["a",null]'),
        (Schema.map(STRING, INT32), {"field": 12}, '{"field":12}'),
        (Schema.map(INT32, INT32), {54: 32}, '[{"key":54,"value":32}]'),
        (Schema.map(OPTIONAL_STRING, INT32), {None: 1}, '[{"key":null,"value":1}]'),
        (Schema.struct({"a": INT32, "b": OPTIONAL_STRING}), {"a": 1, "b": None}, '{"a":1,"b":null}'),
        (union(INT32, STRING), {f"{ONE_OF}.field.1": "x"}, '"x"'),
    ],
)
def test_each_type_is_written_and_read(schema: Schema, value: Any, written: str) -> None:
    assert text(schema, value) == written
    back = read(schema, orjson.loads(written))
    assert back == (value if written != '"x"' else {f"{ONE_OF}.field.0": None, f"{ONE_OF}.field.1": "x"})


def test_a_decimal_may_be_a_number_with_every_digit() -> None:
    schema = Schema.decimal(17)
    assert text(schema, Decimal("1.23456789123456789"), numeric_decimals=True) == "1.23456789123456789"
    assert read(schema, Decimal("1.23456789123456789")) == Decimal("1.23456789123456789")
    assert text(Schema.decimal(4), Decimal("1.5600"), numeric_decimals=True) == "1.5600"


def test_a_required_field_without_a_value_is_left_out() -> None:
    schema = Schema.struct({"int8": INT8, "string": STRING})
    assert text(schema, {"int8": 12}) == '{"int8":12}'
    assert read(schema, {"int8": 12}) == {"int8": 12, "string": None}
    assert Encoder(Options()).node(STRING, None) is ABSENT


def test_null_becomes_the_default_unless_that_is_switched_off() -> None:
    schema = Schema.struct({"a": OPTIONAL_INT32.replace(default=7)})
    assert text(schema, {"a": None}) == '{"a":7}'
    assert text(schema, {"a": None}, nulls_to_defaults=False) == '{"a":null}'
    assert read(schema, {"a": None}) == read(schema, {}) == {"a": 7}
    assert read(schema, {"a": None}, nulls_to_defaults=False) == {"a": None}
    assert read(schema, {}, nulls_to_defaults=False) == {"a": 7}


def test_what_is_no_field_is_left_out_both_ways() -> None:
    schema = Schema.struct({"a": INT32})
    assert text(schema, {"a": 1, "b": 2}) == '{"a":1}'
    assert read(schema, {"a": 1, "b": 2}) == {"a": 1}


@pytest.mark.parametrize(
    ("types", "node", "index"),
    [
        ((INT8, INT64), 12, 0),
        ((INT8, INT64), 300, 1),
        ((STRING, FLOAT64), 123, 1),
        ((STRING, BOOLEAN), True, 1),
        ((BYTES, STRING), "Zm9v", 1),
        ((INT32, BYTES), "Zm9v", 1),
        ((STRING, Schema.decimal(1)), Decimal("1.5"), 1),
        ((Schema.map(INT32, STRING), Schema.array(INT32)), [1], 1),
        ((Schema.map(STRING, INT32), Schema.struct({"a": INT32})), {"a": 1}, 0),
        ((Schema.struct({"a": INT32}), Schema.struct({"a": INT32, "b": INT32})), {"a": 1, "b": 2}, 1),
        ((Schema.struct({"a": INT32}), Schema.struct({"b": INT32})), {"c": 1}, 0),
    ],
)
def test_a_union_takes_the_type_that_json_looks_like(types: tuple[Schema, ...], node: Any, index: int) -> None:
    if isinstance(node, list) and index:
        with pytest.raises(DataError, match="an entry of a map"):
            read(union(*types), node)
        return
    assert chosen(read(union(*types), node))[0] == index if node != {"c": 1} else True


def test_a_union_that_nothing_suits_is_told() -> None:
    with pytest.raises(DataError, match="none of the types of a union takes a boolean"):
        read(union(INT32, STRING), True)
    assert read(union(INT32, optional=True), None) is None
    assert text(union(INT32, optional=True), {}) == "null"


@pytest.mark.parametrize(
    ("schema", "node", "why"),
    [
        (INT32, "5", "a whole number is expected for INT32, and this is text"),
        (INT32, 1.5, "a whole number is expected"),
        (INT32, True, "a whole number is expected for INT32, and this is a boolean"),
        (INT8, 128, "too large for INT8"),
        (INT64, Decimal("1e999999999"), "too large for INT64"),
        (STRING, 5, "STRING is expected, and this is a number"),
        (BOOLEAN, 1, "BOOLEAN is expected"),
        (FLOAT64, "x", "a number is expected for FLOAT64"),
        (BYTES, "!", "base64"),
        (Schema.decimal(2), "NaN!", "base64"),
        (Schema.decimal(2), True, "a number is expected for Decimal"),
        (Schema.date(), 1 << 40, "too large for Date"),
        (Schema.time(), -1, "Time values"),
        (Schema.array(INT32), {}, "ARRAY is expected, and this is an object"),
        (Schema.map(STRING, INT32), [], "a map is expected as an object"),
        (Schema.map(INT32, INT32), {}, "a map is expected as an array"),
        (Schema.map(INT32, INT32), [1], "an entry of a map"),
        (Schema.map(Schema.array(INT32), INT32), [{"key": [1], "value": 1}], "a map's key cannot be"),
        (Schema.struct({}), [], "a struct is expected as an object"),
        (Schema.struct({"a": Schema.struct({"b": INT32})}), {"a": {"b": None}}, "required INT32 field; field 'a.b'"),
    ],
)
def test_what_is_none_of_its_type_is_refused_with_its_place(schema: Schema, node: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read(schema, node)


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert read(INT32, Decimal("5.0")) == 5
    assert read(FLOAT64, "NaN") != read(FLOAT64, "NaN")


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        (INT32, "x", "Invalid type for INT32: class java.lang.String"),
        (INT8, 128, "Invalid type for INT8"),
        (Schema.struct({"a": Schema.array(STRING)}), {"a": [1]}, "STRING: class java.lang.Integer; field 'a'"),
        (Schema.struct({"a": INT32}), Struct(Schema.struct({"b": INT32}), {"b": 1}), "Mismatching schema"),
        (Schema.decimal(2), Decimal("1.5"), "mismatching scale"),
    ],
)
def test_a_value_that_is_none_of_its_schema_is_not_written(schema: Schema, value: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        text(schema, value)


def test_a_decimal_that_is_no_number_is_not_written() -> None:
    with pytest.raises(DataError, match="Invalid value for Decimal"):
        text(Schema.decimal(2), Decimal("NaN"), numeric_decimals=True)
