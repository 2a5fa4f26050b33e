"""What the runtime needs of a log: producers, consumers, groups and topics, in bytes, partitions and offsets.

Two implementations exist or will: `connect.log`, the bundled log in a directory, and `connect.kafka`, a real cluster.
The runtime, the stores and the faces know only these protocols; `connect.app` chooses.

Records cross this border as columns of bytes (`Columns`), or as raw record batches of Kafka's format v2, so that
bytes that need no change are never taken apart. All methods run on one event loop. None blocks it: an
implementation does file and network work elsewhere. A cancelled call leaves the port usable; a cancelled append may
or may not have happened, as with Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, Protocol

#: One record's headers: names and raw values, in order. Names may repeat.
RawHeaders = list[tuple[str, bytes | None]]

Acks = Literal["none", "written", "durable"]
"""When an append is answered: 'none' before the write is done, 'written' once it is in the page cache (survives the
death of the process), 'durable' once it is on disk (survives the death of the machine)."""


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class TimestampType(IntEnum):
    """Who set a record's timestamp, as in the attributes of record batch v2."""

    CREATE_TIME = 0
    LOG_APPEND_TIME = 1


@dataclass(frozen=True, slots=True)
class Columns:
    """n records as columns of one length, in bytes.

    Attributes:
        values: n values; None is a tombstone.
        keys: n keys, or None when every key is null.
        timestamps: n ms since the epoch, or one for all.
        headers: n header lists (None = no headers), or None when no record has headers.
    """

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None = None
    timestamps: Sequence[int] | int = 0
    headers: Sequence[RawHeaders | None] | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """Records of one partition, in offset order, as a consumer gets them.

    Attributes:
        offsets: One offset a record: a `range` where they are dense, a list where compaction left gaps.
        next_offset: Where to fetch next; past the last offset, also where the tail of the batch held no records.
    """

    topic: str
    partition: int
    offsets: range | list[int]
    columns: Columns
    next_offset: int
    timestamp_type: TimestampType = TimestampType.CREATE_TIME

    def __len__(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class RawFetch:
    """Whole record batches of format v2 as stored, back to back.

    Attributes:
        data: Starts with the batch that holds the asked offset; so its first records may lie before that offset.
    """

    data: bytes
    log_start_offset: int
    high_watermark: int
    last_stable_offset: int


@dataclass(frozen=True, slots=True)
class OffsetAndMetadata:
    """A group's committed offset: the next record to read, not the last one read."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""
    commit_timestamp: int = -1


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """One partition as `describe` shows it. Sizes in bytes."""

    partition: int
    log_start_offset: int
    log_end_offset: int
    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """One topic. `configs` holds only what was set for it, in Kafka's keys."""

    name: str
    topic_id: str
    partitions: tuple[PartitionInfo, ...]
    configs: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a group member reads: fixed topics, or all topics that fully match a pattern (internal ones never do).

    `member` of `members` says which share of the partitions is this consumer's where the log assigns by itself (the
    bundled log, one process); a real cluster's group protocol ignores it.
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    member: int = 0
    members: int = 1


class Producer(Protocol):
    """Appends records. One may serve many tasks; appends to one partition keep the order of the calls."""

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None:
        """Append n records to a topic.

        Without `partition` each record with a key goes where Kafka's murmur2 partitioner puts it, and records without
        a key stick to one partition for a batch.

        Raises:
            UnknownTopicOrPartitionError, RecordTooLargeError: Nothing was appended.
            EnvironmentFault: The disk refused; a batch is there whole or not at all.
        """

    async def append_raw(self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written") -> int:
        """Append whole record batches (format v2, checked, offsets assigned here); return the first base offset.

        Raises:
            CorruptBatchError: A batch fails its checks; none of `batches` was appended.
        """

    async def flush(self) -> None:
        """Return when all that this producer has appended is on disk. Raises `EnvironmentFault` when it cannot be."""

    async def aclose(self) -> None:
        """Flush and release. Safe to call twice."""


class Consumer(Protocol):
    """Reads the partitions of a subscription, each in offset order. Used by one task, one call at a time."""

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now; changes only inside `poll`."""

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; wait up to `timeout_ms` for the first, then return what there is, [] if nothing.

        A returned batch moves the position past it. Cancelling moves nothing.

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
        """Store the group's offsets durably."""

    async def committed(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's offsets for the present assignment."""

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """Return the log end offset of each assigned partition; with `position` this is the lag."""

    async def aclose(self) -> None:
        """Leave the group and release. Does not commit. Safe to call twice."""


class Groups(Protocol):
    """Committed offsets of consumer groups."""

    async def list(self) -> list[str]: ...

    async def offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]: ...

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None: ...

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets; None forgets the whole group. An unknown group is no error."""


class Admin(Protocol):
    """Topics."""

    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo:
        """Create a topic.

        Raises:
            ConflictError: log.topic_exists.
            ConfigError: log.invalid_topic, log.invalid_partitions, or a topic config that is wrong. Nothing is created.
        """

    async def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and every group's offsets for it."""

    async def list_topics(self) -> list[str]:
        """Return all names, internal ones too, sorted."""

    async def describe_topic(self, name: str) -> TopicInfo:
        """Raises `UnknownTopicOrPartitionError`, which names the nearest topic."""

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions, None when there is no such topic. Cheap: called per task start."""

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset whose timestamp is at or after `timestamp_ms`, None when there is none."""

    async def fetch(self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Read from an offset without a group; [] at the log end offset.

        Raises:
            OffsetOutOfRangeError: With the valid range.
        """

    async def fetch_raw(self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20) -> RawFetch:
        """Read stored record batches as they are; at least one whole batch if there is one."""


class Cluster(Protocol):
    """A log: one bundled data directory, or a Kafka cluster. Opened and closed by `connect.app`."""

    @property
    def cluster_id(self) -> str:
        """Stable for the life of the data directory or cluster; 22 characters of URL-safe base64, as Kafka's."""

    @property
    def admin(self) -> Admin: ...

    @property
    def groups(self) -> Groups: ...

    def producer(self, *, client_id: str, configs: Mapping[str, str] | None = None) -> Producer:
        """Make a producer. `configs` takes Kafka's producer keys (`compression.type`, `batch.size`, …)."""

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> Consumer:
        """Make a consumer that starts at the group's committed offsets, else by `auto.offset.reset` (latest, earliest, none)."""

    async def aclose(self) -> None:
        """Flush everything, mark a clean shutdown, give the directory up. Safe to call twice."""
