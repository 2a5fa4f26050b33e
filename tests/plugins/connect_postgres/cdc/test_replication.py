"""The replication connection: commands, back-pressure, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.replication import ReplicationStream
from connect_postgres.cdc.task import STREAM_SETTINGS
from connect_postgres.connection import connect

from ..conftest import Database, until
from .conftest import keys_of

pytestmark = pytest.mark.postgres


@pytest.fixture
async def stream(database: Database, slot: str) -> AsyncIterator[ReplicationStream]:
    connection = await connect(CdcConfig.parse(keys_of(database.url)), STREAM_SETTINGS)
    made = ReplicationStream(connection, *connection.transport())  # type: ignore[attr-defined]
    yield made
    await made.aclose()


async def started(database: Database, stream: ReplicationStream, slot: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, text text)", "CREATE PUBLICATION pub FOR TABLE t")
    await stream.query(f'CREATE_REPLICATION_SLOT "{slot}" LOGICAL pgoutput NOEXPORT_SNAPSHOT')
    command = f"START_REPLICATION SLOT \"{slot}\" LOGICAL 0/0 (proto_version '1', publication_names 'pub')"
    await stream.start(command, confirmed=0, interval_s=10)


async def test_a_command_returns_its_rows(database: Database, stream: ReplicationStream) -> None:
    [[_, _, _, name]] = await stream.query("IDENTIFY_SYSTEM")
    assert name == urlsplit(database.url).path.lstrip("/")
    assert await stream.query("SELECT 'é', NULL") == [["é", None]]


async def test_a_command_that_is_refused_raises_and_the_next_one_runs(stream: ReplicationStream) -> None:
    with pytest.raises(asyncpg.PostgresError, match="nothere"):
        await stream.query("SELECT * FROM nothere")
    assert await stream.query("SELECT 1") == [["1"]]


async def test_what_is_streamed_can_be_taken(database: Database, stream: ReplicationStream, slot: str) -> None:
    await started(database, stream, slot)
    await database.execute("INSERT INTO t VALUES (1, 'needle')")
    taken = b""
    async with asyncio.timeout(10):
        while b"needle" not in taken:
            await stream.wait(1)
            taken += stream.take()


async def test_the_server_waits_for_who_takes_nothing(
    database: Database, stream: ReplicationStream, slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.replication.BUFFER_BYTES", 64 << 10)
    await started(database, stream, slot)
    await database.execute("INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n")
    await until(lambda: stream._is_paused)
    held = stream.waiting_bytes
    await asyncio.sleep(0.1)
    assert stream.waiting_bytes == held
    taken = 0
    async with asyncio.timeout(20):
        while taken < 20_000_000:
            await stream.wait(1)
            taken += len(stream.take())


async def test_a_session_that_the_server_ends_is_told_behind_what_it_sent(
    database: Database, stream: ReplicationStream, slot: str
) -> None:
    await started(database, stream, slot)
    await database.execute("INSERT INTO t VALUES (1, 'needle')")
    await until(lambda: b"needle" in b"".join(stream._chunks))  # not a keepalive alone
    await database.disconnect_others()
    await until(lambda: stream.is_closed)
    assert b"needle" in stream.take()
    with pytest.raises(ConnectionError):
        stream.take()


async def test_a_closed_stream_is_no_use(stream: ReplicationStream) -> None:
    await stream.aclose()
    assert stream.is_closed
    with pytest.raises(ConnectionError):
        await stream.query("SELECT 1")
    with pytest.raises(ConnectionError):
        stream.take()
    await stream.wait(10)  # at once


async def test_a_command_that_is_cancelled_ends_the_connection(stream: ReplicationStream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await stream.query("SELECT pg_sleep(10)")
    assert stream.is_closed
