"""Java's conversions between primitive types: what narrows, what is parsed, and what a text looks like.

Source: Kafka 4.3.1, Cast.java; the Java Language Specification, 5.1.3; java.lang.Integer.parseInt, Double.valueOf.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from connect.api import DATE_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, SchemaType
from connect.api.java import DAY_MS, iso_text, java_class, java_text, milliseconds

TARGETS: Final = (
    SchemaType.INT8,
    SchemaType.INT16,
    SchemaType.INT32,
    SchemaType.INT64,
    SchemaType.FLOAT32,
    SchemaType.FLOAT64,
    SchemaType.BOOLEAN,
    SchemaType.STRING,
)
Cast = Callable[[Any], Any]

_BITS: Final = {SchemaType.INT8: 8, SchemaType.INT16: 16, SchemaType.INT32: 32, SchemaType.INT64: 64}
_INT: Final = re.compile(r"[+-]?\d+")
_FLOAT: Final = re.compile(r"[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)", re.ASCII)
_HEX_FLOAT: Final = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+[fFdD]?", re.ASCII)
#: What a Python value says all about by itself: neither of single precision, nor a logical type.
_PYTHONS: Final = frozenset(
    [SchemaType.INT8, SchemaType.INT16, SchemaType.INT32, SchemaType.INT64, SchemaType.FLOAT64, SchemaType.STRING]
)
_BYTES: Final = (bytes, bytearray, memoryview)
_KNOWN: Final = (bool, float, str, *_BYTES)
_TEMPORAL: Final = frozenset([DATE_NAME, TIME_NAME, TIMESTAMP_NAME])


def caster(target: SchemaType, schema: Schema | None) -> Cast:
    """Return the function that casts values of a schema (None = schemaless) to a type.

    It raises:
        DataError: The value cannot be cast; in Kafka's words.
    """
    if schema is None:
        return _SCHEMALESS[target]
    return _with_schema(target, schema)


def cast_column(target: SchemaType, schema: Schema | None, values: list[Any]) -> list[Any]:
    """Return a column in another type; the common pairs of types in one go. Raises as `caster` says."""
    kinds = set(map(type, values))
    if len(kinds) == 1 and (schema is None or (schema.name is None and schema.type in _PYTHONS)):
        quick = _column_of(target, kinds.pop(), values)
        if quick is not None:
            return quick
    return list(map(caster(target, schema), values))


def _column_of(target: SchemaType, kind: type, values: list[Any]) -> list[Any] | None:
    """Return a column of one Python type in another, None where some value needs a closer look."""
    if target is SchemaType.STRING:
        if kind is int and min(values) >= -(1 << 63) and max(values) < 1 << 63:
            return list(map(str, values))
        return [repr(v) if 1e-3 <= v < 1e7 else _to_text(v) for v in values] if kind is float else None
    if target is SchemaType.FLOAT64:
        # 2^53 and less: no rounding, and no doubt about the size.
        return (
            list(map(float, values)) if kind is int and min(values) >= -(1 << 53) and max(values) <= 1 << 53 else None
        )
    bits = _BITS.get(target)
    if bits is not None and (
        kind is int or (kind is str and all(map(str.isdecimal, values)) and max(map(len, values)) < 19)
    ):
        numbers = values if kind is int else list(map(int, values))
        return numbers if -(1 << bits - 1) <= min(numbers) and max(numbers) < 1 << bits - 1 else None
    return None


def cast_default(target: SchemaType, schema: Schema) -> Any:
    """Return a schema's default in another type."""
    return None if schema.default is None else caster(target, schema)(schema.default)


@lru_cache(maxsize=256)
def _with_schema(target: SchemaType, schema: Schema) -> Cast:
    plain, name = _PLAIN[target], schema.name
    if not schema.type.is_primitive:
        return _refusing(schema)
    if target is SchemaType.STRING:
        return lambda value: None if value is None else _to_text(value, schema)
    if name in _TEMPORAL:
        return lambda value: None if value is None else plain(_encoded(value, name))
    return lambda value: None if value is None else plain(value)


def _refusing(schema: Schema) -> Cast:
    def refuse(value: Any) -> Any:
        if value is not None:
            raise _unsupported(schema.type)
        return None

    return refuse


def _unsupported(kind: SchemaType) -> DataError:
    supported = [*TARGETS, SchemaType.BYTES]
    return DataError(
        f"Cast transformation does not support casting from {kind.name}; supported types are "
        f"[{', '.join(known.name for known in supported)}]"
    )


def _checked(value: Any) -> Any:
    """Return a schemaless value that is of a primitive type."""
    if isinstance(value, _KNOWN) or (isinstance(value, int) and -(1 << 63) <= value < 1 << 63):
        return value
    if isinstance(value, list | tuple):
        raise _unsupported(SchemaType.ARRAY)
    if isinstance(value, dict):
        raise _unsupported(SchemaType.MAP)
    raise DataError(
        f"Cast transformation was passed a value of type class {java_class(value)} which is not supported by "
        "Connect's data API"
    )


