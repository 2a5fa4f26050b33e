"""What is reached, put and committed of a sink's partitions, and what a flush that got only so far leaves of it."""

from __future__ import annotations

from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.tasks.sink_progress import SinkProgress

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


def fetched(*offsets: int, partition: int = 0, next_offset: int | None = None) -> FetchedBatch:
    end = offsets[-1] + 1 if next_offset is None else next_offset
    return FetchedBatch("t", partition, list(offsets), Columns([b"v"] * len(offsets)), end)


def test_what_was_put_is_reached_with_what_follows_it_without_records() -> None:
    progress = SinkProgress()
    assert progress.put(fetched(3, 4, next_offset=6), {}) == 2
    reached = progress.reached()
    assert (reached.offsets, reached.last_put) == ({T0: 6}, {T0: 5})


def test_of_what_is_put_in_part_only_that_part_is_reached() -> None:
    progress = SinkProgress()
    assert progress.put(fetched(3, 5, 9), {T0: 9}) == 2
    assert progress.put(fetched(1, 2, partition=1), {T1: 1}) == 0
    assert progress.reached().offsets == {T0: 9}


def test_what_a_consumer_passes_over_is_reached_where_the_partition_was_begun_before_it() -> None:
    progress = SinkProgress()
    progress.begin(T0, 4)
    progress.pass_over(T0, 4)
    progress.pass_over(T1, 7)
    assert progress.reached().offsets == {}
    progress.pass_over(T0, 6)
    assert progress.reached().offsets == {T0: 6}


def test_a_flush_that_says_how_far_it_got_counts_and_what_has_no_records_goes_along() -> None:
    progress = SinkProgress()
    progress.put(fetched(3, 4, next_offset=6), {})
    progress.put(fetched(1, 2, partition=1), {})
    assert progress.reached().flushed({T0: 4}).offsets == {T0: 4}
    assert progress.reached().flushed({T0: 5, T1: 3}).offsets == {T0: 6, T1: 3}
    progress.begin(T1, 8)
    progress.pass_over(T1, 9)
    assert progress.reached().flushed({}).offsets == {T1: 9}


def test_what_is_committed_is_not_committed_again() -> None:
    progress = SinkProgress()
    progress.put(fetched(0), {})
    assert progress.uncommitted(progress.reached()) == {T0: 1}
    progress.committed({T0: 1})
    assert progress.is_all_committed
    progress.put(fetched(1), {})
    assert not progress.is_all_committed
    progress.forget([T0])
    assert progress.is_all_committed
    assert not progress.has_begun(T0)


def test_a_partition_that_is_sought_begins_anew() -> None:
    progress = SinkProgress()
    progress.put(fetched(0, 1), {})
    progress.committed({T0: 2})
    progress.begin(T0, 1)
    assert progress.reached().offsets == {}
    progress.put(fetched(1), {})
    assert progress.uncommitted(progress.reached()) == {T0: 2}


def test_at_most_once_what_is_reached_first_is_taken_back_where_it_was_not_put() -> None:
    progress = SinkProgress()
    progress.reach([fetched(0, 1, 2)])
    progress.take_back(T0, 1)
    progress.take_back(T1, 5)
    assert progress.reached().offsets == {T0: 1, T1: 5}
