"""What is checked before records are appended: as columns, and as whole batches that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from connect.api.errors import CorruptBatchError, InvalidRecordError, RecordTooLargeError
from connect.codec.compression import Codec, codec_of_number
from connect.codec.decode import DecodedBatch, decode_records
from connect.codec.encode import EncodedBatch, encode
from connect.codec.header import (
    CHECKED_POSITION,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    TRANSACTIONAL,
    BatchHeader,
    check_crc,
    iterate_batches,
)
from connect.log.topics import Topic
from connect.records import Columns


def check_records(topic: Topic, columns: Columns, clock: Callable[[], int]) -> None:
    """Check records against the topic's configs.

    Raises:
        InvalidRecordError: A key is null where keys are compacted, or a timestamp out of bounds.
    """
    config = topic.config
    _check_keys(topic, columns)
    if config.is_log_append_time:
        return
    timestamps = columns.timestamps
    oldest, newest = (timestamps, timestamps) if isinstance(timestamps, int) else (min(timestamps), max(timestamps))
    _check_timestamps(topic, oldest, newest, clock())


def _check_keys(topic: Topic, columns: Columns) -> None:
    if topic.config.is_compacted and (columns.keys is None or None in columns.keys):
        raise InvalidRecordError(
            f"topic {topic.name!r} is compacted (cleanup.policy): a record without a key cannot be appended"
        )


def _check_timestamps(topic: Topic, oldest: int, newest: int, now_ms: int) -> None:
    config = topic.config
    if newest - now_ms > config.timestamp_after_max_ms:
        timestamp, bound, key = newest, config.timestamp_after_max_ms, "message.timestamp.after.max.ms"
    elif oldest != NO_TIMESTAMP and now_ms - oldest > config.timestamp_before_max_ms:
        timestamp, bound, key = oldest, config.timestamp_before_max_ms, "message.timestamp.before.max.ms"
    else:
        return
    raise InvalidRecordError(
        f"a record's timestamp {timestamp} is {abs(timestamp - now_ms)} ms from the clock; "
        f"{key} of topic {topic.name!r} is {bound}"
    )


def check_raw(topic: Topic, raw: bytes, now_ms: int, *, check_records: bool) -> list[EncodedBatch]:
    """Check batches that were made elsewhere, and take them apart as far as an append needs.

    Their records are read where that is asked for, or needed: to compress or date them anew, or to look for keys.
    """
    config = topic.config
    batches: list[EncodedBatch] = []
    end = 0
    for header in iterate_batches(raw):
        check_crc(raw, header)
        if header.count != header.last_offset_delta + 1:
            raise CorruptBatchError(f"a batch of {header.count} records claims {header.last_offset_delta + 1} offsets")
        if header.is_control:
            raise CorruptBatchError("a client may not append control batches")
        codec_of_number(header.codec_number)
        batch = _from_raw(raw, header)
        remakes = config.is_log_append_time or (config.codec is not None and config.codec.number != header.codec_number)
        if remakes or check_records or config.is_compacted:
            decoded = decode_records(raw, header)
            if not isinstance(decoded.offsets, range):
                raise CorruptBatchError(f"the offsets of a batch of {header.count} records have gaps")
            _check_keys(topic, decoded.columns)
            if remakes:
                batch = _remake(decoded, config.codec or codec_of_number(header.codec_number), topic, now_ms)
        if not config.is_log_append_time:
            _check_timestamps(topic, header.base_timestamp, header.max_timestamp, now_ms)
        if batch.size_bytes > topic.config.max_message_bytes:
            raise RecordTooLargeError(
                f"a record batch of {batch.size_bytes} bytes exceeds max.message.bytes "
                f"{topic.config.max_message_bytes} of topic {topic.name!r}"
            )
        batches.append(batch)
        end = header.end
    if end != len(raw) or not batches:
        raise CorruptBatchError(f"{len(raw) - end} bytes after {len(batches)} record batches are not a whole batch")
    return batches


def _from_raw(raw: bytes, header: BatchHeader) -> EncodedBatch:
    start = header.position
    checked = raw[start + CHECKED_POSITION : start + HEADER_BYTES]
    payload = memoryview(raw)[start + HEADER_BYTES : header.end]  # no copy of what may be megabytes
    return EncodedBatch(header.count, header.max_timestamp, header.crc, checked, payload)


def _remake(decoded: DecodedBatch, codec: Codec, topic: Topic, now_ms: int) -> EncodedBatch:
    """Encode a batch again, with the topic's timestamps or compression."""
    header = decoded.header
    is_append_time = topic.config.is_log_append_time
    attributes = header.attributes & TRANSACTIONAL | (LOG_APPEND_TIME if is_append_time else 0)
    return encode(
        decoded.columns,
        codec=codec,
        attributes=attributes,
        max_timestamp=now_ms if is_append_time else None,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
    )
