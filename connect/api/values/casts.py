"""A value as one of another type, as far as no text must be parsed for it but a number's.

Numbers are cut to width as Java's casts cut them. Source: Kafka 4.3.1, Values.java, convertTo and what it calls.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any, Final

from connect.api import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, SchemaType, Struct, logical
from connect.api.java import (
    DAY_MS,
    float_text,
    java_class,
    java_text,
    milliseconds,
    narrow,
    to_double,
    to_long,
    to_single,
)
from connect.api.schema_type import INT_BITS
from connect.api.values.texts import to_text

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,10})?")
_BYTES: Final = (bytes, bytearray, memoryview)


def cast(to: Schema, value: Any, schema: Schema | None = None, *, found: Schema | None = None) -> Any:
    """Return a value as one of the type that `to` has.

    Args:
        to: The wanted schema.
        value: Any value.
        schema: The value's own schema, where there is one; without it a date is anything from a Date to a Timestamp.
        found: For messages: the schema that a parser found for the value.

    Raises:
        DataError: There is no way from one to the other.
    """
    if value is None:
        if to.optional:
            return None
        raise DataError("Unable to convert a null value to a schema that requires a value")
    kind, known = to.type, found or schema
    if to.name in (DATE_NAME, TIME_NAME, TIMESTAMP_NAME):
        return _temporal(to, value, schema, known)
    if kind is SchemaType.BYTES:
        return _decimal(to, value, known) if to.name == logical.DECIMAL.schema_name else _bytes(to, value, known)
    if kind is SchemaType.STRING:
        return to_text(value, schema)
    if kind is SchemaType.BOOLEAN:
        return value if isinstance(value, bool) else _as_long(value, schema, known) != 0
    if kind is SchemaType.FLOAT32:
        return to_single(_as_double(value, schema, known))
    if kind is SchemaType.FLOAT64:
        return _as_double(value, schema, known)
    if kind in INT_BITS:
        return narrow(_as_long(value, schema, known), INT_BITS[kind])
    return _collection(to, value, schema, known)


def decimal_of(text: str) -> Decimal | None:
    """Return the number that a text is to `new BigDecimal(text)`, None when it is none: no blanks, no NaN."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if abs(int(number.as_tuple().exponent)) < 1 << 31 else None


def _refused(value: Any, known: Schema | None, what: object) -> DataError:
    return DataError(f"Unable to convert {java_text(value, known)} (class {java_class(value, known)}) to {what}")


def _as_number(value: Any) -> int | float | Decimal | None:
    if isinstance(value, str):
        return decimal_of(value)
    return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None


def _as_long(value: Any, schema: Schema | None, known: Schema | None) -> int:
    number = _as_number(value)
    if number is not None:
        return to_long(number)
    if schema is None:
        raise _refused(value, known, "a number")
    if isinstance(value, dt.date | dt.time) and schema.name in (DATE_NAME, TIME_NAME, TIMESTAMP_NAME):
        base: int = logical.LOGICAL_TYPES[schema.name].from_logical(schema, value)
        return base
    raise _refused(value, known, schema)


def _as_double(value: Any, schema: Schema | None, known: Schema | None) -> float:
    number = _as_number(value)
    return to_double(_as_long(value, schema, known) if number is None else number)


def _decimal(to: Schema, value: Any, known: Schema | None) -> Decimal:
    if isinstance(value, _BYTES):
        return logical.DECIMAL.to_logical(to, value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        # By way of a double and its text: 300 is 300.0.
        exact = decimal_of(float_text(to_double(value)))
    elif isinstance(value, str):
        exact = decimal_of(value)
    else:
        raise _refused(value, known, to)
    if exact is None:
        raise _refused(value, known, "a number")
    return exact


def _bytes(to: Schema, value: Any, known: Schema | None) -> bytes:
    if isinstance(value, _BYTES):
        return bytes(value)
    if isinstance(value, Decimal):
        return logical.DECIMAL.from_logical(to, value)
    raise _refused(value, known, to)


def _temporal(to: Schema, value: Any, schema: Schema | None, known: Schema | None) -> Any:
    """Return a date, time or timestamp. Without a schema of its own, any of the three passes for any other."""
    if isinstance(value, dt.date | dt.time):
        if schema is None or schema.name == to.name:
            return value
        if schema.name == TIMESTAMP_NAME:
            return _part(to, milliseconds(value))
    assert to.name is not None, "the caller has looked at the name"
    base = _as_long(value, schema, known)
    if to.name == TIMESTAMP_NAME:
        days = schema is not None and schema.name == DATE_NAME and not isinstance(value, int | float | Decimal | str)
        return logical.TIMESTAMP.to_logical(to, base * DAY_MS if days else base)
    return logical.LOGICAL_TYPES[to.name].to_logical(to, narrow(base, 32))


def _part(to: Schema, ms: int) -> Any:
    if to.name == TIME_NAME:
        return logical.TIME.to_logical(to, ms % DAY_MS)
    days = abs(ms) // DAY_MS  # towards the epoch, as in Kafka
    return logical.DATE.to_logical(to, days if ms >= 0 else -days)


def _collection(to: Schema, value: Any, schema: Schema | None, known: Schema | None) -> Any:
    is_struct = isinstance(value, Struct) or (schema is not None and schema.type is SchemaType.STRUCT)
    wanted: dict[SchemaType, bool] = {
        SchemaType.ARRAY: isinstance(value, list | tuple),
        SchemaType.MAP: isinstance(value, dict) and not is_struct,
        SchemaType.STRUCT: isinstance(value, dict) and is_struct,
    }
    if not wanted[to.type]:
        raise _refused(value, known, to)
    return value
