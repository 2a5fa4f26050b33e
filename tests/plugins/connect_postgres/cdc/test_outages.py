"""Servers that go away, slots that are lost or taken, and what keeps a start from succeeding."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from connect.api import ConfigError, ConnectError, RetriableError
from connect_postgres import PostgresCdcSource
from tests.support.postgres_servers import Server, Servers
from tests.support.tasks import poll, source_task, stop

from ..conftest import DEADLINE_S, Database
from .conftest import Start, drain, drop_slot, keys_of, offset_of

pytestmark = pytest.mark.postgres
LOGICAL = {"wal_level": "logical", "max_wal_senders": "4", "max_replication_slots": "2"}


@pytest.fixture
def server(postgres_servers: Servers) -> Iterator[Server]:
    """A server of the test's own."""
    made = postgres_servers.make("cdc", **LOGICAL)
    made.start()
    yield made
    postgres_servers.discard(made)


@pytest.fixture
async def started() -> AsyncIterator[list[Any]]:
    """Tasks that are stopped in the end."""
    tasks: list[Any] = []
    yield tasks
    for task in tasks:
        await stop(task)


async def polled_through(task: Any, count: int) -> list[int]:
    """Poll until `count` rows have come, whatever outage there is; return their ids."""
    found: list[int] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        assert time.monotonic() < deadline, found
        try:
            found += [value["after"]["id"] for batch in await poll(task) for value in batch.values]
        except RetriableError:
            await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_restarts_is_waited_for(server: Server, started: list[Any], mode: str) -> None:
    await server.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await source_task(PostgresCdcSource, keys_of(server.url, snapshot_mode="no_data", slot_name="s"))
    started.append(task)
    await server.execute("INSERT INTO t VALUES (1)")
    assert await polled_through(task, 1) == [1]
    await asyncio.to_thread(server.stop, "immediate") if mode == "immediate" else await stopped(server, task)
    with pytest.raises(RetriableError):
        await polled_for_ever(task)
    await asyncio.to_thread(server.start)
    await server.execute("INSERT INTO t VALUES (2)")
    assert await polled_through(task, 1) == [2]


async def polled_for_ever(task: Any) -> None:
    while True:
        await poll(task)


async def stopped(server: Server, task: Any) -> None:
    """Stop a server as pg_ctl does, which waits until who reads the log has confirmed all of it."""
    stopping = asyncio.create_task(asyncio.to_thread(server.stop, "fast"))
    began = time.monotonic()
    while not stopping.done():
        try:
            for batch in await poll(task):
                await task.commit([(batch.source_partition, batch.source_offset)])
        except RetriableError:
            await asyncio.sleep(0.02)
    await stopping
    assert time.monotonic() - began < DEADLINE_S / 2, "the server waited for its wal_sender_timeout"


