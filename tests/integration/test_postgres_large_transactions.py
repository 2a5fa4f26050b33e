"""A worker that reads changes takes no more memory for a larger transaction, nor for one with large values."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import pytest

from tests.support.forks import ForkedWorker
from tests.support.lengths import IS_LONG, length
from tests.support.worker import JSON

from ..plugins.connect_postgres.cdc.conftest import keys_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(1800)]
ROWS: Final = length("CONNECT_TRANSACTION_ROWS")
#: What a transaction may add to the peak of one of a thousand rows: queues that are bounded by bytes, and batches of
#: max.batch.size changes as Python has them. 20,000 rows were seen to add 139 MiB and 200,000 rows 208, of 130 bytes
#: each; a million that are all held would take gigabytes.
GROWTH_MIB_MAX: Final = 320
#: Characters of one large value, and how often it is in memory at most: received, joined, decoded, as a value, in JSON
#: with its escapes, and in the batch that is appended.
LARGE: Final = 100_000_000 if IS_LONG else 20_000_000
COPIES_MAX: Final = 8
DEADLINE_S: Final = 120.0 + ROWS / 1000 + LARGE / 500_000


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, n int, name text, large text)")
    yield connection
    await connection.execute(
        "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = current_database()"
    )
    await connection.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
    )
    await connection.close()


def worker_on(folder: Path, url: str, **keys: str) -> ForkedWorker:
    """Start a worker that reads the table's changes."""
    config = {
        "connector.class": "PostgresCdcSource",
        **keys_of(url, table_include_list="public.t", **keys),
        "key.converter": JSON,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
        "topic.creation.default.max.message.bytes": str(1 << 30),
        "topic.creation.default.retention.bytes": str(64 << 20),
        "topic.creation.default.segment.bytes": str(16 << 20),
        "producer.override.max.request.size": str(1 << 30),
    }
    file = folder / "in.json"
    file.write_text(json.dumps({"name": "in", "config": config}))
    return ForkedWorker(folder / "data", file)


def peak_mib(worker: ForkedWorker) -> int:
    """Return the most memory that the worker ever had at a time, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


async def until(worker: ForkedWorker, holds: Callable[[int], bool]) -> int:
    """Wait until the topic's end is as it should be; return it."""
    deadline = time.monotonic() + DEADLINE_S
    async with httpx.AsyncClient(base_url=worker.url(), timeout=60) as client:
        while True:
            assert time.monotonic() < deadline, worker.log[-2000:]
            answer = await client.get("/v1/topics/p.public.t")
            end = answer.json()["partitions"][0]["log_end_offset"] if answer.status_code == 200 else 0
            if holds(end):
                return end
            status = (await client.get("/connectors/in/status")).json()
            failed = [task["trace"] for task in status.get("tasks", ()) if "trace" in task]
            assert not failed, failed[0]
            await asyncio.sleep(0.2)


async def insert(database: asyncpg.Connection, first: int, count: int) -> None:
    await database.execute(
        "INSERT INTO t SELECT n, n % 1000, 'row ' || md5(n::text) || repeat(' padding', 12) "
        "FROM generate_series($1::bigint, $2::bigint) n",
        first,
        first + count - 1,
    )


async def test_memory_does_not_grow_with_a_transaction(
    tmp_path: Path, postgres_url: str, database: asyncpg.Connection
) -> None:
    with worker_on(tmp_path, postgres_url, **{"snapshot.mode": "no_data"}) as worker:
        await asyncio.to_thread(worker.url)
        await until_streaming(database)
        await insert(database, 1, 1000)
        await until(worker, lambda end: end >= 1000)
        small = peak_mib(worker)
        start = time.monotonic()
        async with database.transaction():
            await insert(database, 10_000, ROWS)
            await database.execute("UPDATE t SET n = n + 1 WHERE id >= 10000 AND id % 10 = 0")
            await database.execute("DELETE FROM t WHERE id >= 10000 AND id % 100 = 1")
        await until(worker, lambda end: end >= 1000 + ROWS + ROWS // 10 + ROWS // 100)
        large = peak_mib(worker)
        print(f"{ROWS} rows in one transaction, {time.monotonic() - start:.0f} s: peak {small} -> {large} MiB")
        assert large - small < GROWTH_MIB_MAX
        assert worker.stop() == 0


@pytest.mark.night
async def test_large_values_take_a_few_copies_of_one_and_unchanged_ones_nothing(
    tmp_path: Path, postgres_url: str, database: asyncpg.Connection
) -> None:
    with worker_on(tmp_path, postgres_url, **{"snapshot.mode": "no_data"}) as worker:
        await asyncio.to_thread(worker.url)
        await until_streaming(database)
        await insert(database, 1, 1000)
        end = await until(worker, lambda end: end >= 1000)
        small = peak_mib(worker)
        # Five of them: they are not held together.
        await database.execute("ALTER TABLE t ALTER large SET STORAGE EXTERNAL")
        for number in range(5):
            await database.execute("INSERT INTO t VALUES ($1, 0, 'large', repeat('x', $2))", 5000 + number, LARGE)
        end = await until(worker, lambda found: found >= end + 5)
        large = peak_mib(worker)
        print(f"5 values of {LARGE} bytes: peak {small} -> {large} MiB")
        assert large - small < GROWTH_MIB_MAX + COPIES_MAX * LARGE // (1 << 20)
        async with database.transaction():
            for _ in range(200):
                await database.execute("UPDATE t SET n = n + 1 WHERE id >= 5000")
        await until(worker, lambda found: found >= end + 1000)
        print(f"1000 updates that leave them: peak {peak_mib(worker)} MiB")
        assert peak_mib(worker) - large < GROWTH_MIB_MAX
        assert worker.stop() == 0


async def until_streaming(database: asyncpg.Connection) -> None:
    """Wait until the slot is read."""
    deadline = time.monotonic() + DEADLINE_S
    query = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database() AND active"
    while not await database.fetchval(query):
        assert time.monotonic() < deadline, "nobody reads the slot"
        await asyncio.sleep(0.05)
