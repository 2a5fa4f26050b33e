"""The header of a record batch: read, checked, and walked from batch to batch."""

from __future__ import annotations

import pytest

from connect.api import LogError
from connect.api.errors import CorruptBatchError
from connect.codec import header as h
from connect.codec.decode import decode
from connect.codec.encode import encode
from connect.codec.header import (
    CHECKED,
    CONTROL,
    DELETE_HORIZON,
    HEADER_BYTES,
    LENGTH,
    LOG_APPEND_TIME,
    MAGIC,
    PREFIX,
    TRANSACTIONAL,
    check_crc,
    iterate_batches,
    read_header,
)
from connect.records import Columns
from tests.support.factories import make_record_batch as render


@pytest.mark.parametrize("magic", [0, 1])
def test_an_old_magic_is_refused_by_name(magic):
    raw = bytearray(render(Columns([b"a"])))
    raw[16] = magic
    with pytest.raises(LogError, match=f"magic {magic}") as caught:
        decode(bytes(raw))
    assert caught.value.code == "log.unsupported_magic"


def test_batches_back_to_back_are_walked_up_to_the_first_that_is_cut():
    raw = b"".join(render(Columns([b"a"] * n), base_offset=n) for n in (1, 2, 3))
    assert [header.base_offset for header in iterate_batches(raw)] == [1, 2, 3]
    assert [header.base_offset for header in iterate_batches(raw[:-1])] == [1, 2]


def test_control_and_transactional_flags_are_read():
    header = read_header(
        render(Columns([b"a"]), attributes=h.CONTROL | h.TRANSACTIONAL, producer_id=5, producer_epoch=1)
    )
    assert header.is_control
    assert header.is_transactional
    assert (header.producer_id, header.producer_epoch) == (5, 1)


def raw_batch(*values: bytes, base_offset: int = 0, **options: int) -> bytes:
    batch = encode(Columns(list(values), timestamps=5), **options)
    return batch.head(base_offset, 3) + batch.payload


def header_of(*, base_offset=0, length=49, magic=MAGIC, attributes=0, last_delta=0, count=1) -> bytes:
    return PREFIX.pack(base_offset, length, 0, magic, 0) + CHECKED.pack(attributes, last_delta, 0, 0, -1, -1, -1, count)


def test_a_header_says_where_its_batch_lies_and_which_offsets_it_takes():
    raw = b"before" + raw_batch(b"a", b"b", base_offset=40)
    header = read_header(raw, 6)
    assert (header.position, header.end, header.size_bytes) == (6, len(raw), len(raw) - 6)
    assert (header.base_offset, header.last_offset, header.next_offset, header.count) == (40, 41, 42, 2)
    assert (header.leader_epoch, header.base_timestamp, header.max_timestamp) == (3, 5, 5)


@pytest.mark.parametrize(
    ("bit", "name"),
    [
        (LOG_APPEND_TIME, "is_log_append_time"),
        (TRANSACTIONAL, "is_transactional"),
        (CONTROL, "is_control"),
        (DELETE_HORIZON, "has_delete_horizon"),
    ],
)
def test_each_flag_is_a_bit_of_the_attributes(bit, name):
    flags = ("is_log_append_time", "is_transactional", "is_control", "has_delete_horizon")
    header = read_header(header_of(attributes=bit | 4))
    assert [flag for flag in flags if getattr(header, flag)] == [name]
    assert header.codec_number == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_offset": -1}, "contradicts itself"),
        ({"last_delta": -1}, "contradicts itself"),
        ({"count": -1}, "contradicts itself"),
        ({"count": 2}, "contradicts itself"),
        ({"length": 48}, "length is 48, expected at least 49"),
        ({"length": -5}, "length is -5"),
        ({"magic": 3}, "magic 3, expected 2"),
    ],
)
def test_a_header_that_cannot_be_is_corruption(fields, message):
    with pytest.raises(CorruptBatchError, match=message):
        read_header(header_of(**fields))


def test_compaction_may_leave_fewer_records_than_offsets():
    assert read_header(header_of(last_delta=9, count=0)).next_offset == 10


@pytest.mark.parametrize("magic", [0, 1])
def test_a_format_older_than_v2_is_named_also_where_less_than_a_header_is_there(magic):
    raw = header_of(magic=magic)
    for length in (17, HEADER_BYTES):
        with pytest.raises(LogError, match=f"magic {magic}; only magic 2") as caught:
            read_header(raw[:length])
        assert caught.value.code == "log.unsupported_magic"


def test_a_checksum_covers_everything_from_the_attributes_on():
    raw = bytearray(raw_batch(b"value"))
    check_crc(bytes(raw), read_header(bytes(raw)))
    for position in (21, len(raw) - 1):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        with pytest.raises(CorruptBatchError, match="CRC 0x"):
            check_crc(bytes(damaged), read_header(bytes(damaged)))
    with pytest.raises(CorruptBatchError, match=f"takes {len(raw)} bytes, {len(raw) - 1} are there"):
        check_crc(bytes(raw[:-1]), read_header(bytes(raw)))


def test_offset_and_epoch_are_assigned_without_a_new_checksum():
    batch = encode(Columns([b"a"]))
    for offset, epoch in ((0, 0), (1 << 40, 7)):
        raw = batch.head(offset, epoch) + batch.payload
        header = read_header(raw)
        check_crc(raw, header)
        assert (header.base_offset, header.leader_epoch) == (offset, epoch)


def test_batches_back_to_back_are_walked_up_to_one_that_is_not_whole():
    first, second = raw_batch(b"a"), raw_batch(b"bb")
    for left in (0, 1, 12, len(second) - 1):
        assert [header.position for header in iterate_batches(first + second[:left])] == [0]
    assert [header.position for header in iterate_batches(first + second)] == [0, len(first)]


def test_a_length_that_cannot_be_is_no_end_of_the_walk_but_corruption():
    raw = bytearray(raw_batch(b"a") * 2)
    LENGTH.pack_into(raw, len(raw) // 2, 1, 3)
    with pytest.raises(CorruptBatchError):
        list(iterate_batches(bytes(raw)))


@pytest.mark.parametrize("size_bytes", [0, 16, 17, 60])
def test_a_header_that_is_cut_is_told_with_its_bytes(size_bytes):
    raw = render(Columns([b"a"]))[:size_bytes]
    with pytest.raises(CorruptBatchError, match=f"header takes 61 bytes, {size_bytes} are there"):
        read_header(raw)
    with pytest.raises(CorruptBatchError, match=f"header takes 61 bytes, {size_bytes} are there"):
        read_header(b"xyz" + raw, 3)


@pytest.mark.parametrize("before", [0, 1, 200])
def test_an_old_magic_is_told_as_soon_as_its_byte_is_there_wherever_the_batch_begins(before):
    raw = bytearray(bytes(before) + render(Columns([b"a"]))[:17])
    raw[before + 16] = 1
    with pytest.raises(LogError, match="only magic 2 is read"):
        read_header(bytes(raw), before)
    with pytest.raises(CorruptBatchError, match="16 are there"):
        read_header(bytes(raw[:-1]), before)
