"""What java.util.Date holds, milliseconds since the epoch, from and to Python's dates; Java's units of time.

Source: java.util.Date; java.util.concurrent.TimeUnit; Kafka 4.3.1, Date.java, Time.java, Timestamp.java.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from connect.api import DataError
from connect_transforms.java.calendar import DAY_MS

__all__ = ["DAY_MS", "EPOCH", "clamped", "date_of", "milliseconds", "moment_of", "moments_of", "time_of", "truncated"]

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY: Final = EPOCH.date()
_MS: Final = dt.timedelta(milliseconds=1)
_LONG: Final = 1 << 63
#: Below 2^32 s, in the year 2106, a float of seconds is exact to less than half a microsecond.
_EXACT_MS: Final = (1 << 32) * 1000
_ORDINAL: Final = _EPOCH_DAY.toordinal()


def milliseconds(value: dt.date | dt.time) -> int:
    """Return the milliseconds since the epoch of a date, time or datetime; a naive one is in UTC."""
    if isinstance(value, dt.datetime):
        return ((value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)) - EPOCH) // _MS
    if isinstance(value, dt.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
    return (value.toordinal() - _ORDINAL) * DAY_MS


def moment_of(ms: int) -> dt.datetime:
    """Return a Timestamp. Raises `DataError` outside the years 1 to 9999."""
    try:
        return EPOCH + dt.timedelta(0, 0, 0, ms)
    except OverflowError:
        raise _outside(ms) from None


def moments_of(dates: list[int]) -> list[dt.datetime]:
    """Return Timestamps. Raises `DataError` outside the years 1 to 9999."""
    if dates and min(dates) >= 0 and max(dates) < _EXACT_MS:
        made = dt.datetime.fromtimestamp
        return [made(ms / 1000, dt.UTC) for ms in dates]
    return list(map(moment_of, dates))


def date_of(ms: int) -> dt.date:
    """Return a Date, with the time of day cut off. Raises `DataError` outside the years 1 to 9999."""
    try:
        return dt.date.fromordinal(ms // DAY_MS + _ORDINAL)
    except (OverflowError, ValueError):
        raise _outside(ms) from None


def time_of(ms: int) -> dt.time:
    """Return a Time, with the date cut off."""
    seconds, rest = divmod(ms % DAY_MS, 1000)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest * 1000)


def clamped(number: int) -> int:
    """Return the nearest number that a long can hold."""
    return min(max(number, -_LONG), _LONG - 1)


def truncated(number: int, divisor: int) -> int:
    """Return a quotient towards zero, as Java divides."""
    return number // divisor if number >= 0 else -(-number // divisor)


def _outside(ms: int) -> DataError:
    return DataError(f"the date {ms} ms from 1970 lies outside the years 1 to 9999")
