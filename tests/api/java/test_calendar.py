"""Days and fields of Java's calendar."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from connect.api.java.calendar import day_of, fields_of, week_date

EPOCH = dt.date(1970, 1, 1)


@given(day=st.integers(-3_000_000, 5_000_000))
def test_each_way_to_name_a_day_leads_back_to_it(day: int) -> None:
    found = fields_of(day)
    month = {"y": found.year, "M": found.month - 1}
    assert day_of({**month, "d": found.day}) == day
    assert week_date(found.week_year, found.week, found.weekday) == day
    if (found.year, found.month) != (1582, 10):
        assert day_of({"y": found.year, "D": found.day_of_year}) == day or found.year == 1582
        assert day_of({**month, "W": found.week_of_month, "E": found.weekday}) == day
        assert day_of({**month, "F": found.weekday_in_month, "E": found.weekday}) == day


@given(day=st.integers(-141_427, 2_900_000))
def test_since_1582_the_calendar_is_pythons(day: int) -> None:
    date, found = EPOCH + dt.timedelta(days=day), fields_of(day)
    assert (found.year, found.month, found.day, found.weekday) == (*date.timetuple()[:3], date.isoweekday() % 7 + 1)


def test_of_two_ways_the_later_counts() -> None:
    by_day_of_year = {"y": 2024, "M": 0, "d": 31, "D": 60}
    by_day_of_month = {"y": 2024, "D": 60, "M": 0, "d": 31}
    assert day_of(by_day_of_year) - day_of({"y": 2024}) == 59
    assert day_of(by_day_of_month) - day_of({"y": 2024}) == 30
