"""A notation of schemas and values that tests/kafka/java/ConverterLab.java writes, too: two that look alike are alike.

A number shows its bits, a decimal its unscaled value and scale, a date its milliseconds since the epoch.
"""

from __future__ import annotations

import datetime as dt
import struct
from base64 import b64encode
from decimal import Decimal
from typing import Any

from connect.api import Schema, SchemaType, logical
from connect.api.java import milliseconds


def noted(schema: Schema | None, value: Any) -> str:
    """Return schema and value; 'null' for what is neither."""
    return "null" if schema is None and value is None else f"{note_schema(schema)} {note(value)}"


def note_schema(schema: Schema | None) -> str:
    """Return a schema; the words for people are left out."""
    if schema is None:
        return "-"
    parts = [schema.type.value, "?" if schema.optional else ""]
    parts.append("" if schema.name is None else f"<{schema.name}>")
    parts.append("" if schema.version is None else f"v{schema.version}")
    if schema.parameters:
        parts.append("{" + ", ".join(f"{name}={value}" for name, value in sorted(schema.parameters.items())) + "}")
    parts.append("" if schema.default is None else "=" + note(schema.default))
    if schema.type is SchemaType.STRUCT:
        parts.append("{" + ",".join(f"{field.name}:{note_schema(field.schema)}" for field in schema.fields) + "}")
    elif schema.type is SchemaType.ARRAY:
        parts.append(f"[{note_schema(schema.value_schema)}]")
    elif schema.type is SchemaType.MAP:
        parts.append(f"({note_schema(schema.key_schema)},{note_schema(schema.value_schema)})")
    return "".join(parts)


def note(value: Any) -> str:
    """Return a value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"F{struct.unpack('>Q', struct.pack('>d', value))[0]:x}"
    if isinstance(value, Decimal):
        scale = -int(value.as_tuple().exponent)
        return f"B{logical.unscaled(value, scale)}e{scale}"
    if isinstance(value, dt.date | dt.time):
        return f"D{milliseconds(value)}"
    if isinstance(value, bytes):
        return "b" + b64encode(value).decode()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        return "[" + ",".join(map(note, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{note(name)}:{note(item)}" for name, item in value.items())) + "}"
    return str(value)
