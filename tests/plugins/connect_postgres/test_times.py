"""Numbers that are timestamps, and dates as java.util.Date shows them."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api import DataError
from connect_postgres.times import by_julian_calendar, timestamps, zone_of

AT = dt.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=dt.UTC)
MICROS = 1_709_208_000_123_456


def test_microseconds_and_nanoseconds_become_the_same_moment_and_others_stay() -> None:
    assert timestamps([MICROS, str(MICROS), None, AT], "at", "t", nanoseconds=False) == [AT, AT, None, AT]
    assert timestamps([MICROS * 1000 + 999], "at", "t", nanoseconds=True) == [AT]
    assert timestamps([-1], "at", "t", nanoseconds=False) == [dt.datetime(1969, 12, 31, 23, 59, 59, 999999, dt.UTC)]


@pytest.mark.parametrize("value", ["yesterday", 1 << 80])
def test_what_is_no_count_is_named(value: object) -> None:
    with pytest.raises(DataError, match=r"field at of a record of topic t is in timestamp\.fields\.list"):
        timestamps([value], "at", "t", nanoseconds=False)


@pytest.mark.parametrize(
    ("counted", "shown"),
    [
        # What java.util.GregorianCalendar has for these days since the epoch.
        (dt.date(1500, 1, 10), dt.date(1500, 1, 1)),
        (dt.date(1582, 10, 14), dt.date(1582, 10, 4)),
        (dt.date(1582, 10, 15), dt.date(1582, 10, 15)),
        (dt.date(1066, 10, 20), dt.date(1066, 10, 14)),
        (dt.date(1, 1, 1), dt.date(1, 1, 3)),
    ],
)
def test_a_day_before_the_cutover_is_the_julian_calendars(counted: dt.date, shown: dt.date) -> None:
    assert by_julian_calendar([counted, None, 5], "d", "t") == [shown, None, 5]
    at = dt.datetime.combine(counted, dt.time(1, 2), dt.UTC)
    assert by_julian_calendar([at], "d", "t") == [dt.datetime.combine(shown, dt.time(1, 2), dt.UTC)]


def test_a_day_that_only_the_julian_calendar_has_is_a_bad_record() -> None:
    with pytest.raises(DataError, match="29 February 1500 by the Julian calendar"):
        by_julian_calendar([dt.date(1500, 3, 10)], "d", "t")


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("UTC", 0),
        ("Z", 0),
        ("UTC+2", 2),
        ("GMT-03:30", -3.5),
        ("+01:00", 1),
        ("-0900", -9),
        ("Europe/Amsterdam", 1),
        ("CET", 1),
    ],
)
def test_a_zone_is_known_by_the_names_that_java_has(name: str, hours: float) -> None:
    assert zone_of(name).utcoffset(dt.datetime(2024, 1, 1)) == dt.timedelta(hours=hours)


@pytest.mark.parametrize("name", ["", "UTC+19", "UTC+2:75", "Mars/Phobos", "../etc/passwd", "+", "UTC2"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a time zone is expected"):
        zone_of(name)
