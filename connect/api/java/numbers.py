"""Numbers as Java converts them: casts that wrap, doubles that saturate, and rounding to single precision.

Kafka Connect's conversions are Java's `Number.longValue`, `floatValue` and `(byte)` casts, so their odd results are
part of its formats. Source: the Java language specification, 5.1.3; java.math.BigDecimal and BigInteger.
"""

from __future__ import annotations

import decimal
import math
import struct
from typing import Final

Number = int | float | decimal.Decimal

_LONG_MIN: Final = -(1 << 63)
_LONG_MAX: Final = (1 << 63) - 1


def narrow(number: int, bits: int) -> int:
    """Return the low bits of a whole number as a signed one, as Java's casts between integers do."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def to_long(number: Number) -> int:
    """Return `longValue()`: the low 64 bits of a whole number or decimal; a double saturates, and NaN is 0."""
    if isinstance(number, float):
        if math.isnan(number):
            return 0
        return _LONG_MAX if number >= _LONG_MAX else _LONG_MIN if number <= _LONG_MIN else int(number)
    if isinstance(number, decimal.Decimal):
        if not number.is_finite():
            return 0
        # 10^64 is a multiple of 2^64: the low bits are 0, and the number itself may be too large to write down.
        exponent = number.as_tuple().exponent
        if number.adjusted() < 0 or (isinstance(exponent, int) and exponent >= 64):
            return 0
    return narrow(int(number), 64)


def to_double(number: Number) -> float:
    """Return `doubleValue()`: the nearest double, an infinity where the number is too large."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def to_single(number: Number) -> float:
    """Return `floatValue()`: the nearest single, as a Python float; an infinity where the number is too large."""
    double = to_double(number)
    if not isinstance(number, float) and double != number and not math.isinf(double):
        double = _to_odd(double, number)
    try:
        return float(struct.unpack("f", struct.pack("f", double))[0])
    except OverflowError:
        return math.copysign(math.inf, double)


def _to_odd(double: float, exact: int | decimal.Decimal) -> float:
    # Rounding twice may go wrong when the double falls half-way between two singles. It cannot if the double says, by
    # an odd last bit, that something was cut off.
    (bits,) = struct.unpack("<q", struct.pack("<d", double))
    if bits & 1:
        return double
    return math.nextafter(double, math.inf if double < exact else -math.inf)


def clamped(number: int) -> int:
    """Return the nearest number that a long can hold."""
    return min(max(number, _LONG_MIN), _LONG_MAX)


def truncated(number: int, divisor: int) -> int:
    """Return a quotient towards zero, as Java divides."""
    return number // divisor if number >= 0 else -(-number // divisor)
