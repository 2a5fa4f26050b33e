"""What the catalog says of tables: columns, their types and keys; and the Connect schema of a row."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connect.api import BOOLEAN, BYTES, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, STRING, Schema

if TYPE_CHECKING:
    import asyncpg

#: Scale of a numeric column that declares none; Confluent's choice.
DEFAULT_SCALE = 127
_WIDE = decimal.Context(prec=1000)
COLUMNS_QUERY = """
SELECT n.nspname AS schema_name, c.relname AS table_name, a.attname AS name, format_type(a.atttypid, NULL) AS type,
       a.attnotnull AS not_null, a.atttypmod AS modifier, t.typcategory AS category, t.typtype AS kind,
       COALESCE(a.attnum = ANY(i.indkey), false) AS in_key, a.attgenerated <> '' OR a.attidentity = 'a' AS generated
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_SCHEMAS = {
    "smallint": INT16, "integer": INT32, "bigint": INT64, "real": FLOAT32, "double precision": FLOAT64,
    "boolean": BOOLEAN, "bytea": BYTES, '"char"': STRING, "oid": INT64,
    "date": Schema.date(), "time without time zone": Schema.time(),
    "timestamp without time zone": Schema.timestamp(), "timestamp with time zone": Schema.timestamp(),
}  # fmt: skip
_AS_TEXT = ("text", "character varying", "character", "name", "citext")


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column: its type as the catalog prints it, and Connect's schema for it."""

    name: str
    type: str
    not_null: bool
    in_key: bool
    generated: bool
    category: str
    modifier: int
    schema: Schema

    @property
    def text_cast(self) -> str | None:
        """What to cast the column to when reading: types without one of Connect's travel as text (uuid, json, enums, …)."""
        if self.schema.type == "string" and self.type not in _AS_TEXT:
            return "text"
        items = self.schema.value_schema
        if items is not None and items.type == "string" and self.type.removesuffix("[]") not in _AS_TEXT:
            return "text[]"
        return None


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table: its name in full, and its columns in order."""

    schema_name: str
    name: str
    columns: tuple[ColumnInfo, ...]

    def column(self, name: str) -> ColumnInfo | None:
        """Return a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)


async def describe_table(connection: asyncpg.Connection, name: str, numeric_mapping: str = "none") -> TableInfo | None:
    """Look a table up; `name` is quoted already. None when there is no such table."""
    rows = await connection.fetch(COLUMNS_QUERY, name)
    if not rows:
        return None
    columns = tuple(_column(row, numeric_mapping) for row in rows)
    return TableInfo(rows[0]["schema_name"], rows[0]["table_name"], columns)


def _column(row: Any, numeric_mapping: str) -> ColumnInfo:
    schema = schema_of(row["type"], row["modifier"], numeric_mapping)
    if not row["not_null"]:
        schema = schema.replace(optional=True)
    category = row["category"].decode() if isinstance(row["category"], bytes) else row["category"]
    return ColumnInfo(
        row["name"], row["type"], row["not_null"], row["in_key"], row["generated"], category, row["modifier"], schema
    )


def schema_of(type_name: str, modifier: int = -1, numeric_mapping: str = "none") -> Schema:
    """Return the required schema of a column type; what has none of its own travels as text."""
    if type_name.endswith("[]"):
        return Schema.array(schema_of(type_name[:-2], -1, numeric_mapping).replace(optional=True))
    if type_name == "numeric":
        return _numeric(modifier, numeric_mapping)
    return _SCHEMAS.get(type_name, STRING)


def _numeric(modifier: int, mapping: str) -> Schema:
    # atttypmod of numeric(p, s) is (p << 16 | s) + 4; -1 without.
    precision, scale = ((modifier - 4) >> 16, (modifier - 4) & 0xFFFF) if modifier >= 4 else (0, DEFAULT_SCALE)
    if mapping != "none" and precision and precision < 19:
        if scale == 0:
            return next(
                schema for limit, schema in ((3, INT8), (5, INT16), (10, INT32), (19, INT64)) if precision < limit
            )
        if mapping.startswith("best_fit"):
            return FLOAT64
    if mapping == "best_fit_eager_double":
        return FLOAT64
    return Schema.decimal(scale if precision else DEFAULT_SCALE)


def row_schema(table: str, columns: Sequence[ColumnInfo]) -> Schema:
    """Return the struct of a row, named after its table."""
    return Schema.struct({column.name: column.schema for column in columns}, name=table)


Convert = Callable[[Any], Any]


def reader(column: ColumnInfo) -> Convert | None:
    """Return what turns asyncpg's value into Connect's, None where they are the same."""
    schema = column.schema
    if column.type == "timestamp without time zone":
        return lambda value: None if value is None else value.replace(tzinfo=dt.UTC)
    if column.type == "numeric":
        if schema.type == "float64":
            return lambda value: None if value is None else float(value)
        if schema.type != "bytes":
            return lambda value: None if value is None else int(value)
        if column.modifier < 4:
            return _unscaled
    return None


def _unscaled(value: Decimal | None) -> Decimal | None:
    # A numeric without scale may have any; the schema promises one, and it must hold every digit.
    return None if value is None else value.quantize(Decimal(1).scaleb(-DEFAULT_SCALE), context=_WIDE)
