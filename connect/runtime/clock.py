"""The present time, as records and statuses carry it."""

from __future__ import annotations

import time


def now_ms() -> int:
    """The present time in ms since the epoch."""
    return time.time_ns() // 1_000_000
