"""Records of `__transaction_state`, in Kafka's schemas."""

from __future__ import annotations

import struct

import pytest

from connect.api.errors import CorruptBatchError
from connect.log.transactions.records import (
    Status,
    TransactionRecord,
    decode_transaction,
    decode_transaction_key,
    encode_transaction,
    encode_transaction_key,
)
from connect.records import TopicPartition

ONGOING = TransactionRecord(
    7, 2, 60_000, Status.ONGOING, {TopicPartition("b", 1), TopicPartition("a", 0), TopicPartition("b", 0)}, 20, 10
)


@pytest.mark.parametrize("record", [ONGOING, TransactionRecord(0, 0, 1)], ids=["ongoing", "empty"])
def test_a_record_is_read_as_it_was_written(record):
    assert decode_transaction(encode_transaction(record)) == record


def test_the_bytes_are_those_of_kafka_s_schemas_with_partitions_by_topic():
    assert encode_transaction_key("id") == b"\0\0\0\x02id"
    head = struct.pack(">hqhib", 0, 7, 2, 60_000, 1)
    topics = struct.pack(">i", 2) + b"\0\x01a" + struct.pack(">ii", 1, 0) + b"\0\x01b" + struct.pack(">iii", 2, 0, 1)
    assert encode_transaction(ONGOING) == head + topics + struct.pack(">qq", 20, 10)
    assert encode_transaction(TransactionRecord(7, 2, 1))[17:21] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("status", Status)
def test_it_is_decided_from_the_decision_until_it_is_complete(status):
    is_decided = TransactionRecord(0, 0, 1, status).is_decided
    assert is_decided == (status in (Status.PREPARE_COMMIT, Status.PREPARE_ABORT))


@pytest.mark.parametrize("length", range(len(encode_transaction(ONGOING))))
def test_a_value_that_is_cut_off_is_corruption(length):
    with pytest.raises(CorruptBatchError, match="not a value of __transaction_state"):
        decode_transaction(encode_transaction(ONGOING)[:length])


@pytest.mark.parametrize(
    ("position", "byte"),
    [(1, 1), (2, 0x80), (10, 0x80), (16, 9), (21, 0xFF), (28, 0x80)],
    ids=["version", "producer", "epoch", "status", "name", "partition"],
)
def test_a_field_that_makes_no_sense_is_corruption(position, byte):
    raw = bytearray(encode_transaction(ONGOING))
    raw[position] = byte
    with pytest.raises(CorruptBatchError):
        decode_transaction(bytes(raw))


@pytest.mark.parametrize("raw", [b"", b"\0\0", b"\0\x01\0\x02id", b"\0\0\0\x03id", b"\0\0\0\0", b"\0\0\0\x01\xff"])
def test_a_key_that_makes_no_sense_is_corruption(raw):
    assert decode_transaction_key(b"\0\0\0\x02id") == "id"
    with pytest.raises(CorruptBatchError, match="not a key of __transaction_state"):
        decode_transaction_key(raw)
