"""Connect values to PostgreSQL's: column types for schemas, and what each column's COPY wants."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from connect.api import (
    DATE_NAME,
    DECIMAL_NAME,
    OPTIONAL_BOOLEAN,
    OPTIONAL_BYTES,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    TIME_NAME,
    TIMESTAMP_NAME,
    DataError,
    Schema,
    Type,
)
from connect_postgres.catalog import ColumnInfo

_LOGICAL = {DECIMAL_NAME: "numeric", DATE_NAME: "date", TIME_NAME: "time", TIMESTAMP_NAME: "timestamptz"}
_PLAIN = {
    Type.INT8: "smallint", Type.INT16: "smallint", Type.INT32: "integer", Type.INT64: "bigint",
    Type.FLOAT32: "real", Type.FLOAT64: "double precision", Type.BOOLEAN: "boolean", Type.STRING: "text", Type.BYTES: "bytea",
    Type.STRUCT: "jsonb", Type.MAP: "jsonb",
}  # fmt: skip
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(1970, 1, 1)
_INTS = ("smallint", "integer", "bigint", "oid")
_FLOATS = ("real", "double precision")
_TEXTS = ("text", "character varying", "character", "name", "citext", '"char"')


def column_type(name: str, schema: Schema) -> str:
    """Return the type of a column made for a schema."""
    if schema.name in _LOGICAL:
        return _LOGICAL[schema.name or ""]
    if schema.type is Type.ARRAY:
        items = schema.value_schema
        if items is not None and (items.type.is_primitive or items.is_logical):
            return column_type(name, items) + "[]"
        return "jsonb"
    return _PLAIN[schema.type]


def infer_schema(samples: Iterable[Any]) -> Schema:
    """Return the optional schema that schemaless values of one field have; text where nothing but null is seen."""
    kinds = {type(value) for value in samples if value is not None}
    if kinds <= {int} and kinds:
        return OPTIONAL_INT64
    if kinds <= {int, float} and kinds:
        return OPTIONAL_FLOAT64
    if kinds == {bool}:
        return OPTIONAL_BOOLEAN
    if kinds and kinds <= {dict, list}:
        return Schema.map(OPTIONAL_STRING, OPTIONAL_STRING, optional=True)
    if kinds == {bytes}:
        return OPTIONAL_BYTES
    if kinds == {dt.datetime}:
        return Schema.timestamp(optional=True)
    if kinds == {dt.date}:
        return Schema.date(optional=True)
    if kinds == {Decimal}:
        return Schema.decimal(0, optional=True)
    return OPTIONAL_STRING


def writer(column: ColumnInfo, schema: Schema | None = None) -> Callable[[Any], Any] | None:
    """Return what turns a value into what binary COPY takes for this column; None where they are the same.

    A declared schema tells the value's kind, so that the common columns need no look at each value.
    """
    kind = column.type
    known = schema.type if schema is not None and not schema.is_logical else None
    if kind in _INTS:
        return None if known in (Type.INT8, Type.INT16, Type.INT32, Type.INT64) or schema is None else _to_int
    if kind in _FLOATS:
        return None if known in (Type.FLOAT32, Type.FLOAT64) or schema is None else float
    if kind in _TEXTS:
        return None if known is Type.STRING else _to_text
    converters: dict[str, Callable[[Any], Any]] = {
        "numeric": _to_decimal, "json": _to_json, "jsonb": _to_json, "uuid": _to_uuid, "date": _to_date,
        "time without time zone": _to_time, "timestamp without time zone": _to_local, "timestamp with time zone": _to_moment,
        "bytea": _to_bytes,
    }  # fmt: skip
    if kind in converters:
        return converters[kind]
    if kind == "boolean":
        return None if known is Type.BOOLEAN or schema is None else _to_bool
    if kind.endswith("[]"):
        return None
    return None if known is Type.STRING else _to_text


def _to_int(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return (value - _EPOCH) // dt.timedelta(milliseconds=1)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{value} is no whole number")
    return int(value)


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value in (0, 1):
        return bool(value)
    raise ValueError(f"{value!r} is neither true nor false")


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _to_json(value)
    if isinstance(value, bytes):
        return value.decode()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _to_json(value: Any) -> str:
    if isinstance(value, str):
        # Text that is JSON already stays; other text becomes a JSON string.
        try:
            json.loads(value)
        except ValueError:
            return json.dumps(value)
        return value
    return json.dumps(value, default=_to_text)


def _to_decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    return Decimal(value)


def _to_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))


def _to_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _to_date(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, int):
        return _EPOCH_DAY + dt.timedelta(days=value)
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)


def _to_time(value: Any) -> dt.time:
    if isinstance(value, int):
        return (dt.datetime.min + dt.timedelta(milliseconds=value)).time()
    return value if isinstance(value, dt.time) else dt.time.fromisoformat(value)


def _to_moment(value: Any) -> dt.datetime:
    """A number is milliseconds since the epoch; text is ISO 8601; what has no zone is UTC."""
    if isinstance(value, bool):
        raise DataError(f"{value} is no moment")
    if isinstance(value, int | float):
        return _EPOCH + dt.timedelta(milliseconds=value)
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    elif not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value


def _to_local(value: Any) -> dt.datetime:
    return _to_moment(value).astimezone(dt.UTC).replace(tzinfo=None)
