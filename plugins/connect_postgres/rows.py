"""Rows to records: which Connect schema a column has, how it is selected, and how a fetched chunk becomes dicts.

    smallint, integer, bigint, oid    INT16, INT32, INT64, INT64
    real, double precision            FLOAT32, FLOAT64
    numeric                           Decimal; by numeric.mapping INT8 … INT64, FLOAT64
    boolean, bytea                    BOOLEAN, BYTES
    date, time                        Date, Time
    timestamp, timestamptz            Timestamp; by timestamp.granularity INT64 or STRING
    array of these                    ARRAY, its items optional
    all others                        STRING: what the server prints (uuid, json, enums, inet, interval, …)

What has no type of its own travels as text because only text is sure to come back the same.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
    Type,
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


def micros_of(moment: dt.datetime) -> int:
    """Return microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


#: timestamp.granularity: the schema and, from a moment in UTC, the value. PostgreSQL's own grain is the microsecond.
GRANULARITIES: Final[dict[str, tuple[Schema, Convert | None]]] = {
    "connect_logical": (Schema.timestamp(), None),
    "micros_long": (INT64, micros_of),
    "nanos_long": (INT64, lambda moment: micros_of(moment) * 1000),
    "micros_string": (STRING, lambda moment: str(micros_of(moment))),
    "nanos_string": (STRING, lambda moment: str(micros_of(moment) * 1000)),
    "nanos_iso_datetime_string": (STRING, lambda moment: f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}000"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowStyle:
    """How values come out: the keys numeric.mapping, timestamp.granularity, and db.timezone for timestamps without one."""

    numeric_mapping: str = "none"
    timestamp_granularity: str = "connect_logical"
    zone: dt.tzinfo = dt.UTC

    def schema(self, column: ColumnInfo) -> Schema:
        """Return the schema of a column's values; optional where the column takes null."""
        if column.type.endswith("[]"):
            items = self._plain_schema(column.type.removesuffix("[]"), column.modifier)
            return Schema.array(items.replace(optional=True), optional=not column.not_null)
        return self._plain_schema(column.type, column.modifier).replace(optional=not column.not_null)

    def row_schema(self, name: str, columns: Sequence[ColumnInfo]) -> Schema:
        """Return the struct of a row."""
        return Schema.struct({column.name: self.schema(column) for column in columns}, name=name)

    def readers(self, columns: Sequence[ColumnInfo]) -> list[tuple[str, Convert]]:
        """Return, for the columns that need it, what turns asyncpg's value, not None, into Connect's."""
        found = ((column.name, self._reader(column)) for column in columns)
        return [(name, convert) for name, convert in found if convert is not None]

    def _plain_schema(self, kind: str, modifier: int) -> Schema:
        if kind == "numeric":
            return _numeric_schema(modifier, self.numeric_mapping)
        if kind.startswith("timestamp "):
            return GRANULARITIES[self.timestamp_granularity][0]
        return _SCHEMAS.get(kind, STRING)

    def _reader(self, column: ColumnInfo) -> Convert | None:
        if column.type.endswith("[]"):
            items = self.schema(column).value_schema
            assert items is not None, "an array's schema was made with items"
            return _array_reader(self._plain_reader(column.type.removesuffix("[]"), column.modifier, items))
        return self._plain_reader(column.type, column.modifier, self.schema(column))

    def _plain_reader(self, kind: str, modifier: int, schema: Schema) -> Convert | None:
        if kind == "numeric":
            if schema.type is not Type.BYTES:
                return float if schema.type is Type.FLOAT64 else int
            return _at_full_scale if modifier < 4 else None
        grain = GRANULARITIES[self.timestamp_granularity][1]
        if kind == "timestamp with time zone":
            return grain
        if kind == "timestamp without time zone":
            return self._localised if grain is None else lambda moment: grain(self._localised(moment))
        return None

    def _localised(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=self.zone).astimezone(dt.UTC)


def select_list(columns: Sequence[ColumnInfo]) -> str:
    """Return what stands behind SELECT: every column, those without a type of Connect's as text."""
    return ", ".join(_selected(column) for column in columns)


def to_dicts(rows: Sequence[Any], names: Sequence[str], readers: Sequence[tuple[str, Convert]]) -> list[dict[str, Any]]:
    """Make a dict of each fetched row."""
    values = [
        dict(zip(names, row, strict=False)) for row in rows
    ]  # a row has what was selected; checking costs a third
    for name, convert in readers:
        for value in values:
            if (found := value[name]) is not None:
                value[name] = convert(found)
    return values


def _numeric_schema(modifier: int, mapping: str) -> Schema:
    declared = modifier >= 4  # atttypmod is (precision << 16 | scale) + 4, the scale a signed number of 11 bits
    precision = (modifier - 4) >> 16 & 0xFFFF if declared else 0
    scale = ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400 if declared else SCALE_MAX
    if mapping != "none" and declared and scale == 0:
        fitting = next((schema for digits, schema in _INTEGERS if precision < digits), None)
        if fitting is not None:
            return fitting
    if mapping == "best_fit" and declared and precision < 19 and scale > 0:
        return FLOAT64
    if mapping == "best_fit_eager_double" and (not declared or scale > 0):
        return FLOAT64
    return Schema.decimal(scale)


def _selected(column: ColumnInfo) -> str:
    name = quoted(column.name)
    if column.type.removesuffix("[]") in (*_SCHEMAS, "numeric"):
        return name
    return f"{name}::text{'[]' if column.type.endswith('[]') else ''} AS {name}"


def _array_reader(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None

    def read(items: list[Any]) -> list[Any]:
        return [read(item) if isinstance(item, list) else None if item is None else convert(item) for item in items]

    return read


_FULL_SCALE: Final = Decimal(1).scaleb(-SCALE_MAX)


def _at_full_scale(value: Decimal) -> Decimal:
    # The schema promises one scale for all rows, and a numeric without one may have any.
    return value.quantize(_FULL_SCALE, context=_WIDE) if value.is_finite() else value
