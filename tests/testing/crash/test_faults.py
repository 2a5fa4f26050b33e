"""A log that refuses by plan, over a real one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.app import open_cluster
from connect.ports import Cluster, Subscription
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.testing.crash import Fault
from connect.testing.crash.faults import CALLS, Plan, faulty

ONE = Columns([b"v"], timestamps=1)
AT = TopicPartition("t", 0)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = await open_cluster(tmp_path / "data")
    await cluster.admin.create_topic("t")
    yield cluster
    await cluster.aclose()


async def appended(cluster: Cluster) -> int:
    return sum(len(batch) for batch in await cluster.admin.fetch(AT, 0))


async def test_the_calls_that_are_planned_fail_and_the_others_work(log: Cluster) -> None:
    plan = Plan([Fault("append", 2, count=2)])
    producer = faulty(log, plan).producer(client_id="p")
    await producer.append("t", ONE)
    for number in (2, 3):
        with pytest.raises(EnvironmentFault, match=f"refuses append number {number}"):
            await producer.append("t", ONE)
    await producer.append("t", ONE)
    assert (await appended(log), plan.counts["append"]) == (2, 4)


async def test_a_flush_that_fails_behind_the_log_was_done(log: Cluster) -> None:
    producer = faulty(log, Plan([Fault("flush", when="after")])).producer(client_id="p")
    await producer.append("t", ONE)
    with pytest.raises(EnvironmentFault):
        await producer.flush()
    await producer.flush()
    assert await appended(log) == 1


async def test_a_commit_that_fails_behind_the_log_has_committed(log: Cluster) -> None:
    await log.producer(client_id="p").append("t", ONE)
    faults = [Fault("commit", 1), Fault("commit", 2, when="after")]
    consumer = await faulty(log, Plan(faults)).consumer(
        Subscription(("t",)), group="g", client_id="c", configs={"auto.offset.reset": "earliest"}
    )
    assert len(await consumer.poll(timeout_ms=2000)) == 1
    for expected in ([], [(AT, 1)]):
        with pytest.raises(EnvironmentFault):
            await consumer.commit({AT: OffsetAndMetadata(1)})
        assert [(at, stored.offset) for at, stored in (await log.groups.offsets("g")).items()] == expected
    await consumer.aclose()


async def test_what_is_delayed_is_done_all_the_same(log: Cluster) -> None:
    producer = faulty(log, Plan([Fault("append", action="delay", seconds=0.05)])).producer(client_id="p")
    began = time.monotonic()
    await producer.append("t", ONE)
    assert time.monotonic() - began >= 0.05
    assert await appended(log) == 1


async def test_offsets_of_sources_are_told_from_records_and_from_the_workers_other_topics(log: Cluster) -> None:
    await log.reserve(["connect-offsets", "connect-configs"])
    for topic in ("connect-offsets", "connect-configs"):
        await log.admin.create_topic(topic)
    plan = Plan()
    producer = faulty(log, plan).producer(client_id="p", internal=True)
    for topic in ("connect-offsets", "connect-configs", "t"):
        await producer.append(topic, Columns([b"v"], [b"k"], timestamps=1))
    assert plan.counts == {"offsets": 1, "store": 1, "append": 1}


async def test_a_transaction_is_counted_call_by_call(log: Cluster) -> None:
    plan = Plan([Fault("commit_transaction", 2)])
    producer = faulty(log, plan).producer(client_id="p", configs={"transactional.id": "x"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", ONE)
    await producer.commit_transaction()
    await producer.begin_transaction()
    await producer.append("t", ONE)
    with pytest.raises(EnvironmentFault):
        await producer.commit_transaction()
    await producer.abort_transaction()
    assert dict(plan.counts) == {
        "init_transactions": 1, "begin_transaction": 2, "append": 2, "commit_transaction": 2, "abort_transaction": 1
    }  # fmt: skip
    await producer.aclose()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Fault("appendix"), "'appendix' is no call of a log"),
        (lambda: Fault("flush", 0), "count from 1"),
        (lambda: Fault("append", when="after"), "cannot fail after it was done"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(wrong: type, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        wrong()


def test_every_call_can_be_planned_and_crosses_to_a_process() -> None:
    for call in CALLS:
        fault = Fault(call, 3, action="kill")
        assert Fault(**fault.as_dict()) == fault
