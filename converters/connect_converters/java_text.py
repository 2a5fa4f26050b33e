"""Java's text of values: what String.valueOf and toString print. Part of several formats, so kept in one place.

Source: the Java class library: Double.toString, AbstractMap.toString, AbstractCollection.toString, Boolean.toString.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Decimal
from typing import Any

from connect.api import Schema, Type

_EPOCH_DAY = dt.date(1970, 1, 1)


def float_text(value: float, *, single: bool = False) -> str:
    """Return Double.toString, or Float.toString for a value of single precision."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    digits, exponent = _shortest(abs(value), single=single)
    sign = "-" if value < 0 else ""
    if -3 <= exponent < 7:
        if exponent < 0:
            return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
        whole = digits[: exponent + 1].ljust(exponent + 1, "0")
        return f"{sign}{whole}.{digits[exponent + 1 :] or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _shortest(value: float, *, single: bool) -> tuple[str, int]:
    """Return the fewest digits that name the value, and the exponent of the first."""
    if single:
        text = next(t for p in range(9) if _single(float(t := f"{value:.{p}e}")) == value)
    else:
        text = f"{Decimal(repr(value)):e}"
        if "." not in text and float(rounded := f"{value:.1e}") == value:
            text = rounded  # Java wants two digits, the nearest ones: 4.9E-324
    mantissa, _, exponent = text.partition("e")
    return mantissa.replace(".", "").rstrip("0") or "0", int(exponent)


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf


def text(value: Any, schema: Schema | None = None) -> str:
    """Return what toString prints for a Connect value."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value, single=schema is not None and schema.type is Type.FLOAT32)
    if isinstance(value, Decimal):
        return format(value, "f") if value.adjusted() >= -6 and int(value.as_tuple().exponent) <= 0 else str(value)
    if isinstance(value, list):
        items = schema.value_schema if schema is not None else None
        return "[" + ", ".join(text(item, items) for item in value) + "]"
    if isinstance(value, dict):
        return _mapping_text(value, schema)
    if isinstance(value, dt.datetime):
        return _date_text(value)
    if isinstance(value, dt.time):
        return _date_text(dt.datetime.combine(_EPOCH_DAY, value, dt.UTC))
    if isinstance(value, dt.date):
        return _date_text(dt.datetime.combine(value, dt.time(), dt.UTC))
    return str(value)


def _mapping_text(value: dict[Any, Any], schema: Schema | None) -> str:
    if schema is not None and schema.type is Type.STRUCT:
        shown = ((f.name, value.get(f.name), f.schema) for f in schema.fields)
        return "Struct{" + ",".join(f"{name}={text(v, s)}" for name, v, s in shown if v is not None) + "}"
    keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
    return "{" + ", ".join(f"{text(k, keys)}={text(v, values)}" for k, v in value.items()) + "}"


def _date_text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
