from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.java.numbers import Number, narrow, to_double, to_long, to_single


@pytest.mark.parametrize(("number", "bits", "result"), [(300, 8, 44), (-129, 8, 127), (128, 8, -128), (1 << 64, 64, 0)])
def test_casts_keep_the_low_bits(number: int, bits: int, result: int) -> None:
    assert narrow(number, bits) == result


@pytest.mark.parametrize(
    ("number", "result"),
    [
        (1e30, (1 << 63) - 1),
        (-math.inf, -(1 << 63)),
        (math.nan, 0),
        (-129.99, -129),
        (Decimal("-1.9"), -1),
        (Decimal("99999999999999999999"), 7766279631452241919),
        (Decimal("1e999999999"), 0),
        (Decimal("1e-999999999"), 0),
        (1 << 70, 0),
    ],
)
def test_doubles_saturate_and_whole_numbers_wrap(number: Number, result: int) -> None:
    assert to_long(number) == result


def test_what_is_too_large_is_an_infinity() -> None:
    assert (to_double(10**400), to_double(-(10**400)), to_single(1e300), to_single(10**400)) == (
        math.inf,
        -math.inf,
        math.inf,
        math.inf,
    )


@given(st.integers(-(1 << 70), 1 << 70) | st.decimals(-(10**9), 10**9, allow_nan=False))
def test_the_nearest_single_is_found_in_one_rounding(number: int | Decimal) -> None:
    found = to_single(number)
    (bits,) = struct.unpack("<i", struct.pack("<f", found))
    near = [struct.unpack("<f", struct.pack("<i", bits + step))[0] for step in ((-1, 1) if bits & 0x7FFFFFFF else (1,))]
    distance = abs(Fraction(number) - Fraction(found))
    assert all(distance <= abs(Fraction(number) - Fraction(other)) for other in near if math.isfinite(other))


def test_a_double_half_way_between_two_singles_does_not_mislead() -> None:
    # 2^24 + 1 is half-way; a little more must go up, though the double loses the little.
    assert to_single(Decimal((1 << 24) + 1) + Decimal("1e-20")) == (1 << 24) + 2
    assert to_single((1 << 60) + (1 << 36) + 1) == float((1 << 60) + (1 << 37))
