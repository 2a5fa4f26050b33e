"""Numbers that FLOAT32 does not hold: who packs them into four bytes would have an infinity, without a word."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def odd_single(values: Sequence[float]) -> float | None:
    """Return a number that is too large for FLOAT32; None where there is none. Infinities and NaN are none."""
    try:
        struct.pack(f"<{len(values)}f", *values)  # in native order nothing would be said
    except (OverflowError, struct.error):  # the latter of a whole number
        return next(value for value in values if len(values) == 1 or odd_single([value]) is not None)
    return None
