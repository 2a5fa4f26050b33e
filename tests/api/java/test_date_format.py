"""Dates by SimpleDateFormat's patterns. The expected texts and numbers are what Java 17 returned, in UTC and en_US."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.java import DateFormat

MS = 1_700_000_000_123  # Tuesday, 14 November 2023, 22:13:20.123
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSX"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ISO, "2023-11-14T22:13:20.123Z"),
        ("EEE, d MMM yyyy HH:mm:ss z", "Tue, 14 Nov 2023 22:13:20 UTC"),
        ("EEEE d MMMM yy G, zzzz", "Tuesday 14 November 23 AD, Coordinated Universal Time"),
        ("D w W F u", "318 46 3 2 2"),
        ("YYYY-'W'ww", "2023-W46"),
        ("hh:mm a KK kk", "10:13 PM 10 22"),
        ("h 'o''clock' SSSSSS Z XXX", "10 o'clock 000123 +0000 Z"),
        ("yyyyy.M.d ''", "02023.11.14 '"),
    ],
)
def test_a_date_is_written(pattern: str, text: str) -> None:
    assert DateFormat(pattern).format(MS) == text
    assert DateFormat(pattern).format_all([MS, MS]) == [text, text]


def test_days_before_october_1582_are_of_the_julian_calendar() -> None:
    days = DateFormat("yyyy-MM-dd G")
    assert days.format(-12_219_292_800_000) == "1582-10-15 AD"
    assert days.format(-12_219_292_800_001) == "1582-10-04 AD"
    assert days.format(-62_167_392_000_000) == "0001-01-01 BC"
    assert days.parse("0044-03-15 BC") == -63_517_996_800_000


@pytest.mark.parametrize(
    ("pattern", "text", "ms"),
    [
        ("yyyy-MM-dd", "2024-13-45 and more", 1_739_491_200_000),
        ("yyyy-MM-dd", " 2024-  1-5", 1_704_412_800_000),
        ("yyyyMMdd", "20240131", 1_706_659_200_000),
        ("yyyy-MM-dd HH:mm:ss Z", "2024-01-31 12:00:00 +0130", 1_706_697_000_000),
        ("yyyy-MM-dd HH:mm z", "2024-01-31 12:00 PST", 1_706_731_200_000),
        ("yyyy-MM-dd HH:mm z", "2024-01-31 12:00 GMT-2:30", 1_706_711_400_000),
        ("hh:mm a", "12:05 AM", 300_000),
        ("MMMM d, yyyy", "feb 3, 2024", 1_706_918_400_000),
        ("D yyyy", "60 2024", 1_709_164_800_000),
        ("YYYY-ww-u", "2024-05-3", 1_706_659_200_000),
        ("yyyy", "-1", -62_198_928_000_000),
    ],
)
def test_a_text_is_read_as_laxly_as_java_reads_it(pattern: str, text: str, ms: int) -> None:
    assert DateFormat(pattern).parse(text) == ms
    assert DateFormat(pattern).parse_all([text]) == [ms]


@pytest.mark.parametrize(("pattern", "text"), [(ISO, "junk"), (ISO, ""), ("MMM", "13"), ("X", "+25"), ("a", "noon")])
def test_what_is_no_date_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says more
        DateFormat(pattern).parse(text)


def test_two_digit_years_lie_in_the_hundred_years_from_eighty_years_ago() -> None:
    days = DateFormat("yy-MM-dd", century_start=dt.date(1946, 6, 15))
    assert [DateFormat("yyyy").format(days.parse(f"{y}-06-01")) for y in ("47", "99", "00", "46")] == [
        "1947",
        "1999",
        "2000",
        "2046",
    ]
    assert DateFormat("yyyy").format(days.parse("46-07-01")) == "1946"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("nope", "Illegal pattern character 'n'"), ("yyyy'", "Unterminated quote"), ("XXXX", "invalid ISO 8601 format")],
)
def test_a_pattern_that_is_none_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        DateFormat(pattern)


@given(
    ms=st.integers(-(10**13), 10**14),
    pattern=st.sampled_from([ISO, "yyyyMMddHHmmssSSS", "HH:mm:ss.SSS EEE d MMM yyyy z"]),
)
def test_what_is_written_is_read_again(ms: int, pattern: str) -> None:
    dates = DateFormat(pattern)
    assert dates.parse(dates.format(ms)) == ms
    assert dates.parse(dates.format(ms)) == ms, "remembered"


@given(
    texts=st.lists(st.from_regex(r"[12]\d{3}-[01]\d-[0-3]\d[T ][0-2]\d:\d\d:\d\d[.,]\d\d\d(Z|\+00)?", fullmatch=True))
)
def test_pythons_reader_is_asked_only_where_it_says_what_java_says(texts: list[str]) -> None:
    dates = DateFormat(ISO)
    moments = dates.iso_moments(texts)
    if moments is not None:
        assert [round(moment.timestamp() * 1000) for moment in moments] == [dates.parse(text) for text in texts]
