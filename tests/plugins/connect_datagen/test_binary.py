"""Avro's binary encoding is read as it is written, and whatever else the bytes are, they are refused by name."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_datagen import binary
from connect_datagen.avro import AvroProblem, AvroType
from tests.plugins.connect_datagen.schemas import field

ALL = field(
    {
        "type": "record",
        "name": "all",
        "fields": [
            {"name": "i", "type": "int"},
            {"name": "l", "type": "long"},
            {"name": "f", "type": "float"},
            {"name": "d", "type": "double"},
            {"name": "b", "type": "boolean"},
            {"name": "s", "type": "string"},
            {"name": "y", "type": "bytes"},
            {"name": "x", "type": {"type": "fixed", "name": "x", "size": 3}},
            {"name": "e", "type": {"type": "enum", "name": "e", "symbols": ["A", "B"]}},
            {"name": "o", "type": ["int", "null"]},
            {"name": "u", "type": ["string", "null", "long"]},
            {"name": "a", "type": {"type": "array", "items": "string"}},
            {"name": "m", "type": {"type": "map", "values": "long"}},
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "n", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        ],
    }
)
NOTHING = {"type": "fixed", "name": "nothing", "size": 0}
texts = st.text(max_size=5)
records = st.fixed_dictionaries(
    {
        "i": st.integers(-(1 << 31), (1 << 31) - 1),
        "l": st.integers(-(1 << 63), (1 << 63) - 1),
        "f": st.floats(width=32, allow_nan=False),
        "d": st.floats(allow_nan=False),
        "b": st.booleans(),
        "s": texts,
        "y": st.binary(max_size=5),
        "x": st.binary(min_size=3, max_size=3),
        "e": st.sampled_from("AB"),
        "o": st.none() | st.integers(-9, 9),
        "u": st.none()
        | texts.map(lambda text: {"string": text, "long": None})
        | st.integers(-9, 9).map(lambda number: {"string": None, "long": number}),
        "a": st.lists(texts, max_size=3),
        "m": st.dictionaries(texts, st.integers(-9, 9), max_size=3),
        "day": st.dates(),
        "n": st.integers(-(10**9) + 1, 10**9 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
    }
)


def whole(number: int) -> bytes:
    """Write a number in zig-zag, seven bits a byte."""
    rest, written = number << 1 ^ number >> 63, bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])


def counted(data: bytes) -> bytes:
    return whole(len(data)) + data


def encode(avro: AvroType, value: Any) -> bytes:
    """Write a value, as the specification says."""
    if avro.logical == "date":
        return whole((value - dt.date(1970, 1, 1)).days)
    if avro.logical == "decimal":
        return counted(int(value.scaleb(2)).to_bytes(5, "big", signed=True))
    match avro.kind:
        case "int" | "long":
            return whole(value)
        case "float" | "double":
            return struct.pack("<f" if avro.kind == "float" else "<d", value)
        case "boolean":
            return bytes([value])
        case "string":
            return counted(value.encode())
        case "bytes" | "fixed":
            return counted(value) if avro.kind == "bytes" else bytes(value)
        case "enum":
            return whole(avro.symbols.index(value))
        case "optional":
            return whole(1) if value is None else whole(0) + encode(avro.items, value)
        case "union":
            if value is None:
                return whole(1)
            return (
                whole(2) + whole(value["long"])
                if value["string"] is None
                else whole(0) + counted(value["string"].encode())
            )
        case "array":
            items = b"".join(encode(avro.items, item) for item in value)
            return (whole(-len(value)) + whole(len(items)) + items if value else b"") + whole(0)
        case "map":
            return b"".join(whole(1) + counted(k.encode()) + whole(v) for k, v in value.items()) + whole(0)
    return b"".join(encode(member, value[name]) for name, member in avro.fields.items())


@given(st.lists(records, max_size=3))
def test_values_are_read_as_they_were_written(written: list[dict[str, Any]]) -> None:
    assert binary.values(ALL, b"".join(encode(ALL, value) for value in written)) == written


@given(records, st.data())
def test_a_file_that_ends_within_a_value_is_malformed(value: dict[str, Any], data: st.DataObject) -> None:
    written = encode(ALL, value)
    with pytest.raises(binary.Malformed, match="at byte"):
        binary.values(ALL, written[: data.draw(st.integers(1, len(written) - 1))])


@given(st.binary(min_size=1, max_size=80))
def test_any_bytes_are_values_or_are_refused(data: bytes) -> None:
    try:
        values = binary.values(ALL, data)
    except (binary.Malformed, AvroProblem):
        return
    assert values


@pytest.mark.parametrize(
    ("declared", "data", "said"),
    [
        ("boolean", b"\x02", "at byte 0: boolean 2"),
        ("string", b"\x02\xff", "at byte 1: text that is not UTF-8"),
        ("string", b"\x01", "-1 bytes expected"),
        ("long", b"\xff" * 11, "a number goes on for more than 10 bytes"),
        (["null", "int"], b"\x04", "branch 2 of 2"),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, b"\x02", "symbol 1 of 1"),
        ({"type": "array", "items": NOTHING}, whole(1 << 40), "more than the file has"),
        (NOTHING, b"\x00", "values of this type have no bytes"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_said(declared: Any, data: bytes, said: str) -> None:
    with pytest.raises(binary.Malformed) as caught:
        binary.values(field(declared), data)
    assert said in str(caught.value)
