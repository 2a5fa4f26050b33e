"""Java's text of values: what String.valueOf and toString print. Part of several formats, so kept in one place.

Numbers print with the fewest digits that name them; whole ones of more bits than they keep, 2^24 and up for singles, as
Java 17 prints them, which is Kafka's least: with a digit more here and there. Bytes print as base64: Java prints their
address in memory.

Source: the Java class library: Double.toString, FloatingDecimal, AbstractMap.toString, AbstractCollection.toString, Date.toString;
Kafka 4.3.1, Struct.toString.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from base64 import b64encode
from decimal import Decimal
from typing import Any, Final

from connect.api.java_numbers import to_single
from connect.api.schema import Schema
from connect.api.schema_type import Type

_LEAST_NORMAL_SINGLE: Final = 2.0**-126
_EPOCH_DAY: Final = dt.date(1970, 1, 1)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def text(value: Any, schema: Schema | None = None) -> str:
    """Return what toString prints for a Connect value; its schema tells a struct from a map and a single from a double."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value, single=schema is not None and schema.type is Type.FLOAT32)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, list | tuple):
        items = schema.value_schema if schema is not None else None
        return "[" + ", ".join(text(item, items) for item in value) + "]"
    if isinstance(value, dict):
        return _mapping_text(value, schema or getattr(value, "schema", None))
    if isinstance(value, dt.date | dt.time):
        return _date_text(value)
    return str(value)  # int; Decimal, whose text is BigDecimal's; what is no Connect value


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
    kept_bits = 24 if single else 53
    if 2.0**kept_bits <= value < 2.0**63 and value.is_integer():
        return _whole_digits(int(value), kept_bits)
    if single:
        # Six digits show any number that fewer name, save near zero; nine name every single. A value that is none is
        # named as a double. Two digits are the least that Java wants: 1.4E-45.
        texts = (f"{value:.{places}e}" for places in range(5 if value >= _LEAST_NORMAL_SINGLE else 1, 9))
        text = next((t for t in texts if to_single(float(t)) == value), f"{Decimal(repr(value)):e}")
    else:
        text = f"{Decimal(repr(value)):e}"
        if "." not in text and float(rounded := f"{value:.1e}") == value:
            text = rounded  # Java wants two digits, the nearest ones: 4.9E-324
    mantissa, _, exponent = text.partition("e")
    return mantissa.replace(".", "").rstrip("0") or "0", int(exponent)


def _whole_digits(number: int, kept_bits: int) -> tuple[str, int]:
    # The lowest bits are not kept, so as many digits as they may amount to mean nothing.
    spare_bits = number.bit_length() - kept_bits - 2
    dropped = len(str(1 << spare_bits)) - 1 if spare_bits > 1 else 0
    number, rest = divmod(number, 10**dropped)
    digits = str(number + (dropped > 0 and 2 * rest >= 10**dropped))
    return digits.rstrip("0"), len(digits) - 1 + dropped


def _mapping_text(value: dict[Any, Any], schema: Schema | None) -> str:
    if schema is not None and schema.type is Type.STRUCT:
        shown = ((f.name, value.get(f.name), f.schema) for f in schema.fields)
        return "Struct{" + ",".join(f"{name}={text(v, s)}" for name, v, s in shown if v is not None) + "}"
    keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
    return "{" + ", ".join(f"{text(k, keys)}={text(v, values)}" for k, v in value.items()) + "}"


def _date_text(value: dt.date | dt.time) -> str:
    if isinstance(value, dt.time):
        value = dt.datetime.combine(_EPOCH_DAY, value, value.tzinfo or dt.UTC)
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(), dt.UTC)
    moment = value.astimezone(dt.UTC) if value.tzinfo is not None else value
    # By hand: strftime's words follow the locale.
    day = f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:02d}"
    return f"{day} {moment:%H:%M:%S} UTC {moment.year:04d}"
