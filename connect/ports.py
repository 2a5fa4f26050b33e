"""What the runtime needs of a log: producers, consumers, groups and topics, in bytes, partitions and offsets.

Two implementations exist or will: `connect.log`, the bundled log in a directory, and `connect.kafka`, a real cluster.
The runtime, the stores and the faces know only these protocols; `connect.app` chooses.

Records cross this border as columns of bytes (`Columns`), or as raw record batches of Kafka's format v2, so that
bytes that need no change are never taken apart. All methods run on one event loop. None blocks it: an
implementation does file and network work elsewhere. A cancelled call leaves the port usable; a cancelled append may
or may not have happened, as with Kafka.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, Protocol

#: One record's headers: names and raw values, in order. Names may repeat.
RawHeaders = list[tuple[str, bytes | None]]

Acks = Literal["none", "written", "durable"]
"""When an append is answered: 'none' before the write is done, 'written' once it is in the page cache (survives the
death of the process), 'durable' once it is on disk (survives the death of the machine)."""


Isolation = Literal["read_uncommitted", "read_committed"]
"""What a reader sees of transactions: all records, or those of no transaction and of committed ones, in offset order
up to the first transaction that is still open (the last stable offset)."""


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

    @property
    def stamps(self) -> Sequence[int]:
        """n timestamps, also where one stands for all."""
        return [self.timestamps] * len(self.values) if isinstance(self.timestamps, int) else self.timestamps

    def cut(self, start: int, stop: int | None = None) -> Columns:
        """Return the records from `start` up to `stop`, as a slice does."""
        rows = slice(start, stop)
        return Columns(
            self.values[rows],
            self.keys[rows] if self.keys is not None else None,
            self.timestamps if isinstance(self.timestamps, int) else self.timestamps[rows],
            self.headers[rows] if self.headers is not None else None,
        )


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
class AbortedTransaction:
    """What a read_committed reader must leave out: this producer's transactional records in this range of offsets.

    Attributes:
        last_offset: That of the abort marker.
        last_stable_offset: Of the partition when the marker was written.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


@dataclass(frozen=True, slots=True)
class RawFetch:
    """Whole record batches of format v2 as stored, back to back.

    Attributes:
        data: Starts with the batch that holds the asked offset; so its first records may lie before that offset.
        aborted: With read_committed: the aborted transactions that touch `data`, by first offset.
    """

    data: bytes
    log_start_offset: int
    high_watermark: int
    last_stable_offset: int
    aborted: tuple[AbortedTransaction, ...] = ()


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
    last_stable_offset: int = -1


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """One topic. `configs` holds only what was set for it, in Kafka's keys."""

    name: str
    topic_id: str
    partitions: tuple[PartitionInfo, ...]
    configs: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False


ConfigSource = Literal["topic", "log", "default"]


