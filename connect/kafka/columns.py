"""librdkafka's messages -> batches of columns. Maps over the message's own methods, since Python pays for each call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from confluent_kafka import Message

from connect.records import Columns, FetchedBatch, TimestampType, TopicPartition

_APPEND_TIME: Final = 2  # TIMESTAMP_LOG_APPEND_TIME of confluent_kafka
_stamp: Final = itemgetter(1)


def batch_of(at: TopicPartition, messages: Sequence[Any]) -> FetchedBatch:
    """Return one partition's messages, of which there is at least one, in offset order, as a batch."""
    count = len(messages)
    first, last = messages[0].offset(), messages[-1].offset()
    is_dense = last - first + 1 == count
    offsets: Any = range(first, last + 1) if is_dense else list(map(Message.offset, messages))
    keys: list[Any] | None = list(map(Message.key, messages))
    headers: list[Any] | None = list(map(Message.headers, messages))
    if not any(headers or ()):
        headers = None
    if keys is not None and keys.count(None) == count:
        keys = None
    is_append_time = messages[0].timestamp()[0] == _APPEND_TIME
    kind = TimestampType.LOG_APPEND_TIME if is_append_time else TimestampType.CREATE_TIME
    stamps = list(map(_stamp, map(Message.timestamp, messages)))
    columns = Columns(list(map(Message.value, messages)), keys, stamps, headers)
    return FetchedBatch(at.topic, at.partition, offsets, columns, last + 1, kind)


def runs(
    messages: Sequence[Any], *, only: TopicPartition | None = None
) -> Iterator[tuple[TopicPartition, Sequence[Any]]]:
    """Yield each partition's messages that lie together.

    Args:
        only: The partition that all of them are of, where that is known.
    """
    if only is not None:
        yield only, messages
        return
    for (topic, partition), run in groupby(messages, lambda message: (message.topic(), message.partition())):
        yield TopicPartition(topic, partition), list(run)
