"""What looks into a data directory or mends it, and what these tell: tools for the bundled log's files, no port.

`connect.log.inspection` has them; `connect.app` hands them to the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connect.records import (
    FetchedBatch,
    TopicPartition,
)


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

    def configs(self, topic: str) -> Mapping[str, str]:
        """Return the configs that were set for a topic; none of one that is not there. Raises as `partitions`."""

    def size_bytes(self, partition: TopicPartition) -> int:
        """Return the bytes of a partition's log files."""

    def verify(self, partition: TopicPartition, progress: Callable[[int], None] | None = None) -> PartitionReport:
        """Read a partition whole, records and indexes too; `progress` is called with bytes read since the last call.

        Raises:
            UnknownTopicOrPartitionError: Names the nearest topic.
        """

    def dump(self, partition: TopicPartition, offset: int = 0) -> Iterator[StoredBatch | BadRange]:
        """Yield the batches from the one that holds `offset`, and what is damaged between them."""
