"""Records of one schema: quick where they are to the letter, and all that are bad are named."""

from __future__ import annotations

import time
import tracemalloc
from decimal import Decimal
from typing import Any

import orjson
import pytest

from connect.api import INT32, INT64, STRING, DataError, FailedRecord, Schema
from connect_schemas.json_schema import payloads
from connect_schemas.json_schema.documents import Document
from connect_schemas.json_schema.options import Options
from connect_schemas.json_schema.payloads import JsonReader, JsonWriter
from connect_schemas.json_schema.validating import Checker
from connect_schemas.recursive import Place, RecursiveSchema

SCHEMA = Schema.struct({"a": INT32})


def writer(schema: Schema, **options: Any) -> JsonWriter:
    return JsonWriter(schema, Options(**options), is_key=False)


def failed(error: DataError) -> list[int]:
    return [one.index for one in error.failed if isinstance(one, FailedRecord)]


def test_every_bad_value_is_named_and_no_other() -> None:
    values = [{"a": n} for n in range(1200)]
    values[3] = values[700] = values[1199] = {"a": "x"}  # type: ignore[dict-item]
    with pytest.raises(DataError, match="Invalid type for INT32") as caught:
        writer(SCHEMA).write(values)
    assert failed(caught.value) == [3, 700, 1199]


def test_every_bad_record_is_named_and_no_other() -> None:
    data = [b"#{}" for _ in range(1100)]
    data[0], data[40], data[600], data[1099] = b"#{", b'#{"a":"x"}', b"#[]", b"#{} {}"
    with pytest.raises(DataError) as caught:
        JsonReader(SCHEMA, Options()).read(data, 1)
    assert failed(caught.value) == [0, 40, 600, 1099]


def test_records_are_read_in_their_order_with_odd_ones_among_them() -> None:
    data = [b'{"a":%d}' % n for n in range(1000)]
    data[500] = b'\xef\xbb\xbf {"a": 500.0}'
    assert JsonReader(SCHEMA, Options()).read(data, 0).values == [{"a": n} for n in range(1000)]


def test_decimals_that_are_numbers_keep_their_digits() -> None:
    schema = Schema.struct({"d": Schema.decimal(17), "n": INT32})
    values = [{"d": Decimal("1.23456789123456789"), "n": n} for n in range(3)]
    texts = writer(schema, numeric_decimals=True).write(values)
    assert texts[0] == b'{"d":1.23456789123456789,"n":0}'
    reader = JsonReader(schema, Options())
    assert reader.read(texts, 0).values == values
    assert reader.read(texts, 0).values == values


def test_decimals_that_are_numbers_keep_their_digits_where_values_go_one_by_one() -> None:
    text = b"1.23456789123456789123456789"
    entries = Schema.map(INT32, Schema.decimal(26))
    found = JsonReader(Schema.array(entries), Options()).read([b'[[{"key":1,"value":%b}]]' % text], 0)
    assert found.values == [[{1: Decimal(text.decode())}]]


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":1e999999999}',
        b'{"a":-1e-999999999}',
        b"\xff",
        b"",
        b"NaN",
        b'"\\ud800',
        b"{'a':1}",
    ],
)
def test_hostile_bytes_are_told_in_no_time(text: bytes) -> None:
    began = time.process_time()
    with pytest.raises(DataError):
        JsonReader(SCHEMA, Options()).read([text], 0)
    assert time.process_time() - began < 5


def test_a_value_that_is_nested_too_deeply_or_has_half_a_character_is_told() -> None:
    schema: Schema = INT64
    value: Any = 1
    for _ in range(300):
        schema, value = Schema.array(schema), [value]
    with pytest.raises(DataError, match="no form in JSON"):
        writer(schema).write([value])
    with pytest.raises(DataError, match="no form in JSON"):
        writer(STRING).write(["\ud800"])


def test_text_is_escaped_as_jackson_escapes_it() -> None:
    assert writer(STRING).write(["\x1f😀é"]) == ['"\\u001F\\uD83D\\uDE00é"'.encode()]


def test_what_is_written_has_memory_of_its_own_size() -> None:
    values = [{"a": n} for n in range(1000)]
    made = writer(SCHEMA)
    tracemalloc.start()
    try:
        texts = made.write(values)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / len(texts) < 500, "a result of orjson has up to 4 KiB"


def test_records_that_do_not_meet_their_json_schema_are_named_both_ways() -> None:
    checker = Checker(Document('{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}', {}))
    made = JsonWriter(SCHEMA, Options(), checker, is_key=False)
    with pytest.raises(DataError, match="minimum") as caught:
        made.write([{"a": 1}, {"a": 0}])
    assert failed(caught.value) == [1]
    with pytest.raises(DataError, match="minimum") as caught:
        JsonReader(SCHEMA, Options(), checker).read([b'#{"a":0}', b'#{"a":1}'], 1)
    assert failed(caught.value) == [0]


@pytest.mark.parametrize("bad", [b'{"a":1},{"a":2}', b'{"a":1}]', b"[1", b'{"a":1', b'{"a":"', b"", b"]", b'{"a":1},'])
def test_a_record_takes_nothing_of_its_neighbours(bad: bytes) -> None:
    data = [b'{"a":0}', bad, b'{"a":2}', b'":1}']
    with pytest.raises(DataError) as caught:
        JsonReader(SCHEMA, Options()).read(data, 0)
    assert failed(caught.value) == [1, 3]


def test_a_value_may_hold_what_parts_records_within() -> None:
    schema = Schema.array(STRING)
    values = [["a", payloads._GUARD, "b"], ["c"]]
    texts = writer(schema).write(values)
    assert texts == [orjson.dumps(value) for value in values]
    assert JsonReader(schema, Options()).read(texts, 0).values == values


@pytest.mark.parametrize("levels", [300, 900, 5000])
def test_what_is_nested_without_end_is_the_fault_of_its_record(levels: int) -> None:
    place = Place()
    schema = Schema.struct({"n": RecursiveSchema(place, optional=True)})
    place.schema = schema
    deep = b'{"n":' * levels + b"null" + b"}" * levels
    with pytest.raises(DataError, match="nested too deeply") as caught:
        JsonReader(schema, Options()).read([b'{"n":{"n":null}}', deep, b"{}"], 0)
    assert failed(caught.value) == [1]
    value: dict[str, Any] = {"n": None}
    for _ in range(levels):
        value = {"n": value}
    with pytest.raises(DataError, match="no form in JSON") as caught:
        writer(schema).write([{"n": None}, value])
    assert failed(caught.value) == [1]
