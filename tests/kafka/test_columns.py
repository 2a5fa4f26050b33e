"""Messages -> batches, with messages as librdkafka makes them."""

from __future__ import annotations

from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Message

from connect.kafka.columns import batch_of, runs
from connect.records import TimestampType, TopicPartition

AT = TopicPartition("orders", 1)


def message(offset: int, partition: int = 1, **parts: Any) -> Message:
    parts.setdefault("timestamp", (TIMESTAMP_CREATE_TIME, offset * 10))
    parts.setdefault("value", b"%d" % offset)
    return Message(topic="orders", partition=partition, offset=offset, **parts)


def test_dense_offsets_are_a_range_and_columns_that_are_empty_are_none() -> None:
    batch = batch_of(AT, [message(5), message(6)])
    assert (batch.offsets, batch.next_offset) == (range(5, 7), 7)
    assert (batch.columns.values, batch.columns.stamps) == ([b"5", b"6"], [50, 60])
    assert batch.columns.keys is None
    assert batch.columns.headers is None
    assert batch.timestamp_type is TimestampType.CREATE_TIME


def test_gaps_keys_headers_and_tombstones_stay() -> None:
    stamp = (TIMESTAMP_LOG_APPEND_TIME, 7)
    batch = batch_of(
        AT, [message(1, key=b"k", timestamp=stamp), message(4, value=None, headers=[("h", None)], timestamp=stamp)]
    )
    assert batch.offsets == [1, 4]
    assert batch.columns.values == [b"1", None]
    assert batch.columns.keys == [b"k", None]
    assert batch.columns.headers == [None, [("h", None)]]
    assert batch.timestamp_type is TimestampType.LOG_APPEND_TIME


def test_messages_of_one_partition_that_lie_together_are_one_run() -> None:
    found = list(runs([message(1), message(2), message(1, 2), message(3)]))
    assert [(at.partition, len(run)) for at, run in found] == [(1, 2), (2, 1), (1, 1)]
    assert [(at, len(run)) for at, run in runs([message(1), message(2)], only=AT)] == [(AT, 2)]
