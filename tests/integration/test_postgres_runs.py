"""A table that is loaded once, and one that is loaded by the clock: each load brings every row once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import asyncpg
import orjson
import pytest

from connect.runtime.drain import Drain
from connect.runtime.model import State
from tests.support.worker import JSON, RunningWorker, running_worker

pytestmark = pytest.mark.postgres
ROWS = 5_000


@pytest.fixture
async def table(postgres_url: str) -> str:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE goods (id bigint PRIMARY KEY, name text)")
    await connection.execute(f"INSERT INTO goods SELECT i, 'name ' || i FROM generate_series(1, {ROWS}) i")
    await connection.close()
    return postgres_url


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def create(worker: RunningWorker, url: str, **more: str) -> None:
    await worker.herder.create(
        "load",
        {
            "connector.class": "JdbcSourceConnector",
            "connection.url": url,
            "mode": "bulk",
            "table.whitelist": "goods",
            "topic.prefix": "pg-",
            "batch.max.rows": "700",
            "value.converter": JSON,
            "value.converter.schemas.enable": "false",
            **{key.replace("_", "."): value for key, value in more.items()},
        },
    )


async def loads(worker: RunningWorker) -> Counter[int]:
    values = await worker.values("pg-goods")
    return Counter(orjson.loads(value)["id"] for value in values if value is not None)


async def test_a_bulk_load_until_drained_brings_each_row_once(worker: RunningWorker, table: str) -> None:
    await create(worker, table)
    async with asyncio.timeout(60):
        assert await Drain(worker.herder, ["load"]).until_drained() is None
    assert await loads(worker) == Counter(range(1, ROWS + 1))


async def test_a_scheduled_load_brings_each_row_once_a_run(worker: RunningWorker, table: str) -> None:
    await create(worker, table, schedule_cron="* * * * * */2", poll_interval_ms="3600000")
    await worker.until_state("load", State.RUNNING, tasks=1)
    await worker.until(lambda: worker.records("load") >= 2 * ROWS)
    await worker.herder.stop("load")
    await worker.until_state("load", State.STOPPED, tasks=0)
    found = await loads(worker)
    assert len(found) == ROWS
    assert max(found.values()) - min(found.values()) <= 1, "a stop may cut the last run alone"
    assert min(found.values()) >= 2
