"""What java.util.Date holds, milliseconds since the epoch, from and to Python's dates; and their text.

Source: java.util.Date; Kafka 4.3.1, Date.java, Time.java, Timestamp.java, Values.java.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from connect.api.errors import DataError

DAY_MS: Final = 86_400_000
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY: Final = EPOCH.date()
_ORDINAL: Final = _EPOCH_DAY.toordinal()
_MS: Final = dt.timedelta(milliseconds=1)
#: Below 2^32 s, in the year 2106, a float of seconds is exact to less than half a microsecond.
_EXACT_MS: Final = (1 << 32) * 1000


def milliseconds(value: dt.date | dt.time) -> int:
    """Return the milliseconds since the epoch that Java's Date would hold; what has no zone is UTC."""
    if isinstance(value, dt.time):
        if value.tzinfo is None:
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
        value = dt.datetime.combine(_EPOCH_DAY, value, value.tzinfo)
    if isinstance(value, dt.datetime):
        return ((value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)) - EPOCH) // _MS
    return (value.toordinal() - _ORDINAL) * DAY_MS


def moment_of(ms: int, word: str = "Timestamp") -> dt.datetime:
    """Return the Timestamp of some milliseconds since the epoch.

    Args:
        word: The logical type that the caller makes, for the error.

    Raises:
        DataError: It lies outside the years that Python's calendar has.
    """
    try:
        return EPOCH + ms * _MS
    except OverflowError:
        raise _outside(ms, word) from None


def moments_of(dates: list[int]) -> list[dt.datetime]:
    """Return a column of Timestamps. Raises as `moment_of`."""
    if dates and min(dates) >= 0 and max(dates) < _EXACT_MS:
        made = dt.datetime.fromtimestamp
        return [made(ms / 1000, dt.UTC) for ms in dates]
    return list(map(moment_of, dates))


def date_of(ms: int) -> dt.date:
    """Return a Date, with the time of day cut off. Raises `DataError` outside the years that Python's calendar has."""
    try:
        return dt.date.fromordinal(ms // DAY_MS + _ORDINAL)
    except (OverflowError, ValueError):
        raise _outside(ms, "Date") from None


def time_of(ms: int) -> dt.time:
    """Return a Time, with the date cut off."""
    seconds, rest = divmod(ms % DAY_MS, 1000)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest * 1000)


def iso_text(value: dt.date | dt.time) -> str:
    """Return the text of a date, time or timestamp. As in Kafka the value decides which, not its schema."""
    ms = milliseconds(value)
    at = moment_of(ms)
    if ms >= DAY_MS and ms % DAY_MS == 0:
        return at.date().isoformat()
    clock = f"{at.hour:02d}:{at.minute:02d}:{at.second:02d}.{at.microsecond // 1000:03d}Z"
    return clock if ms < DAY_MS else f"{at.date().isoformat()}T{clock}"


def _outside(ms: int, word: str) -> DataError:
    return DataError(f"Invalid {word}: {ms} ms since the epoch lies outside the years 1 to 9999")
