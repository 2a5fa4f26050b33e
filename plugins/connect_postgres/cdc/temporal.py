"""Dates and times as PostgreSQL prints them (DateStyle ISO, TimeZone UTC, IntervalStyle postgres) to what Debezium's
`time.precision.mode` makes of them.

Everything that PostgreSQL holds has a number: years before 1 and after 9999 are counted in the proleptic Gregorian
calendar, 24:00 is a day's length, and the infinities are the numbers that Debezium has for them. Only Kafka Connect's
own logical types (mode connect) hold less; what they cannot, raises `ValueError`.

Source: PostgreSQL's documentation, 8.5; Debezium's documentation of the PostgreSQL connector, Temporal types.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

_EPOCH: Final = dt.datetime(1970, 1, 1)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DAY_US: Final = 86_400_000_000
#: Debezium's numbers for infinity, in microseconds, and in days.
INFINITY_US: Final = {b"infinity": 9_223_372_036_825_200_000, b"-infinity": -9_223_372_036_832_400_000}
INFINITY_DAYS: Final = {b"infinity": 2_147_483_647, b"-infinity": -2_147_483_648}
_DATE: Final = re.compile(rb"(\d{4,})-(\d\d)-(\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\+00)?)?( BC)?")
_TIMETZ: Final = re.compile(rb"(\d\d:\d\d:\d\d(?:\.\d{1,6})?)([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?")
_INTERVAL: Final = re.compile(
    rb"(?:([+-]?\d+) years? ?)?(?:([+-]?\d+) mons? ?)?(?:([+-]?\d+) days? ?)?"
    rb"(?:([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?"
)
#: The length of a month on average, as Debezium has it: 365.25 days in twelve parts.
_MONTH_US: Final = 365.25 / 12 * _DAY_US


def days(text: bytes) -> int:
    """Return the days from 1970-01-01 to a date."""
    try:
        return dt.date.fromisoformat(text.decode()).toordinal() - _EPOCH_DAY
    except ValueError:
        known = INFINITY_DAYS.get(text)
        return _days_of(_matched(_DATE, text)) if known is None else known


def all_days(texts: Sequence[str]) -> list[int]:
    """As `days`, of a column at once. Raises `ValueError` where Python has no such date."""
    epoch = _EPOCH_DAY
    return [day.toordinal() - epoch for day in map(dt.date.fromisoformat, texts)]


def time_micros(text: bytes) -> int:
    """Return the microseconds from midnight to a time; a day's for 24:00."""
    seconds = int(text[:2]) * 3600 + int(text[3:5]) * 60 + int(text[6:8])
    return seconds * 1_000_000 + (int(text[9:].ljust(6, b"0")) if len(text) > 8 else 0)


def micros(text: bytes) -> int:
    """Return the microseconds from the Unix epoch to a timestamp, or to one with a time zone printed in UTC."""
    try:
        delta = dt.datetime.fromisoformat(text[:26].decode().removesuffix("+00")) - _EPOCH
    except ValueError:
        if (known := INFINITY_US.get(text)) is not None:
            return known
    else:
        if len(text) <= 29 and not text.endswith(b"C"):
            return delta.days * _DAY_US + delta.seconds * 1_000_000 + delta.microseconds
    match = _matched(_DATE, text)
    return _days_of(match) * _DAY_US + time_micros(match[4])


def all_micros(texts: Sequence[str]) -> list[int]:
    """As `micros`, of a column of timestamps without time zone at once. Raises `ValueError` as `all_days` does."""
    epoch, day_us = _EPOCH, _DAY_US
    deltas = [moment - epoch for moment in map(dt.datetime.fromisoformat, texts)]
    return [delta.days * day_us + delta.seconds * 1_000_000 + delta.microseconds for delta in deltas]


def _days_of(match: re.Match[bytes]) -> int:
    """Return the days to a date of any year: those of a year 400 n years away, with 146,097 days for each n."""
    year = 1 - int(match[1]) if match[5] else int(match[1])
    era = (year - 2000) // 400
    day = dt.date(year - era * 400, int(match[2]), int(match[3]))
    return day.toordinal() - _EPOCH_DAY + era * 146_097


# -- with a time zone ----------------------------------------------------------------------------------------------


def zoned_timestamp(width: int) -> Callable[[bytes], str]:
    """Return what writes a timestamp with time zone in ISO 8601 and UTC, with at least `width` digits of a second."""

    def written(text: bytes) -> str:
        if text[-3:] != b"+00":  # infinity, -infinity, or a year BC
            shown = text.decode()
            return shown if "infinity" in shown else _before_christ(shown, width)
        shown = text[:-3].decode()
        day, _, time = shown.partition(" ")
        return f"{_iso_day(day)}T{_padded(time, width)}Z"

    return written


