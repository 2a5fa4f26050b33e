"""A sink's polls over a real log: what is in hand, what is taken back, and what the group says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.ports import Cluster, Subscription
from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.sink_polls import SinkPolls

T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    opened = await open_cluster(tmp_path)
    await opened.admin.create_topic("t", partitions=2)
    producer = opened.producer(client_id="p")
    for partition in (0, 1):
        await producer.append("t", Columns([b"a", b"b", b"c"]), partition=partition)
    await producer.aclose()
    yield opened
    await opened.aclose()


@pytest.fixture
async def polls(cluster: Cluster) -> AsyncIterator[SinkPolls]:
    consumer = await cluster.consumer(
        Subscription(("t",)), group="g", client_id="c", configs={"auto.offset.reset": "earliest"}
    )
    made = SinkPolls(consumer, SinkTaskContextImpl("k", 0), fetch_bytes=1 << 20)
    made._context.assigned = consumer.assignment
    yield made
    await made.drop()
    await consumer.aclose()


def places(batches: list[FetchedBatch]) -> list[tuple[int, list[int]]]:
    return sorted((batch.partition, list(batch.offsets)) for batch in batches)


async def polled(polls: SinkPolls) -> list[tuple[int, list[int]]]:
    await asyncio.wait_for(asyncio.shield(polls.begin(1000)), 30)
    return places(polls.take())


ALL = [(0, [0, 1, 2]), (1, [0, 1, 2])]


async def test_one_poll_is_under_way_and_what_was_put_back_comes_next(polls: SinkPolls) -> None:
    assert polls.begin(1000) is polls.begin(1000)
    await asyncio.wait({polls.begin(1000)})
    brought = polls.take()
    assert places(brought) == ALL
    polls.put_back(brought[:1])
    assert await polled(polls) == places(brought[:1])


async def test_a_poll_that_has_brought_nothing_yet_is_cancelled_and_moves_nothing(polls: SinkPolls) -> None:
    assert await polled(polls) == ALL
    polls.begin(60_000)
    assert await polls.end() == []
    polls.seek({T0: 2})
    assert await polled(polls) == [(0, [2])]
    assert await polls.end() == []


async def test_what_is_taken_back_is_read_again_and_the_rest_of_the_poll_under_way_is_kept(polls: SinkPolls) -> None:
    await asyncio.wait({polls.begin(1000)})
    await polls.take_back({T0: 1})
    assert await polled(polls) == [(1, [0, 1, 2])]
    assert await polled(polls) == [(0, [1, 2])]


async def test_what_the_poll_brings_of_a_paused_partition_is_read_again_when_it_is_resumed(polls: SinkPolls) -> None:
    await asyncio.wait({polls.begin(1000)})
    polls._context.pause(("t", 1))
    await polls.take_back({})
    assert await polled(polls) == [(0, [0, 1, 2])]
    assert await polled(polls) == [(1, [0, 1, 2])]


async def test_hearing_the_group_takes_nothing_and_says_whether_the_assignment_moves(
    cluster: Cluster, polls: SinkPolls
) -> None:
    await asyncio.wait({polls.begin(1000)})
    before = polls.heard_at
    assert not await polls.hear()
    assert polls.heard_at > before
    assert await polled(polls) == ALL
    other = await cluster.consumer(Subscription(("t",), member=1), group="g", client_id="other", configs={})
    async with asyncio.timeout(30):
        while not await polls.hear():
            await other.poll(timeout_ms=20)
    await other.aclose()
