"""Marks: what they are called, what a worker is told of them, and what a seed chooses."""

from __future__ import annotations

import random
import re

import pytest

from connect.testing.crash import DEFAULT_MARKS, Fault, arrived, at_await, at_call, clean_stop, every_await, log_line


def test_a_call_is_told_to_the_worker_as_the_end_of_its_life() -> None:
    assert at_call("flush", 2, "after").fault == Fault("flush", 2, action="kill", when="after")
    assert [mark.fault for mark in (at_await(3), arrived(1), log_line("x"), clean_stop())] == [None] * 4


def test_a_report_calls_a_mark_by_what_happens() -> None:
    def unplug() -> None:
        """Not called."""

    marks = [at_call("append"), at_await(1), arrived(1), arrived(1, unplug), clean_stop(), log_line("ready")]
    assert [mark.name for mark in marks] == ["before append", "await", "arrived", "unplug", "clean stop", "log"]


def test_a_seed_draws_the_same_numbers_again() -> None:
    def drawn(seed: int) -> list[int]:
        by = random.Random(seed)
        return [mark.chosen(by).nth for mark in DEFAULT_MARKS]

    assert drawn(5) == drawn(5) != drawn(6)
    assert all(1 <= nth <= mark.nth for nth, mark in zip(drawn(5), DEFAULT_MARKS, strict=True))


def test_a_number_that_is_given_stays() -> None:
    mark = at_await(17)
    assert mark.chosen(random.Random(1)) is mark


def test_every_await_is_one_mark_each() -> None:
    assert [mark.nth for mark in every_await(10, first=2, step=3)] == [2, 5, 8]


def test_a_line_that_is_no_pattern_is_refused_at_once() -> None:
    with pytest.raises(re.error):
        log_line("(")