def zoned_timestamps(texts: Sequence[str]) -> list[str]:
    """Write a column of them with six digits of a second, all at once.

    Raises:
        ValueError: One is none of the usual: an infinity, or a year BC or after 9999.
    """
    joined = "\0".join(texts)
    if "i" in joined or "B" in joined:
        raise ValueError("an infinity or a year BC")
    if "." in joined:
        joined = _SHORT.sub(lambda match: f":{match[1]}.{(match[2] or '').ljust(6, '0')}+00", joined)
        joined = joined.replace("+00", "Z")
    else:
        joined = joined.replace("+00", ".000000Z")
    found = joined.replace(" ", "T").split("\0")
    if set(map(len, found)) != {27}:
        raise ValueError("a year after 9999")
    return found


#: The seconds of a time that has fewer than six digits behind them, or none.
_SHORT: Final = re.compile(r":(\d\d)(?:\.(\d{1,5}))?\+00")


def _before_christ(text: str, width: int) -> str:
    day, time, _ = text.split(" ")
    year, rest = day.split("-", 1)
    # Astronomical years, as ISO 8601 has them: 1 BC is the year 0.
    before = int(year) - 1
    return f"{'-' if before else ''}{before:04d}-{rest}T{_padded(time.removesuffix('+00'), width)}Z"


def _iso_day(day: str) -> str:
    return day if len(day) == 10 else f"+{day}"


def _padded(time: str, width: int) -> str:
    whole, _, fraction = time.partition(".")
    fraction = fraction.ljust(width, "0")
    return f"{whole}.{fraction}" if fraction else whole


def zoned_time(text: bytes) -> str:
    """Return a time with time zone in UTC and ISO 8601; 24:00 and what lies beyond midnight count on the next day."""
    match = _matched(_TIMETZ, text)
    offset_s = int(match[3]) * 3600 + int(match[4] or 0) * 60 + int(match[5] or 0)
    moved = (time_micros(match[1]) - (offset_s if match[2] == b"+" else -offset_s) * 1_000_000) % _DAY_US
    seconds, fraction = divmod(moved, 1_000_000)
    shown = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{shown}.{fraction:06d}".rstrip("0") + "Z" if fraction else f"{shown}Z"


# -- Kafka Connect's own -------------------------------------------------------------------------------------------


def connect_date(text: bytes) -> dt.date:
    """Return a date. Raises `ValueError` where Python has none."""
    return dt.date.fromisoformat(text.decode())


def connect_time(text: bytes) -> dt.time:
    """Return a time. Raises `ValueError` for 24:00."""
    return dt.time.fromisoformat(text.decode())


def connect_timestamp(text: bytes) -> dt.datetime:
    """Return a timestamp as an instant in UTC. Raises `ValueError` where Python has none."""
    return dt.datetime.fromisoformat(text.decode()).replace(tzinfo=dt.UTC)


# -- as text -------------------------------------------------------------------------------------------------------


def iso_timestamp(text: bytes) -> str:
    """Return a timestamp with the T of ISO 8601; infinities and years BC as the server prints them."""
    shown = text.decode()
    return shown if shown.endswith(("infinity", "BC")) else shown.replace(" ", "T", 1)


# -- intervals -----------------------------------------------------------------------------------------------------


def _interval(text: bytes) -> tuple[int, int, int, int]:
    """Return years, months, days and microseconds of an interval, each with its sign."""
    match = _matched(_INTERVAL, text)
    years, months, day_count, sign, hours, minutes, seconds, fraction = match.groups()
    moved = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    moved = moved * 1_000_000 + int((fraction or b"0").ljust(6, b"0"))
    return int(years or 0), int(months or 0), int(day_count or 0), -moved if sign == b"-" else moved


def interval_micros(text: bytes) -> int:
    """Return an interval in microseconds, a month counted as the twelfth part of 365.25 days."""
    years, months, day_count, rest = _interval(text)
    return int((years * 12 + months) * _MONTH_US) + day_count * _DAY_US + rest


def interval_iso(text: bytes) -> str:
    """Return an interval in ISO 8601 with all its parts: P1Y2M3DT4H5M6.789S."""
    years, months, day_count, rest = _interval(text)
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    seconds, fraction = divmod(rest, 1_000_000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    shown = f"{seconds}.{fraction:06d}".rstrip("0") if fraction else str(seconds)
    parts = [f"{sign}{part}" if part != "0" else "0" for part in (str(hours), str(minutes), shown)]
    return f"P{years}Y{months}M{day_count}DT{parts[0]}H{parts[1]}M{parts[2]}S"


def _matched(pattern: re.Pattern[bytes], text: bytes) -> re.Match[Any]:
    match = pattern.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text.decode(errors='replace')!r} is no date or time as PostgreSQL prints it in ISO style")
    return match
