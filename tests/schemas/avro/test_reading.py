"""Avro as values: every bad record is named, and the others are read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connect.api import DataError, FailedRecord
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.to_avro import anything
from connect_schemas.avro.writing import AvroWriter


def reader(schema: Any, **options: bool) -> AvroReader:
    return AvroReader(parsed(json.dumps(schema)), Options(**options))


def test_bad_records_are_named_and_what_is_too_long_is_read_as_java_reads_it() -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "s", "type": "string"}]}
    made, good = reader(schema), b"\x02\x02x"
    assert made.read([good, good + b"more", good], 0).values == [{"a": 1, "s": "x"}] * 3
    with pytest.raises(DataError) as raised:
        made.read([good, b"\x02\x08x", good, b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"], 0)
    named = {one.index: one.reason for one in raised.value.failed if isinstance(one, FailedRecord)}
    assert sorted(named) == [1, 3, 4]
    assert all("not what its schema says" in reason for reason in named.values())


@pytest.mark.parametrize(
    "items", [{"type": "record", "name": "E", "fields": []}, {"type": "fixed", "name": "F", "size": 0}]
)
def test_a_list_of_nothing_is_refused_since_its_length_costs_nothing(items: Any) -> None:
    with pytest.raises(DataError, match="items have no bytes") as raised:
        reader({"type": "array", "items": items})
    assert raised.value.code == "schemas.invalid"


def test_text_that_is_none_has_a_mark_in_its_place() -> None:
    assert reader("string").read([b"\x02a", b"\x02\xff"], 0).values == ["a", "\ufffd"]


def test_branches_of_a_union_are_told_apart_though_python_has_one_type_for_them() -> None:
    made = reader(["null", "int", "long", "float", "double"])
    values = made.read([b"\x02\x02", b"\x04\x02", b"\x06\0\0\x80?", b"\0"], 0).values
    assert [value and next(name for name, item in value.items() if item is not None) for value in values] == [
        "int",
        "long",
        "float",
        None,
    ]
    assert list(values[0]) == ["int", "long", "float", "double"]


def test_a_fixed_decimal_is_read_whole() -> None:
    made = reader({"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 1})
    assert made.read([b"\xff\xfe", b"\x00\x0f"], 0).values == [Decimal("-0.2"), Decimal("1.5")]


def test_bytes_that_are_all_of_a_record_stand_as_they_are() -> None:
    assert reader("bytes").read([b"..ab", b".."], 2).values == [b"ab", b""]


@pytest.mark.parametrize(
    ("schema", "data", "words"),
    [
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", "no symbol of that number"),
        ("int", b"\x80\x80\x80\x80\x80\x01", "does not fit an int of Avro"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 3}, b"", "at least one byte"),
        (["null", "int"], b"\x08\x02", "not what its schema says"),
        ({"type": "int", "logicalType": "time-millis"}, b"\xff\xff\xff\xff\x0f", "Time values"),
        ({"type": "int", "logicalType": "date"}, b"\xff\xff\xff\xff\x0f", "not what its schema says"),
    ],
)
def test_what_makes_no_sense_is_a_bad_record(schema: Any, data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        reader(schema).read([data], 0)


def test_data_without_a_schema_is_read_as_such() -> None:

    made = AvroReader(anything(), Options())
    values = [{"a": [1, 2.5, None, "x", b"y", True]}, [], {1: {"b": {}}}]
    column = made.read(AvroWriter(None, anything(), Options()).write(values), 0)
    assert (column.schema, column.values) == (None, values)
