"""What a consumer gets of stored batches."""

from __future__ import annotations

import pytest

from connect.api.errors import CorruptBatchError
from connect.codec.encode import encode, with_producer
from connect.codec.header import LOG_APPEND_TIME, iterate_batches
from connect.log.clients.fetched import decode_slice, first_offset_at
from connect.log.storage.reading import Slice
from connect.records import AbortedTransaction, Columns, TimestampType, TopicPartition
from tests.log.conftest import batch_of

NAME = TopicPartition("t", 0)


@pytest.fixture
def partition(make_partition):
    return make_partition()


def read(partition, from_offset=0):
    return decode_slice(partition, NAME, partition.read(from_offset, max_bytes=1 << 20), from_offset)


def test_records_before_the_offset_are_left_out(partition):
    partition.append([batch_of(b"a", b"b", b"c"), batch_of(b"d")])
    first, second = read(partition, 1)
    assert (first.offsets, first.columns.values, first.next_offset) == (range(1, 3), [b"b", b"c"], 3)
    assert (second.offsets, second.columns.values) == (range(3, 4), [b"d"])


def test_a_marker_comes_without_records_but_with_where_to_go_on(partition):
    partition.append([with_producer(batch_of(b"a"), 7, 0, 0, is_transactional=True)])
    partition.append_marker(7, 0, 5, is_commit=True)
    data, marker = read(partition)
    assert data.columns.values == [b"a"]
    assert (len(marker), marker.next_offset) == (0, 2)


def test_of_an_aborted_transaction_no_record_comes_and_those_of_others_do(partition):
    batches = [
        with_producer(batch_of(b"before"), 7, 0, 0, is_transactional=True),
        with_producer(batch_of(b"aborted"), 7, 0, 1, is_transactional=True),
        with_producer(batch_of(b"other"), 8, 0, 0, is_transactional=True),
        batch_of(b"plain"),
    ]
    partition.append(batches)
    stored = partition.read(0, max_bytes=1 << 20)._replace(aborted=(AbortedTransaction(7, 1, 4, 5),))
    found = decode_slice(partition, NAME, stored, 0)
    assert [list(batch.columns.values) for batch in found] == [[b"before"], [], [b"other"], [b"plain"]]
    assert [batch.next_offset for batch in found] == [1, 2, 3, 4]


def test_who_set_the_timestamp_is_told(partition):
    partition.append([batch_of(b"a"), encode(Columns([b"b"]), attributes=LOG_APPEND_TIME, max_timestamp=9)])
    assert [batch.timestamp_type for batch in read(partition)] == [
        TimestampType.CREATE_TIME,
        TimestampType.LOG_APPEND_TIME,
    ]


def test_records_that_cannot_be_read_are_reported_when_they_are_first_in_line(partition):
    """The checksum is right, and what it covers makes no sense: a producer's mistake, not the disk's."""
    good, bad = batch_of(b"good"), batch_of(b"bad")
    payload = bytearray(bad.payload)
    payload[0] = 0xFF
    raw = good.head(0) + good.payload + bad.head(1) + bytes(payload)
    stored = Slice(raw, list(iterate_batches(raw)), None)
    assert [batch.columns.values for batch in decode_slice(partition, NAME, stored, 0)] == [[b"good"]]
    alone = stored._replace(headers=stored.headers[1:])
    with pytest.raises(CorruptBatchError, match="t-0 at offset 1: "):
        decode_slice(partition, NAME, alone, 1)


def test_the_first_record_at_a_time_is_found_within_batches(partition):
    partition.append([encode(Columns([b"a", b"b", b"c"], timestamps=[10, 30, 20]))])
    stored = partition.read(0, max_bytes=1 << 20)
    assert [first_offset_at(stored, timestamp, 0) for timestamp in (5, 11, 30, 31)] == [0, 1, 1, None]
    assert first_offset_at(stored, 15, 2) == 2
