"""Java's text of values: what String.valueOf and toString print. Part of several formats, so kept in one place.

Numbers print as Java 17 prints them, which is Kafka's least: `connect.api.java.floats` has those for which that is more
than the fewest digits that name them. Bytes print as base64: Java prints their
address in memory.

Source: the Java class library: Double.toString, FloatingDecimal, AbstractMap.toString, AbstractCollection.toString,
    Date.toString;
Kafka 4.3.1, Struct.toString.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from connect.api.errors import DataError
from connect.api.java.floats import digits_of
from connect.api.java.numbers import to_single
from connect.api.schema_type import SchemaType

_LEAST_NORMAL_SINGLE: Final = 2.0**-126
_LEAST_NORMAL_DOUBLE: Final = 2.0**-1022
#: From here on not all whole numbers are kept, and Java leaves out digits that mean nothing.
_LEAST_UNEVEN: Final = 2.0**53
_LEAST_UNEVEN_SINGLE: Final = 2.0**24
_EPOCH_DAY: Final = dt.date(1970, 1, 1)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Member(Protocol):
    """What of a `Field` tells how its value prints."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> Shape: ...


class Shape(Protocol):
    """What of a `Schema` tells how its values print."""

    @property
    def type(self) -> SchemaType: ...

    @property
    def fields(self) -> Sequence[Member]: ...

    @property
    def key_schema(self) -> Shape | None: ...

    @property
    def value_schema(self) -> Shape | None: ...


def java_text(value: Any, schema: Shape | None = None) -> str:
    """Return what toString prints for a Connect value; its schema tells a struct from a map and a single from a double.

    Raises:
        DataError: It is nested too deeply.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value, single=schema is not None and schema.type is SchemaType.FLOAT32)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, list | tuple | dict):
        try:
            return _nested_text(value, schema)
        except RecursionError:
            raise DataError("a value is nested too deeply to be written as text") from None
    if isinstance(value, dt.date | dt.time):
        return _date_text(value)
    return str(value)  # int; Decimal, whose text is BigDecimal's; what is no Connect value


def _nested_text(value: Any, schema: Shape | None) -> str:
    if isinstance(value, dict):
        return _mapping_text(value, schema or getattr(value, "schema", None))
    items = schema.value_schema if schema is not None else None
    return "[" + ", ".join(java_text(item, items) for item in value) + "]"


def decode_utf8(data: bytes) -> str:
    """Return what `new String(data, UTF_8)` does: U+FFFD for what is no UTF-8, one for half a surrogate pair."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _HALF_PAIR.sub(b"\xef\xbf\xbd", data).decode(errors="replace")


_HALF_PAIR: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def float_text(value: float, *, single: bool = False) -> str:
    """Return Double.toString, or Float.toString for a value of single precision."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    digits, exponent = _digits(abs(value), single=single)
    sign = "-" if value < 0 else ""
    if -3 <= exponent < 7:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        whole = digits[: exponent + 1].ljust(exponent + 1, "0")
        return f"{sign}{whole}.{digits[exponent + 1 :] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _digits(value: float, *, single: bool) -> tuple[str, int]:
    """Return the digits that name a positive value, and the exponent of the first."""
    if single and to_single(value) == value:
        return _single_digits(value)
    if value >= _LEAST_UNEVEN or value < _LEAST_NORMAL_DOUBLE:
        return digits_of(value, kept_bits=53)
    mantissa, _, exponent = f"{Decimal(repr(value)):e}".partition("e")
    digits = mantissa.replace(".", "").rstrip("0")
    return (digits, int(exponent)) if _is_plain(value, digits) else digits_of(value, kept_bits=53)


def _single_digits(value: float) -> tuple[str, int]:
    if value >= _LEAST_UNEVEN_SINGLE or value < _LEAST_NORMAL_SINGLE:
        return digits_of(value, kept_bits=24)
    # Six digits show any number that fewer name; nine name every single.
    text = next(t for places in range(5, 9) if to_single(float(t := f"{value:.{places}e}")) == value)
    mantissa, _, exponent = text.partition("e")
    digits = mantissa.replace(".", "").rstrip("0")
    return (digits, int(exponent)) if _is_plain(value, digits) else digits_of(value, kept_bits=24)


def _is_plain(value: float, digits: str) -> bool:
    """Whether the fewest digits are Java's too: not those of a power of two, nor one digit before an exponent."""
    return 1e-3 <= value < 1e7 or (len(digits) > 1 and math.frexp(value)[0] != 0.5)


def _mapping_text(value: dict[Any, Any], schema: Shape | None) -> str:
    if schema is not None and schema.type is SchemaType.STRUCT:
        shown = ((f.name, value.get(f.name), f.schema) for f in schema.fields)
        return "Struct{" + ",".join(f"{name}={java_text(v, s)}" for name, v, s in shown if v is not None) + "}"
    keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
    return "{" + ", ".join(f"{java_text(k, keys)}={java_text(v, values)}" for k, v in value.items()) + "}"


def _date_text(value: dt.date | dt.time) -> str:
    if isinstance(value, dt.time):
        value = dt.datetime.combine(_EPOCH_DAY, value, value.tzinfo or dt.UTC)
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(), dt.UTC)
    try:
        moment = value.astimezone(dt.UTC) if value.tzinfo is not None else value
    except OverflowError:
        moment = value.replace(tzinfo=None)  # at the calendar's end: it has no other text
    # By hand: strftime's words follow the locale.
    day = f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:02d}"
    return f"{day} {moment:%H:%M:%S} UTC {moment.year:04d}"