@dataclass(frozen=True, slots=True)
class TopicConfigEntry:
    """One config of a topic as it is in force.

    Attributes:
        source: Who set the value: this 'topic', the 'log' for all of its topics, or nobody ('default').
        is_ignored: Kafka knows the key; it changes nothing here.
    """

    name: str
    value: str
    source: ConfigSource
    doc: str = ""
    is_ignored: bool = False


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A consumer group. `members` are the client ids of the consumers that read for it now.

    Attributes:
        state: 'Stable' with members, 'Empty' without.
    """

    name: str
    state: Literal["Stable", "Empty"]
    members: tuple[str, ...]
    offsets: Mapping[TopicPartition, OffsetAndMetadata]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a group member reads: fixed topics, or all topics that fully match a pattern (internal ones never do).

    `member` of `members` says which one of how many tasks this is: of a group of the bundled log the shares of those that
    are missing are kept for a while, and without a group this is the consumer's share. A real cluster's group protocol
    ignores it.
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    member: int = 0
    members: int = 1


class Producer(Protocol):
    """Appends records. One may serve many tasks; appends to one partition keep the order of the calls.

    With the config `transactional.id` it works in transactions, one at a time, and only in them:
    `init_transactions` once; then again and again `begin_transaction`, appends and `send_offsets_to_transaction`, and
    `commit_transaction` or `abort_transaction`.
    """

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None:
        """Append n records to a topic.

        Without `partition` each record with a key goes where Kafka's murmur2 partitioner puts it, and records without
        a key stick to one partition for a batch.

        Raises:
            UnknownTopicOrPartitionError, RecordTooLargeError: Nothing was appended.
            InvalidRecordError: A timestamp out of the topic's bounds, a compacted topic and no key. Nothing appended.
            InternalTopicError: The topic is internal, and this producer was not made for those. Nothing appended.
            ProducerFencedError: Another producer has taken this one's `transactional.id`.
            EnvironmentFault: The disk refused. The same `columns`, the very object, can be appended again, as the next
                append to this topic: it goes on where it ended, and writes nothing twice.
        """

    async def append_raw(
        self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written", check_records: bool = False
    ) -> int:
        """Append whole record batches (format v2, offsets assigned here); return the first base offset.

        Batches with a producer id are deduplicated by their sequence numbers: one that is there already is not
        appended again, and its offset is returned.

        Args:
            check_records: Also read every record inside; for batches that come from strangers. Their headers and
                checksums are always checked.

        Raises:
            CorruptBatchError: A batch fails its checks; none of `batches` was appended.
            OutOfOrderSequenceError: A batch before this one is missing.
            ProducerFencedError: The batch's producer epoch is not the newest.
            InternalTopicError: See `append`.
        """

    async def init_transactions(self) -> None:
        """Take the `transactional.id`: fence whoever had it, and abort the transaction that was left open.

        Raises:
            TransactionStateError: This producer has no `transactional.id`.
        """

    async def begin_transaction(self) -> None:
        """Begin a transaction. Raises `TransactionStateError` when one is open, or before `init_transactions`."""

    async def send_offsets_to_transaction(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Make a group's offsets part of the transaction: committed with its records, or not at all."""

    async def commit_transaction(self) -> None:
        """Make all of the transaction visible, durably. Cancelled or failed, it is committed or aborted as a whole;
        `init_transactions` then tells nothing, the records do.

        Raises:
            ProducerFencedError: Another producer has taken the `transactional.id`; the transaction was aborted.
            TransactionStateError: None is open, or it was aborted because it took longer than `transaction.timeout.ms`.
        """

    async def abort_transaction(self) -> None:
        """Leave nothing of the transaction visible to read_committed readers; raises as `commit_transaction` does."""

    async def flush(self) -> None:
        """Return when all that this producer has appended is on disk. Raises `EnvironmentFault` when it cannot be."""

    async def aclose(self) -> None:
        """Flush and release. Safe to call twice."""


class Consumer(Protocol):
    """Reads the partitions of a subscription, each in offset order. Used by one task.

    One call at a time, but for `commit`, `committed`, `end_offsets`, `position`, `pause` and `resume`, which may come
    while a `poll` is under way. `seek`, `release` and `aclose` may not: cancel the poll and await it first.
    """

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now, those that are `revoking` included; changes inside `poll` and `release`.

        What left it without having been released was taken: its topic is gone, or it was not released in time. Where a
        topic was made anew, its partitions leave with one poll and come with a later one, to be read from the beginning.
        """

    @property
    def revoking(self) -> frozenset[TopicPartition]:
        """Those that another member is to read: `poll` returns nothing of them any more. Put what is in hand, commit, and
        call `release`. After `max.poll.interval.ms` they are taken, and commits for them are refused."""

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions up. What is not assigned is passed over."""

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; wait up to `timeout_ms` for the first, then return what there is, [] if nothing.

        Returns [] at once where partitions were taken or are to be released. A returned batch moves the position past it. Cancelling moves nothing.

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


