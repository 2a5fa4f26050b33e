"""Reads without a group: consumers that go on where they were, and are released."""

from __future__ import annotations

import asyncio

import pytest

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