async def test_a_server_that_hangs_is_left_and_gone_on_with_when_it_is_back(
    server: Server, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.replication.SILENCE_S", 0.5)
    monkeypatch.setattr("connect_postgres.connection.CLOSE_TIMEOUT_S", 0.5)
    await server.execute("CREATE TABLE t (id int PRIMARY KEY)")
    keys = keys_of(server.url, snapshot_mode="no_data", slot_name="s", status_update_interval_ms="50")
    task = await source_task(PostgresCdcSource, keys)
    started.append(task)
    await server.execute("INSERT INTO t VALUES (1)")
    assert await polled_through(task, 1) == [1]
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        await poll(task)  # a server that is quiet, and answers, is no such one
    await asyncio.to_thread(server.freeze)

    async def polled_on() -> None:
        while time.monotonic() - began < DEADLINE_S:
            await poll(task)

    with pytest.raises(RetriableError, match="has said nothing for"):
        await polled_on()
    await asyncio.to_thread(server.thaw)
    await server.execute("INSERT INTO t VALUES (2)")
    assert await polled_through(task, 1) == [2]


async def test_a_slot_that_is_gone_is_told_and_a_snapshot_mends_it(database: Database, cdc: Start, slot: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc()
    await drain(task, 1)
    await poll(task)
    await stop(task)
    await drop_slot(database, slot)
    await database.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(ConfigError, match="does not exist any more") as caught:
        await cdc(offset_of(task))
    assert (caught.value.code, caught.value.config_path) == ("postgres.slot_lost", "slot.name")
    again = await cdc(offset_of(task), snapshot_mode="when_needed")
    assert [v["op"] for batch in await drain(again, 2) for v in batch.values] == ["r", "r"]


async def test_a_slot_that_was_made_anew_is_seen(database: Database, cdc: Start, slot: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR ALL TABLES")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("INSERT INTO t VALUES (1)")
    await drain(task, 1)
    await stop(task)
    await drop_slot(database, slot)
    await database.execute("INSERT INTO t VALUES (2)")
    await database.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    with pytest.raises(ConfigError, match="it was made anew, or another reader moved it"):
        await cdc(offset_of(task))
    again = await cdc(offset_of(task), offset_mismatch_strategy="trust_slot")
    await database.execute("INSERT INTO t VALUES (3)")
    assert [v["after"]["id"] for batch in await drain(again, 1) for v in batch.values] == [3]


async def test_an_offset_of_the_future_passes_over_no_change_without_a_word(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("INSERT INTO t VALUES (1)")
    await drain(task, 1)
    [(partition, offset)] = offset_of(task)
    await stop(task)
    future = [(partition, {**offset, "lsn_commit": offset["lsn_commit"] + (1 << 30)})]
    with pytest.raises(ConfigError, match="changes up to there would be passed over") as caught:
        await cdc(future)
    assert caught.value.code == "postgres.slot_lost"
    again = await cdc(future, snapshot_mode="when_needed")
    assert [v["op"] for batch in await drain(again, 1) for v in batch.values] == ["r"]
    await poll(again)
    await database.execute("INSERT INTO t VALUES (2)")
    assert await polled_through(again, 1) == [2]


async def test_a_slot_that_the_server_gave_up_is_told(postgres_servers: Servers, started: list[Any]) -> None:
    server = postgres_servers.make("small", **LOGICAL, max_slot_wal_keep_size="1MB", min_wal_size="32MB")
    server.start()
    try:
        await server.execute("CREATE TABLE t (id int PRIMARY KEY, text text)")
        keys = keys_of(server.url, slot_name="s", snapshot_mode="no_data")
        task = await source_task(PostgresCdcSource, keys)
        await server.execute("INSERT INTO t VALUES (1)")
        await drain(task, 1)
        await stop(task)
        fill = "INSERT INTO t SELECT n + {0}, repeat('x', 500) FROM generate_series(1, 40000) AS n"
        lost = "SELECT wal_status FROM pg_replication_slots"
        for turn in range(10):
            await server.execute(fill.format(turn * 40_000 + 10), "SELECT pg_switch_wal()", "CHECKPOINT")
            if await server.rows(lost) == [("lost",)]:
                break
        with pytest.raises(ConfigError, match="is lost") as caught:
            await source_task(PostgresCdcSource, keys, offset_of(task))
        assert caught.value.code == "postgres.slot_lost"
        again = await source_task(PostgresCdcSource, {**keys, "snapshot.mode": "when_needed"}, offset_of(task))
        started.append(again)
        assert (await poll(again))[0].values[0]["op"] == "r"
    finally:
        for task in started:
            await stop(task)
        started.clear()
        postgres_servers.discard(server)


async def test_a_publication_that_is_dropped_meanwhile_is_told(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("INSERT INTO t VALUES (1)")
    await drain(task, 1)
    await database.execute("DROP PUBLICATION pub", "INSERT INTO t VALUES (2)")
    deadline = time.monotonic() + DEADLINE_S
    try:
        while 'publication "pub"' not in caplog.text:
            assert time.monotonic() < deadline, caplog.text
            await poll(task)
    except ConfigError as error:  # servers before PostgreSQL 18 end the stream
        assert 'publication "pub" does not exist' in error.message


async def test_a_slot_that_another_uses_is_waited_for(database: Database, cdc: Start) -> None:
    await cdc(snapshot_mode="no_data")
    with pytest.raises(RetriableError, match="is in use by server process") as caught:
        await cdc(snapshot_mode="no_data")
    assert caught.value.code == "postgres.slot"


async def test_a_slot_of_another_plugin_or_a_physical_one_is_refused(database: Database, cdc: Start, slot: str) -> None:
    await database.execute(f"SELECT pg_create_physical_replication_slot('{slot}')")
    with pytest.raises(ConfigError, match="a physical one") as caught:
        await cdc()
    assert caught.value.code == "postgres.slot"


async def test_a_server_that_writes_too_little_is_refused(postgres_servers: Servers) -> None:
    server = postgres_servers.make("replica", wal_level="replica")
    server.start()
    try:
        with pytest.raises(ConfigError, match="wal_level=replica") as caught:
            await source_task(PostgresCdcSource, keys_of(server.url))
        assert caught.value.code == "postgres.wal_level"
    finally:
        postgres_servers.discard(server)


async def test_a_role_without_the_right_is_told_the_statement(database: Database) -> None:
    await database.execute("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    try:
        with pytest.raises(ConfigError, match="role reader may not read the write-ahead log") as caught:
            await source_task(PostgresCdcSource, keys_of(database.url, database_user="reader"))
        assert "ALTER ROLE" in str(caught.value.hint)
    finally:
        await database.execute("DROP ROLE reader")


async def test_a_publication_that_may_not_be_made_is_told_the_statement(database: Database) -> None:
    await database.execute("DROP ROLE IF EXISTS copier", "CREATE ROLE copier LOGIN REPLICATION")
    try:
        with pytest.raises(ConfigError, match="making publication pub") as caught:
            await source_task(PostgresCdcSource, keys_of(database.url, database_user="copier"))
        assert 'CREATE PUBLICATION "pub" FOR ALL TABLES' in str(caught.value.hint)
        keys = keys_of(database.url, publication_autocreate_mode="disabled")
        with pytest.raises(ConfigError, match="does not exist") as caught:
            await source_task(PostgresCdcSource, keys)
        assert caught.value.code == "postgres.publication"
    finally:
        await database.execute("DROP ROLE copier")


async def test_a_slot_is_dropped_on_stop_where_that_is_asked_for(database: Database, cdc: Start, slot: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", slot_drop_on_stop="true")
    await database.execute("INSERT INTO t VALUES (1)")
    await drain(task, 1)
    await stop(task)
    assert await database.rows(f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'") == [(0,)]
    again = await cdc(offset_of(task), slot_drop_on_stop="true")
    assert again._stream is not None


async def test_a_connection_that_is_cut_is_made_anew(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("INSERT INTO t VALUES (1)")
    assert await polled_through(task, 1) == [1]
    await database.disconnect_others()
    await database.execute("INSERT INTO t VALUES (2)")
    assert await polled_through(task, 1) == [2]


async def test_limits_of_the_databases_end_neither_snapshot_nor_stream(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, filler text)",
        "INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 40000) AS n",
        *(
            f"ALTER DATABASE {urlsplit(database.url).path.lstrip('/')} SET {name} = '400ms'"
            for name in ("transaction_timeout", "idle_in_transaction_session_timeout", "lock_timeout")
        ),
    )
    task = await cdc()
    for phase in ("snapshot", "stream"):
        if phase == "stream":
            await database.execute("UPDATE t SET filler = filler || 'y'")
        found, slept = 0, False
        while found < 40_000:
            found += sum(map(len, await poll(task)))
            if found and not slept:
                slept = True
                await asyncio.sleep(0.8)  # twice the limit, and the server waits to be read
        assert found == 40_000, phase


async def test_no_secret_is_in_what_is_told(database: Database) -> None:
    keys = {**keys_of(database.url), "database.port": "1", "database.password": "geheim"}
    with pytest.raises(ConnectError) as caught:
        await source_task(PostgresCdcSource, keys)
    assert "geheim" not in str(caught.value) + str(caught.value.__cause__)
    assert isinstance(caught.value, RetriableError)
