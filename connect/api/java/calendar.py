"""Days and fields of Java's GregorianCalendar: in UTC, weeks as in the United States, Julian before 15 October 1582.

A day is counted from 1970-01-01, a year is astronomical (0 is 1 BC), a month runs from 1 and a weekday from 1 = Sunday.

Source: java.util.GregorianCalendar (computeFields, computeTime) and java.util.Calendar (selectFields).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

_CUTOVER_DAY: Final = -141_427  # 15 October 1582
_CUTOVER_YEAR: Final = 1582


class Day(NamedTuple):
    """What a calendar says of one day."""

    year: int
    month: int
    day: int
    day_of_year: int
    weekday: int
    week: int
    week_year: int
    week_of_month: int
    weekday_in_month: int


@lru_cache(maxsize=4096)
def fields_of(day: int) -> Day:
    """Return a day's fields."""
    julian = day < _CUTOVER_DAY
    year, month, day_of_month = _civil(day, julian=julian)
    first = _year_start(year)
    week = _week(first, day)
    week_year = year
    if week >= 52 and day >= _sunday_on_or_before(_year_start(year + 1)):
        week, week_year = 1, year + 1
    month_start = day - day_of_month + 1
    if month_start < _CUTOVER_DAY <= day:  # October 1582 goes on with the 15th
        month_start = _CUTOVER_DAY
    return Day(
        year,
        month,
        day_of_month,
        day - first + 1,
        weekday_of(day),
        week,
        week_year,
        _week(month_start, day),
        (day - month_start) // 7 + 1,
    )


def weekday_of(day: int) -> int:
    """Return 1 for Sunday to 7 for Saturday."""
    return (day + 4) % 7 + 1


def week_date(week_year: int, week: int, weekday: int) -> int:
    """Return the day of a week of a year; weeks and weekdays may run over either way."""
    return _sunday_on_or_before(_year_start(week_year)) + (week - 1) * 7 + weekday - 1


def day_of(given: Mapping[str, int]) -> int:
    """Return the day that fields name, as a lenient GregorianCalendar does.

    Args:
        given: Values by SimpleDateFormat's letters y, M, d, D, w, W, F, E (weekday) and G (0 = BC), in the order in
            which they were set: of two ways to name a day, the later counts.
    """
    year = given.get("y", 1970)
    if given.get("G") == 0:
        year = 1 - year
    way = _way(given)
    if year > _CUTOVER_YEAR:
        day = _resolved(way, given, year, julian=False)
        return day if day >= _CUTOVER_DAY else _resolved(way, given, year, julian=True)
    julian_day = _resolved(way, given, year, julian=True)
    if year < _CUTOVER_YEAR or way in ("D", "w"):
        return julian_day
    gregorian_day = _resolved(way, given, year, julian=False)
    # Both at once only in the ten days that the calendar left out, or in lenient dates that run into them.
    return gregorian_day if gregorian_day >= _CUTOVER_DAY else julian_day


def _way(given: Mapping[str, int]) -> str:
    """Return the letter of the group of fields that was set last: d, W, F, D or w."""
    stamps = {letter: stamp for stamp, letter in enumerate(given, 1)}
    weekday = stamps.get("E", 0)
    groups = {"d": stamps.get("d", 0), "W": 0, "F": 0, "D": stamps.get("D", 0), "w": 0}
    for letter in "WFw":
        if weekday and letter in stamps:
            groups[letter] = max(weekday, stamps[letter])
    best = max(groups.values())
    if best:
        # The week of a year wins over those of a month when the weekday, which they share, was set last.
        ranked = sorted("dWFDw", key=lambda letter: (-groups[letter], -stamps.get(letter, 0)))
        return ranked[0]
    alone = {"W": stamps.get("W", 0), "F": max(stamps.get("F", 0), weekday), "w": stamps.get("w", 0)}
    latest = max(alone, key=lambda letter: alone[letter])
    return latest if alone[latest] else "d"


def _resolved(way: str, given: Mapping[str, int], year: int, *, julian: bool) -> int:
    weekday = given.get("E")
    if way == "D":
        return _start(year, 1, julian=julian) + given["D"] - 1
    if way == "w":
        first = _sunday_on_or_before(_start(year, 1, julian=julian))
        return first + (0 if weekday is None else (weekday - 1) % 7) + 7 * (given["w"] - 1)
    month = given.get("M", 0)
    first = _start(year + month // 12, month % 12 + 1, julian=julian)
    if way == "d":
        return first + given.get("d", 1) - 1
    if way == "W":
        sunday = _sunday_on_or_before(first)
        return sunday + (0 if weekday is None else (weekday - 1) % 7) + 7 * (given["W"] - 1)
    wanted, nth = (1 if weekday is None else weekday), given.get("F", 1)
    if nth >= 0:
        return _on_or_before(first + 7 * nth - 1, wanted)
    after = _start(year + (month + 1) // 12, (month + 1) % 12 + 1, julian=julian)
    return _on_or_before(after + 7 * (nth + 1) - 1, wanted)


def _week(first: int, day: int) -> int:
    return (day - _sunday_on_or_before(first)) // 7 + 1


def _sunday_on_or_before(day: int) -> int:
    return day - (day + 4) % 7


def _on_or_before(day: int, weekday: int) -> int:
    return day - (day + 5 - weekday) % 7


def _year_start(year: int) -> int:
    return _start(year, 1, julian=year <= _CUTOVER_YEAR)


def _start(year: int, month: int, *, julian: bool) -> int:
    """Return the first day of a month."""
    # Years are counted from March, so that the leap day is the last: days before a month are then a plain formula.
    years = year - (month <= 2)
    before = (153 * ((month + 9) % 12) + 2) // 5 + 365 * years + years // 4
    return before - 719_470 if julian else before - years // 100 + years // 400 - 719_468


def _civil(day: int, *, julian: bool) -> tuple[int, int, int]:
    if julian:
        cycle, rest = divmod(day + 719_470, 1461)
        years = min(rest // 365, 3)
        rest -= years * 365
        years += 4 * cycle
    else:
        cycle, rest = divmod(day + 719_468, 146_097)
        years = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
        rest -= 365 * years + years // 4 - years // 100
        years += 400 * cycle
    months = (5 * rest + 2) // 153
    month = (months + 2) % 12 + 1
    return years + (month <= 2), month, rest - (153 * months + 2) // 5 + 1
