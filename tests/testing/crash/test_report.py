"""The books of a run: what counts as lost, doubled and out of order."""

from __future__ import annotations

import pytest

from connect.testing.crash import Report, Seen, judge

WRITTEN = [Seen("a", 0), Seen("a", 1), Seen("a", 2), Seen("b", 0)]


def test_all_of_it_once_in_order_is_without_fault() -> None:
    books = judge(WRITTEN, WRITTEN)
    assert (books.lost, books.doubled, books.reordered, books.strangers, books.examples) == (0, 0, 0, 0, ())


def test_a_stretch_that_comes_again_is_doubled_and_not_out_of_order() -> None:
    books = judge(WRITTEN, [*WRITTEN[:3], *WRITTEN[1:]])
    assert (books.lost, books.doubled, books.reordered) == (0, 2, 0)
    assert books.examples == ("doubled: a/1, a/2",)


def test_what_comes_first_behind_a_later_one_of_its_key_is_out_of_order() -> None:
    books = judge(WRITTEN, [Seen("a", 0), Seen("a", 2), Seen("a", 1), Seen("b", 0)])
    assert (books.lost, books.reordered) == (0, 1)
    assert books.examples == ("out of order: a/1",)


def test_keys_are_in_no_order_among_each_other() -> None:
    assert judge(WRITTEN, [Seen("b", 0), *WRITTEN[:3]]).reordered == 0


def test_what_is_missing_and_what_nobody_wrote_is_named() -> None:
    books = judge(WRITTEN, [*WRITTEN[:2], Seen("b", 0), Seen("c", 7)])
    assert (books.lost, books.strangers) == (1, 1)
    assert books.examples == ("lost: a/2", "from nowhere: c/7")


def test_what_is_lost_and_never_doubled_is_at_most_once() -> None:
    some = Report(written=4, found=3, lost=1)
    some.assert_at_most_once()
    Report(written=4, found=4).assert_at_most_once()
    assert some.verdict == "at most once"
    with pytest.raises(AssertionError, match="promised: at least once\nat most once: 4 written, 3 found, 1 lost"):
        some.assert_at_least_once()
    for wrong in (Report(written=4, found=4, lost=1, doubled=1), Report(written=4, found=0, lost=4)):
        with pytest.raises(AssertionError, match="promised: at most once\nbroken"):
            wrong.assert_at_most_once()


def test_a_report_passes_as_what_it_is_and_as_less() -> None:
    once, twice = Report(written=4, found=4), Report(written=4, found=5, doubled=1)
    once.assert_exactly_once()
    once.assert_at_least_once()
    twice.assert_at_least_once()
    assert (once.verdict, twice.verdict) == ("exactly once", "at least once")
    with pytest.raises(AssertionError, match=r"promised: exactly once\nat least once: 4 written, 5 found"):
        twice.assert_exactly_once()


@pytest.mark.parametrize(
    "wrong",
    [
        Report(written=4, found=4, lost=1, doubled=1, seed=77, log="the worker's last words"),
        Report(written=4, found=4, reordered=1, seed=77, log="the worker's last words"),
        Report(written=4, found=5, strangers=1, seed=77, log="the worker's last words"),
        Report(written=4, found=4, trouble="it did not stop", seed=77, log="the worker's last words"),
        Report(written=0, found=0, seed=77, log="the worker's last words"),
    ],
)
def test_a_broken_promise_is_told_with_the_seed_and_the_log(wrong: Report) -> None:
    assert wrong.verdict == "broken"
    with pytest.raises(AssertionError, match=r"(?s)promised: at least once.*seed 77.*the worker's last words"):
        wrong.assert_at_least_once()
