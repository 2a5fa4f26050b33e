"""Three brokers of which one after the other is killed while lines flow from a file into a topic and out again.

An independent client reads what is in the topic. CONNECT_BROKER_KILLS is the number of kills of each kind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.records import OffsetAndMetadata, TopicPartition
from connect.runtime.model import State
from tests.support.engines import columns
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_cluster import Node, ThreeBrokers
from tests.support.kafka_crews import Committed, Crew, is_balanced
from tests.support.kafka_targets import committed
from tests.support.kafka_workers import Lines, create, file_sink, file_source, kafka_worker, lines_of
from tests.support.lengths import IS_LONG, length

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(2400)]

ONLY_LONG = pytest.mark.skipif(not IS_LONG, reason="of three brokers the short run has one story: CONNECT_LONG=1")
KILLS = length("CONNECT_BROKER_KILLS")
SOON_S = 90
#: How long it may take to be told of a topic while a broker dies.
ASKED_S = 15
THREE = {f"{kind}.storage.replication.factor": "3" for kind in ("config", "offset", "status")}
TOPIC = {"topic.creation.default.replication.factor": "3", "topic.creation.default.min.insync.replicas": "2"}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    with ThreeBrokers(tmp_path_factory.mktemp("three")) as running:
        yield running


@pytest.mark.night
@pytest.mark.parametrize("support", ["disabled", "enabled"] if IS_LONG else ["enabled"])
async def test_nothing_is_lost_or_doubled_while_one_broker_after_the_other_is_killed(
    three: ThreeBrokers, tmp_path: Path, name: str, support: str
) -> None:
    """The leader of the topic, the controller, and who coordinates the sink's group, round and round."""
    out = tmp_path / "out.txt"
    lines = Lines(tmp_path / "in.txt", at_once=5)
    config = {**THREE, "exactly.once.source.support": support}
    async with kafka_worker(tmp_path, name, three.bootstrap, **config) as worker:
        await create(worker, source=file_source(tmp_path, name, **TOPIC), sink=file_sink(tmp_path, name))

        async def more() -> None:
            enough = len(lines_of(out)) + 50
            await worker.until(lambda: len(lines_of(out)) > enough, deadline_s=SOON_S)

        await more()
        for number in range(KILLS):
            find = [lambda: three.leader(name), three.controller, lambda: three.coordinator("connect-sink")]
            node: Node = await asyncio.to_thread(find[number % 3])
            await asyncio.to_thread(node.kill)
            try:
                async with asyncio.timeout(ASKED_S):  # the broker that was asked before may be the one that is gone
                    await worker.herder.base.cluster.admin.describe_topic(name)
                await more()
            finally:
                await asyncio.to_thread(node.__enter__)
            await in_sync(three, name)
            # Leaders, and with them coordinators, go back to where they were: they change, and nobody is killed.
            await asyncio.to_thread(three.elect)
        written = lines.end()
        await worker.until(lambda: written <= set(lines_of(out)), deadline_s=SOON_S)
        assert set(lines_of(out)) == written
        for connector in ("source", "sink"):
            await worker.until_state(connector, State.RUNNING, tasks=1)
    values = await values_of(three, name)
    again = [line for line, count in Counter(values).items() if count > 1]
    print(f"{support}: {KILLS} kills, {len(written)} lines, {len(written - set(values))} lost, {len(again)} twice")
    assert set(values) == written
    assert list(dict.fromkeys(values)) == sorted(written), "in order, but for what comes again"
    if support == "enabled":
        assert again == []


@ONLY_LONG
async def test_workers_and_brokers_that_are_killed_in_turn_lose_and_double_nothing(
    three: ThreeBrokers, tmp_path: Path, name: str
) -> None:
    """Three workers share eight sources that write in transactions; a worker is killed, and every second time a broker
    beside it."""
    sources = [f"{name}-{number}" for number in range(8)]
    crew = Crew(tmp_path, three.bootstrap, name, copies=3, **{"exactly.once.source.support": "enabled"})
    lines = {source: Lines(tmp_path / f"{source}.txt", at_once=1) for source in sources}
    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": three.bootstrap})
    committed_of = {source: Committed(cluster, source, crew) for source in sources}
    workers = ["a", "b", "c"]
    try:
        for which in workers:
            await asyncio.to_thread(crew.start, which)
        for source in sources:
            config = {**file_source(tmp_path, source, **TOPIC), "file": str(tmp_path / f"{source}.txt")}
            await asyncio.to_thread(crew.call, "PUT", f"/connectors/{source}/config", config)
        await asyncio.to_thread(crew.until, lambda: is_balanced(crew.load(), tasks=8, workers=3))
        for turn in range(length("CONNECT_WORKER_KILLS")):
            which = workers[turn % 3]
            node = await asyncio.to_thread(three.leader, sources[turn % 8]) if turn % 2 else None
            crew.kill(which)
            if node is not None:
                await asyncio.to_thread(node.kill)
            await asyncio.to_thread(crew.until, lambda: is_balanced(crew.load(), tasks=8, workers=2))
            for source in sources:
                await committed_of[source].until(lines[source].count)
            if node is not None:
                await asyncio.to_thread(node.__enter__)
                for source in sources:
                    await in_sync(three, source)
            await asyncio.to_thread(crew.start, which)
            await asyncio.to_thread(crew.until, lambda: is_balanced(crew.load(), tasks=8, workers=3))
        for source in sources:
            written = lines[source].end()
            await committed_of[source].until(len(written))
            assert committed_of[source].lines == sorted(written), f"{source}: each once, in order"
    finally:
        for each in lines.values():
            each.end()
        await asyncio.to_thread(crew.close)
        await cluster.aclose()


