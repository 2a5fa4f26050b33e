"""Keys and values of `__consumer_offsets`, in Kafka's schemas, so that Kafka's tools can print them.

Source: Kafka, OffsetCommitKey.json version 1, OffsetCommitValue.json versions 0 to 3.
"""

from __future__ import annotations

import struct
from typing import Final

from connect.api.errors import CorruptBatchError, LogError
from connect.records import OffsetAndMetadata, TopicPartition

_KEY_VERSION: Final = 1
_VALUE_VERSION: Final = 3
_OFFSET_KEY_VERSIONS: Final = (0, 1)
#: A broker's other records in the topic: metadata of groups, classic (2), consumer, share and streams groups.
_OTHER_KEY_VERSIONS: Final = range(2, 32)
_OFFSET_VALUE_VERSIONS: Final = range(4)

_TEXT_BYTES_MAX: Final = (1 << 15) - 1

_SHORT: Final = struct.Struct(">h")
_INT: Final = struct.Struct(">i")
_LONG: Final = struct.Struct(">q")
_OFFSET_EPOCH: Final = struct.Struct(">qi")


def encode_key(group: str, partition: TopicPartition) -> bytes:
    """Encode: version int16, group string, topic string, partition int32."""
    return _SHORT.pack(_KEY_VERSION) + _text(group) + _text(partition.topic) + _INT.pack(partition.partition)


def encode_value(committed: OffsetAndMetadata) -> bytes:
    """Encode: version int16, offset int64, leader epoch int32, metadata string, commit timestamp int64."""
    head = _SHORT.pack(_VALUE_VERSION) + _OFFSET_EPOCH.pack(committed.offset, committed.leader_epoch)
    return head + _text(committed.metadata) + _LONG.pack(committed.commit_timestamp)


def decode_key(key: bytes) -> tuple[str, TopicPartition] | None:
    """Return group and partition; None for a key of another kind.

    Raises:
        CorruptBatchError: The bytes fit no version that is known.
    """
    try:
        (version,) = _SHORT.unpack_from(key)
        if version in _OTHER_KEY_VERSIONS:
            return None
        if version not in _OFFSET_KEY_VERSIONS:
            raise ValueError(f"version {version} is not known")
        group, at = _read_text(key, 2)
        topic, at = _read_text(key, at)
        (partition,) = _INT.unpack_from(key, at)
        if partition < 0 or at + _INT.size != len(key):
            raise ValueError("it names no partition")
        return group, TopicPartition(topic, partition)
    except (struct.error, ValueError) as error:
        raise CorruptBatchError(f"not a key of __consumer_offsets: {key[:60]!r}: {error}") from error


def decode_value(value: bytes) -> OffsetAndMetadata:
    """Return the committed offset.

    Raises:
        CorruptBatchError: The bytes fit no version from 0 to 3.
    """
    try:
        (version,) = _SHORT.unpack_from(value)
        if version not in _OFFSET_VALUE_VERSIONS:
            raise ValueError(f"version {version} is not known")
        epoch = -1
        if version >= 3:
            offset, epoch = _OFFSET_EPOCH.unpack_from(value, 2)
            metadata, at = _read_text(value, 2 + _OFFSET_EPOCH.size)
        else:
            (offset,) = _LONG.unpack_from(value, 2)
            metadata, at = _read_text(value, 2 + _LONG.size)
        if offset < 0:
            raise ValueError(f"offset {offset}")
        return OffsetAndMetadata(offset, epoch, metadata, _LONG.unpack_from(value, at)[0])
    except (struct.error, ValueError) as error:
        raise CorruptBatchError(f"not a value of __consumer_offsets: {value[:60]!r}: {error}") from error


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > _TEXT_BYTES_MAX:
        raise LogError(f"{text[:40]!r}... has {len(raw)} bytes; __consumer_offsets holds up to {_TEXT_BYTES_MAX}")
    return _SHORT.pack(len(raw)) + raw


def _read_text(raw: bytes, at: int) -> tuple[str, int]:
    (length,) = _SHORT.unpack_from(raw, at)
    end = at + 2 + length
    if length < 0 or end > len(raw):
        raise struct.error("a string runs past the end")
    return raw[at + 2 : end].decode(), end
