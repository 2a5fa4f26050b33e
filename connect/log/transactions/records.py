"""Keys and values of `__transaction_state`, in Kafka's schemas, so that Kafka's tools can print them.

Source: Kafka, TransactionLogKey.json version 0, TransactionLogValue.json version 0.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from connect.api.errors import CorruptBatchError
from connect.records import TopicPartition

_SHORT: Final = struct.Struct(">h")
_INT: Final = struct.Struct(">i")
_HEAD: Final = struct.Struct(
    ">"
    "h"  # 0   version: 0
    "q"  # 2   producer id
    "h"  # 10  producer epoch
    "i"  # 12  timeout in ms
    "b"  # 16  status
)
_TIMES: Final = struct.Struct(">qq")  # last update and start, in ms since the epoch


class Status(IntEnum):
    """Where a transaction is. The numbers are Kafka's."""

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5


@dataclass(slots=True)
class TransactionRecord:
    """The state of one transactional id, as it is stored."""

    producer_id: int
    epoch: int
    timeout_ms: int
    status: Status = Status.EMPTY
    partitions: set[TopicPartition] = field(default_factory=set)
    updated_ms: int = -1
    started_ms: int = -1

    @property
    def is_decided(self) -> bool:
        """True from the decision until every partition has its marker."""
        return self.status in (Status.PREPARE_COMMIT, Status.PREPARE_ABORT)


def encode_transaction_key(transactional_id: str) -> bytes:
    """Encode: version int16, transactional id string."""
    raw = transactional_id.encode()
    return _SHORT.pack(0) + _SHORT.pack(len(raw)) + raw


def decode_transaction_key(key: bytes) -> str:
    """Return the transactional id.

    Raises:
        CorruptBatchError: The bytes do not fit, or are of a version that is not known.
    """
    try:
        (version,), (length,) = _SHORT.unpack_from(key), _SHORT.unpack_from(key, 2)
        if version != 0:
            raise ValueError(f"version {version} is not known")
        if length != len(key) - 4 or not length:
            raise ValueError("its string is empty, or does not end with it")
        return key[4:].decode()
    except (struct.error, ValueError) as error:
        raise CorruptBatchError(f"not a key of __transaction_state: {key[:60]!r}: {error}") from error


def encode_transaction(record: TransactionRecord) -> bytes:
    """Encode version 0. Partitions stand by topic; null where there are none to end."""
    head = _HEAD.pack(0, record.producer_id, record.epoch, record.timeout_ms, record.status)
    topics: dict[str, list[int]] = defaultdict(list)
    for partition in sorted(record.partitions):
        topics[partition.topic].append(partition.partition)
    pieces = [head, _INT.pack(len(topics) if topics else -1)]
    for topic, numbers in topics.items():
        raw = topic.encode()
        pieces += (_SHORT.pack(len(raw)), raw, _INT.pack(len(numbers)), *map(_INT.pack, numbers))
    pieces.append(_TIMES.pack(record.updated_ms, record.started_ms))
    return b"".join(pieces)


def decode_transaction(value: bytes) -> TransactionRecord:
    """Read version 0.

    Raises:
        CorruptBatchError: The bytes do not fit.
    """
    try:
        version, producer_id, epoch, timeout_ms, status = _HEAD.unpack_from(value)
        if version != 0:
            raise ValueError(f"version {version} is not known")
        if producer_id < 0 or epoch < 0:
            raise ValueError(f"producer {producer_id} of epoch {epoch}")
        record = TransactionRecord(producer_id, epoch, timeout_ms, Status(status))
        (count,), at = _INT.unpack_from(value, _HEAD.size), _HEAD.size + _INT.size
        for _ in range(count):
            (length,) = _SHORT.unpack_from(value, at)
            if length <= 0:  # one that is negative would lead backwards
                raise ValueError(f"a topic's name of {length} bytes")
            topic = value[at + 2 : at + 2 + length].decode()
            (numbers,) = _INT.unpack_from(value, at + 2 + length)
            at += 2 + length + _INT.size
            for _ in range(numbers):
                (partition,) = _INT.unpack_from(value, at)
                if partition < 0:
                    raise ValueError(f"partition {partition}")
                record.partitions.add(TopicPartition(topic, partition))
                at += _INT.size
        record.updated_ms, record.started_ms = _TIMES.unpack_from(value, at)
        return record
    except (struct.error, ValueError) as error:
        raise CorruptBatchError(f"not a value of __transaction_state: {value[:60]!r}: {error}") from error
