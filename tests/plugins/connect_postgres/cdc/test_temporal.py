"""Dates and times by their texts: every one that PostgreSQL holds, in each of Debezium's forms."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect_postgres.cdc import temporal
from tests.support.lengths import examples

EPOCH = dt.datetime(1970, 1, 1)


def printed(moment: dt.datetime) -> bytes:
    """Return a timestamp as PostgreSQL prints it: without zeros at the end."""
    text = moment.isoformat(sep=" ", timespec="microseconds")
    return text.rstrip("0").rstrip(".").encode()


@settings(max_examples=examples(200))
@given(st.lists(st.datetimes(), min_size=1))
def test_timestamps_are_counted_one_by_one_as_together(moments: list[dt.datetime]) -> None:
    texts = list(map(printed, moments))
    expected = [(moment - EPOCH) // dt.timedelta(microseconds=1) for moment in moments]
    assert list(map(temporal.micros, texts)) == expected
    assert temporal.all_micros([text.decode() for text in texts]) == expected


@settings(max_examples=examples(200))
@given(st.lists(st.datetimes(), min_size=1))
def test_timestamps_with_a_zone_are_written_one_by_one_as_together(moments: list[dt.datetime]) -> None:
    texts = [printed(moment) + b"+00" for moment in moments]
    expected = [f"{moment.isoformat(timespec='microseconds')}Z" for moment in moments]
    assert list(map(temporal.zoned_timestamp(6), texts)) == expected
    assert temporal.zoned_timestamps([text.decode() for text in texts]) == expected


@given(st.dates())
def test_days_are_counted_from_the_epoch(day: dt.date) -> None:
    assert temporal.days(day.isoformat().encode()) == (day - EPOCH.date()).days


@pytest.mark.parametrize(
    ("text", "days"),
    [
        (b"infinity", 2_147_483_647),
        (b"-infinity", -2_147_483_648),
        (b"0001-01-01 BC", -719_528),
        (b"4713-01-01 BC", -2_440_550),
        (b"10000-01-01", 2_932_897),
        (b"5874897-12-31", 2_145_042_905),
    ],
)
def test_dates_that_python_does_not_hold_are_counted_too(text: bytes, days: int) -> None:
    assert temporal.days(text) == days


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        (b"infinity", 9_223_372_036_825_200_000),
        (b"-infinity", -9_223_372_036_832_400_000),
        (b"20000-01-01 00:00:00.5", 568_971_820_800_500_000),
        (b"0044-03-15 12:00:00 BC", -63_517_780_800_000_000),
    ],
)
def test_timestamps_that_python_does_not_hold_are_counted_too(text: bytes, micros: int) -> None:
    assert temporal.micros(text) == micros


def test_24_00_is_the_length_of_a_day() -> None:
    assert temporal.time_micros(b"24:00:00") == 86_400_000_000
    assert temporal.time_micros(b"00:00:00.000001") == 1


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"2026-01-02 03:04:05+00", "2026-01-02T03:04:05.000000Z"),
        (b"infinity", "infinity"),
        (b"0044-03-15 12:00:00+00 BC", "-0043-03-15T12:00:00.000000Z"),
        (b"20000-01-01 00:00:00.5+00", "+20000-01-01T00:00:00.500000Z"),
    ],
)
def test_a_timestamp_with_a_zone_is_written_in_iso_8601(text: bytes, written: str) -> None:
    assert temporal.zoned_timestamp(6)(text) == written


def test_a_column_with_an_odd_timestamp_is_not_written_at_once() -> None:
    for odd in ("infinity", "0044-03-15 12:00:00+00 BC", "20000-01-01 00:00:00+00"):
        with pytest.raises(ValueError, match=r"infinity|year"):
            temporal.zoned_timestamps(["2026-01-02 03:04:05+00", odd])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"10:00:00+02", "08:00:00Z"),
        (b"00:30:00.25+01:30", "23:00:00.25Z"),
        (b"24:00:00-00", "00:00:00Z"),
        (b"12:00:00-15:59:59", "03:59:59Z"),
    ],
)
def test_a_time_with_a_zone_is_written_in_utc(text: bytes, written: str) -> None:
    assert temporal.zoned_time(text) == written


@pytest.mark.parametrize(
    ("text", "micros", "iso"),
    [
        (b"00:00:00", 0, "P0Y0M0DT0H0M0S"),
        (b"1 year 2 mons 3 days 04:05:06.789", 37_091_106_789_000, "P1Y2M3DT4H5M6.789S"),
        (b"-1 days +02:03:00", -79_020_000_000, "P0Y0M-1DT2H3M0S"),
        (b"-04:05:06", -14_706_000_000, "P0Y0M0DT-4H-5M-6S"),
        (b"1 mon", 2_629_800_000_000, "P0Y1M0DT0H0M0S"),
    ],
)
def test_an_interval_is_a_number_or_iso_8601(text: bytes, micros: int, iso: str) -> None:
    assert temporal.interval_micros(text) == micros
    assert temporal.interval_iso(text) == iso


def test_connects_own_types_hold_what_python_holds() -> None:
    assert temporal.connect_timestamp(b"2026-01-02 03:04:05.5") == dt.datetime(2026, 1, 2, 3, 4, 5, 500_000, dt.UTC)
    for text in (b"infinity", b"0044-03-15 BC"):
        with pytest.raises(ValueError, match=r"isoformat|Invalid"):
            temporal.connect_date(text)
