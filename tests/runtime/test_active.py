from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from connect.app import open_cluster
from connect.ports import Cluster
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