class Groups(Protocol):
    """Committed offsets of consumer groups. Offsets that no consumer used for a week expire."""

    async def list(self) -> list[str]:
        """Return the names of groups with committed offsets or members, sorted."""

    async def describe(self, group: str) -> GroupInfo:
        """Return a group with its offsets and members; an unknown one is empty."""

    async def offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return a group's committed offsets; none for an unknown group."""

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Set a group's offsets from outside, durably.

        Raises:
            ConflictError: log.group_in_use: consumers read for the group; what they commit would be lost.
            UnknownTopicOrPartitionError: One of the partitions is not there; none was set.
        """

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets; None forgets the whole group. An unknown group is no error.

        Raises:
            ConflictError: log.group_in_use.
        """


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

    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo:
        """Set some of a topic's configs, in force at once; None takes one back to its default. Others stay.

        Raises:
            ConfigError: A config is wrong; none was changed.
        """

    async def add_partitions(self, name: str, total: int) -> TopicInfo:
        """Raise the number of partitions to `total`. Keys go to other partitions from then on, as with Kafka.

        Raises:
            ConfigError: log.invalid_partitions: `total` is not more than there are.
        """

    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        """Return every config of a topic as it is in force."""

    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int:
        """Delete the records before an offset, -1 for all; return the log start offset, durable by then.

        Raises:
            OffsetOutOfRangeError: The offset lies behind the log end offset.
        """

    async def list_topics(self) -> list[str]:
        """Return all names, internal ones too, sorted."""

    async def describe_topic(self, name: str) -> TopicInfo:
        """Raises `UnknownTopicOrPartitionError`, which names the nearest topic."""

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicInfo]:
        """Return those of some topics that exist, by name; costs about as much as describing one."""

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions, None when there is no such topic. Cheap: called per task start."""

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset whose timestamp is at or after `timestamp_ms`, None when there is none."""

    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]:
        """Read from an offset without a group; [] at the log end offset, or the last stable one with read_committed.

        Raises:
            OffsetOutOfRangeError: With the valid range.
        """

    async def fetch_raw(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> RawFetch:
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

    def is_internal(self, topic: str) -> bool:
        """Tell whether a topic, there or not, is closed to records: those that begin with `__`, and reserved ones."""

    def holds_state(self, topic: str) -> bool:
        """Tell whether the log itself, or the worker that reserved a topic, lives by what it holds."""

    async def reserve(self, topics: Collection[str]) -> None:
        """Make these topics, there or not, internal from now on, in place of those reserved before; durable.

        For the one worker that keeps its state in them. Reading them is not restricted.
        """

    def producer(self, *, client_id: str, configs: Mapping[str, str] | None = None, internal: bool = False) -> Producer:
        """Make a producer; with `internal` one that may append to internal topics, which is for the stores alone.

        `configs` takes Kafka's producer keys (`compression.type`, `batch.size`,
        `enable.idempotence`, `transactional.id`, `transaction.timeout.ms`, …).
        """

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> Consumer:
        """Make a consumer that starts at the group's committed offsets, else by `auto.offset.reset` (latest, earliest,
        none), and reads as `isolation.level` says.
        """

    async def aclose(self) -> None:
        """Flush everything, mark a clean shutdown, give the directory up. Safe to call twice."""


@dataclass(frozen=True, slots=True)
class BadRange:
    """Bytes of a stored file that are damaged, from `position` up to `end_position`."""

    path: str
    position: int
    end_position: int
    reason: str


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """One record batch as it is stored, for people who look at it. Sizes and positions in bytes.

    Attributes:
        flags: Of 'transactional', 'control', 'delete horizon', 'log append time'.
        marker: 'COMMIT' or 'ABORT' for the end of a transaction.
        records: None where they cannot be read.
    """

    path: str
    position: int
    size_bytes: int
    base_offset: int
    last_offset: int
    count: int
    codec: str
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    flags: tuple[str, ...]
    marker: str | None
    records: FetchedBatch | None


@dataclass(frozen=True, slots=True)
class PartitionReport:
    """What reading every byte of a partition found. Sizes in bytes, times in ms since the epoch, -1 for none.

    Attributes:
        codecs: Batches by the codec's name.
        records_bytes: What the records take when they are decompressed.
    """

    topic: str
    partition: int
    segments: int
    batches: int
    records: int
    log_start_offset: int
    log_end_offset: int
    size_bytes: int
    index_bytes: int
    records_bytes: int
    codecs: Mapping[str, int]
    oldest_timestamp: int
    newest_timestamp: int
    bad: tuple[BadRange, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that is wrong in a data directory, and how it is mended.

    Attributes:
        path: The file or folder, from the data directory.
        loses: What the mend gives up; empty for nothing that is not lost already.
        apply: Makes the mend. Those of one examination are made in their order, each at most once.
    """

    path: str
    problem: str
    mend: str
    loses: str
    apply: Callable[[], None] = field(repr=False, compare=False)


class Repairer(Protocol):
    """Mends a data directory; owns it within a `with`. Blocks."""

    def examine(self, topics: Collection[str] = (), progress: Callable[[int], None] | None = None) -> list[Repair]:
        """Return what is wrong and can be mended; changes nothing. The bytes of `topics` alone are read, all if empty.

        Args:
            progress: Called with bytes read since the last call.
        """


class Inspector(Protocol):
    """Reads a data directory without owning it, also while a worker does. Blocks; changes nothing."""

    def partitions(self) -> list[TopicPartition]:
        """Return every partition, sorted. Raises `EnvironmentFault` where the directory holds no log."""

    def size_bytes(self, partition: TopicPartition) -> int:
        """Return the bytes of a partition's log files."""

    def verify(self, partition: TopicPartition, progress: Callable[[int], None] | None = None) -> PartitionReport:
        """Read a partition whole, records and indexes too; `progress` is called with bytes read since the last call.

        Raises:
            UnknownTopicOrPartitionError: Names the nearest topic.
        """

    def dump(self, partition: TopicPartition, offset: int = 0) -> Iterator[StoredBatch | BadRange]:
        """Yield the batches from the one that holds `offset`, and what is damaged between them."""
