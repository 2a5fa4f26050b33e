"""Reading the rows that are there: in one snapshot, in the order of keys, and on from where it was."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import RetriableError
from connect_postgres.cdc.snapshots import SnapshotReader, rows_of
from tests.support.tasks import poll, stop
from tests.support.worker import until

from ..conftest import Database
from .conftest import Start, changes, drain, offset_of, records

pytestmark = pytest.mark.postgres
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


@given(st.lists(st.lists(st.none() | st.text(st.characters(codec="utf-8")), min_size=1, max_size=3)))
def test_copys_text_is_read(rows: list[list[str | None]]) -> None:
    lines = ["\t".join("\\N" if v is None else v.translate(_ESCAPES) for v in row) + "\n" for row in rows]
    assert rows_of("".join(lines).encode()) == [[None if v is None else v.encode() for v in row] for row in rows]


async def read(task: Any, count: int) -> list[Any]:
    return [value["after"] for batch in await drain(task, count) for value in batch.values]


@pytest.mark.parametrize("threads", ["1", "3"])
async def test_all_tables_are_read(database: Database, cdc: Start, threads: str) -> None:
    for table in "abcd":
        await database.execute(
            f"CREATE TABLE {table} (id int PRIMARY KEY, text text)",
            f"INSERT INTO {table} SELECT n, '{table}' FROM generate_series(1, 500) AS n",
        )
    task = await cdc(snapshot_max_threads=threads)
    found = await read(task, 2000)
    assert sorted((row["text"], row["id"]) for row in found) == [(t, n) for t in "abcd" for n in range(1, 501)]


async def test_what_changes_meanwhile_is_read_once(
    database: Database, cdc: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.snapshots.PIECE_BYTES", 1)
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT n, 0 FROM generate_series(1, 100) AS n"
    )
    task = await cdc()
    await database.execute(
        "UPDATE t SET n = 1 WHERE id = 1", "DELETE FROM t WHERE id = 100", "INSERT INTO t VALUES (101, 0)"
    )
    assert [row["n"] for row in await read(task, 100)] == [0] * 100
    assert [(op, row and row["id"]) for op, _, row in await changes(task, 4)] == [("u", 1), ("d", None), ("c", 101)]


@pytest.mark.parametrize("kind", ["bigint", "uuid", 'text COLLATE "C"'])
async def test_a_snapshot_that_was_broken_off_goes_on_behind_its_last_key(
    database: Database, cdc: Start, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.snapshots.PIECE_BYTES", 1)
    key = {"uuid": "md5(n::text)::uuid", "bigint": "n"}.get(kind, "md5(n::text)")
    await database.execute(
        f"CREATE TABLE t (id {kind} PRIMARY KEY, n int, filler text)",  # so large that it comes in pieces
        f"INSERT INTO t SELECT {key}, n, repeat('x', 500) FROM generate_series(1, 3000) AS n",
    )
    task = await cdc()
    first = [value["after"] for batch in await poll(task) for value in batch.values]
    assert 0 < len(first) < 3000
    await stop(task)
    # Half of what was read, and half of what was not, is changed in between.
    await database.execute("UPDATE t SET n = -n WHERE n % 2 = 0")
    again = await cdc(offset_of(task))
    rest = await read(again, 3000 - len(first))
    assert len({row["id"] for row in [*first, *rest]}) == 3000
    assert sum(row["n"] < 0 for row in rest) == sum(row["n"] % 2 == 0 for row in rest)
    expected = sum(row["n"] % 2 == 0 for row in first)
    found = await changes(again, expected)
    assert {op for op, _, _ in found} == {"u"}
    assert {row["id"] for _, _, row in found} == {row["id"] for row in first if row["n"] % 2 == 0}


async def test_a_table_whose_key_has_no_known_order_is_read_again(
    database: Database, cdc: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.cdc.snapshots.PIECE_BYTES", 1)
    await database.execute(
        "CREATE TABLE t (at timestamptz PRIMARY KEY)",
        "INSERT INTO t SELECT to_timestamp(n) FROM generate_series(1, 20000) AS n",
    )
    task = await cdc()
    assert 0 < sum(map(len, await poll(task))) < 20_000
    await stop(task)
    again = await cdc(offset_of(task))
    assert len(await read(again, 20_000)) == 20_000


async def test_a_reader_that_is_through_does_not_end_the_wait_for_the_others(
    database: Database, cdc: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, read_table = asyncio.Event(), SnapshotReader._read

    async def held(self: SnapshotReader, connection: Any, table: Any, behind: Any) -> None:
        if table.name.name == "slow":
            await release.wait()
        await read_table(self, connection, table, behind)

    monkeypatch.setattr(SnapshotReader, "_read", held)
    for table in ("quick", "slow"):
        await database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY)", f"INSERT INTO {table} VALUES (1)")
    task = await cdc(snapshot_max_threads="2")
    await read(task, 1)
    reader = task._reader
    await until(lambda: any(one.done() for one in reader._readers))
    waiting = asyncio.create_task(reader.next(30))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done, "it would be polled in a tight loop for as long as the other table takes"
    release.set()
    async with asyncio.timeout(10):
        piece = await waiting
    assert piece.table.name.name == "slow"


async def test_only_what_is_published_is_read(database: Database, cdc: Start) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, secret text)",
        "INSERT INTO t SELECT n, 'a', 's' FROM generate_series(1, 10) AS n",
        "CREATE PUBLICATION pub FOR TABLE t (id, a) WHERE (id > 5)",
    )
    task = await cdc()
    assert await read(task, 5) == [{"id": n, "a": "a"} for n in range(6, 11)]


async def test_initial_only_reads_no_changes(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc(snapshot_mode="initial_only")
    await read(task, 1)
    await database.execute("INSERT INTO t VALUES (2)")
    assert not await poll(task)


async def test_every_value_comes_as_the_stream_has_it(database: Database, cdc: Start) -> None:
    await database.execute(
        "SET timezone = 'Asia/Tokyo'",
        """CREATE TABLE t (id int PRIMARY KEY, a bytea, b interval, c money, d timestamptz, e float8, f text, g jsonb,
                           h numeric, i text[], j bool, k tsrange)""",
    )
    values = r"""'\x00ff', '1 day 02:03', -5.5, now(), 1/3.0, E'a\tb\\c\nd', '{"a": "\\"}', 1.50, '{"x\\y",NULL}',
                 true, tsrange(now()::timestamp, NULL)"""
    await database.execute(f"INSERT INTO t VALUES (1, {values})")
    task = await cdc()
    [before] = await read(task, 1)
    await database.execute("INSERT INTO t SELECT 2, a, b, c, d, e, f, g, h, i, j, k FROM t")
    [after] = await read(task, 1)
    assert {**before, "id": 2} == after


async def test_a_table_that_is_dropped_before_it_is_read_does_not_end_the_snapshot(
    database: Database, cdc: Start, caplog: pytest.LogCaptureFixture
) -> None:
    # More than waits for the task, so that the others are not read before it polls.
    count = 4000
    await database.execute(
        "CREATE TABLE a (id int PRIMARY KEY, text text)",
        f"INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, {count}) n",
        *(f"CREATE TABLE {table} (id int PRIMARY KEY)" for table in "bc"),
        *(f"INSERT INTO {table} VALUES (1)" for table in "bc"),
    )
    task = await cdc(snapshot_max_threads="1")
    await database.execute("DROP TABLE b")
    topics = [topic for topic, _, _ in await records(task, count + 1)]
    assert (topics[-1], set(topics[:-1])) == ("p.public.c", {"p.public.a"})
    await database.execute("INSERT INTO c VALUES (2)")
    assert [op for op, _, _ in await changes(task, 1)] == ["c"]
    assert "table public.b is not there any more" in caplog.text


async def test_always_reads_again_after_a_restart_and_not_after_a_lost_connection(
    database: Database, cdc: Start
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc(snapshot_mode="always")
    assert [op for op, _, _ in await changes(task, 1)] == ["r"]
    await database.execute("INSERT INTO t VALUES (2)")
    assert [op for op, _, _ in await changes(task, 1)] == ["c"]
    while task._state is not None:
        await database.execute("INSERT INTO t SELECT max(id) + 1 FROM t")
        await drain(task, 1)
    await database.disconnect_others()
    await database.execute("INSERT INTO t VALUES (100)")
    found = list[Any]()
    while not found:
        with contextlib.suppress(RetriableError):
            found += await changes(task, 1)
    assert found == [("c", None, {"id": 100})]
    await stop(task)
    count = await database.connection.fetchval("SELECT count(*) FROM t")
    again = await cdc(offset_of(task), snapshot_mode="always")
    assert {op for op, _, _ in await changes(again, count)} == {"r"}
