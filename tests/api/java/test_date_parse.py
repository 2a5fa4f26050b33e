"""Reading a text by the pieces of a SimpleDateFormat pattern, as lax as Java."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api.java import DateFormat

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read(pattern: str, text: str) -> dt.datetime:
    return EPOCH + dt.timedelta(milliseconds=DateFormat(pattern).parse(text))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-01-31 12:30:15.123", dt.datetime(2024, 1, 31, 12, 30, 15, 123000)),
        ("yyyyMMdd", "20240131", dt.datetime(2024, 1, 31)),
        ("d MMM yyyy", "31 january 2024", dt.datetime(2024, 1, 31)),
        ("EEE, d MMM yyyy", "Wed, 31 Jan 2024", dt.datetime(2024, 1, 31)),
        ("yyyy-MM-dd h:mm a", "2024-01-31 12:05 AM", dt.datetime(2024, 1, 31, 0, 5)),
        ("yyyy-MM-dd h:mm a", "2024-01-31 1:05 pm", dt.datetime(2024, 1, 31, 13, 5)),
        ("yyyy-MM-dd kk", "2024-01-31 24", dt.datetime(2024, 1, 31)),
        ("yyyy-DDD", "2024-060", dt.datetime(2024, 2, 29)),
        ("yyyy-MM-dd'T'HHX", "2024-01-31T12+02", dt.datetime(2024, 1, 31, 10)),
        ("yyyy-MM-dd HH XXX", "2024-01-31 12 -05:30", dt.datetime(2024, 1, 31, 17, 30)),
        ("yyyy-MM-dd HH Z", "2024-01-31 12 +0130", dt.datetime(2024, 1, 31, 10, 30)),
        ("yyyy-MM-dd HH z", "2024-01-31 12 EST", dt.datetime(2024, 1, 31, 17)),
        ("yyyy-MM-dd HH z", "2024-01-31 12 GMT+3:00", dt.datetime(2024, 1, 31, 9)),
        ("yyyy-MM-dd HH z", "2024-01-31 12 gmt-3:30", dt.datetime(2024, 1, 31, 15, 30)),
        ("yyyy-MM-dd HH z mm", "2024-01-31 12 GMT 30", dt.datetime(2024, 1, 31, 12, 30)),
        ("yyyy-MM-dd HH z mm", "2024-01-31 12 CEST 30", dt.datetime(2024, 1, 31, 10, 30)),
        ("yyyy-MM-dd HHX:mm", "2024-01-31 12Z:30", dt.datetime(2024, 1, 31, 12, 30)),
        ("yyyy-MM-dd hh HH", "2024-01-31 05 17", dt.datetime(2024, 1, 31, 17)),
        ("yyyy-MM-dd HH hh a", "2024-01-31 17 05 AM", dt.datetime(2024, 1, 31, 5)),
        ("yyyy-MM-dd hh", "2024-01-31 05", dt.datetime(2024, 1, 31, 5)),
    ],
)
def test_a_text_is_read_by_its_pattern(pattern: str, text: str, expected: dt.datetime) -> None:
    assert read(pattern, text) == expected.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("yyyy-MM-dd", "2024-13-45", dt.datetime(2025, 2, 14)),
        ("yyyy-MM-dd", "2024-1-3 and more", dt.datetime(2024, 1, 3)),
        ("HH:mm", "25:61", dt.datetime(1970, 1, 2, 2, 1)),
        ("yyyy-MM-dd", " 2024-01-31", dt.datetime(2024, 1, 31)),
    ],
)
def test_it_is_as_lax_as_java_about_what_overflows_and_what_follows(
    pattern: str, text: str, expected: dt.datetime
) -> None:
    assert read(pattern, text) == expected.replace(tzinfo=dt.UTC)


def test_a_year_of_two_digits_lies_in_the_eighty_years_before_now_or_the_twenty_after() -> None:
    year = dt.datetime.now(dt.UTC).year
    for ago in (79, 1, -19):
        assert read("yy-MM-dd", f"{(year - ago) % 100:02d}-06-15").year == year - ago


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", ""), ("yyyy-MM-dd", "2024"), ("yyyy-MM-dd", "2024/01/31"), ("yyyy-MM-dd", "x"),
        ("MMM", "Jab"), ("yyyyX", "2024+2"), ("yyyyX", "2024+24"), ("yyyy z", "2024 nowhere"), ("yyyyMMdd", "202401"),
    ],
)  # fmt: skip
def test_a_text_that_does_not_begin_with_a_date_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        DateFormat(pattern).parse(text)
