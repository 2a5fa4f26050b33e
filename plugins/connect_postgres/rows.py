"""Rows to records: which Connect schema a column has, how it is selected, and how a fetched chunk becomes columns.

    smallint, integer, bigint, oid    INT16, INT32, INT64, INT64
    real, double precision            FLOAT32, FLOAT64
    numeric                           Decimal; by numeric.mapping INT8 … INT64, FLOAT64, STRING
    boolean, bytea                    BOOLEAN, BYTES
    date, time                        Date, Time; by temporal.mapping STRING
    timestamp, timestamptz            Timestamp; by timestamp.granularity INT64 or STRING, by temporal.mapping STRING
    array of these                    ARRAY as deep as the column is declared, items optional; by array.mapping STRING
    all others                        STRING: what the server prints (uuid, json, enums, inet, interval, …)

What has no type of its own travels as text because only text is sure to come back the same.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    Schema,
    SchemaType,
    StructColumn,
)
from connect_postgres.catalog import ColumnInfo
from connect_postgres.names import quoted

#: Scale of a numeric column that declares none; the JDBC connector's choice, since any digit must fit.
SCALE_MAX: Final = 127
_SCHEMAS: Final = {
    "smallint": INT16, "integer": INT32, "bigint": INT64, "oid": INT64, "real": FLOAT32, "double precision": FLOAT64,
    "boolean": BOOLEAN, "bytea": BYTES, "date": Schema.date(), "time without time zone": Schema.time(),
    "timestamp without time zone": Schema.timestamp(), "timestamp with time zone": Schema.timestamp(),
    "text": STRING, "character varying": STRING, "character": STRING, "name": STRING,
}  # fmt: skip
#: A numeric without a point and fewer digits than this fits.
_INTEGERS: Final = ((3, INT8), (5, INT16), (10, INT32), (19, INT64))
_WIDE: Final = decimal.Context(prec=200_000)  # a numeric has up to 131,072 digits before the point and 16,383 after

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

Convert = Callable[[Any], Any]


def micros_of(timestamp: dt.datetime) -> int:
    """Return microseconds since the epoch, exactly."""
    return (timestamp - _EPOCH) // _MICROSECOND


def _iso(timestamp: dt.datetime, zone: dt.tzinfo) -> str:
    return timestamp.astimezone(zone).replace(tzinfo=None).isoformat(timespec="microseconds")


#: timestamp.granularity: the schema and, from a timestamp in UTC and db.timezone, the value. PostgreSQL's own grain is
#: the microsecond.
GRANULARITIES: Final[dict[str, tuple[Schema, Callable[[dt.datetime, dt.tzinfo], Any] | None]]] = {
    "connect_logical": (Schema.timestamp(), None),
    "micros_long": (INT64, lambda timestamp, _: micros_of(timestamp)),
    "nanos_long": (INT64, lambda timestamp, _: micros_of(timestamp) * 1000),
    "micros_string": (STRING, lambda timestamp, _: str(micros_of(timestamp))),
    "nanos_string": (STRING, lambda timestamp, _: str(micros_of(timestamp) * 1000)),
    "micros_iso_datetime_string": (STRING, _iso),
    "nanos_iso_datetime_string": (STRING, lambda timestamp, zone: f"{_iso(timestamp, zone)}000"),
}
#: temporal.mapping=string: the types that it is about.
_TEMPORAL: Final = ("date", "time without time zone", "timestamp without time zone", "timestamp with time zone")


@dataclass(frozen=True, slots=True)
class RowStyle:
    """How values come out: the keys of these names, and db.timezone for timestamps without one.

    Where `temporal_mapping` is string, `timestamp_granularity` has nothing to say, and where `array_mapping` is, an
    array is one text, whatever its items are.
    """

    numeric_mapping: str = "none"
    timestamp_granularity: str = "connect_logical"
    zone: dt.tzinfo = dt.UTC
    temporal_mapping: str = "none"
    array_mapping: str = "none"

    def schema(self, column: ColumnInfo) -> Schema:
        """Return the schema of a column's values; optional where the column takes null."""
        optional = not column.not_null
        if self._is_array(column):
            schema = self._plain_schema(column.type.removesuffix("[]"), column.modifier)
            for _ in range(column.dimensions - 1):
                schema = Schema.array(schema.replace(optional=True))
            return Schema.array(schema.replace(optional=True), optional=optional)
        return self._plain_schema(column.type, column.modifier).replace(optional=optional)

    def is_text(self, column: ColumnInfo) -> bool:
        """Whether a column's values, or the items of its arrays, are selected as the server prints them."""
        kind = column.type.removesuffix("[]")
        if column.type.endswith("[]") and not self._is_array(column):
            return True
        if kind == "numeric":
            return self.numeric_mapping == "string"
        return kind not in _SCHEMAS or (kind in _TEMPORAL and self.temporal_mapping == "string")

    def is_plain_time(self, column: ColumnInfo) -> bool:
        """Whether a column's dates or times are the driver's, which does not hold all that the server has."""
        return column.type.removesuffix("[]") in _PARSERS and not self.is_text(column)

    def _is_array(self, column: ColumnInfo) -> bool:
        return column.type.endswith("[]") and self.array_mapping != "string"

    def row_schema(self, name: str, columns: Sequence[ColumnInfo]) -> Schema:
        """Return the struct of a row."""
        return Schema.struct({column.name: self.schema(column) for column in columns}, name=name)

    def finer_than_kept(self, columns: Sequence[ColumnInfo]) -> list[str]:
        """Return the timestamp columns that may hold more than the milliseconds of Connect's Timestamp."""
        if self.timestamp_granularity != "connect_logical":
            return []
        return [
            c.name
            for c in columns
            if c.type.startswith("timestamp ") and not 0 <= c.modifier <= 3 and not self.is_text(c)
        ]

    def readers(self, columns: Sequence[ColumnInfo]) -> list[tuple[str, Convert]]:
        """Return, for the columns that need it, what turns asyncpg's value, not None, into Connect's."""
        found = ((column.name, self._reader(column)) for column in columns)
        return [(name, convert) for name, convert in found if convert is not None]

    def _plain_schema(self, kind: str, modifier: int) -> Schema:
        if kind == "numeric":
            return _numeric_schema(modifier, self.numeric_mapping)
        if kind in _TEMPORAL and self.temporal_mapping == "string":
            return STRING
        if kind.startswith("timestamp ") and kind in _SCHEMAS:
            return GRANULARITIES[self.timestamp_granularity][0]
        return _SCHEMAS.get(kind, STRING)

    def _reader(self, column: ColumnInfo) -> Convert | None:
        if not self._is_array(column):
            return None if self.is_text(column) else self._plain_reader(column.type, column.modifier)
        kind = column.type.removesuffix("[]")
        convert = None if self.is_text(column) else self._plain_reader(kind, column.modifier)
        return _array_reader(convert, column.dimensions)

    def _plain_reader(self, kind: str, modifier: int) -> Convert | None:
        if kind == "numeric":
            schema = self._plain_schema(kind, modifier)
            if schema.type is not SchemaType.BYTES:
                return float if schema.type is SchemaType.FLOAT64 else int
            if modifier < 4:
                return _at_full_scale
            scale = _scale(modifier)
            return _at_negative_scale(scale) if scale < 0 else None
        grain, zone = GRANULARITIES[self.timestamp_granularity][1], self.zone
        if kind == "timestamp with time zone":
            return None if grain is None else lambda timestamp: grain(timestamp, zone)
        if kind == "timestamp without time zone":
            return self._localised if grain is None else lambda timestamp: grain(self._localised(timestamp), zone)
        return None

    def _localised(self, timestamp: dt.datetime) -> dt.datetime:
        return timestamp.replace(tzinfo=self.zone).astimezone(dt.UTC)


