"""Reads without a group: consumers that go on where they were, and are released."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message
from confluent_kafka import TopicPartition as TheirPartition

from connect.api.errors import CorruptBatchError
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
            messages, reached, _ = module._consume(slow, TopicPartition(name, 0), reached, 9, 1_000_000)
            found += [message.value() for message in messages]
        assert found == values
    finally:
        client.close()
        await producer.aclose()


class Damaged:
    """A client whose records come in one portion, in which an error lies in front of one of them."""

    def __init__(self, client: Any, at: TopicPartition, count: int, *, bad: int) -> None:
        self._client = client
        self._at = at
        self._count = count
        self._events: list[Any] = []
        self.bad: int | None = bad
        self.is_closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def assign(self, partitions: list[TheirPartition]) -> None:
        self._events = []
        self._client.assign(partitions)

    def close(self) -> None:
        self.is_closed = True
        self._client.close()

    def consume(self, count: int, timeout_s: float) -> list[Any]:
        if not self._events:
            deadline = time.monotonic() + 30
            while not (self._events and self._events[-1].offset() >= self._count - 1):
                assert time.monotonic() < deadline, f"{len(self._events)} events came"
                self._events += self._client.consume(self._count, 0.2)
            places = [row for row, event in enumerate(self._events) if event.offset() == self.bad]
            if places:
                error = KafkaError(KafkaError._BAD_MSG)
                topic, partition = self._at
                self._events.insert(places[0], Message(topic=topic, partition=partition, offset=0, error=error))
        found, self._events = self._events[:count], self._events[count:]
        return found


async def test_sound_records_in_front_of_an_error_are_given_before_it_is_told(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    values = [b"%d" % number for number in range(9)]
    await producer.append(name, columns(*values))
    at, readers = TopicPartition(name, 0), kafka_cluster.admin._readers
    client = Damaged(readers._make("read_uncommitted"), at, 9, bad=3)
    monkeypatch.setattr(readers, "_make", lambda _: client)
    found: list[Any] = []

    async def go_on() -> None:
        while len(found) < 9:
            batches = await kafka_cluster.admin.fetch(at, len(found))
            found.extend(value for batch in batches for value in batch.columns.values)

    with pytest.raises(CorruptBatchError):
        await go_on()
    assert found == values[:3]
    client.bad = None
    await go_on()
    assert found == values, "what lay behind the error was not skipped"
    await producer.aclose()


async def test_a_consumer_that_is_given_back_after_the_end_is_closed(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    at, readers = TopicPartition(name, 0), kafka_cluster.admin._readers
    client = Damaged(readers._make("read_uncommitted"), at, 1, bad=1)
    monkeypatch.setattr(readers, "_make", lambda _: client)
    begun, go, consume = threading.Event(), threading.Event(), client.consume

    def waiting(count: int, timeout_s: float) -> list[Any]:
        begun.set()
        go.wait(30)
        return consume(count, timeout_s)

    monkeypatch.setattr(client, "consume", waiting)
    reading = asyncio.create_task(kafka_cluster.admin.fetch(at, 0))
    assert await asyncio.to_thread(begun.wait, 30)
    await asyncio.to_thread(readers.close)
    go.set()
    assert [batch.columns.values for batch in await reading] == [[b"v"]]
    assert client.is_closed and not readers._idle
    await producer.aclose()
