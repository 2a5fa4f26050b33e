"""Times that the config says how to read: zones by Java's names, numbers that are timestamps, the Julian calendar."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connect.api import DataError

#: A fixed offset, as java.time.ZoneId has it: UTC+2, GMT-03:30, +0100.
_OFFSET: Final = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)
_OFFSET_HOURS_MAX: Final = 18
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: The first day of the Gregorian calendar, where java.util.Date leaves the Julian one.
_CUTOVER: Final = dt.date(1582, 10, 15).toordinal()
#: Between the day that Python counts as 1 and the one that Julian day numbers begin with.
_JULIAN_DAY: Final = 1_721_425


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone by its name, as Java knows it: of the tz database, Z, or an offset.

    Raises:
        ValueError: There is none of that name.
    """
    if name == "Z":
        return dt.UTC
    if match := _OFFSET.fullmatch(name):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes <= _OFFSET_HOURS_MAX * 60:
            return dt.timezone(dt.timedelta(minutes=-minutes if match[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("the name of a time zone is expected, such as UTC, UTC+2 or Europe/Amsterdam") from None


def timestamps(values: list[Any], field: str, topic: str, *, nanoseconds: bool) -> list[Any]:
    """Return timestamps for microseconds, or nanoseconds, since the epoch, numbers or their digits. Others stay.

    Raises:
        DataError: A text is no number, or a number is no time that Python holds.
    """
    return [_timestamp(value, field, topic, 1000 if nanoseconds else 1) for value in values]


def _timestamp(value: Any, field: str, topic: str, divisor: int) -> Any:
    if type(value) not in (int, str):
        return value
    try:
        return _EPOCH + dt.timedelta(microseconds=int(value) // divisor)
    except (ValueError, OverflowError):
        raise DataError(
            f"field {field} of a record of topic {topic} is in timestamp.fields.list, and is no count of "
            f"{'nanoseconds' if divisor > 1 else 'microseconds'} since the epoch",
            details={"column": field},
        ) from None


def by_julian_calendar(values: list[Any], field: str, topic: str) -> list[Any]:
    """Return dates and timestamps, counted since the epoch, by the calendar that java.util.Date shows them in.

    Raises:
        DataError: One is a day that only the Julian calendar has, such as 29 February 1500.
    """
    return [_julian(value, field, topic) if isinstance(value, dt.date) else value for value in values]


def _julian(value: dt.date, field: str, topic: str) -> dt.date:
    day = value.toordinal()
    if day >= _CUTOVER:
        return value
    # Richards, "Calendars", in the Explanatory Supplement to the Astronomical Almanac.
    shifted = day + _JULIAN_DAY + 32_082
    years = (4 * shifted + 3) // 1461
    days = shifted - 1461 * years // 4
    months = (5 * days + 2) // 153
    year, month = years - 4800 + months // 10, months + 3 - 12 * (months // 10)
    try:
        return value.replace(year=year, month=month, day=days - (153 * months + 2) // 5 + 1)
    except ValueError:
        raise DataError(
            f"field {field} of a record of topic {topic} is 29 February {year} by the Julian calendar "
            "(date.calendar.system=LEGACY), a day that PostgreSQL's calendar does not have",
            details={"column": field},
        ) from None
