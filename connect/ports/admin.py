"""The port to topics: made, changed, described, deleted, and read without a group."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from connect.records import (
    FetchedBatch,
    Isolation,
    RawFetch,
    TopicPartition,
)

#: What topics that hold state are made with: small segments, since compaction leaves the newest one alone.
STATE_TOPIC_CONFIGS: Final[Mapping[str, str]] = {"cleanup.policy": "compact", "segment.bytes": str(16 << 20)}


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """One partition as `describe` shows it. Sizes in bytes; -1 for what a cluster does not tell."""

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


@dataclass(frozen=True, slots=True)
class TransactionInfo:
    """One transactional id. `partitions` are those that its transaction has touched; none where it is not open."""

    transactional_id: str
    is_open: bool
    partitions: frozenset[TopicPartition] = frozenset()


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


class Admin(Protocol):
    """Topics."""

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int | None = 1,
        configs: Mapping[str, str] | None = None,
        replication_factor: int | None = None,
    ) -> TopicInfo:
        """Create a topic.

        Args:
            partitions: None is the cluster's default (`num.partitions`), and 1 of the bundled log.
            replication_factor: On how many brokers each partition is; None, and -1, are the cluster's default. Of the
                bundled log there is one copy, whatever is asked for.

        Raises:
            ConflictError: log.topic_exists.
            ConfigError: log.invalid_topic, log.invalid_partitions (none, or too many for one request), or a topic
                config that is wrong. Nothing is created.
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
            ConfigError: log.invalid_partitions: `total` is not more than there are, or too many more for one request.
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

    async def list_transactions(self) -> list[TransactionInfo]:
        """Return every transactional id that the log knows, sorted. Cheap: it is in memory.

        A cluster's other clients are not seen: of a Kafka cluster these are the ids of this process, of which it is not
        known whether they are open. So those of a life before go by rule.
        """

    async def fence_producers(self, transactional_ids: Collection[str]) -> None:
        """Shut out whoever has these transactional ids, and abort the transactions that they left open; durable.

        What those producers append or commit from then on raises `ProducerFencedError`. An id that nobody has is no
        error.
        """

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
