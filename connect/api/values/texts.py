"""Values as text, such as a header is written. `parse` reads most of it back."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from decimal import Decimal
from typing import Any

from connect.api import DataError, Schema, SchemaType
from connect.api.java import iso_text, java_class, java_text


def to_text(value: Any, schema: Schema | None = None, *, inside: bool = False) -> str:
    """Return a value as text; `inside` a list or map, text is quoted.

    Raises:
        DataError: The value is of no Connect type.
    """
    if type(value) is int:
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if inside else value
    if isinstance(value, bytes | bytearray | memoryview):
        encoded = b64encode(value).decode()
        return f'"{encoded}"' if inside else encoded
    if isinstance(value, bool | int | float | Decimal):
        return java_text(value, schema)
    if isinstance(value, list | tuple | dict):
        try:
            return _nested_text(value, schema)
        except RecursionError:
            raise DataError("a value is nested too deeply to be written as text") from None
    if isinstance(value, dt.date | dt.time):
        return iso_text(value)
    raise DataError(f"Failed to serialize unexpected value type {java_class(value)}: {value}")


def _nested_text(value: Any, schema: Schema | None) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(_entries(value, getattr(value, "schema", schema))) + "}"
    items = schema.value_schema if schema is not None else None
    return "[" + ",".join(to_text(item, items, inside=True) for item in value) + "]"


def _entries(value: dict[Any, Any], schema: Schema | None) -> list[str]:
    if schema is not None and schema.type is SchemaType.STRUCT:
        members = (
            (f.name, f.schema.default if (v := value.get(f.name)) is None else v, f.schema) for f in schema.fields
        )
        return [f"{to_text(name, inside=True)}:{to_text(v, s, inside=True)}" for name, v, s in members]
    keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
    return [f"{to_text(k, keys, inside=True)}:{to_text(v, values, inside=True)}" for k, v in value.items()]
