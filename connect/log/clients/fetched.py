"""Stored batches -> what consumers get."""

from __future__ import annotations

import bisect

from connect.api.errors import LogError
from connect.codec.decode import DecodedBatch, decode_records
from connect.codec.header import BatchHeader
from connect.log.storage.partition import Partition
from connect.log.storage.reading import Slice
from connect.records import Columns, FetchedBatch, TimestampType, TopicPartition

_EMPTY = Columns(values=[])


def decode_slice(partition: Partition, name: TopicPartition, stored: Slice, from_offset: int) -> list[FetchedBatch]:
    """Decode batches, leaving out records before `from_offset`.

    A control batch, one of an aborted transaction, or one whose records lie before `from_offset`, comes back without
    records, since its `next_offset` is news all the same.
    """
    batches: list[FetchedBatch] = []
    for header in stored.headers:
        if header.is_control or (stored.aborted and _is_aborted(header, stored)):
            batches.append(
                FetchedBatch(name.topic, name.partition, range(0), _EMPTY, header.next_offset, _kind(header))
            )
            continue
        try:
            decoded = decode_records(stored.data, header)
        except LogError as error:
            if batches:
                break  # these first; the damaged one is reported when it is first in line
            message = f"{partition.name} at offset {header.base_offset}: {error.message}"
            raise type(error)(message, code=error.code, hint=error.hint) from error
        batches.append(_fetched(name, decoded, from_offset))
    return batches


def _is_aborted(header: BatchHeader, stored: Slice) -> bool:
    return header.is_transactional and any(
        aborted.producer_id == header.producer_id and aborted.first_offset <= header.base_offset <= aborted.last_offset
        for aborted in stored.aborted
    )


def _kind(header: BatchHeader) -> TimestampType:
    return TimestampType.LOG_APPEND_TIME if header.is_log_append_time else TimestampType.CREATE_TIME


def first_offset_at(stored: Slice, timestamp_ms: int, from_offset: int) -> int | None:
    """Return the offset of the first record from `from_offset` whose timestamp is at or after `timestamp_ms`."""
    for header in stored.headers:
        decoded = decode_records(stored.data, header)
        for offset, timestamp in zip(decoded.offsets, decoded.columns.stamps, strict=True):
            if offset >= from_offset and timestamp >= timestamp_ms:
                return offset
    return None


def _fetched(name: TopicPartition, decoded: DecodedBatch, from_offset: int) -> FetchedBatch:
    header, offsets, columns = decoded.header, decoded.offsets, decoded.columns
    if header.base_offset < from_offset:
        skip = bisect.bisect_left(offsets, from_offset)
        offsets, columns = offsets[skip:], columns.cut(skip)
    return FetchedBatch(name.topic, name.partition, offsets, columns, header.next_offset, _kind(header))
