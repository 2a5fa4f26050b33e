from __future__ import annotations

import logging
from datetime import UTC, datetime

from connect.runtime.schedule import Schedule, ScheduleConfig
from connect.runtime.tasks.runs import Runs

LOG = logging.getLogger("test.runs")
NOON_S = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


def test_a_run_begins_at_its_time_and_not_before() -> None:
    clock = Clock()
    runs = Runs(Schedule("*/5 * * * *", "UTC"), LOG, clock=clock)
    assert not runs.begin_if_due()
    assert runs.wait_s() == 10.0  # the clock is looked at again, whatever was planned
    clock.now_s += 4 * 60 + 29
    assert (runs.begin_if_due(), runs.wait_s()) == (False, 1.0)
    clock.now_s += 1
    assert runs.begin_if_due()
    assert runs.is_under_way


def test_times_that_come_while_a_run_goes_on_are_passed_over() -> None:
    clock = Clock()
    runs = Runs(Schedule("* * * * *", "UTC"), LOG, clock=clock)
    clock.now_s += 30
    assert runs.begin_if_due()
    clock.now_s += 200  # three more
    runs.end()
    assert not runs.begin_if_due()
    assert runs.wait_s() == 10.0
    clock.now_s += 40
    assert runs.begin_if_due()


def runs_of(clock: Clock, cron: str) -> Runs:
    return Runs(Schedule(cron, "UTC"), LOG, clock=clock)


def test_a_clock_that_is_set_back_by_hours_does_not_stop_a_schedule_until_then() -> None:
    clock = Clock()
    runs = runs_of(clock, "*/5 * * * *")
    clock.now_s -= 2 * 3600
    assert not runs.begin_if_due()
    clock.now_s += 4 * 60 + 30
    assert runs.begin_if_due()


def test_a_clock_that_was_ahead_for_a_day_costs_no_day() -> None:
    clock = Clock()
    runs = runs_of(clock, "0 13 * * *")
    clock.now_s += 24 * 3600  # wrong
    assert runs.begin_if_due()
    runs.end()
    clock.now_s -= 24 * 3600
    assert not runs.begin_if_due()
    clock.now_s += 3600
    assert runs.begin_if_due()


def test_times_that_have_come_do_not_come_again_where_the_clock_is_corrected() -> None:
    clock = Clock()
    runs = runs_of(clock, "*/5 * * * *")
    clock.now_s += 4 * 60 + 31
    assert runs.begin_if_due()
    runs.end()
    clock.now_s -= 30
    assert not runs.begin_if_due()
    clock.now_s += 29
    assert not runs.begin_if_due(), "five past twelve has been"
    clock.now_s += 300
    assert runs.begin_if_due()


def test_a_time_of_the_day_does_not_come_again_where_the_clock_is_set_back_by_an_hour() -> None:
    clock = Clock()
    runs = runs_of(clock, "31 12 * * *")
    clock.now_s += 31 * 60
    assert runs.begin_if_due()
    runs.end()
    clock.now_s -= 3600
    assert not runs.begin_if_due()
    clock.now_s += 3600
    assert not runs.begin_if_due()
    clock.now_s += 24 * 3600
    assert runs.begin_if_due()


def test_a_run_at_the_start_is_for_who_asks_for_it() -> None:
    assert Runs.of(ScheduleConfig.parse({}), LOG) is None
    cron = {"schedule.cron": "0 2 * * *"}
    quiet = Runs.of(ScheduleConfig.parse(cron), LOG)
    eager = Runs.of(ScheduleConfig.parse({**cron, "schedule.at.start": "true"}), LOG)
    assert quiet is not None and not quiet.is_under_way
    assert eager is not None and eager.is_under_way
