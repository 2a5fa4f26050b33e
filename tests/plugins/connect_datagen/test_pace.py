"""A task goes as fast as its rate says."""

import threading
import time

import pytest

from connect_datagen.pace import Pace


def pace(rate, speedup=1.0):
    return Pace(threading.Event(), lambda number: number / rate, speedup)


@pytest.mark.parametrize(("rate", "speedup"), [(1000, 1), (10, 100)])
def test_what_is_due_is_let_through(rate, speedup):
    one, made, start = pace(rate, speedup), 0, time.monotonic()
    while time.monotonic() < start + 0.5:
        made += one.count(made, 10_000)
    # As many as half a second has, and what a busy machine left out; never many more.
    assert 100 < made <= 1000 * (time.monotonic() - start) + 20


def test_without_a_pace_all_are_due_at_once():
    assert pace(1, 0).count(5, 700) == 700


def test_no_more_are_let_through_than_are_asked_for():
    one = pace(1_000_000)
    assert 1 <= one.count(0, 10) <= 10


def test_a_stop_ends_the_wait():
    one = pace(0.001)
    one.count(0, 1)
    one._stopping.set()
    started = time.monotonic()
    assert one.count(1, 1) == 0
    assert time.monotonic() - started < 0.5


def test_nothing_is_made_up_for_after_a_pause():
    one = pace(100)
    made = one.count(0, 10)
    one._zero_s -= 3600  # as if an hour had passed
    assert one.count(made, 100_000) < 100
