"""Reads without a group: consumers that go on where they were, and are released."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from confluent_kafka import TopicPartition as TheirPartition

from connect.kafka import reading as module
from connect.ports import Cluster
from connect.records import TopicPartition
from tests.support.engines import columns, read, until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_who_reads_on_keeps_the_consumer_and_all_are_released(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_S", 2.0)
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    values = [b"%05d" % number * 20 for number in range(5000)]
    await producer.append(name, columns(*values))
    readers = kafka_cluster.admin._readers
    found, offset = [], 0
    while batches := await kafka_cluster.admin.fetch(TopicPartition(name, 0), offset, max_bytes=50_000):
        found += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
        assert len(readers._idle) == 1
    assert found == values
    await until(lambda: not readers._idle)
    assert (await kafka_cluster.admin.fetch(TopicPartition(name, 0), 4999))[0].columns.values == values[-1:]
    await producer.aclose()


async def test_many_read_at_once(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=3)
    producer = kafka_cluster.producer(client_id="test")
    for partition in range(3):
        await producer.append(name, columns(b"%d" % partition), partition=partition)
    found = await asyncio.gather(*(read(kafka_cluster, name, number % 3) for number in range(12)))
    assert found == [[b"%d" % (number % 3)] for number in range(12)]
    await producer.aclose()


class Gathered:
    """A client whose next events have all come before it is asked, as where its caller is slow."""

    def __init__(self, client: Any, count: int) -> None:
        self._events: list[Any] = []
        deadline = time.monotonic() + 30
        while len(self._events) < count:
            assert time.monotonic() < deadline, f"{len(self._events)} of {count} events came"
            self._events += client.consume(count, 0.2)

    def consume(self, count: int, timeout_s: float) -> list[Any]:
        found, self._events = self._events[:count], self._events[count:]
        return found


async def test_what_came_behind_an_end_that_was_reached_is_not_lost(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    values = [b"%d" % number for number in range(9)]
    await producer.append(name, columns(*values[:3]))
    client = kafka_cluster.admin._readers._make("read_committed")
    try:
        client.assign([TheirPartition(name, 0, 0)])
        first = Gathered(client, 4)  # three records, and the end
        await producer.append(name, columns(*values[3:6]))
        later = Gathered(client, 4)
        await producer.append(name, columns(*values[6:]))
        slow = Gathered(client, 4)
        slow._events = [*first._events, *later._events, *slow._events]
        found, reached = [], 0
        while reached < 9:
            messages, reached = module._consume(slow, TopicPartition(name, 0), reached, 9, 1_000_000)
            found += [message.value() for message in messages]
        assert found == values
    finally:
        client.close()
        await producer.aclose()