def select_list(columns: Sequence[ColumnInfo], style: RowStyle, *, careful: bool = False) -> str:
    """Return what stands behind SELECT: every column, those without a type of Connect's as text.

    Args:
        careful: Dates and times as text too, for `read_carefully`.
    """
    return ", ".join(_selected(column, style, careful=careful) for column in columns)


# -- dates and times that Python does not hold ---------------------------------------------------------------------

#: Types of which PostgreSQL has values beyond Python's: infinity, years before 1 and after 9999, 24:00; how to read
#: one.
_PARSERS: Final[dict[str, Callable[[str], Any]]] = {
    "date": dt.date.fromisoformat,
    "time without time zone": dt.time.fromisoformat,
    "timestamp without time zone": dt.datetime.fromisoformat,
    "timestamp with time zone": lambda text: dt.datetime.fromisoformat(text).astimezone(dt.UTC),
}
#: What the driver gives for infinity and -infinity, by whether the type has a time. These objects and no others: a date
#: that is equal to one may be what the table holds.
_ENDS: Final = {
    "date": (dt.date.min, dt.date.max),
    "timestamp without time zone": (dt.datetime.min, dt.datetime.max),
    "timestamp with time zone": (dt.datetime.min, dt.datetime.max),
}


class WrongDepth(ValueError):
    """An array has more or fewer dimensions than its column declares, which binds nobody in PostgreSQL."""

    def __init__(self, depth: int) -> None:
        super().__init__(f"does not have the {depth} dimension{'s' if depth > 1 else ''} that the column declares")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that Python, or the column's schema, does not hold.

    Attributes:
        index: The row's place among those fetched.
        text: The value, as the server has it where that is known.
        why: What is wrong with it.
    """

    index: int
    column: str
    text: str
    why: str = "which Connect's type for it does not hold"


def holds_infinity(rows: Sequence[Any], columns: Sequence[ColumnInfo], style: RowStyle) -> bool:
    """Return whether the driver gave the end of Python's range for an infinity somewhere in fetched rows."""
    for index, column in enumerate(columns):
        ends = _ENDS.get(column.type.removesuffix("[]"))
        if ends is None or style.is_text(column):
            continue
        found = list(map(itemgetter(index), rows))
        if column.type.endswith("[]"):
            found = list(_flat(found))
        if (ends[0] in found or ends[1] in found) and any(_is_infinity(value) for value in found):
            return True
    return False


