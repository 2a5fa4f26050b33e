"""What a partition knows of its producers: epochs, sequence numbers, open and aborted transactions; and its snapshots.

A batch with a producer id is taken when its sequence number follows that of the producer's last batch. One of the last
five that comes again is a duplicate and is not appended. A transaction is open from its first batch to its marker; the
first offset of the oldest open one is the partition's last stable offset.

The state is that of all batches up to an offset. It is saved under that offset's name when a segment is rolled and when
the log is closed, so that opening replays the batches behind the snapshot alone.

Source: Kafka, ProducerStateManager.java, ProducerSnapshot.json version 1, TransactionIndex.java.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from crc32c import crc32c

from connect.api.errors import CorruptBatchError, OutOfOrderSequenceError, ProducerFencedError, TransactionStateError
from connect.codec.header import NO_SEQUENCE, NO_TIMESTAMP, BatchHeader
from connect.records import AbortedTransaction

#: How many batches back a duplicate is recognised; a producer has at most so many under way.
BATCHES_KEPT: Final = 5
_SEQUENCE_MAX: Final = (1 << 31) - 1
_NONE: Final = -1


class Sequenced(NamedTuple):
    """What of a batch concerns its producer."""

    producer_id: int
    epoch: int
    base_sequence: int
    record_count: int
    is_transactional: bool
    timestamp: int


class _Appended(NamedTuple):
    base_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    timestamp: int


@dataclass(slots=True)
class Producer:
    """One producer of a partition."""

    epoch: int
    batches: deque[_Appended] = field(default_factory=lambda: deque(maxlen=BATCHES_KEPT))
    coordinator_epoch: int = _NONE
    last_timestamp: int = NO_TIMESTAMP
    first_offset: int | None = None  # of its open transaction

    @property
    def last_sequence(self) -> int:
        """That of the last record of this epoch."""
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE


def next_sequence(sequence: int, count: int = 1) -> int:
    """Return the sequence number `count` records on; after the largest int32 comes 0."""
    return (sequence + count) & _SEQUENCE_MAX


class Producers:
    """The producers of one partition. The partition's lock guards it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._producers: dict[int, Producer] = {}
        self._open: dict[int, int] = {}  # producer id -> first offset, by first offset

    def __len__(self) -> int:
        return len(self._producers)

    def get(self, producer_id: int) -> Producer | None:
        """Return a producer, None when the partition does not know it."""
        return self._producers.get(producer_id)

    @property
    def first_unstable_offset(self) -> int | None:
        """The first offset of the oldest open transaction."""
        return next(iter(self._open.values()), None)

    @property
    def open_transactions(self) -> dict[int, int]:
        """The first offset of each open transaction, by producer id."""
        return dict(self._open)

    # -- appending ---------------------------------------------------------------------------------------------------

    def check(self, batch: Sequenced) -> int | None:
        """Check a batch before it is appended; return the base offset of the same batch where it is there already.

        Raises:
            ProducerFencedError: The epoch is not the newest.
            OutOfOrderSequenceError: A batch before it is missing.
            TransactionStateError: It is not transactional while its producer has a transaction open.
        """
        known = self._producers.get(batch.producer_id)
        if known is None:
            return None  # also after its records were deleted: any sequence number is taken
        if batch.epoch < known.epoch:
            raise ProducerFencedError(
                f"{self._name}: producer {batch.producer_id} has epoch {known.epoch} by now, "
                f"a batch came with epoch {batch.epoch}"
            )
        if not batch.is_transactional and known.first_offset is not None:
            raise TransactionStateError(
                f"{self._name}: producer {batch.producer_id} has a transaction open, a batch came without one"
            )
        if batch.epoch > known.epoch:
            expected = 0
        else:
            last_sequence = next_sequence(batch.base_sequence, batch.record_count - 1)
            for appended in known.batches:
                if (appended.base_sequence, appended.last_sequence) == (batch.base_sequence, last_sequence):
                    return appended.base_offset
            if not known.batches:
                return None
            expected = next_sequence(known.last_sequence)
        if batch.base_sequence != expected:
            raise OutOfOrderSequenceError(
                f"{self._name}: producer {batch.producer_id} sent sequence number {batch.base_sequence}, "
                f"expected {expected}"
            )
        return None

    def appended(self, batch: Sequenced, base_offset: int, last_offset: int) -> None:
        """Take note of a batch that was appended, or found."""
        producer = self._producers.get(batch.producer_id)
        if producer is None or batch.epoch > producer.epoch:
            producer = self._producers[batch.producer_id] = Producer(
                batch.epoch, first_offset=None if producer is None else producer.first_offset
            )
        last_sequence = next_sequence(batch.base_sequence, last_offset - base_offset)
        producer.batches.append(
            _Appended(batch.base_sequence, last_sequence, base_offset, last_offset, batch.timestamp)
        )
        producer.last_timestamp = batch.timestamp
        if batch.is_transactional and producer.first_offset is None:
            producer.first_offset = self._open[batch.producer_id] = base_offset

    def check_marker(self, producer_id: int, epoch: int) -> None:
        """Raises `ProducerFencedError`: A marker's epoch is not the newest."""
        known = self._producers.get(producer_id)
        if known is not None and epoch < known.epoch:
            raise ProducerFencedError(
                f"{self._name}: producer {producer_id} has epoch {known.epoch} by now, a marker came with epoch {epoch}"
            )

    def ended(
        self, producer_id: int, epoch: int, offset: int, timestamp: int, *, is_commit: bool, coordinator_epoch: int
    ) -> AbortedTransaction | None:
        """Take note of a marker; return the transaction that it aborts, None where it commits or ends nothing."""
        producer = self._producers.setdefault(producer_id, Producer(epoch))
        if epoch > producer.epoch:
            producer.batches.clear()
        producer.epoch = epoch
        producer.last_timestamp = timestamp
        producer.coordinator_epoch = coordinator_epoch
        first_offset, producer.first_offset = producer.first_offset, None
        if first_offset is None:
            return None
        del self._open[producer_id]
        if is_commit:
            return None
        unstable = self.first_unstable_offset
        return AbortedTransaction(producer_id, first_offset, offset, offset + 1 if unstable is None else unstable)

    def replayed(self, header: BatchHeader, marker: Marker | None) -> AbortedTransaction | None:
        """Take note of a stored batch, as opening finds it."""
        if header.producer_id < 0:
            return None
        if marker is not None:
            return self.ended(
                header.producer_id,
                header.producer_epoch,
                header.last_offset,
                header.max_timestamp,
                is_commit=marker.is_commit,
                coordinator_epoch=marker.coordinator_epoch,
            )
        if not header.is_control:
            self.appended(sequenced(header), header.base_offset, header.last_offset)
        return None

    def expire(self, before_ms: int) -> None:
        """Forget producers that were not heard of since, unless they have a transaction open."""
        for producer_id, producer in list(self._producers.items()):
            if producer.first_offset is None and producer.last_timestamp < before_ms:
                del self._producers[producer_id]

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def encode(self) -> bytes:
        """Return the state as Kafka's snapshot files hold it; of the last batches the newest alone."""
        entries = []
        for producer_id, producer in self._producers.items():
            last = producer.batches[-1] if producer.batches else None
            entries.append(
                _ENTRY.pack(
                    producer_id,
                    producer.epoch,
                    producer.last_sequence,
                    last.last_offset if last else _NONE,
                    last.last_offset - last.base_offset if last else 0,
                    producer.last_timestamp,
                    producer.coordinator_epoch,
                    _NONE if producer.first_offset is None else producer.first_offset,
                )
            )
        checked = _COUNT.pack(len(entries)) + b"".join(entries)
        return _HEAD.pack(_VERSION, crc32c(checked)) + checked

    @classmethod
    def decode(cls, name: str, raw: bytes) -> Producers:
        """Read a snapshot.

        Raises:
            CorruptBatchError: The bytes fail their checksum or are of another version.
        """
        try:
            version, crc = _HEAD.unpack_from(raw)
            (count,) = _COUNT.unpack_from(raw, _HEAD.size)
            rows: Iterable[tuple[int, ...]] = _ENTRY.iter_unpack(raw[_HEAD.size + _COUNT.size :])
            entries = list(rows)
        except struct.error as error:
            raise CorruptBatchError(f"{name}: a producer snapshot of {len(raw)} bytes is cut off") from error
        if version != _VERSION or crc32c(raw[_HEAD.size :]) != crc or count != len(entries):
            raise CorruptBatchError(f"{name}: a producer snapshot of version {version} fails its checksum")
        producers = cls(name)
        for (
            producer_id,
            epoch,
            last_sequence,
            last_offset,
            delta,
            timestamp,
            coordinator_epoch,
            first_offset,
        ) in entries:
            producer = Producer(epoch, coordinator_epoch=coordinator_epoch, last_timestamp=timestamp)
            if last_sequence != NO_SEQUENCE:
                base_sequence = (last_sequence - delta) & _SEQUENCE_MAX
                producer.batches.append(
                    _Appended(base_sequence, last_sequence, last_offset - delta, last_offset, timestamp)
                )
            producer.first_offset = None if first_offset == _NONE else first_offset
            producers._producers[producer_id] = producer
        by_offset = sorted(
            (p.first_offset, id_) for id_, p in producers._producers.items() if p.first_offset is not None
        )
        producers._open = {producer_id: first_offset for first_offset, producer_id in by_offset}
        return producers


