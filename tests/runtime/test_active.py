from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connect.app import open_cluster
from connect.ports import Cluster, Consumer
from connect.records import FetchedBatch, TopicPartition
from connect.runtime.active import StopWaiting, active_worker
from connect.runtime.worker_config import WorkerConfig
from tests.support.engines import until

CONFIG = WorkerConfig.parse({"group.id": "g", "config.storage.topic": "state"})


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """The bundled log: its groups keep the port's promises as a cluster's do."""
    opened = await open_cluster(tmp_path)
    yield opened
    await opened.aclose()


async def test_one_worker_is_active_and_the_next_one_when_it_has_gone(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    second_is_active = asyncio.Event()

    async def second() -> None:
        async with active_worker(cluster, CONFIG):
            second_is_active.set()

    async with active_worker(cluster, CONFIG) as place:
        waiting = asyncio.create_task(second())
        await until(lambda: "another worker of group g is active" in caplog.text)
        assert not second_is_active.is_set()
        assert not place.lost.is_set()
    async with asyncio.timeout(30):
        await waiting
    assert second_is_active.is_set()
    assert not place.lost.is_set(), "it was given up, not lost"


async def test_a_worker_that_is_to_stop_waits_no_longer(cluster: Cluster) -> None:
    stop = asyncio.Event()
    async with active_worker(cluster, CONFIG), asyncio.timeout(30):
        asyncio.get_running_loop().call_later(0.2, stop.set)
        with pytest.raises(StopWaiting):
            async with active_worker(cluster, CONFIG, stop):
                raise AssertionError("another one is active")


async def test_a_place_that_is_gone_is_told(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async with active_worker(cluster, CONFIG) as place, asyncio.timeout(30):
        await cluster.admin.delete_topic("state")
        await place.lost.wait()
    assert "this worker is no longer the active one of group g" in caplog.text


async def test_the_topic_of_the_place_is_made_as_the_worker_s_state_needs_it(cluster: Cluster) -> None:
    async with active_worker(cluster, CONFIG):
        found = {entry.name: entry.value for entry in await cluster.admin.topic_configs("state")}
    assert found["cleanup.policy"] == "compact"


class SlowToJoin:
    """A consumer whose group takes its time to give it partitions."""

    def __init__(self, inner: Consumer) -> None:
        self._inner = inner
        self._polls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def poll(self, *, timeout_ms: int) -> list[FetchedBatch]:
        self._polls += 1
        return await self._inner.poll(timeout_ms=min(timeout_ms, 10))

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._inner.assignment if self._polls > 2 else frozenset()


async def test_a_worker_that_is_alone_and_joins_slowly_says_nothing_of_another_one(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    make = cluster.consumer

    async def consumer(*arguments: Any, **options: Any) -> SlowToJoin:
        return SlowToJoin(await make(*arguments, **options))

    monkeypatch.setattr(cluster, "consumer", consumer)
    async with active_worker(cluster, CONFIG):
        assert "this worker is the active one of group g" in caplog.text
    assert "another worker" not in caplog.text
