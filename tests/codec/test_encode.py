"""encode writes the bytes that Kafka does."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from connect.codec.compression import CODECS, NONE, ZSTD
from connect.codec.decode import decode, record_bounds, records_of
from connect.codec.encode import encode, encode_gap, encode_kept, encode_retained, with_producer
from connect.codec.header import LOG_APPEND_TIME, check_crc, read_header
from connect.records import Columns
from tests.support.factories import make_record_batch as render

NOW = 1_700_000_000_000


def test_an_encoded_batch_has_the_bytes_that_kafka_writes():
    # As kafka-clients 4.3.1 writes a record without key, value "a", timestamp 1: each field by hand.
    raw = render(Columns([b"a"], timestamps=1), base_offset=7)
    record = bytes([14, 0, 0, 0, 1, 2, ord("a"), 0])
    assert raw[61:] == record
    assert struct.unpack(">qiib", raw[:17]) == (7, 49 + len(record), 0, 2)
    assert struct.unpack(">hiqqqhii", raw[21:61]) == (0, 0, 1, 1, -1, -1, -1, 1)


def test_zstd_makes_the_batch_smaller_and_says_so():
    given_columns = Columns([b"the same words" * 20] * 50, timestamps=NOW)
    raw = render(given_columns, codec=ZSTD)
    assert len(raw) < len(render(given_columns, codec=NONE)) / 10
    assert read_header(raw).codec_number == 4


THREE = Columns([b"a", b"b", b"c"], [b"x", b"y", b"z"], [10, 30, 20])


def stored(columns: Columns = THREE, base_offset: int = 100, **options: object) -> bytes:
    batch = encode(columns, **options)  # type: ignore[arg-type]
    return batch.head(base_offset, 4) + batch.payload


def test_the_size_of_a_batch_is_known_before_it_has_an_offset():
    batch = encode(THREE, codec=ZSTD)
    assert batch.size_bytes == len(batch.head(0)) + len(batch.payload)
    assert (batch.count, batch.max_timestamp) == (3, 30)
    assert batch.header == read_header(batch.head(0) + batch.payload)


def test_a_negative_offset_is_a_broken_promise_of_the_log_s_own():
    with pytest.raises(AssertionError, match="offsets from 0 on"):
        encode(THREE).head(-1)


def test_columns_of_different_lengths_are_a_broken_promise():
    for columns in (Columns([b"a"], [b"x", b"y"]), Columns([b"a"], timestamps=[1, 2]), Columns([])):
        with pytest.raises(AssertionError):
            encode(columns)


def test_a_batch_becomes_a_producer_s_without_a_change_to_its_records():
    plain = encode(THREE)
    batch = with_producer(plain, 7, 2, 40, is_transactional=True)
    assert not plain.is_sequenced
    assert batch.is_sequenced
    assert batch.payload is plain.payload
    raw = batch.head(0) + batch.payload
    header = read_header(raw)
    check_crc(raw, header)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 2, 40)
    assert header.is_transactional
    assert decode(raw).columns == THREE


def test_the_log_s_append_time_stands_for_every_record():
    assert decode(stored(attributes=LOG_APPEND_TIME, max_timestamp=99)).columns.timestamps == 99


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_what_compaction_keeps_has_the_offsets_and_the_place_of_the_whole(codec):
    header = read_header(stored(base_offset=100))
    kept = encode_retained(header, [100, 102], Columns([b"a", b"c"], [b"x", b"z"], [10, 20]), codec, None)
    decoded = decode(kept)
    assert list(decoded.offsets) == [100, 102]
    assert decoded.columns.values == [b"a", b"c"]
    assert list(decoded.columns.stamps) == [10, 20]
    assert (decoded.header.last_offset, decoded.header.leader_epoch, decoded.header.count) == (102, 4, 2)
    assert decoded.header.max_timestamp == 20


def test_a_delete_horizon_takes_the_place_of_the_base_timestamp_and_goes_again():
    header = read_header(stored())
    tombstone = Columns([None], [b"x"], [10])
    raw = encode_retained(header, [100], tombstone, NONE, 5_000)
    marked = read_header(raw)
    assert (marked.has_delete_horizon, marked.base_timestamp) == (True, 5_000)
    assert list(decode(raw).columns.stamps) == [10]
    again = decode(encode_retained(marked, [100], tombstone, NONE, None))
    assert (again.header.has_delete_horizon, again.header.base_timestamp) == (False, 10)
    assert list(again.columns.stamps) == [10]


def test_of_a_producer_s_last_batch_the_header_can_stay_alone():
    batch = with_producer(encode(THREE), 7, 2, 40, is_transactional=False)
    raw = encode_retained(read_header(batch.head(100) + batch.payload), (), Columns([]), NONE, None)
    header = read_header(raw)
    assert (header.producer_id, header.base_sequence, header.count, header.next_offset) == (7, 40, 0, 103)
    assert (header.base_timestamp, header.max_timestamp) == (10, 30)
    assert len(decode(raw).columns) == 0
    marked = read_header(encode_retained(header, (), Columns([]), NONE, 5_000))
    assert (marked.has_delete_horizon, marked.base_timestamp, marked.max_timestamp) == (True, 5_000, 30)
    assert read_header(encode_retained(marked, (), Columns([]), NONE, None)).base_timestamp == -1


def test_what_is_kept_of_a_batch_with_append_time_keeps_that_time():
    header = read_header(stored(attributes=LOG_APPEND_TIME, max_timestamp=99))
    decoded = decode(encode_retained(header, [101], THREE.cut(1, 2), ZSTD, None))
    assert decoded.columns.timestamps == decoded.header.max_timestamp == 99


def test_records_that_stay_as_they_are_are_copied_byte_for_byte():
    raw = stored(codec=ZSTD)
    header = read_header(raw)
    records = records_of(raw, header)
    bounds = record_bounds(records, header.count)
    pieces = [records.buffer[bounds[place] : bounds[place + 1]] for place in (0, 2)]
    decoded = decode(encode_kept(header, pieces, ZSTD))
    same = {"size_bytes": header.size_bytes, "crc": header.crc, "count": 3}
    assert replace(decoded.header, **same) == header
    assert decoded.header.count == 2
    assert list(decoded.offsets) == [100, 102]
    assert decoded.columns.values == [b"a", b"c"]


def test_a_gap_is_a_batch_without_records_that_takes_its_offsets():
    raw = encode_gap(5, 9)
    header = read_header(raw)
    check_crc(raw, header)
    assert (header.base_offset, header.next_offset, header.count, header.attributes) == (5, 10, 0, 0)
    assert (header.base_timestamp, header.max_timestamp) == (-1, -1)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (-1, -1, -1)
    assert len(decode(raw).columns) == 0


def test_the_leader_epoch_is_none_but_the_one_that_is_given_and_outside_of_the_checksum():
    batch = encode(Columns([b"a"], timestamps=NOW))
    raw = [batch.head(9, **given) + bytes(batch.payload) for given in ({}, {"leader_epoch": 3})]
    assert [read_header(each).leader_epoch for each in raw] == [0, 3]
    assert [decode(each).header.crc for each in raw] == [batch.crc] * 2


def test_a_batch_whose_first_record_goes_keeps_its_base_timestamp():
    raw = render(Columns([b"a", b"b"], [b"k", b"l"], [NOW, NOW + 7]), base_offset=5)
    header = read_header(raw)
    kept = decode(encode_retained(header, [6], Columns([b"b"], [b"l"], [NOW + 7]), NONE, None))
    assert (kept.header.base_timestamp, list(kept.columns.stamps)) == (NOW, [NOW + 7])
