"""Avro's binary encoding, read: a file with one value of a type after the other. Functions only.

Source: Apache Avro 1.11 specification, "Binary Encoding".
"""

from __future__ import annotations

import decimal
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from connect_datagen import dates
from connect_datagen.avro import AvroType


class Malformed(ValueError):
    """Bytes that are no values of the type, and where."""


def values(avro: AvroType, data: bytes) -> list[Any]:
    """Return all values that a file holds.

    Raises:
        Malformed: It ends within one, or holds something else.
    """
    reader, found = _Reader(data), []
    while reader.at < len(data):
        before = reader.at
        found.append(_value(avro, reader))
        if reader.at == before:
            raise Malformed("values of this type have no bytes")
    return found


def decimal_of(avro: AvroType, unscaled: int) -> decimal.Decimal:
    """Return the decimal of an unscaled number, to the last digit."""
    context = decimal.Context(prec=max(avro.precision, len(str(unscaled)), 1))
    return decimal.Decimal(unscaled).scaleb(-avro.scale, context)


class _Reader:
    """Takes bytes off, and says where there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if not self.at <= end <= len(self._data):
            raise Malformed(f"at byte {self.at}: {count} bytes expected, {len(self._data) - self.at} left")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def whole(self) -> int:
        """Take a zig-zag number of variable length, of at most 64 bits."""
        number, shift = 0, 0
        while shift < 70:
            (byte,) = self.take(1)
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise Malformed(f"at byte {self.at}: a number goes on for more than 10 bytes")

    def boolean(self) -> bool:
        (byte,) = self.take(1)
        if byte > 1:
            raise Malformed(f"at byte {self.at - 1}: boolean {byte}")
        return byte == 1

    def index(self, count: int, what: str) -> int:
        found = self.whole()
        if not 0 <= found < count:
            raise Malformed(f"at byte {self.at}: {what} {found} of {count}")
        return found

    def blocks(self) -> Iterator[int]:
        """Yield the index of each item of an array or a map, as it is to be taken."""
        while count := self.whole():
            if count < 0:  # the block's bytes follow, for who skips it
                self.whole()
            if abs(count) > len(self._data):
                raise Malformed(f"at byte {self.at}: {abs(count)} items are more than the file has bytes")
            yield from range(abs(count))


def _value(avro: AvroType, reader: _Reader) -> Any:
    """Return a value as it is generated: dates for logical types, every member of a union."""
    match avro.kind:
        case "int" | "long":
            number = reader.whole()
            return dates.converted(avro, number) if dates.is_date(avro) else number
        case "float":
            return struct.unpack("<f", reader.take(4))[0]
        case "double":
            return struct.unpack("<d", reader.take(8))[0]
        case "boolean":
            return reader.boolean()
        case "fixed" | "bytes":
            data = reader.take(avro.size_bytes if avro.kind == "fixed" else reader.whole())
            return decimal_of(avro, int.from_bytes(data, "big", signed=True)) if avro.logical == "decimal" else data
        case "string":
            return _text(reader)
        case "enum":
            return avro.symbols[reader.index(len(avro.symbols), "symbol")]
    return _composed(avro, reader)


def _composed(avro: AvroType, reader: _Reader) -> Any:
    match avro.kind:
        case "record":
            return {name: _value(field, reader) for name, field in (avro.fields or {}).items()}
        case "array" if avro.items is not None:
            return [_value(avro.items, reader) for _ in reader.blocks()]
        case "map" if avro.items is not None:
            return {_text(reader): _value(avro.items, reader) for _ in reader.blocks()}
        case "optional" if avro.items is not None:
            return None if reader.index(2, "branch") == avro.null_index else _value(avro.items, reader)
        case "union" if avro.branches is not None:
            return _member(avro, avro.branches, reader)
    raise AssertionError(f"no bytes of {avro.kind}")


def _member(avro: AvroType, branches: Mapping[str, AvroType], reader: _Reader) -> Any:
    names: list[str | None] = list(branches)
    if avro.null_index is not None:
        names.insert(avro.null_index, None)
    name = names[reader.index(len(names), "branch")]
    return None if name is None else {**dict.fromkeys(branches), name: _value(branches[name], reader)}


def _text(reader: _Reader) -> str:
    data = reader.take(reader.whole())
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"at byte {reader.at - len(data)}: text that is not UTF-8: {error.reason}") from error
