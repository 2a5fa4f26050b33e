"""A record of hostile depth is a bad record: fastavro's own reader would end the process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connect.api import DataError, FailedRecord
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.to_avro import anything
from connect_schemas.avro.writing import AvroWriter


def record(name: str, *kinds: Any) -> dict[str, Any]:
    fields = [{"name": f"f{index}", "type": kind} for index, kind in enumerate(kinds)]
    return {"type": "record", "name": name, "fields": fields}


def reader(schema: Any) -> AvroReader:
    return AvroReader(parsed(json.dumps(schema)), Options())


@pytest.mark.parametrize(
    ("schema", "deep", "flat"),
    [
        (record("L", ["null", "L"]), b"\2" * 100_000 + b"\0", b"\2\0"),
        (record("T", {"type": "array", "items": "T"}), b"\2" * 100_000 + b"\0" * 100_000, b"\2\0\0"),
        (record("M", {"type": "map", "values": "M"}), b"\2\0" * 100_000 + b"\0" * 100_000, b"\2\2a\0\0"),
        (record("A", ["null", record("B", ["null", "A"])]), b"\2" * 100_000 + b"\0", b"\2\0"),
    ],
)
def test_a_record_that_is_nested_without_end_is_bad_and_its_neighbours_are_read(
    schema: Any, deep: bytes, flat: bytes
) -> None:
    made = reader(schema)
    assert made.read([flat, flat], 0).values == made.read([flat], 0).values * 2
    with pytest.raises(DataError, match="nested too deeply") as raised:
        made.read([flat, deep, flat, deep[:50_000]], 0)
    assert [one.index for one in raised.value.failed if isinstance(one, FailedRecord)] == [1, 3]


def test_data_without_a_schema_may_not_be_deeper_either() -> None:
    made = AvroReader(anything(), Options())
    value: Any = {"a": [1, None, {"b": "x"}]}
    assert made.read(AvroWriter(None, anything(), Options()).write([value]), 0).values == [value]
    with pytest.raises(DataError, match=r"nested too deeply|not what its schema says"):
        made.read([b"\2\2" * 100_000], 0)


def test_every_kind_of_type_keeps_its_bytes_in_the_copies() -> None:
    fixed, enum = {"type": "fixed", "name": "F", "size": 2}, {"type": "enum", "name": "E", "symbols": ["P", "Q"]}
    within = record("x.y.B", ["null", "A"], fixed, enum, ["null", "string", "B", "A"], {"type": "map", "values": "A"})
    made = reader({**record("A", ["null", within]), "namespace": "x.y"})
    inner = b"\0ab\2\2\2x\0"
    value = {
        "f0": None,
        "f1": b"ab",
        "f2": "Q",
        "f3": {"string": "x", "B": None, "A": None},
        "f4": {},
    }
    assert made.read([b"\2" + inner], 0).values == [{"f0": value}]
    deeper = b"\2\2" + b"\2" + inner + inner[1:]
    assert made.read([deeper] * 2, 0).values == [{"f0": {**value, "f0": {"f0": value}}}] * 2
