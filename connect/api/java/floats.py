"""The digits that Java 17 prints of a float or double: Float.toString and Double.toString.

Nearly always they are the fewest that name the number, as Python's `repr` has them. Java 17 does its own arithmetic,
which for some numbers, powers of two and those with one digit above all, gives a digit more, or another last one. Later
Javas print the fewest.

Source: JDK 17, jdk.internal.math.FloatingDecimal, whose steps these are, on whole numbers of any size.
"""

from __future__ import annotations

import math
from typing import Final

#: How many bits a power of five takes, for the estimate that picks the arithmetic of 32, 64 or more bits.
_FIVE_BITS: Final = tuple((5**power).bit_length() for power in range(27))
_LEAST_NORMAL: Final = {24: 2.0**-126, 53: 2.0**-1022}
_LEAST_EXPONENT: Final = {24: -149, 53: -1074}


def digits_of(value: float, *, kept_bits: int) -> tuple[str, int]:
    """Return the digits of a positive number and the decimal exponent of the first.

    Args:
        kept_bits: 24 for a value of single precision, 53 for a double.
    """
    mantissa, exponent = math.frexp(value)
    binary_exponent = exponent - 1
    significant_bits = kept_bits
    if value < _LEAST_NORMAL[kept_bits]:
        significant_bits = exponent - _LEAST_EXPONENT[kept_bits]
    fraction = int(mantissa * (1 << 53))
    zeros = (fraction & -fraction).bit_length() - 1
    fraction_bits = 53 - zeros
    tiny_bits = max(0, fraction_bits - binary_exponent - 1)
    if -21 <= binary_exponent <= 62 and tiny_bits == 0:
        return _whole_digits(int(value), binary_exponent - significant_bits - 1)
    estimate = (mantissa * 2 - 1.5) * 0.289529654 + 0.176091259 + binary_exponent * 0.301029995663981
    return _Generation(fraction >> zeros, fraction_bits, binary_exponent, tiny_bits, significant_bits).run(
        math.floor(estimate)
    )


def _whole_digits(number: int, spare_bits: int) -> tuple[str, int]:
    # The lowest bits are not kept, so as many digits as they may amount to mean nothing.
    dropped = len(str(1 << spare_bits)) - 1 if spare_bits > 1 else 0
    number, rest = divmod(number, 10**dropped)
    digits = str(number + (dropped > 0 and 2 * rest >= 10**dropped))
    return digits.rstrip("0") or "0", len(digits) - 1 + dropped


class _Generation:
    """Digit after digit until what is left is below half of the last bit that is kept."""

    def __init__(self, fraction: int, fraction_bits: int, exponent: int, tiny_bits: int, significant_bits: int) -> None:
        self._fraction = fraction
        self._fraction_bits = fraction_bits
        self._exponent = exponent
        self._tiny_bits = tiny_bits
        self._significant_bits = significant_bits

    def run(self, decimal_exponent: int) -> tuple[str, int]:
        number, scale, half, width = self._scaled(decimal_exponent)
        tens = scale * 10
        digits: list[int] = []
        is_first = True
        while True:
            digit, number = divmod(number, scale)
            number *= 10
            half = _wrapped(half * 10, width)
            if half > 0:
                is_low = number < half
                is_high = _wrapped(number + half, width) > tens if width else number + half >= tens
            else:
                is_low = is_high = True
            if is_first and digit == 0 and not is_high:
                decimal_exponent -= 1  # the estimate was one too high
            else:
                digits.append(digit)
            needs_another = is_first and not -3 <= decimal_exponent < 8  # Java wants a digit behind the point
            is_first = False
            if (is_low or is_high) and not needs_another:
                break
        rest = _wrapped(_wrapped(2 * number, width) - tens, width)
        if is_high and (not is_low or rest > 0 or (rest == 0 and digits[-1] & 1)):
            decimal_exponent += _round_up(digits)
        return "".join(map(str, digits)).rstrip("0") or "0", decimal_exponent

    def _scaled(self, decimal_exponent: int) -> tuple[int, int, int, int]:
        """Return number, scale and half of the last bit as whole numbers of one unit, and the width of Java's type."""
        five_number, five_scale = max(0, -decimal_exponent), max(0, decimal_exponent)
        two_number = five_number + self._tiny_bits + self._exponent
        two_scale = five_scale + self._tiny_bits
        two_half = two_number - self._significant_bits
        two_number -= self._fraction_bits - 1
        common = min(two_number, two_scale)
        two_number, two_scale, two_half = two_number - common, two_scale - common, two_half - common
        if self._fraction_bits == 1:
            two_half -= 1
        if two_half < 0:
            two_number, two_scale, two_half = two_number - two_half, two_scale - two_half, 0
        bits = self._fraction_bits + two_number + _five_bits(five_number)
        ten_bits = two_scale + 1 + _five_bits(five_scale + 1)
        width = 32 if max(bits, ten_bits) < 32 else 64 if max(bits, ten_bits) < 64 else 0
        half = _wrapped(5**five_number << two_half, width)
        return self._fraction * 5**five_number << two_number, 5**five_scale << two_scale, half, width


def _five_bits(power: int) -> int:
    return _FIVE_BITS[power] if power < len(_FIVE_BITS) else power * 3


def _wrapped(number: int, width: int) -> int:
    """Return a number as Java's int or long keeps it; as it is for a width of 0, which has room for any."""
    if not width or -(1 << width - 1) <= number < 1 << width - 1:
        return number
    number &= (1 << width) - 1
    return number - (1 << width) if number >> width - 1 else number


def _round_up(digits: list[int]) -> int:
    """Add one to the last digit; return 1 where that makes a digit more."""
    place = len(digits) - 1
    while digits[place] == 9:
        if place == 0:
            digits[0] = 1
            return 1
        digits[place] = 0
        place -= 1
    digits[place] += 1
    return 0
