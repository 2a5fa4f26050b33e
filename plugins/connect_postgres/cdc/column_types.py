"""What Connect makes of a column: its schema, and how a value is read from the server's text.

The mappings are Debezium's, chosen by its keys:

    boolean, smallint, integer, bigint, oid       BOOLEAN, INT16, INT32, INT64, INT64
    real, double precision                        FLOAT32, FLOAT64
    numeric(p, s), money                          Decimal, FLOAT64 or STRING     decimal.handling.mode
    numeric                                       VariableScaleDecimal, FLOAT64 or STRING
    bytea                                         BYTES, or base64 or hex        binary.handling.mode
    date, time, timestamp                         time.precision.mode
    timestamptz, timetz                           ZonedTimestamp, ZonedTime: STRING in UTC
    interval                                      MicroDuration or Interval      interval.handling.mode
    bit(1), bit(n) and varbit                     BOOLEAN, Bits
    json and jsonb, xml, uuid, ltree, tsvector    STRING named Json, Xml, Uuid, Ltree, TsVector
    hstore                                        Json or MAP                    hstore.handling.mode
    an enum                                       Enum, with the labels as parameter `allowed`
    point, vector                                 Point, DoubleVector
    a domain                                      as the type underneath
    an array                                      ARRAY, one in another for each declared dimension
    all others                                    STRING: what the server prints

With value.handling.mode=text all of them but numbers of a fixed size, booleans, bytea and what is a STRING above in the
server's own text are STRING without a name: what the server prints, of arrays too.

Where Debezium leaves a column of a type it does not know out, here it comes as text.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import Any, Final

import orjson

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Schema,
    SchemaType,
)
from connect_postgres.cdc import temporal
from connect_postgres.cdc.literals import parse_array, parse_hstore
from connect_postgres.unchanged import DEFAULT, Placeholder

Parse = Callable[[bytes], Any]
ParseAll = Callable[[Sequence[bytes]], list[Any]]

_DATA: Final = "io.debezium.data."
_TIME: Final = "io.debezium.time."
_WIDE: Final = Context(prec=200_000)  # a numeric has up to 131,072 digits before the point and 16,383 after
_NOT_OF_A_NUMBER: Final = re.compile(rb"[^0-9.\-]")
VARIABLE_SCALE: Final = Schema.struct(
    {"scale": INT32, "value": BYTES}, name=_DATA + "VariableScaleDecimal", version=1, doc="Variable scaled decimal"
)
_POINT: Final = Schema.struct(
    {
        "x": FLOAT64,
        "y": FLOAT64,
        "wkb": BYTES.replace(optional=True),
        "srid": INT32.replace(optional=True),
    },
    name=_DATA + "geometry.Point",
    version=1,
    doc="Geometry (POINT)",
)


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type as pg_type has it.

    Attributes:
        kind: pg_type.typtype: b (base), c (composite), d (domain), e (enum), r (range), m (multirange), p (pseudo).
        item_oid: Of an array, the type of its items; else 0.
        base_oid, base_modifier: Of a domain, what is underneath.
        labels: Of an enum, in order.
        delimiter: What parts the items of an array of this type.
        dimensions: Of a domain over arrays, how many it was declared with.
    """

    oid: int
    name: str
    schema: str
    kind: str
    item_oid: int = 0
    base_oid: int = 0
    base_modifier: int = -1
    labels: tuple[str, ...] = ()
    delimiter: str = ","
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class TypeStyle:
    """Debezium's keys that say how values come out, in small letters, and one of ours, which goes before them.

    Attributes:
        value_mode: debezium, or text: the server's text wherever Connect's type might hold less than the column.
    """

    decimal_mode: str = "precise"
    time_mode: str = "adaptive"
    interval_mode: str = "numeric"
    hstore_mode: str = "json"
    binary_mode: str = "bytes"
    money_digits: int = 2
    placeholder: Placeholder = field(default_factory=lambda: Placeholder(DEFAULT))
    value_mode: str = "debezium"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a column comes to.

    Attributes:
        schema: Not optional.
        parse: Reads the server's text. Raises `ValueError` (or an `ArithmeticError`) where Connect's type does not hold
            the value.
        placeholder: What stands for a value that the server did not send; None where its schema tells, or where the
            server sends every value.
        parse_all: Reads a whole column without null at once, for less than `parse` costs for each; None: it does not
            exist. Where it raises, `parse` finds out whose value it was.
    """

    schema: Schema
    parse: Parse
    placeholder: Any = None
    parse_all: ParseAll | None = None


class ColumnTypes:
    """Makes `ColumnType`s. `types` are all that may be asked for, by oid, items and domains' bases included."""

    def __init__(self, style: TypeStyle, types: dict[int, TypeInfo]) -> None:
        self._style = style
        self._types = types

    def of(self, oid: int, modifier: int, dimensions: int = 1) -> ColumnType:
        """Return what a column of a type comes to.

        Args:
            modifier: pg_attribute.atttypmod.
            dimensions: Of an array, how many it was declared with.
        """
        made = self._of(oid, modifier, dimensions)
        if made.placeholder is None:
            made = replace(made, placeholder=self._style.placeholder.of(made.schema))
        return made

    def _of(self, oid: int, modifier: int, dimensions: int) -> ColumnType:
        info = self._types.get(oid)
        if info is None:  # dropped since
            return self._text(STRING)
        while info.kind == "d":
            modifier = modifier if modifier != -1 else info.base_modifier
            dimensions = max(dimensions, info.dimensions)
            below = self._types.get(info.base_oid)
            if below is None:
                return self._text(STRING)
            info = below
        if self._style.value_mode == "text" and not _is_exact(info):
            return self._text(STRING)
        if info.item_oid:
            return self._array(info, modifier, max(dimensions, 1))
        if info.kind == "e":
            return self._text(_named(STRING, _DATA + "Enum", allowed=",".join(info.labels)))
        maker = _MAKERS.get(info.name) if info.schema == "pg_catalog" or info.name in _EXTENSIONS else None
        return maker(self, modifier) if maker is not None else self._text(STRING)

    # -- kinds -----------------------------------------------------------------------------------------------------

    def _text(self, schema: Schema) -> ColumnType:
        return ColumnType(schema, bytes.decode, self._style.placeholder.text, decoded)

    def _array(self, info: TypeInfo, modifier: int, dimensions: int) -> ColumnType:
        item_info = self._types.get(info.item_oid)
        item = self._of(info.item_oid, modifier, 1)
        if item.schema.type is SchemaType.ARRAY and item.schema.name is None:
            # Of a domain that is an array: more brackets would say more dimensions.
            item = self._text(STRING)
        schema = item.schema
        for _ in range(dimensions):
            schema = Schema.array(schema.replace(optional=True))
        delimiter = (item_info.delimiter if item_info else ",").encode()
        parse_item = item.parse
        placeholder = item.placeholder
        if placeholder is not None:
            for _ in range(dimensions):
                placeholder = [placeholder]
        return ColumnType(schema, lambda text: parse_array(text, parse_item, delimiter), placeholder)

    def _numeric(self, modifier: int) -> ColumnType:
        mode = self._style.decimal_mode
        if mode == "string":
            return self._text(STRING)
        if mode == "double":
            return ColumnType(FLOAT64, float, parse_all=_floats)
        if modifier < 4:
            return ColumnType(VARIABLE_SCALE, _variable_scale)
        precision = modifier - 4 >> 16 & 0xFFFF
        scale = ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400
        schema = Schema.decimal(scale)
        parameters = {**(schema.parameters or {}), "connect.decimal.precision": str(precision)}
        schema = schema.replace(parameters=parameters)
        if scale < 0:
            return ColumnType(schema, _at_scale(scale))
        return ColumnType(schema, _decimal, parse_all=lambda texts: list(map(Decimal, decoded(texts))))

    def _money(self, modifier: int) -> ColumnType:
        mode = self._style.decimal_mode
        if mode == "string":
            return ColumnType(STRING, lambda text: _plain_money(text).decode())
        if mode == "double":
            return ColumnType(FLOAT64, lambda text: float(_plain_money(text)))
        read = _at_scale(self._style.money_digits)
        return ColumnType(Schema.decimal(self._style.money_digits), lambda text: read(_plain_money(text)))

    def _bytea(self, modifier: int) -> ColumnType:
        mode = self._style.binary_mode
        if mode == "bytes":
            return ColumnType(BYTES, _bytes, self._style.placeholder.of(BYTES))
        write = _BINARY[mode]
        return ColumnType(STRING, lambda text: write(_bytes(text)), write(self._style.placeholder.of(BYTES)))

    def _date(self, modifier: int) -> ColumnType:
        mode = self._style.time_mode
        if mode == "connect":
            return ColumnType(Schema.date(), temporal.connect_date)
        if mode == "isostring":
            return self._text(_named(STRING, _TIME + "IsoDate"))
        return ColumnType(
            _named(INT32, _TIME + "Date"), temporal.days, parse_all=lambda texts: temporal.all_days(decoded(texts))
        )

    def _time(self, modifier: int) -> ColumnType:
        mode = self._style.time_mode
        if mode == "connect":
            return ColumnType(Schema.time(), temporal.connect_time)
        if mode == "isostring":
            return self._text(_named(STRING, _TIME + "IsoTime"))
        if mode == "nanoseconds":
            return ColumnType(_named(INT64, _TIME + "NanoTime"), lambda text: temporal.time_micros(text) * 1000)
        if mode == "adaptive" and 0 <= modifier <= 3:
            return ColumnType(_named(INT32, _TIME + "Time"), lambda text: temporal.time_micros(text) // 1000)
        return ColumnType(_named(INT64, _TIME + "MicroTime"), temporal.time_micros)

    def _timestamp(self, modifier: int) -> ColumnType:
        mode = self._style.time_mode
        if mode == "connect":
            return ColumnType(Schema.timestamp(), temporal.connect_timestamp)
        if mode == "isostring":
            return ColumnType(_named(STRING, _TIME + "IsoTimestamp"), temporal.iso_timestamp)
        if mode == "nanoseconds":
            return ColumnType(_named(INT64, _TIME + "NanoTimestamp"), lambda text: _fitting(temporal.micros(text)))
        if mode != "microseconds" and 0 <= modifier <= 3:
            return ColumnType(_named(INT64, _TIME + "Timestamp"), lambda text: temporal.micros(text) // 1000)
        return ColumnType(
            _named(INT64, _TIME + "MicroTimestamp"),
            temporal.micros,
            parse_all=lambda texts: temporal.all_micros(decoded(texts)),
        )

    def _timestamptz(self, modifier: int) -> ColumnType:
        width = 6 if modifier < 0 else modifier
        written = temporal.zoned_timestamp(width)
        schema = _named(STRING, _TIME + "ZonedTimestamp")
        if width != 6:
            return ColumnType(schema, written)
        return ColumnType(schema, written, parse_all=lambda texts: temporal.zoned_timestamps(decoded(texts)))

    def _timetz(self, modifier: int) -> ColumnType:
        return ColumnType(_named(STRING, _TIME + "ZonedTime"), temporal.zoned_time)

    def _interval(self, modifier: int) -> ColumnType:
        if self._style.interval_mode == "string":
            return ColumnType(_named(STRING, _TIME + "Interval"), temporal.interval_iso)
        return ColumnType(_named(INT64, _TIME + "MicroDuration"), temporal.interval_micros)

    def _bits(self, modifier: int) -> ColumnType:
        if modifier == 1:
            return ColumnType(BOOLEAN, lambda text: text == b"1")
        length = modifier if modifier > 0 else 2_147_483_647
        schema = _named(BYTES, _DATA + "Bits", length=str(length))
        return ColumnType(schema, lambda text: int(text or b"0", 2).to_bytes((len(text) + 7) // 8, "little"))

    def _hstore(self, modifier: int) -> ColumnType:
        shown = self._style.placeholder.text
        if self._style.hstore_mode == "map":
            return ColumnType(Schema.map(STRING, OPTIONAL_STRING), parse_hstore, {shown: shown})
        schema = _named(STRING, _DATA + "Json")
        return ColumnType(schema, lambda text: orjson.dumps(parse_hstore(text)).decode(), shown)

    def _named_text(self, name: str) -> ColumnType:
        return self._text(_named(STRING, _DATA + name))


def _is_exact(info: TypeInfo) -> bool:
    """Whether a type's usual mapping holds every value of it."""
    return info.kind == "e" or (not info.item_oid and info.name in _EXACT)


def _plain(schema: Schema, parse: Parse, parse_all: ParseAll | None = None) -> Callable[[ColumnTypes, int], ColumnType]:
    made = ColumnType(schema, parse, parse_all=parse_all)
    return lambda types, modifier: made


def _text_named(name: str) -> Callable[[ColumnTypes, int], ColumnType]:
    return lambda types, modifier: types._named_text(name)


def _named(schema: Schema, name: str, **parameters: str) -> Schema:
    return schema.replace(name=name, version=1, parameters=parameters or None)


# -- columns -------------------------------------------------------------------------------------------------------


def decoded(texts: Sequence[bytes]) -> list[str]:
    """Return texts as str: together, since no text of the server's has a NUL in it."""
    return b"\0".join(texts).decode().split("\0") if texts else []


def _integers(texts: Sequence[bytes]) -> list[int]:
    # A list of whole numbers is JSON, and orjson reads that in a third of the time.
    found: list[int] = orjson.loads(b"[" + b",".join(texts) + b"]")
    return found


def _floats(texts: Sequence[bytes]) -> list[float]:
    return list(map(float, texts))


def _booleans(texts: Sequence[bytes]) -> list[bool]:
    return list(map(b"t".__eq__, texts))


# -- values --------------------------------------------------------------------------------------------------------


def _decimal(text: bytes) -> Decimal:
    return Decimal(text.decode())


def _at_scale(scale: int) -> Parse:
    # 12300 in a numeric(5,-2) comes as 12300, and the schema says 123E+2.
    step = Decimal(1).scaleb(-scale)

    def read(text: bytes) -> Decimal:
        value = Decimal(text.decode())
        return value.quantize(step, context=_WIDE) if value.is_finite() else value

    return read


def _variable_scale(text: bytes) -> dict[str, Any]:
    whole, _, fraction = text.partition(b".")
    number = int(whole + fraction)  # ValueError for NaN and infinities, which have no digits
    return {"scale": len(fraction), "value": number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True)}


def _plain_money(text: bytes) -> bytes:
    if text[:1] == b"(":  # a negative amount, in some locales
        text = b"-" + text
    return _NOT_OF_A_NUMBER.sub(b"", text)


def _bytes(text: bytes) -> bytes:
    if text[:2] != b"\\x":
        raise ValueError("bytea is expected in hexadecimal form (bytea_output=hex)")
    return bytes.fromhex(text[2:].decode())


_BINARY: Final[dict[str, Callable[[bytes], str]]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64-url-safe": lambda data: base64.urlsafe_b64encode(data).decode(),
    "hex": bytes.hex,
}


def _fitting(micros: int) -> int:
    nanos = micros * 1000
    if not -(1 << 63) <= nanos < 1 << 63:
        raise ValueError("the timestamp is beyond what 64 bits of nanoseconds hold")
    return nanos


def _point(text: bytes) -> dict[str, Any]:
    x, y = map(float, text.strip(b"()").split(b","))
    return {"x": x, "y": y, "wkb": struct.pack("<BIdd", 1, 1, x, y), "srid": None}


def _vector(text: bytes) -> list[float]:
    inner = text.strip(b"[]")
    return list(map(float, inner.split(b","))) if inner else []


def _is_true(text: bytes) -> bool:
    return text == b"t"


#: Types of extensions, which live in any schema.
_EXTENSIONS: Final = ("hstore", "ltree", "citext", "vector")
#: Types whose usual mapping loses nothing. A type of these names in another schema is text in any case.
_EXACT: Final = frozenset(
    {
        "bool", "int2", "int4", "int8", "oid", "float4", "float8", "bytea", "json", "jsonb", "xml", "uuid", "ltree",
        "tsvector", "citext",
    }
)  # fmt: skip
_MAKERS: Final[dict[str, Callable[[ColumnTypes, int], ColumnType]]] = {
    "bool": _plain(BOOLEAN, _is_true, _booleans),
    "int2": _plain(INT16, int, _integers),
    "int4": _plain(INT32, int, _integers),
    "int8": _plain(INT64, int, _integers),
    "oid": _plain(INT64, int, _integers),
    "float4": _plain(FLOAT32, float, _floats),
    "float8": _plain(FLOAT64, float, _floats),
    "numeric": ColumnTypes._numeric,
    "money": ColumnTypes._money,
    "bytea": ColumnTypes._bytea,
    "date": ColumnTypes._date,
    "time": ColumnTypes._time,
    "timetz": ColumnTypes._timetz,
    "timestamp": ColumnTypes._timestamp,
    "timestamptz": ColumnTypes._timestamptz,
    "interval": ColumnTypes._interval,
    "bit": ColumnTypes._bits,
    "varbit": ColumnTypes._bits,
    "json": _text_named("Json"),
    "jsonb": _text_named("Json"),
    "xml": _text_named("Xml"),
    "uuid": _text_named("Uuid"),
    "ltree": _text_named("Ltree"),
    "tsvector": _text_named("TsVector"),
    "hstore": ColumnTypes._hstore,
    "point": _plain(_POINT, _point),
    "vector": _plain(Schema(SchemaType.ARRAY, name=_DATA + "DoubleVector", version=1, value_schema=FLOAT64), _vector),
}