@ONLY_LONG
async def test_a_transaction_whose_coordinator_is_killed_within_its_commit_is_committed_once(
    three: ThreeBrokers, tmp_path: Path, name: str
) -> None:
    cluster = await open_cluster(tmp_path, {"bootstrap.servers": three.bootstrap})
    await cluster.admin.create_topic(name, replication_factor=3)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name, "transaction.timeout.ms": "60000"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, columns(b"a", b"b"))
    node = await asyncio.to_thread(three.transaction_coordinator, name)
    with node.frozen():
        committing = asyncio.create_task(producer.commit_transaction())
        done, _ = await asyncio.wait({committing}, timeout=0.5)
        assert not done, "it waits for a coordinator that has the request, and does not answer"
        await asyncio.to_thread(node.kill)
    await committing
    assert await asyncio.to_thread(three.transaction_coordinator, name) is not node
    await producer.begin_transaction()
    await producer.append(name, columns(b"c"))
    await producer.commit_transaction()
    await asyncio.to_thread(node.__enter__)
    await in_sync(three, name)
    assert await values_of(three, name) == ["a", "b", "c"]
    for each in (producer, cluster):
        await each.aclose()


@ONLY_LONG
async def test_a_group_is_asked_about_and_its_offsets_set_after_its_coordinator_moved(
    three: ThreeBrokers, tmp_path: Path, name: str
) -> None:
    at = TopicPartition(name, 0)
    cluster = await open_cluster(tmp_path, {"bootstrap.servers": three.bootstrap})
    await cluster.admin.create_topic(name, replication_factor=3)
    await cluster.groups.commit(name, {at: OffsetAndMetadata(1)})
    for offset in (2, 3):
        node = await asyncio.to_thread(three.coordinator, name)
        await asyncio.to_thread(node.kill)
        try:
            assert (await cluster.groups.offsets(name))[at].offset == offset - 1
        finally:
            await asyncio.to_thread(node.__enter__)
        await in_sync(three, name)
        await asyncio.to_thread(three.elect)  # it moves back, and the one that had it is alive
        await cluster.groups.commit(name, {at: OffsetAndMetadata(offset)})
        assert (await cluster.groups.describe(name)).offsets[at].offset == offset
    await cluster.aclose()


@ONLY_LONG
async def test_too_few_replicas_in_sync_are_waited_for_and_named(
    three: ThreeBrokers, tmp_path: Path, name: str
) -> None:
    topic = {"topic.creation.default.replication.factor": "2", "topic.creation.default.min.insync.replicas": "2"}
    (tmp_path / "in.txt").write_text("a\n")
    async with kafka_worker(tmp_path, name, three.bootstrap, **THREE) as worker:
        await create(worker, source=file_source(tmp_path, name, **topic))
        await worker.until(lambda: worker.records("source") == 1, deadline_s=SOON_S)
        (follower,) = three.in_sync(name) - {three.leader(name).number}
        node = three.node(follower)
        await asyncio.to_thread(node.kill)
        try:
            with (tmp_path / "in.txt").open("a") as file:
                file.write("b\n")
            await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()), deadline_s=SOON_S)
            (warning,) = (await worker.client.get("/v1/warnings")).json()["warnings"]
            assert (warning["code"], warning["subject"]) == ("task.waiting", "source-0")
            assert "has 1 of 2 replicas in sync, and min.insync.replicas is 2" in warning["message"]
        finally:
            await asyncio.to_thread(node.__enter__)
        await worker.until(lambda: worker.records("source") == 2, deadline_s=SOON_S)
    assert await values_of(three, name) == ["a", "b"]


@ONLY_LONG
async def test_topics_are_asked_about_whichever_broker_is_gone(three: ThreeBrokers, tmp_path: Path, name: str) -> None:
    """One of them is what the metadata calls the controller, which is asked, and one leads the partition."""
    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": three.bootstrap})
    await cluster.admin.create_topic(name, replication_factor=3)
    for node in three.nodes:
        await in_sync(three, name)
        await cluster.admin.describe_topic(name)
        await asyncio.to_thread(node.kill)
        try:
            async with asyncio.timeout(ASKED_S):
                await cluster.admin.describe_topic(name)
        finally:
            await asyncio.to_thread(node.__enter__)
    await cluster.aclose()


async def values_of(three: ThreeBrokers, topic: str) -> list[str]:
    """Return what an independent client reads of a topic."""
    return [(value or b"").decode() for value in await asyncio.to_thread(committed, three.bootstrap, topic)]


async def in_sync(three: ThreeBrokers, topic: str) -> None:
    """Wait until all replicas of a topic are in sync: the next kill would leave fewer than are needed."""
    deadline = asyncio.get_running_loop().time() + SOON_S
    while len(await asyncio.to_thread(three.in_sync, topic)) < 3:
        assert asyncio.get_running_loop().time() < deadline, "not all replicas came in sync"
        await asyncio.sleep(0.1)
