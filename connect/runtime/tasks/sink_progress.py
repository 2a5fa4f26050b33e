"""How far a sink task is, partition by partition: where it began, what was put last, and what of it is committed.

Committed is what was put before a flush that returned. Beside the offset behind the last record that was put there is
what follows it without any record, as the end of a transaction: the sink is not behind for that, and is through with it
once it is through with the record before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connect.records import FetchedBatch, TopicPartition


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the partitions were at one moment.

    Attributes:
        offsets: What is reached, also where the last of it holds no records.
        last_put: Of partitions of which records were put: the offset behind the last one.
    """

    offsets: Mapping[TopicPartition, int]
    last_put: Mapping[TopicPartition, int]

    def flushed(self, told: Mapping[TopicPartition, int]) -> Reached:
        """Return how far a sink is durable that says it of each partition; of those that it leaves out nothing is."""
        # Who is through with the last record is through with what follows it without any; and who was given none, with
        # what there was in their place.
        offsets = {
            at: offset if at not in self.last_put or told.get(at, -1) >= self.last_put[at] else told[at]
            for at, offset in self.offsets.items()
            if at not in self.last_put or at in told
        }
        return Reached(offsets, self.last_put)

    def dealt_with(self) -> dict[TopicPartition, int]:
        """Return what is reached of the partitions that records were put of, or dropped, or skipped."""
        return {at: offset for at, offset in self.offsets.items() if at in self.last_put}


class SinkProgress:
    """The progress of one sink task in the partitions that it has. For the event loop."""

    def __init__(self) -> None:
        self._begun: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._last_put: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}

    def has_begun(self, partition: TopicPartition) -> bool:
        """Whether it is known where a partition was begun."""
        return partition in self._begun

    def begin(self, partition: TopicPartition, offset: int) -> None:
        """Take where a partition is begun, or sought to: what was put of it before says nothing any more."""
        self.forget([partition])
        self._begun[partition] = offset

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop what is known of partitions that are taken away."""
        for partition in partitions:
            for known in (self._begun, self._reached, self._last_put, self._committed):
                known.pop(partition, None)

    def pass_over(self, partition: TopicPartition, position: int) -> None:
        """Take what a consumer has read up to its position, and found to hold no records, for reached."""
        if position > self._reached.get(partition, self._begun.get(partition, position)):
            self._reached[partition] = position

    def reach(self, fetched: Iterable[FetchedBatch]) -> None:
        """Take what is fetched for reached, before it is put: at most once."""
        self._reached |= {TopicPartition(batch.topic, batch.partition): batch.next_offset for batch in fetched}

    def put(self, batch: FetchedBatch, not_put: Mapping[TopicPartition, int]) -> int:
        """Take note of what was put, or skipped, of a batch that was fetched; return how many of its records that are.

        Args:
            not_put: The first record of each partition that comes again.
        """
        partition = TopicPartition(batch.topic, batch.partition)
        stop = min(not_put.get(partition, batch.next_offset), batch.next_offset)
        count = len(batch) if stop == batch.next_offset else bisect_left(batch.offsets, stop)
        if count or stop == batch.next_offset:
            self._reached[partition] = stop
            self._last_put[partition] = stop if count < len(batch) else batch.offsets[-1] + 1
        return count

    def take_back(self, partition: TopicPartition, offset: int) -> None:
        """Take back what was reached before it was put, and was not put after all."""
        self._reached[partition] = min(offset, self._reached.get(partition, offset))

    def reached(self) -> Reached:
        """Return how far the partitions are now."""
        return Reached(dict(self._reached), dict(self._last_put))

    @property
    def is_all_committed(self) -> bool:
        """Whether all that is reached is committed."""
        return all(self._committed.get(partition) == offset for partition, offset in self._reached.items())

    def uncommitted(self, reached: Reached) -> dict[TopicPartition, int]:
        """Return those offsets that are not what is committed."""
        return {at: offset for at, offset in reached.offsets.items() if self._committed.get(at) != offset}

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Take offsets as committed."""
        self._committed |= offsets