def _is_infinity(value: Any) -> bool:
    from asyncpg.pgproto import pgproto

    known: Any = pgproto  # the stubs do not have these
    return any(
        value is end
        for end in (
            known.infinity_date,
            known.negative_infinity_date,
            known.infinity_datetime,
            known.negative_infinity_datetime,
        )
    )


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def read_carefully(
    rows: Sequence[Any], columns: Sequence[ColumnInfo], style: RowStyle
) -> tuple[list[dict[str, Any]], list[Unreadable]]:
    """Return rows that were selected carefully as the driver would give them; None for what Python does not hold."""
    values = [dict(zip((column.name for column in columns), row, strict=False)) for row in rows]
    wrong = []
    for column in columns:
        if not style.is_plain_time(column):
            continue
        parse = _PARSERS[column.type.removesuffix("[]")]
        for index, row in enumerate(values):
            if (text := row[column.name]) is None:
                continue
            try:
                row[column.name] = _parsed(text, parse)
            except (ValueError, OverflowError):
                row[column.name] = None
                wrong.append(Unreadable(index, column.name, str(text)))
    return values, wrong


def _parsed(text: Any, parse: Callable[[str], Any]) -> Any:
    if isinstance(text, list):
        return [None if item is None else _parsed(item, parse) for item in text]
    return parse(text)


def to_columns(rows: Sequence[Any], names: Sequence[str], readers: Sequence[tuple[str, Convert]]) -> StructColumn:
    """Make columns of fetched rows."""
    # A row has what was selected.
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    for name, convert in readers:
        columns[name] = [None if value is None else convert(value) for value in columns[name]]
    return StructColumn(columns, len(rows))


def convert_each(values: list[dict[str, Any]], readers: Sequence[tuple[str, Convert]]) -> list[Unreadable]:
    """Turn what the driver gives into Connect's values, in place.

    What cannot be turned becomes None there, and is returned.
    """
    wrong = []
    for name, convert in readers:
        for index, value in enumerate(values):
            if (found := value[name]) is None:
                continue
            try:
                value[name] = convert(found)
            except WrongDepth as error:
                value[name] = None
                wrong.append(Unreadable(index, name, str(found), f"which {error}"))
            except (ArithmeticError, ValueError):
                value[name] = None
                wrong.append(Unreadable(index, name, str(found)))
    return wrong


def _numeric_schema(modifier: int, mapping: str) -> Schema:
    if mapping == "string":
        return STRING
    declared = modifier >= 4  # atttypmod is (precision << 16 | scale) + 4, the scale a signed number of 11 bits
    precision = (modifier - 4) >> 16 & 0xFFFF if declared else 0
    scale = _scale(modifier) if declared else SCALE_MAX
    if mapping != "none" and declared and scale == 0:
        fitting = next((schema for digits, schema in _INTEGERS if precision < digits), None)
        if fitting is not None:
            return fitting
    if mapping == "best_fit" and declared and precision < 19 and scale > 0:
        return FLOAT64
    if mapping == "best_fit_eager_double" and (not declared or scale > 0):
        return FLOAT64
    return Schema.decimal(scale)


def _scale(modifier: int) -> int:
    return ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400


def _at_negative_scale(scale: int) -> Convert:
    # 12300 in a numeric(5,-2) comes as 12300, and the schema says 123E+2.
    step = Decimal(1).scaleb(-scale)
    return lambda value: value.quantize(step, context=_WIDE) if value.is_finite() else value


def _selected(column: ColumnInfo, style: RowStyle, *, careful: bool) -> str:
    name = quoted(column.name)
    if not style.is_text(column) and not (careful and style.is_plain_time(column)):
        return name
    # An array of texts where it stays one; all others are one text.
    kind = "text[]" if style.schema(column).type is SchemaType.ARRAY else "text"
    return f"{name}::{kind} AS {name}"


def _array_reader(convert: Convert | None, depth: int) -> Convert:
    """Return what reads an array, of which an item may be of a depth that the column does not say."""

    def read(items: list[Any], left: int = depth) -> list[Any]:
        if left > 1:
            if any(not isinstance(item, list) for item in items):
                raise WrongDepth(depth)
            return [read(item, left - 1) for item in items]
        if list in set(map(type, items)):
            raise WrongDepth(depth)
        return items if convert is None else [None if item is None else convert(item) for item in items]

    return read


_FULL_SCALE: Final = Decimal(1).scaleb(-SCALE_MAX)


def _at_full_scale(value: Decimal) -> Decimal:
    # The schema promises one scale for all rows, and a numeric without one may have any.
    return value.quantize(_FULL_SCALE, context=_WIDE) if value.is_finite() else value
