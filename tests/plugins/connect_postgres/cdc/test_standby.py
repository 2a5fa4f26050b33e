"""A snapshot that is read on a hot standby, which does not say which transactions are open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from connect_postgres.cdc.lsn import parse_lsn
from connect_postgres.cdc.pgoutput import Transaction
from connect_postgres.cdc.snapshots import SnapshotReader
from tests.support.postgres_servers import Server, Servers

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]


@pytest.fixture
async def pair(postgres_servers: Servers) -> AsyncIterator[tuple[Server, Server]]:
    first = postgres_servers.make("primary", wal_level="logical")
    first.start()
    second = postgres_servers.make_standby(first, "standby", hot_standby_feedback="on")
    second.start()
    await first.execute("CREATE TABLE t (id int PRIMARY KEY)")
    yield first, second
    postgres_servers.discard(second, first)


class Between:
    """A connection to which something happens once its snapshot is taken, in front of what is asked for then."""

    def __init__(self, connection: Any, happen: Callable[[], Awaitable[None]]) -> None:
        self._connection, self._happen = connection, happen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetchrow(self, *arguments: Any) -> Any:
        await self._happen()
        return await self._connection.fetchrow(*arguments)


async def insert(connection: asyncpg.Connection, number: int) -> int:
    await connection.execute("INSERT INTO t VALUES ($1)", number)
    xid: int = await connection.fetchval("SELECT txid_current() & 4294967295")
    return xid


async def test_what_is_committed_behind_the_snapshot_does_not_show_in_it(pair: tuple[Server, Server]) -> None:
    primary, standby = pair
    early, late, open_ = [await asyncpg.connect(primary.url) for _ in range(3)]
    places: dict[int, Transaction] = {}

    async def commit(connection: asyncpg.Connection, number: int, xid: int) -> None:
        before = parse_lsn(await connection.fetchval("SELECT pg_current_wal_insert_lsn()::text"))
        await connection.execute("COMMIT")
        after = await connection.fetchval("SELECT pg_current_wal_insert_lsn()::text")

        async with asyncio.timeout(30):
            while not await looks.fetchval(  # noqa: ASYNC110
                "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", after
            ):
                await asyncio.sleep(0.01)
        places[number] = Transaction(xid, before, 0, parse_lsn(after), previous_lsn=0)

    looks = await asyncpg.connect(standby.url)
    for connection in (open_, late, early):
        await connection.execute("BEGIN")
    xids = [await insert(open_, 1), await insert(late, 2), await insert(early, 3)]
    await commit(early, 3, xids[2])

    async def happen() -> None:
        await commit(late, 2, xids[1])

    async def open_connection() -> Any:
        return Between(await asyncpg.connect(standby.url), happen)

    reader = SnapshotReader(open_connection, "standby", threads=1)
    run = await reader.hold(160_000)
    holder: Any = reader._holder
    shown = {row["id"] for row in await holder.fetch("SELECT id FROM t")}
    await commit(open_, 1, xids[0])
    assert shown == {3}
    assert {number for number, transaction in places.items() if run.shows(transaction)} == shown
    await reader.aclose()
    for connection in (early, late, open_, looks):
        await connection.close()
