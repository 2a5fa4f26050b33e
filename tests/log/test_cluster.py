"""The log as a whole."""

from __future__ import annotations

import asyncio

import pytest

from connect.api import ConfigError, LogError
from connect.log import LogCluster
from connect.ports import Cluster, Subscription
from connect.records import Columns, TopicPartition
from tests.log.conftest import put


async def test_the_log_is_a_cluster_of_the_ports(cluster):
    as_port: Cluster = cluster
    assert as_port.admin is cluster.admin
    assert as_port.groups is cluster.groups


async def test_a_closed_log_refuses_work(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    consumer = await cluster.consumer(Subscription(("t",)), group=None, client_id="test")
    await cluster.aclose()
    for work in (
        producer.append("t", Columns([b"a"])),
        cluster.admin.fetch(TopicPartition("t", 0), 0),
        cluster.admin.create_topic("u"),
        cluster.admin.describe_topic("t"),
    ):
        with pytest.raises(LogError, match="the log is closed"):
            await work
    await producer.aclose()
    await consumer.aclose()


async def test_closing_waits_for_appends_that_are_under_way(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    appends = [asyncio.create_task(producer.append("t", Columns([b"%d" % n]), acks="durable")) for n in range(50)]
    await asyncio.sleep(0)
    await cluster.aclose()
    await asyncio.gather(*appends)
    info = await (await open_log()).admin.describe_topic("t")
    assert info.partitions[0].log_end_offset == 50


async def test_a_wrong_default_is_refused_and_the_directory_not_taken(open_log, data_dir):
    with pytest.raises(ConfigError, match=r"did you mean segment\.bytes"):
        await open_log(configs={"segment.byte": "1"})
    assert not data_dir.exists()


async def test_a_cancelled_opening_gives_the_directory_back(data_dir):
    opening = asyncio.create_task(LogCluster.open(data_dir))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await (await LogCluster.open(data_dir)).aclose()


async def test_many_tasks_at_once_lose_and_mix_nothing(cluster):
    await cluster.admin.create_topic("t", partitions=4)

    async def write(number: int) -> None:
        producer = cluster.producer(client_id=f"writer-{number}")
        for step in range(50):
            await producer.append("t", Columns([b"%d:%d" % (number, step)], [b"key-%d" % number]), acks="written")

    async def read(member: int) -> list[bytes]:
        subscription = Subscription(("t",), member=member, members=2)
        consumer = await cluster.consumer(
            subscription, group="g", client_id="test", configs={"auto.offset.reset": "earliest"}
        )
        seen: list[bytes] = []
        while batches := await consumer.poll(timeout_ms=500):
            seen += [value for batch in batches for value in batch.columns.values]
        return seen

    *_, first, second = await asyncio.gather(*(write(n) for n in range(8)), read(0), read(1))
    seen = first + second
    assert len(seen) == 400
    for number in range(8):
        mine = [value for value in seen if value.startswith(b"%d:" % number)]
        assert mine == [b"%d:%d" % (number, step) for step in range(50)]


async def test_idle_consumers_cost_an_append_to_another_topic_nothing(cluster):
    for topic in ("busy", "idle"):
        await cluster.admin.create_topic(topic)
    consumer = await cluster.consumer(Subscription(("idle",)), group=None, client_id="test")
    poll = asyncio.create_task(consumer.poll(timeout_ms=30_000))
    await asyncio.sleep(0)
    before = consumer._wakeup.count
    await put(cluster, "busy", b"a")
    assert consumer._wakeup.count == before
    await put(cluster, "idle", b"a")
    assert len(await poll) == 1


async def test_topics_are_described_together_and_those_that_do_not_exist_are_left_out(cluster):
    await cluster.admin.create_topic("a", partitions=2)
    await cluster.admin.create_topic("b")
    await put(cluster, "b", b"x")
    found = await cluster.admin.describe_topics(["b", "gone", "a"])
    assert found == {name: await cluster.admin.describe_topic(name) for name in ("a", "b")}
    assert await cluster.admin.describe_topics([]) == {}
