"""No miss and no double under writers: sessions change rows all the while, some late to commit, and the task is broken
off within its snapshot and within transactions.

Every row has a version that counts up with each change of it, so what comes twice, or not at all, is seen.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import asyncpg
import pytest

from connect.api import RetriableError
from connect_postgres import PostgresCdcSource
from tests.support.lengths import length
from tests.support.tasks import poll, source_task, stop

from ..conftest import Database
from .conftest import keys_of, offset_of

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]
ROWS, WRITERS = 3000, 3
DEADLINE_S = 60.0


async def write(url: str, writer: int, stopping: asyncio.Event) -> None:
    """Change the rows that are this writer's, in transactions of several statements; some are rolled back."""
    connection = await asyncpg.connect(url)
    chance = random.Random(writer)
    fresh = ROWS + 1 + writer
    try:
        while not stopping.is_set():
            transaction = connection.transaction()
            await transaction.start()
            for _ in range(chance.randrange(1, 6)):
                mine = chance.randrange(ROWS // WRITERS) * WRITERS + writer
                await connection.execute("UPDATE t SET version = version + 1 WHERE id = $1", mine)
                if chance.random() < 0.5:
                    await connection.execute("INSERT INTO t VALUES ($1, 1, $2)", fresh, "y" * 300)
                    fresh += WRITERS
                if chance.random() < 0.2:
                    await connection.execute("DELETE FROM t WHERE id = $1", fresh - WRITERS)
                await asyncio.sleep(chance.random() * 0.004)
            await (transaction.rollback() if chance.random() < 0.1 else transaction.commit())
    finally:
        await connection.close()


class Replay:
    """What the records make of an empty table."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.wrong: list[str] = []

    def take(self, value: dict[str, Any] | None, key: dict[str, Any]) -> None:
        id_ = key["id"]
        if value is None:
            return
        op, known = value["op"], self.rows.get(id_)
        if op == "d":
            if known is None:
                self.wrong.append(f"{id_} is deleted and was not there")
            self.rows.pop(id_, None)
            return
        version = value["after"]["version"]
        if op in ("r", "c") and known is not None:
            self.wrong.append(f"{id_} comes twice: {op} {version}, and {known} is known")
        elif op == "u" and version != (known or 0) + 1:
            self.wrong.append(f"{id_} goes from {known} to {version}")
        self.rows[id_] = version


async def started(keys: dict[str, str], offsets: Any = ()) -> Any:
    """Start a task, as soon as the server knows of the end of the one before."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return await source_task(PostgresCdcSource, keys, offsets)
        except RetriableError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", range(max(2, length("CONNECT_KIT_KILLS") // 8)))
async def test_a_replay_is_the_table_however_often_it_is_broken_off(
    database: Database, slot: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.snapshots.PIECE_BYTES", 50_000)
    chance = random.Random(seed)
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL, filler text)",
        f"INSERT INTO t SELECT n, 0, repeat('x', 300) FROM generate_series(0, {ROWS - 1}) AS n",
        "CREATE PUBLICATION pub FOR TABLE t",
    )
    keys = keys_of(database.url, max_batch_size="17", snapshot_max_threads="2")
    stopping = asyncio.Event()
    writers = [asyncio.create_task(write(database.url, n, stopping)) for n in range(WRITERS)]
    replay, offsets, breaks = Replay(), list[Any](), 8
    deadline = time.monotonic() + DEADLINE_S
    try:
        task = await started(keys)
        at_end = False
        while not at_end:
            assert time.monotonic() < deadline, "the end is not reached"
            for batch in await poll(task):
                for value, key in zip(batch.values, batch.key_column(), strict=True):
                    replay.take(value, key)
            if breaks and chance.random() < 0.05:
                breaks -= 1
                offsets = offset_of(task)
                await stop(task)
                task = await started(keys, offsets)
            elif not breaks and not stopping.is_set():
                stopping.set()
                await asyncio.gather(*writers)
                [(end,)] = await database.rows("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
            elif stopping.is_set():
                at_end = task._decoder is not None and task._decoder.committed_lsn >= end
        await stop(task)
    finally:
        stopping.set()
        await asyncio.gather(*writers, return_exceptions=True)
    assert replay.wrong == []
    assert replay.rows == dict(await database.rows("SELECT id, version FROM t"))
