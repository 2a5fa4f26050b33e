from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.runtime.tasks.pieces import Pieces


def puts_of(bad: Sequence[bool], batch: int, pieces: Pieces | None = None) -> tuple[int, list[int], list[int]]:
    """Put records in batches; return how many puts that took, which were found bad, and which were taken, in order."""
    pieces, puts, found, taken = pieces or Pieces(), 0, list[int](), list[int]()
    for start in range(0, len(bad), batch):
        own = bad[start : start + batch]
        pieces.begin(len(own))
        at = 0
        while at < len(own):
            end = pieces.end(at)
            assert at < end <= len(own)
            puts += 1
            if not any(own[at:end]):
                pieces.taken(at, end)
                taken += range(start + at, start + end)
                at = end
            elif end - at > 1:
                pieces.refused(end)
            else:
                pieces.alone()
                found.append(start + at)
                at = end
    return puts, found, taken


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 50))
def test_each_bad_record_is_found_and_each_other_is_taken_once_in_order(bad: list[bool], batch: int) -> None:
    _, found, taken = puts_of(bad, batch)
    assert found == [n for n, is_bad in enumerate(bad) if is_bad]
    assert taken == [n for n, is_bad in enumerate(bad) if not is_bad]


@pytest.mark.parametrize("batch", [500, 10_000])
def test_one_bad_record_in_a_hundred_costs_a_tenth_of_a_put_for_each(batch: int) -> None:
    even = [n % 100 == 37 for n in range(100_000)]
    chance = random.Random(1)
    scattered = [chance.random() < 0.01 for _ in range(100_000)]
    for bad in (even, scattered):
        puts, found, _ = puts_of(bad, batch)
        assert len(found) == sum(bad)
        assert puts < 0.11 * len(bad)


def test_the_only_bad_record_of_ten_thousand_is_found_in_as_many_puts_as_it_has_bits() -> None:
    bad = [n == 6_789 for n in range(10_000)]
    puts, found, _ = puts_of(bad, 10_000)
    assert found == [6_789]
    assert puts < 20


def test_after_the_bad_ones_whole_batches_are_put_again() -> None:
    pieces = Pieces()
    puts_of([n % 50 == 7 for n in range(1000)], 1000, pieces)
    assert not pieces.is_whole
    puts, _, _ = puts_of([False] * 100_000, 1000, pieces)
    assert pieces.is_whole
    assert puts < 110


def test_where_all_records_are_bad_it_is_one_put_for_each() -> None:
    puts, _, _ = puts_of([True] * 10_000, 1000)
    assert puts < 10_100


def test_a_piece_that_was_refused_and_is_taken_in_parts_holds_nothing_bad() -> None:
    pieces = Pieces()
    pieces.begin(4)
    assert pieces.end(0) == 4
    pieces.refused(4)
    for start, end in ((0, 2), (2, 3), (3, 4)):
        assert pieces.end(start) == end
        pieces.taken(start, end)
    pieces.begin(4)
    assert pieces.end(0) == 4
