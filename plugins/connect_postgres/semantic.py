"""Schemas that say more than their type: Debezium's names for times, uuids, bits, and its parameters for columns.

A name tells which type a column made for it gets, and how its values are read into a column that is there.

Source: Debezium, "Data type mappings" of its PostgreSQL connector; `column.propagate.source.type`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from connect.api import Schema, SchemaType

_TIME: Final = "io.debezium.time."
_DATA: Final = "io.debezium.data."
_SOURCE: Final = "__debezium.source.column."
#: Names of a column's type as Debezium passes them on, in small letters. Those of other databases mean nothing here.
_SOURCE_TYPES: Final = frozenset(
    {
        "int2", "int4", "int8", "float4", "float8", "bool", "text", "bytea", "uuid", "json", "jsonb", "xml", "inet",
        "cidr", "macaddr", "macaddr8", "interval", "date", "time", "timetz", "timestamp", "timestamptz", "money",
        "tsvector", "point", "oid", "numrange", "int4range", "int8range", "tsrange", "tstzrange", "daterange",
        "numeric", "varchar", "bpchar", "bit", "varbit",
    }
)  # fmt: skip
_TYPES: Final = {
    **dict.fromkeys((f"{_TIME}Timestamp", f"{_TIME}MicroTimestamp", f"{_TIME}NanoTimestamp"), "timestamp"),
    f"{_TIME}IsoTimestamp": "timestamp", f"{_TIME}ZonedTimestamp": "timestamptz",
    f"{_TIME}Date": "date", f"{_TIME}IsoDate": "date",
    **dict.fromkeys((f"{_TIME}Time", f"{_TIME}MicroTime", f"{_TIME}NanoTime"), "time"),
    f"{_TIME}ZonedTime": "timetz", f"{_TIME}IsoTime": "timetz",
    **dict.fromkeys((f"{_TIME}Interval", f"{_TIME}MicroDuration", f"{_TIME}NanoDuration"), "interval"),
    f"{_TIME}Year": "integer",
    f"{_DATA}Uuid": "uuid", f"{_DATA}Json": "jsonb", f"{_DATA}Xml": "xml", f"{_DATA}TsVector": "tsvector",
    f"{_DATA}Bits": "bit varying", f"{_DATA}VariableScaleDecimal": "numeric",
    f"{_DATA}geometry.Point": "point",
}  # fmt: skip
_EPOCH: Final = dt.datetime(1970, 1, 1)
_DAY_MICROS: Final = 86_400_000_000
_STAMPS: Final = ("timestamp without time zone", "timestamp with time zone")


def type_of(schema: Schema) -> str | None:
    """Return the type of a column made for a schema whose name or parameters tell it; None where they do not."""
    given = schema.parameters or {}
    source = given.get(f"{_SOURCE}type", "").lower()
    if source.removeprefix("_") in _SOURCE_TYPES:
        sized = _sized(source.removeprefix("_"), given.get(f"{_SOURCE}length"), given.get(f"{_SOURCE}scale"))
        return f"{sized}[]" if source.startswith("_") else sized
    known = _TYPES.get(schema.name or "")
    if known == "bit varying":
        return _sized("varbit", given.get("length"), None)
    return known


def _sized(kind: str, length: str | None, scale: str | None) -> str:
    size = int(length) if length is not None and length.isascii() and length.isdecimal() else 0
    if kind == "numeric":
        digits = int(scale) if scale is not None and scale.isascii() and scale.isdecimal() else 0
        return f"numeric({size},{digits})" if 0 < size <= 1000 and digits <= size else "numeric"
    # A text without a length has the driver's greatest one; a char or bit without one would be of length 1.
    if kind in ("varchar", "bpchar", "bit", "varbit") and 0 < size <= 10_485_760:
        return f"{kind}({size})"
    return {"bit": "varbit"}.get(kind, kind)


def read(values: list[Any], kind: str, declared: Schema | None, zone: dt.tzinfo) -> list[Any]:
    """Return a column's values as their schema's name means them, for a column of this type; the same list where it
    says nothing.

    Raises:
        ValueError, TypeError, ArithmeticError: One is none of these.
    """
    schema, depth = declared, 0
    while schema is not None and schema.type is SchemaType.ARRAY and schema.name is None:
        schema, depth = schema.value_schema, depth + 1
    convert = _reader(schema, kind, zone)
    return values if convert is None else _read(values, convert, depth)


def _read(values: list[Any], convert: Callable[[Any], Any], depth: int) -> list[Any]:
    if depth:
        return [value and _read(value, convert, depth - 1) for value in values]
    return [None if value is None else convert(value) for value in values]


def _reader(schema: Schema | None, kind: str, zone: dt.tzinfo) -> Callable[[Any], Any] | None:
    """Return what reads a value; None where it is taken as it is."""
    if schema is None or schema.name is None or not schema.name.startswith("io.debezium."):
        return None
    name = schema.name.removeprefix(_TIME).removeprefix(_DATA)
    if name in _PER_MICRO and kind in (*_STAMPS, "date"):
        multiplier, divisor = _PER_MICRO[name]
        return lambda value: _stamp(value, multiplier, divisor, zone)
    if name in ("MicroTime", "NanoTime") and kind == "time without time zone":
        return lambda value: _time(value, 1 if name == "MicroTime" else 1000)
    if name in ("MicroDuration", "NanoDuration") and kind == "interval":
        return lambda value: f"{_int(value) // (1 if name == 'MicroDuration' else 1000)} microseconds"
    if name == "IsoTimestamp" and kind in _STAMPS:
        return lambda value: dt.datetime.fromisoformat(value).replace(tzinfo=zone)
    if name == "IsoDate" and kind == "date":
        return lambda value: str(value).removesuffix("Z")
    if name == "Bits" and kind in ("bit", "bit varying"):
        length = int((schema.parameters or {}).get("length", 0))
        return lambda value: _bits(value, length, is_varying=kind == "bit varying")
    if name == "VariableScaleDecimal" and kind not in ("json", "jsonb"):
        return _decimal
    if name in ("DoubleVector", "FloatVector") and kind.rpartition(".")[2].strip('"') in ("vector", "halfvec"):
        return lambda value: f"[{','.join(map(repr, value))}]"
    if name == "geometry.Point" and kind == "point":
        return lambda value: f"({value['x']!r},{value['y']!r})"
    return None


#: A count is multiplied and divided so to be microseconds.
_PER_MICRO: Final = {"Timestamp": (1000, 1), "MicroTimestamp": (1, 1), "NanoTimestamp": (1, 1000)}


def _int(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"a whole number is expected, not {type(value).__name__}")
    return value


def _stamp(value: Any, multiplier: int, divisor: int, zone: dt.tzinfo) -> dt.datetime:
    """It is what a clock on the wall showed, in a zone that is not said."""
    return (_EPOCH + dt.timedelta(microseconds=_int(value) * multiplier // divisor)).replace(tzinfo=zone)


def _time(value: Any, divisor: int) -> dt.time:
    micros = _int(value) // divisor
    if not 0 <= micros < _DAY_MICROS:
        raise ValueError(f"{value} is no time of a day")
    return (_EPOCH + dt.timedelta(microseconds=micros)).time()


def _bits(value: Any, length: int, *, is_varying: bool) -> str:
    """The last bit stands first: bytes are little-endian, and hold as many bits as the column has at most. Fewer bytes
    than that came from a column whose values vary in length; how many of their bits were there is not said."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"bytes are expected, not {type(value).__name__}")
    data = bytes(value)
    there = 8 * len(data)
    if not there:
        return "0" * (0 if is_varying or length > _BITS_MAX else length)
    width = length if 0 < length <= (there if is_varying else _BITS_MAX) else there
    return format(int.from_bytes(data, "little"), "b").zfill(width)


#: The most bits that a column takes. A length beyond it is the source's word for none.
_BITS_MAX: Final = 83_886_080


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, dict):
        raise TypeError(f"a struct of scale and value is expected, not {type(value).__name__}")
    unscaled = int.from_bytes(value["value"], "big", signed=True)
    digits = tuple(map(int, str(abs(unscaled))))
    return Decimal((int(unscaled < 0), digits, -_int(value["scale"])))
