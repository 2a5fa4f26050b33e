"""Records of `__consumer_offsets`, in Kafka's schemas."""

from __future__ import annotations

import struct

import pytest

from connect.api.errors import CorruptBatchError, LogError
from connect.log.groups.offset_records import decode_key, decode_value, encode_key, encode_value
from connect.records import OffsetAndMetadata, TopicPartition

AT = TopicPartition("orders", 3)
COMMITTED = OffsetAndMetadata(42, 5, "seen", 1_700_000_000_000)


def test_a_key_and_a_value_are_read_as_they_were_written():
    assert decode_key(encode_key("gruppe-ü", AT)) == ("gruppe-ü", AT)
    assert decode_value(encode_value(COMMITTED)) == COMMITTED


def test_the_bytes_are_those_of_kafka_s_schemas():
    assert encode_key("g", AT) == b"\0\x01" + b"\0\x01g" + b"\0\x06orders" + b"\0\0\0\x03"
    value = b"\0\x03" + struct.pack(">qi", 42, 5) + b"\0\x04seen" + struct.pack(">q", 1_700_000_000_000)
    assert encode_value(COMMITTED) == value


@pytest.mark.parametrize(("version", "extra"), [(0, b""), (1, bytes(8)), (2, b"")])
def test_older_values_are_read_without_an_epoch(version, extra):
    raw = struct.pack(">hq", version, 42) + b"\0\x04seen" + struct.pack(">q", 7) + extra
    assert decode_value(raw) == OffsetAndMetadata(42, -1, "seen", 7)


@pytest.mark.parametrize("version", [2, 3, 31])
def test_a_broker_s_records_of_another_kind_are_passed_over(version):
    assert decode_key(struct.pack(">h", version) + b"anything") is None


@pytest.mark.parametrize("length", range(len(encode_key("g", AT))))
def test_a_key_that_is_cut_off_is_corruption(length):
    with pytest.raises(CorruptBatchError, match="not a key of __consumer_offsets"):
        decode_key(encode_key("g", AT)[:length])


@pytest.mark.parametrize("length", range(len(encode_value(COMMITTED))))
def test_a_value_that_is_cut_off_is_corruption(length):
    with pytest.raises(CorruptBatchError, match="not a value of __consumer_offsets"):
        decode_value(encode_value(COMMITTED)[:length])


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack(">h", -1) + encode_key("g", AT)[2:],
        struct.pack(">h", 40) + encode_key("g", AT)[2:],
        encode_key("g", AT) + b"more",
        encode_key("g", TopicPartition("orders", -1)),
        b"\0\x01\xff\xff" + encode_key("g", AT)[4:],
        b"\0\x01\0\x01\xff" + encode_key("g", AT)[5:],
    ],
)
def test_a_key_that_makes_no_sense_is_corruption(raw):
    with pytest.raises(CorruptBatchError):
        decode_key(raw)


def test_a_value_of_another_version_or_with_an_offset_below_zero_is_corruption():
    with pytest.raises(CorruptBatchError, match="version 4 is not known"):
        decode_value(struct.pack(">h", 4) + encode_value(COMMITTED)[2:])
    with pytest.raises(CorruptBatchError, match="offset -1"):
        decode_value(encode_value(OffsetAndMetadata(-1)))


def test_a_text_too_long_for_the_schema_is_an_error_of_its_caller():
    with pytest.raises(LogError, match="has 32768 bytes"):
        encode_value(OffsetAndMetadata(1, metadata="x" * (1 << 15)))
