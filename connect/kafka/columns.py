"""librdkafka's messages -> batches of columns. List comprehensions, since Python pays for each call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from connect.records import Columns, FetchedBatch, TimestampType, TopicPartition

_APPEND_TIME = 2  # TIMESTAMP_LOG_APPEND_TIME of confluent_kafka


def batch_of(at: TopicPartition, messages: Sequence[Any]) -> FetchedBatch:
    """Return one partition's messages, of which there is at least one, in offset order, as a batch."""
    offsets: Any = [message.offset() for message in messages]
    first, last = offsets[0], offsets[-1]
    if last - first + 1 == len(offsets):
        offsets = range(first, last + 1)
    keys: list[Any] | None = [message.key() for message in messages]
    headers: list[Any] | None = [message.headers() for message in messages]
    stamps = [message.timestamp() for message in messages]
    if not any(headers or ()):
        headers = None
    if keys is not None and keys.count(None) == len(keys):
        keys = None
    kind = TimestampType.LOG_APPEND_TIME if stamps[0][0] == _APPEND_TIME else TimestampType.CREATE_TIME
    columns = Columns([message.value() for message in messages], keys, [stamp for _, stamp in stamps], headers)
    return FetchedBatch(at.topic, at.partition, offsets, columns, last + 1, kind)


def runs(messages: Sequence[Any], *, only: TopicPartition | None = None) -> Iterator[tuple[TopicPartition, list[Any]]]:
    """Yield each partition's messages that lie together.

    Args:
        only: The partition that all of them are of, where that is known.
    """
    if only is not None:
        yield only, list(messages)
        return
    for (topic, partition), run in groupby(messages, lambda message: (message.topic(), message.partition())):
        yield TopicPartition(topic, partition), list(run)