# All big-endian.
_VERSION: Final = 1
_HEAD: Final = struct.Struct(
    ">"
    "h"  # 0  version
    "I"  # 2  CRC-32C of what follows
)
_COUNT: Final = struct.Struct(">i")
_ENTRY: Final = struct.Struct(
    ">"
    "q"  # 0   producer id
    "h"  # 8   epoch
    "i"  # 10  last sequence number
    "q"  # 14  last offset
    "i"  # 22  from the base offset to the last one of the last batch
    "q"  # 26  timestamp
    "i"  # 34  coordinator epoch
    "q"  # 38  first offset of the open transaction, -1 for none
)
assert _HEAD.size == 6
assert _ENTRY.size == 46


class Marker(NamedTuple):
    """The one record of a control batch."""

    is_commit: bool
    coordinator_epoch: int


_MARKER_KEY: Final = struct.Struct(">hh")  # version 0; 0 aborts, 1 commits
_MARKER_VALUE: Final = struct.Struct(">hi")  # version 0; coordinator epoch


def encode_marker(marker: Marker) -> tuple[bytes, bytes]:
    """Return key and value of a control record. Source: Kafka, ControlRecordType.java, EndTransactionMarker.java."""
    return _MARKER_KEY.pack(0, marker.is_commit), _MARKER_VALUE.pack(0, marker.coordinator_epoch)


def decode_marker(key: bytes | None, value: bytes | None) -> Marker | None:
    """Read a control record; None for one that ends no transaction.

    Raises:
        CorruptBatchError: It is cut off.
    """
    try:
        _, kind = _MARKER_KEY.unpack_from(key or b"")
        if kind not in (0, 1):
            return None
        _, coordinator_epoch = _MARKER_VALUE.unpack_from(value or b"")
    except struct.error as error:
        raise CorruptBatchError("a transaction marker is cut off") from error
    return Marker(bool(kind), coordinator_epoch)


def sequenced(header: BatchHeader) -> Sequenced:
    """Return what of a stored batch concerns its producer."""
    return Sequenced(
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.last_offset_delta + 1,
        header.is_transactional,
        header.max_timestamp,
    )