def _encoded(value: Any, name: str | None) -> Any:
    """Return the number that a Date, Time or Timestamp is written as."""
    if not isinstance(value, dt.date | dt.time):
        return value
    ms = milliseconds(value)
    if name == DATE_NAME:
        if ms % DAY_MS:
            raise DataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
        return ms // DAY_MS
    if name == TIME_NAME and not 0 <= ms < DAY_MS:
        raise DataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
    return ms


# -- to integers ---------------------------------------------------------------------------------------------------


def _to_int(bits: int) -> Cast:
    limit = 1 << bits - 1

    def cast(value: Any) -> int:
        if type(value) is int and -limit <= value < limit:
            return value
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, str):
            return _parsed_int(value, limit)
        if isinstance(value, float):
            return _wrapped(_saturated(value, max(bits, 32)), bits)
        if isinstance(value, int | Decimal):
            return _wrapped(_whole(value), bits)
        raise _unexpected(value)

    return cast


def _parsed_int(text: str, limit: int) -> int:
    if _INT.fullmatch(text):
        try:
            number = int(text)
        except ValueError:  # more digits than Python reads at once
            raise _out_of_range(text) from None
        if -limit <= number < limit:
            return number
    raise _out_of_range(text)


def _saturated(value: float, bits: int) -> int:
    """Return a float's whole part as (int) or (long) makes it: the nearest number there is, 0 for NaN."""
    limit = 1 << bits - 1
    if math.isnan(value):
        return 0
    return limit - 1 if value >= limit else -limit if value <= -limit else int(value)


def _whole(value: int | Decimal) -> int:
    # 10^64 and more are multiples of 2^64: no need to write out a number of a billion digits.
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise DataError(f"{value} is no number that can be cast to an integer")
        return 0 if int(value.as_tuple().exponent) >= 64 or value.adjusted() < 0 else int(value)
    return value


def _wrapped(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


# -- to the others -------------------------------------------------------------------------------------------------


def _to_float64(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool | int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, str):
        return _parsed_float(value)
    raise _unexpected(value)


def _parsed_float(value: str) -> float:
    trimmed = value.strip("".join(map(chr, range(33))))
    if _FLOAT.fullmatch(trimmed):
        return float(trimmed if trimmed[-1] in "Ny" else trimmed.rstrip("fFdD"))
    if _HEX_FLOAT.fullmatch(trimmed):
        return float.fromhex(trimmed.rstrip("fFdD") if trimmed[-1] in "fFdD" else trimmed)
    raise _out_of_range(value)


def _to_float32(value: Any) -> float:
    number = _to_float64(value)
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _to_plain_float32(value: Any) -> float:
    """Return the double that prints as the float does: without schema nothing else would say that 0.1 is single."""
    number = _to_float32(value)
    for digits in (7, 8):
        shortest = float(f"{number:.{digits}g}")
        if shortest == number or _to_float32(shortest) == number:
            return shortest
    return float(f"{number:.9g}")


def _to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() == "true"
    if isinstance(value, float):
        return _saturated(value, 64) != 0
    if isinstance(value, int | Decimal):
        return _wrapped(_whole(value), 64) != 0
    raise _unexpected(value)


def _to_text(value: Any, schema: Schema | None = None) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or (kind is float and schema is None and 1e-3 <= abs(value) < 1e7):
        return repr(value)
    if isinstance(value, dt.date | dt.time):
        return iso_text(value)
    if isinstance(value, _BYTES):
        return base64.b64encode(value).decode()
    return java_text(value, schema)


def _out_of_range(value: Any) -> DataError:
    return DataError(f"Value ({value}) was out of range for requested data type")


def _unexpected(value: Any) -> DataError:
    return DataError(f"Unexpected type in Cast transformation: class {java_class(value)}")


_PLAIN: Final[dict[SchemaType, Cast]] = {
    **{kind: _to_int(bits) for kind, bits in _BITS.items()},
    SchemaType.FLOAT32: _to_float32,
    SchemaType.FLOAT64: _to_float64,
    SchemaType.BOOLEAN: _to_boolean,
    SchemaType.STRING: _to_text,
}


def _schemaless(plain: Cast) -> Cast:
    quick = frozenset([str, bool, float])

    def cast(value: Any) -> Any:
        if type(value) in quick:
            return plain(value)
        return None if value is None else plain(_checked(value))

    return cast


_SCHEMALESS: Final[dict[SchemaType, Cast]] = {
    target: _schemaless(plain) for target, plain in (_PLAIN | {SchemaType.FLOAT32: _to_plain_float32}).items()
}
