"""Records as bytes, and where they lie: what crosses between the log, its clients and the runtime.

Columns in place of records, since Python pays for each call; topics, partitions and offsets in Kafka's words.
At the ground: the codec, the log and the ports stand on these types, and these on nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal, NamedTuple

#: One record's headers: names and raw values, in order. Names may repeat.
RawHeaders = list[tuple[str, bytes | None]]

Isolation = Literal["read_uncommitted", "read_committed"]
"""What a reader sees of transactions: all records, or those of no transaction and of committed ones, in offset order
up to the first transaction that is still open (the last stable offset)."""


_TOPIC_LENGTH_MAX: Final = 249
_TOPIC_PATTERN: Final = re.compile(r"[a-zA-Z0-9._-]+")


def why_no_topic(name: str) -> str | None:
    """Return why no topic can have a name, by Kafka's rules; None where one can."""
    if not name:
        return "the empty string is not allowed"
    if name in (".", ".."):
        return f"{name!r} is not allowed"
    if len(name) > _TOPIC_LENGTH_MAX:
        return f"it has {len(name)} characters, {_TOPIC_LENGTH_MAX} are allowed"
    if not _TOPIC_PATTERN.fullmatch(name):
        return "it has other characters than ASCII letters, digits, '.', '_' and '-'"
    return None


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


#: What compresses a record batch, at Kafka's number of it, which a batch's attributes hold. The codecs are in
#: `connect.codec.compression`.
COMPRESSION_TYPES: Final = ("none", "gzip", "snappy", "lz4", "zstd")


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

    @property
    def size_bytes(self) -> int:
        """The bytes of keys and values. Costs time per record."""
        return _bytes_of(self.values) + (0 if self.keys is None else _bytes_of(self.keys))

    def cut(self, start: int, stop: int | None = None) -> Columns:
        """Return the records from `start` up to `stop`, as a slice does."""
        rows = slice(start, stop)
        return Columns(
            self.values[rows],
            self.keys[rows] if self.keys is not None else None,
            self.timestamps if isinstance(self.timestamps, int) else self.timestamps[rows],
            self.headers[rows] if self.headers is not None else None,
        )


def _bytes_of(column: Sequence[bytes | None]) -> int:
    try:
        return sum(map(len, column))  # type: ignore[arg-type]
    except TypeError:  # there are nulls
        return sum(map(len, filter(None, column)))


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
class Appended:
    """Where the records of one append are.

    Attributes:
        pieces: Partition, first offset and count of what lies together.
        rows: Which of the append's records they are, in the order of the pieces; None: all of them, as they were given.
    """

    pieces: Sequence[tuple[int, int, int]]
    rows: Sequence[int] | None = None

    def places(self) -> list[tuple[int, int]]:
        """Return partition and offset of each record, in the order in which they were given. Costs time per record."""
        found = [(number, base + n) for number, base, count in self.pieces for n in range(count)]
        if self.rows is None:
            return found
        placed = dict(zip(self.rows, found, strict=True))
        return [placed[row] for row in range(len(found))]


@dataclass(frozen=True, slots=True)
class OffsetAndMetadata:
    """A group's committed offset: the next record to read, not the last one read."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""
    commit_timestamp: int = -1
