from __future__ import annotations

import pytest

from connect.runtime.tasks.draining import QUIET_S, Draining


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def draining(clock: Clock) -> Draining:
    return Draining(clock)


def test_polls_that_bring_nothing_for_a_while_are_the_end(draining: Draining, clock: Clock) -> None:
    assert not draining.is_over(None)
    draining.begin()
    draining.empty()
    assert not draining.is_over(None)
    clock.now_s += QUIET_S / 2
    draining.begin()
    draining.empty()
    clock.now_s += QUIET_S / 2
    assert draining.is_over(None)
    draining.begin()
    draining.brought()
    assert not draining.is_over(None)


def test_a_poll_that_takes_its_time_may_bring_something(draining: Draining, clock: Clock) -> None:
    draining.begin()
    draining.empty()
    draining.begin()
    clock.now_s += 10 * QUIET_S
    assert not draining.is_over(None)
    draining.empty()
    assert draining.is_over(None)


def test_what_a_source_says_counts_more_than_its_polls(draining: Draining, clock: Clock) -> None:
    draining.begin()
    draining.empty()
    clock.now_s += 10 * QUIET_S
    assert not draining.is_over(False)
    assert draining.is_over(True)
    assert Draining(clock).is_over(True)
    assert not Draining(clock).is_over("yes")  # a plugin may set anything


def test_a_new_run_begins_anew(draining: Draining, clock: Clock) -> None:
    draining.begin()
    draining.empty()
    clock.now_s += QUIET_S
    draining.begin_anew()
    assert not draining.is_over(None)
