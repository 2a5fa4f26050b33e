"""What is refused before anything is appended."""

from __future__ import annotations

import pytest
from crc32c import crc32c

from connect.api import InvalidRecordError, LogError, RecordTooLargeError
from connect.api.errors import CorruptBatchError
from connect.codec.compression import ZSTD
from connect.codec.decode import decode
from connect.codec.encode import EncodedBatch, encode, encode_retained
from connect.codec.header import CHECKED, CONTROL, PREFIX, TRANSACTIONAL, read_header
from connect.log.clients.record_checks import check_raw, check_records
from connect.log.topic_config import TopicConfig
from connect.log.topics import Topic
from connect.records import Columns

NOW = 1_700_000_000_000
KEYED = Columns([b"a", b"b"], [b"x", b"y"], NOW)


def topic(**configs: str) -> Topic:
    named = {key.replace("_", "."): value for key, value in configs.items()}
    return Topic("t", "id", named, TopicConfig.parse(named), ())


def raw(*columns: Columns, **options: object) -> bytes:
    return b"".join(stored(encode(each, **options)) for each in columns)  # type: ignore[arg-type]


def stored(batch: EncodedBatch) -> bytes:
    return batch.head(0) + bytes(batch.payload)


def whole(batch: EncodedBatch) -> Columns:
    return decode(stored(batch)).columns


# -- columns -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [None, [b"x", None]])
def test_a_compacted_topic_takes_no_record_without_a_key(keys):
    columns = Columns([b"a", b"b"], keys, NOW)
    check_records(topic(), columns, lambda: NOW)
    with pytest.raises(InvalidRecordError, match="without a key"):
        check_records(topic(cleanup_policy="compact"), columns, lambda: NOW)


@pytest.mark.parametrize("timestamps", [NOW + 101, [NOW, NOW + 101]])
def test_a_timestamp_too_far_ahead_names_the_config(timestamps):
    named = topic(message_timestamp_after_max_ms="100")
    with pytest.raises(
        InvalidRecordError, match=r"101 ms from the clock; message\.timestamp\.after\.max\.ms .* is 100"
    ):
        check_records(named, Columns([b"a", b"b"], timestamps=timestamps), lambda: NOW)


def test_a_timestamp_too_old_is_refused_and_none_at_all_is_not():
    named = topic(message_timestamp_before_max_ms="100")
    with pytest.raises(InvalidRecordError, match=r"before\.max\.ms"):
        check_records(named, Columns([b"a"], timestamps=NOW - 101), lambda: NOW)
    check_records(named, Columns([b"a"], timestamps=-1), lambda: NOW)


def test_where_the_log_sets_the_time_the_record_s_is_no_matter():
    named = topic(message_timestamp_type="LogAppendTime", message_timestamp_after_max_ms="0")
    check_records(named, Columns([b"a"], timestamps=NOW + 1), lambda: NOW)


# -- batches -----------------------------------------------------------------------------------------------------------


def test_batches_are_taken_apart_without_a_copy_of_their_records():
    data = raw(KEYED, Columns([b"c"], timestamps=NOW), codec=ZSTD)
    first, second = check_raw(topic(), data, NOW, check_records=False)
    assert isinstance(first.payload, memoryview)
    assert (first.count, second.count) == (2, 1)
    assert stored(first) + stored(second) == data
    assert whole(first) == KEYED


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes after 0 record batches"),
        (raw(KEYED) + b"more", "4 bytes after 1 record batches"),
        (raw(KEYED)[:-1], "are not a whole batch"),
        (raw(KEYED, attributes=CONTROL | TRANSACTIONAL), "control batches"),
        (raw(KEYED)[:-1] + b"\x7f", "CRC"),
    ],
)
def test_bytes_that_are_no_batches_of_a_client_are_refused(data, message):
    with pytest.raises(CorruptBatchError, match=message):
        check_raw(topic(), data, NOW, check_records=False)


def test_a_batch_that_claims_more_offsets_than_records_is_refused():
    header = read_header(raw(KEYED))
    gapped = encode_retained(header, [1], Columns([b"b"], [b"y"], [NOW]), ZSTD, None)
    with pytest.raises(CorruptBatchError, match="a batch of 1 records claims 2 offsets"):
        check_raw(topic(), gapped, NOW, check_records=False)


def test_a_codec_that_nobody_could_read_is_refused():
    checked = CHECKED.pack(7, 0, NOW, NOW, -1, -1, -1, 1)
    with pytest.raises(LogError, match="compression number 7"):
        check_raw(topic(), PREFIX.pack(0, 49, 0, 2, crc32c(checked)) + checked, NOW, check_records=False)


def test_records_are_read_where_that_is_asked_for_or_a_compacted_topic_needs_their_keys():
    keyless = raw(Columns([b"a"], timestamps=NOW))
    with pytest.raises(InvalidRecordError, match="without a key"):
        check_raw(topic(cleanup_policy="compact"), keyless, NOW, check_records=False)
    batch = encode(KEYED)
    lying = EncodedBatch(2, NOW, crc32c(b"\xff" * 20, crc32c(batch.checked)), batch.checked, b"\xff" * 20)
    check_raw(topic(), stored(lying), NOW, check_records=False)
    with pytest.raises(CorruptBatchError):
        check_raw(topic(), stored(lying), NOW, check_records=True)


def test_the_topic_s_codec_and_time_are_put_in_the_place_of_the_producer_s():
    data = raw(KEYED, producer_id=7, producer_epoch=1, base_sequence=5)
    [batch] = check_raw(
        topic(compression_type="zstd", message_timestamp_type="LogAppendTime"), data, 99, check_records=False
    )
    assert batch.header.codec_number == ZSTD.number
    assert (batch.header.producer_id, batch.header.producer_epoch, batch.header.base_sequence) == (7, 1, 5)
    assert (whole(batch).timestamps, whole(batch).values) == (99, KEYED.values)


def test_a_batch_larger_than_the_topic_takes_is_refused_with_both_numbers():
    with pytest.raises(RecordTooLargeError, match=r"exceeds max\.message\.bytes 61 of topic 't'"):
        check_raw(topic(max_message_bytes="61"), raw(KEYED), NOW, check_records=False)
