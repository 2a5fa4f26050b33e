"""PostgreSQL connectors through REST: offsets altered, and an outage that passes by itself."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from connect.runtime.model import State
from tests.support.worker import JSON, RunningWorker, running_worker

pytestmark = pytest.mark.postgres


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="20") as running:
        yield running


def source(url: str, **more: str) -> dict[str, str]:
    return {
        "connector.class": "JdbcSourceConnector",
        "connection.url": f"jdbc:{url}",
        "connection.attempts": "1",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "table.whitelist": "t",
        "topic.prefix": "pg-",
        "poll.interval.ms": "20",
        "value.converter": JSON,
        **more,
    }


async def test_a_tables_offset_can_be_set_back_and_reset(worker: RunningWorker, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5)")
    await connection.close()
    await worker.client.put("/connectors/s/config", json=source(postgres_url))
    await worker.until(lambda: worker.records("s") == 5)
    await worker.client.put("/connectors/s/stop")
    await worker.until_state("s", State.STOPPED, tasks=0)
    (found,) = (await worker.client.get("/connectors/s/offsets")).json()["offsets"]
    assert found["offset"]["incrementing"] == 5
    found["offset"]["incrementing"] = 3
    assert (await worker.client.patch("/connectors/s/offsets", json={"offsets": [found]})).status_code == 200
    await worker.client.put("/connectors/s/resume")
    await worker.until(lambda: worker.records("s") == 2)
    await worker.client.put("/connectors/s/stop")
    assert (await worker.client.delete("/connectors/s/offsets")).status_code == 200
    await worker.client.put("/connectors/s/resume")
    await worker.until(lambda: worker.records("s") == 5)


async def test_a_connector_whose_server_is_away_waits_without_a_restart_and_takes_another_server(
    worker: RunningWorker, postgres_url: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    await connection.close()
    await worker.client.put("/connectors/s/config", json=source("postgresql://postgres@127.0.0.1:1/postgres"))
    await worker.until_state("s", State.RUNNING, tasks=0)
    await worker.client.put("/connectors/s/config", json=source(postgres_url))
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert "restart" not in (await worker.client.get("/connectors/s/status")).json()["connector"]
