"""The port through which records are read as a member of a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connect.records import (
    FetchedBatch,
    OffsetAndMetadata,
    TopicPartition,
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a group member reads: fixed topics, or all that fully match a pattern, but never the log's own (`__*`).

    `member` of `members` says which one of how many tasks this is: of a group of the bundled log the shares of those
    that are missing are kept for a while, and without a group this is the consumer's share. A real cluster's group
    protocol ignores it.

    Where `reads` is False, a member only takes part: it has partitions and reads nothing of them, and so needs nobody
    who leads them. Its positions are 0.
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    member: int = 0
    members: int = 1
    reads: bool = True


class Consumer(Protocol):
    """Reads the partitions of a subscription, each in offset order. Used by one task.

    One call at a time, but for `commit`, `committed`, `end_offsets`, `position`, `pause` and `resume`, which may come
    while a `poll` is under way. `seek`, `release` and `aclose` may not: cancel the poll and await it first.
    """

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now, those that are `revoking` included.

        It changes inside `poll` and `release`.

        What left it without having been released was taken: its topic is gone, or it was not released in time. Where a
        topic was made anew, its partitions leave with one poll and come with a later one, to be read from the
        beginning.
        """

    async def member_id(self) -> str:
        """Return what the group knows this member by: another one once it was thrown out and has joined anew, '' while
        it is no member."""

    @property
    def revoking(self) -> frozenset[TopicPartition]:
        """Those that another member is to read: `poll` returns nothing of them any more. Put what is in hand, commit,
        and call `release`. After `max.poll.interval.ms` they are taken, and commits for them are refused.
        """

    @property
    def trouble(self) -> str | None:
        """Why nothing can be read just now, as far as that is known; None where nothing is known to be in the way."""

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions up. What is not assigned is passed over."""

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; wait up to `timeout_ms` for the first, then return what there is, [] if nothing.

        Returns [] at once where partitions were taken or are to be released. A returned batch moves the position past
        it. Cancelling moves nothing.

        Raises:
            OffsetOutOfRangeError: The position is gone and `auto.offset.reset` is none.
            CorruptBatchError: The stored bytes fail their checksum; the position stays before them.
        """

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is fetched next."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Fetch from `offset` next. An offset out of range is reported by the next poll."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Leave these partitions out of `poll` until resumed."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Take these partitions into `poll` again."""

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Store the group's offsets durably.

        Raises:
            LogError: log.illegal_generation: another member reads some of the partitions now. The others are committed.
            UnknownTopicOrPartitionError: Some of the partitions are gone. The others are committed.
        """

    async def committed(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's offsets for the present assignment."""

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """Return the log end offset of each assigned partition; with `position` this is the lag."""

    async def aclose(self) -> None:
        """Leave the group and release. Does not commit. Safe to call twice."""
