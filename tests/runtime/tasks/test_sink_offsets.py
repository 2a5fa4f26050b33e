"""Records of a sink in hand, put into the order of their offsets whatever a transform has made of their batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connect.api import Batch
from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.tasks.sink_offsets import firsts, in_front, in_order, lowest, nearest, parted


def batch_of(offsets: Sequence[int], partition: int = 0, topic: str = "a") -> Batch:
    return Batch(
        topic, [str(offset) for offset in offsets], offsets=offsets, original_topic="t", original_partition=partition
    )


def offsets_of(batches: Sequence[Batch]) -> list[list[int]]:
    return [list(batch.offsets or ()) for batch in batches]


def test_batches_that_lie_in_front_of_one_another_stay_what_they_are() -> None:
    batches = [batch_of(range(4)), batch_of([4, 6, 9]), batch_of([1, 2], partition=1)]
    assert all(left is right for left, right in zip(in_order(batches), batches, strict=True))


def test_batches_that_a_transform_has_parted_come_in_slices_as_long_as_their_turns() -> None:
    found = in_order([batch_of([0, 1, 4, 5]), batch_of([2, 3, 8], topic="b"), batch_of(range(6, 8), topic="c")])
    assert offsets_of(found) == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]
    assert [batch.topic for batch in found] == ["a", "b", "a", "c", "b"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_whatever_the_turns_each_batch_is_in_front_of_those_behind_it_and_none_is_lost(turns: list[int]) -> None:
    shares = [[offset for offset, turn in enumerate(turns) if turn == number] for number in range(4)]
    found = in_order([batch_of(share) for share in shares if share])
    assert [offset for batch in offsets_of(found) for offset in batch] == list(range(len(turns)))
    assert len(found) <= 1 + sum(left != right for left, right in pairwise(turns))


def test_records_of_one_offset_follow_one_another() -> None:
    found = in_order([batch_of([0, 1]), batch_of([0, 1], topic="b")])
    assert offsets_of(found) == [[0], [0], [1], [1]]


def test_records_that_a_transform_made_leave_the_batches_as_they_are() -> None:
    made = Batch("a", ["x"])
    batches = [batch_of([0, 2]), batch_of([1]), made]
    assert in_order(batches) == batches
    assert lowest(batches) is None


def test_the_lowest_offset_of_each_partition_counts() -> None:
    assert lowest([batch_of([5, 7]), batch_of([4]), batch_of([1], partition=1)]) == {
        TopicPartition("t", 0): 4,
        TopicPartition("t", 1): 1,
    }


def test_what_lies_in_front_of_what_waits_is_taken_out_of_each_batch() -> None:
    front, others = in_front([batch_of([0, 2, 4]), batch_of([1], partition=1)], [batch_of([3])])
    assert (offsets_of(front), offsets_of(others)) == ([[0, 2], [1]], [[4]])


def test_a_record_counted_over_all_batches_parts_them() -> None:
    front, behind = parted([batch_of([0, 1]), batch_of([2, 3]), batch_of([4])], 3)
    assert (offsets_of(front), offsets_of(behind)) == ([[0, 1], [2]], [[3], [4]])


def test_the_first_record_that_was_fetched_of_each_partition_counts() -> None:
    fetched = [FetchedBatch("t", 0, [3, 4], Columns([b"a", b"b"]), 5), FetchedBatch("t", 0, [5], Columns([b"c"]), 6)]
    assert firsts(fetched) == {TopicPartition("t", 0): 3}


def test_of_two_the_lower_offset_of_each_partition_counts() -> None:
    first, second, third = (TopicPartition("t", number) for number in range(3))
    assert nearest({first: 3, second: 1}, {first: 2, third: 5}) == {first: 2, second: 1, third: 5}
