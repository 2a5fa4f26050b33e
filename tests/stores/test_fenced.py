from __future__ import annotations

import asyncio

import pytest

from connect.api import ConflictError, EnvironmentFault
from connect.ports import STATE_TOPIC_CONFIGS, Cluster
from connect.records import Columns
from connect.stores.fenced import FencedProducer
from tests.support.engines import now_ms, read


async def made(cluster: Cluster, name: str, fenced: list[str]) -> FencedProducer:
    opened = FencedProducer(cluster, name, lambda: fenced.append("fenced"))
    await opened.open()
    return opened


def one(value: bytes) -> Columns:
    return Columns([value], [b"k"], now_ms())


async def test_it_appends_until_another_one_has_its_id_and_nothing_of_it_is_seen_afterwards(
    engine_cluster: Cluster, name: str
) -> None:
    await engine_cluster.admin.create_topic(name, partitions=1, configs=STATE_TOPIC_CONFIGS, replication_factor=1)
    told: list[str] = []
    before = await made(engine_cluster, name, told)
    await asyncio.gather(before.append(name, one(b"1")), before.append(name, one(b"2")))
    after = await made(engine_cluster, name, [])
    with pytest.raises(ConflictError, match="does not lead its group any more"):
        await before.append(name, one(b"late"))
    assert told == ["fenced"]
    with pytest.raises(ConflictError, match="does not lead its group any more"):
        await before.append(name, one(b"later"))
    await after.append(name, one(b"3"))
    assert await read(engine_cluster, name, isolation="read_committed") == [b"1", b"2", b"3"]
    await asyncio.gather(before.aclose(), after.aclose())


async def test_an_append_that_failed_leaves_nothing_and_the_next_one_goes_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.admin.create_topic("t", configs=STATE_TOPIC_CONFIGS)
    told: list[str] = []
    fenced = await made(cluster, "the-id", told)
    assert fenced._producer is not None
    commit = fenced._producer.commit_transaction

    async def failing() -> None:
        raise EnvironmentFault("the disk is full")

    monkeypatch.setattr(fenced._producer, "commit_transaction", failing)
    with pytest.raises(EnvironmentFault, match="the disk is full"):
        await fenced.append("t", one(b"failed"))
    monkeypatch.setattr(fenced._producer, "commit_transaction", commit)
    await fenced.append("t", one(b"next"))
    assert await read(cluster, "t", isolation="read_committed") == [b"next"] and not told
    await fenced.aclose()


async def test_one_that_cannot_end_its_transaction_does_not_take_the_id_anew(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.admin.create_topic("t", configs=STATE_TOPIC_CONFIGS)
    told: list[str] = []
    fenced = await made(cluster, "the-id", told)
    assert fenced._producer is not None

    async def failing() -> None:
        raise EnvironmentFault("no broker answers")

    monkeypatch.setattr(fenced._producer, "commit_transaction", failing)
    monkeypatch.setattr(fenced._producer, "abort_transaction", failing)
    with pytest.raises(EnvironmentFault):
        await fenced.append("t", one(b"failed"))
    assert told == ["fenced"]
    monkeypatch.undo()
    await fenced.aclose()
