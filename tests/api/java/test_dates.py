from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect.api.java.dates import DAY_MS, date_of, iso_text, milliseconds, moment_of, moments_of, time_of

MOMENTS = st.datetimes(timezones=st.just(dt.UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


@given(MOMENTS)
def test_a_moment_comes_back_from_its_milliseconds(at: dt.datetime) -> None:
    ms = milliseconds(at)
    assert moment_of(ms) == at
    assert moments_of([ms, 0]) == [at, moment_of(0)]


@given(MOMENTS)
def test_date_and_time_are_a_moments_two_parts(at: dt.datetime) -> None:
    ms = milliseconds(at)
    assert (date_of(ms), time_of(ms)) == (at.date(), at.time())
    assert milliseconds(date_of(ms)) + milliseconds(time_of(ms)) == ms


def test_what_has_no_zone_is_utc_and_what_has_one_is_not() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    assert milliseconds(dt.datetime(1970, 1, 1, 2)) == 2 * 3_600_000
    assert milliseconds(dt.datetime(1970, 1, 1, 2, tzinfo=east)) == 0
    assert milliseconds(dt.time(2)) == 2 * 3_600_000
    assert milliseconds(dt.time(2, tzinfo=east)) == 0


@pytest.mark.parametrize("ms", [10**18, -(10**18), 10**30])
def test_what_lies_outside_pythons_calendar_is_refused_with_the_type_that_was_wanted(ms: int) -> None:
    for make, word in ((moment_of, "Timestamp"), (date_of, "Date")):
        with pytest.raises(
            DataError, match=f"Invalid {word}: {ms} ms since the epoch lies outside the years 1 to 9999"
        ):
            make(ms)
    with pytest.raises(DataError, match="Invalid Timestamp"):
        moments_of([0, ms])


def test_the_value_and_not_its_schema_decides_which_text_a_date_has() -> None:
    assert iso_text(dt.date(2024, 2, 29)) == "2024-02-29"
    assert iso_text(dt.time(1, 2, 3, 4000)) == "01:02:03.004Z"
    assert iso_text(moment_of(DAY_MS + 1)) == "1970-01-02T00:00:00.001Z"
    assert iso_text(moment_of(DAY_MS)) == "1970-01-02"
