from __future__ import annotations

import time

import pytest

from connect.figures import BOUNDS_S, SAMPLE_S, Histogram, Shares, Window


def test_a_histogram_counts_each_time_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram((0.001, 0.1))
    for seconds in (0.0005, 0.001, 0.05, 3.0, -1.0):
        histogram.observe(seconds)
    assert histogram.counts == [3, 1, 1]
    assert histogram.sum_s == pytest.approx(3.0515), "a clock that went back adds nothing"


def test_histograms_are_added_bucket_by_bucket() -> None:
    one, other = Histogram(), Histogram()
    one.observe(0.5)
    other.observe(0.5)
    other.observe(100.0)
    one.add(other)
    assert (one.counts[BOUNDS_S.index(1.0)], one.counts[-1], one.sum_s) == (2, 1, 101.0)
    assert sum(other.counts) == 2, "it is left as it is"


def test_a_window_gives_kafkas_figures() -> None:
    window, now = Window(), time.monotonic()
    for value in (10, 20, 60):
        window.record(value, now)
    assert (window.avg(now), window.max(now), window.min(now), window.sum(now)) == (30, 60, 10, 90)


def test_a_rate_is_over_one_sample_and_what_has_gone_of_the_next_at_least() -> None:
    window, now = Window(), time.monotonic()
    window.record(90, now)
    assert window.rate(now) == pytest.approx(3.0, abs=0.01), "as Kafka's: a window that has begun counts for 30 s"
    assert window.rate(now + 15) == pytest.approx(2.0, abs=0.01)
    window.record(30, now + SAMPLE_S)
    assert window.rate(now + 45) == pytest.approx(120 / 45, abs=0.01)


def test_what_is_older_than_two_samples_counts_no_more() -> None:
    window, now = Window(), time.monotonic()
    window.record(90, now)
    assert window.sum(now + 2 * SAMPLE_S - 1) == 90
    later = now + 2 * SAMPLE_S + 1
    assert [window.sum(later), window.rate(later), window.avg(later), window.max(later)] == [0, 0, 0, 0]
    window.record(7, later)
    assert (window.max(later), window.min(later)) == (7, 7)


def test_a_window_without_anything_gives_zeros_and_no_nan() -> None:
    window, now = Window(), time.monotonic()
    assert [window.sum(now), window.rate(now), window.avg(now), window.max(now), window.min(now)] == [0] * 5


def test_shares_of_a_life_add_up_to_all_of_it() -> None:
    shares = Shares("UNASSIGNED")
    shares.enter("RUNNING")
    shares.enter("PAUSED")
    now = time.monotonic() + 100
    assert shares.of("PAUSED", now) == pytest.approx(1.0, abs=0.01)
    assert sum(shares.of(state, now) for state in ("UNASSIGNED", "RUNNING", "PAUSED")) == pytest.approx(1.0)
    assert shares.of("FAILED", now) == 0
