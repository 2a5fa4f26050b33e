from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError, Schema
from connect.api.java import iso_text, moment_of
from connect.api.values.dates import iso_pattern, parse_iso

AFTER_1970 = st.datetimes(min_value=dt.datetime(1970, 1, 2), max_value=dt.datetime(9999, 1, 1))


@given(AFTER_1970)
def test_a_date_comes_back_from_the_text_that_it_has(naive: dt.datetime) -> None:
    at = naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=dt.UTC)
    found = parse_iso(iso_text(at))
    assert found in ((Schema.timestamp(), at), (Schema.date(), at.date()))
    assert parse_iso(iso_text(at.date())) == (Schema.date(), at.date())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-13-01", dt.date(2025, 1, 1)),
        ("2024-02-30", dt.date(2024, 3, 1)),
        ("1582-10-04", dt.date(1582, 10, 14)),
        ("1582-10-15", dt.date(1582, 10, 15)),
        (r"01\:02\:03.004Z", dt.time(1, 2, 3, 4000)),
        ("2024-02-29T25:00:00.000Z", dt.datetime(2024, 3, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_dates_are_read_as_laxly_as_java_reads_them(text: str, value: object) -> None:
    found = parse_iso(text)
    assert found is not None
    assert found[1] == value


@pytest.mark.parametrize("text", ["", "2024-1-1", "2024/02/29", "12:00:00", "2024-02-29 00:00:00.000Z"])
def test_another_text_is_no_date(text: str) -> None:
    assert parse_iso(text) is None


def test_a_date_that_python_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match=r"Invalid Date: .* outside the years 1 to 9999"):
        parse_iso("-999-01-01")


def test_the_pattern_of_a_text_is_simpledateformats() -> None:
    assert iso_pattern(dt.time(1)) == "HH:mm:ss.SSS'Z'"
    assert iso_pattern(dt.date(2024, 1, 1)) == "yyyy-MM-dd"
    assert iso_pattern(moment_of(86_400_001)) == "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"
