from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def test_the_worker_tells_who_and_how_it_is(worker: RunningWorker) -> None:
    assert (await worker.client.get("/")).json()["kafka_cluster_id"] == worker.herder.cluster_id
    assert (await worker.client.get("/health")).json()["status"] == "healthy"
    assert (await worker.client.get("/openapi.json")).status_code == 200
