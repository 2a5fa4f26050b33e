"""Dates, times and timestamps read from ISO text, as lax as Java's SimpleDateFormat reads them; always UTC.

Lax means: month 13 is next January, the day may be followed by anything, and days before October 1582 are the Julian
calendar's.

Source: Kafka 4.3.1, Values.java; the Java class library, SimpleDateFormat and GregorianCalendar.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

from connect.api.java import DAY_MS, date_of, milliseconds, moment_of
from connect.api.logical import TIME
from connect.api.schema import Schema
from connect.api.schema_type import DATE_NAME, TIME_NAME, TIMESTAMP_NAME

_CUTOVER_DAY: Final = -141_427  # 15 October 1582, in days since the epoch
_NUMBER: Final = r"[ \t]*(-?\d+)"
_DATE: Final = re.compile(f"{_NUMBER}-{_NUMBER}-{_NUMBER}")
_TIME: Final = re.compile(f"{_NUMBER}:{_NUMBER}:{_NUMBER}\\.{_NUMBER}Z")
_TIMESTAMP: Final = re.compile(f"{_DATE.pattern}T{_TIME.pattern}")
_DATE_PATTERN: Final = "yyyy-MM-dd"
_TIME_PATTERN: Final = "HH:mm:ss.SSS'Z'"
_SCHEMAS: Final = {DATE_NAME: Schema.date(), TIME_NAME: Schema.time(), TIMESTAMP_NAME: Schema.timestamp()}


def iso_pattern(value: dt.date | dt.time) -> str:
    """Return SimpleDateFormat's pattern of the text that `iso_text` gives."""
    ms = milliseconds(value)
    if ms < DAY_MS:
        return _TIME_PATTERN
    return _DATE_PATTERN if ms % DAY_MS == 0 else f"{_DATE_PATTERN}'T'{_TIME_PATTERN}"


def parse_iso(text: str) -> tuple[Schema, Any] | None:
    r"""Return what an ISO date, time or timestamp says, None where it is none.

    The length tells which of the three is tried; colons may be written `\:`.

    Raises:
        DataError: It is one, and lies outside Python's day or calendar.
    """
    text = text.replace("\\:", ":")
    if len(text) == 10 and (match := _DATE.match(text)):
        return _SCHEMAS[DATE_NAME], date_of(_day(*map(int, match.groups())) * DAY_MS)
    if len(text) == 13 and (match := _TIME.match(text)):
        ms = _clock(*map(int, match.groups()))
        return _SCHEMAS[TIME_NAME], TIME.to_logical(_SCHEMAS[TIME_NAME], ms)
    if len(text) == 24 and (match := _TIMESTAMP.match(text)):
        numbers = list(map(int, match.groups()))
        return _SCHEMAS[TIMESTAMP_NAME], moment_of(_day(*numbers[:3]) * DAY_MS + _clock(*numbers[3:]))
    return None


def _clock(hours: int, minutes: int, seconds: int, ms: int) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def _day(year: int, month: int, day: int) -> int:
    """Return days since the epoch; months and days may run over either way."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    # Count years from March, so that the leap day is the last: days before the month are then a plain formula.
    years = year - (month <= 2)
    before = (153 * ((month + 9) % 12) + 2) // 5 + day - 1 + 365 * years + years // 4
    gregorian = before - years // 100 + years // 400 - 719_468
    if gregorian >= _CUTOVER_DAY:
        return gregorian
    return min(before - 719_470, _CUTOVER_DAY - 1)
