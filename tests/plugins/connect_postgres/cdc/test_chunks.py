"""Chunks: in the order of any key, behind the last one, with what shows in them and a position behind that."""

from __future__ import annotations

import asyncpg
import pytest

from connect.api import ConfigError
from connect_postgres.cdc.catalog import Catalog
from connect_postgres.cdc.chunks import Chunk, read_chunk
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.incremental_state import Target
from connect_postgres.cdc.slots import Published
from connect_postgres.cdc.snapshots import rows_of
from connect_postgres.names import TableName

from ..conftest import Database
from .conftest import keys_of

pytestmark = pytest.mark.postgres
NAME = TableName("t", "public")


async def chunk(database: Database, target: Target, size: int = 7) -> Chunk:
    config = CdcConfig.parse(keys_of(database.url, incremental_snapshot_chunk_size=str(size)))
    told = Published(NAME, None, None)
    return await read_chunk(database.connection, config, Catalog(), target, told, None, 160_000)


async def keys_read(database: Database, target: Target) -> list[tuple[str, ...]]:
    """Read a table to its end as the stream does; return the keys in their order."""
    found: list[tuple[str, ...]] = []
    is_last = False
    while not is_last:
        read = await chunk(database, target)
        names = [column.name for column in read.described.relation.columns]
        keys = [tuple(row[names.index(name)].decode() for name in read.key) for row in rows_of(read.text)]
        target.key, target.end, is_last = read.key, read.end, read.is_last
        target.last = keys[-1] if keys else target.last
        found += keys
        assert len(found) < 1000
    return found


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", "n - 20"),
        ("numeric", "(n - 20) / 3.0"),
        ("float8", "(n - 20) / 3.0"),
        ("text", "chr(50 + n) || E'\\\\ \\' \\t'"),
        ("uuid", "md5(n::text)::uuid"),
        ("bool", "n > 1"),
        ("bytea", "decode(lpad(to_hex(n), 2, '0'), 'hex')"),
        ("timestamptz", "'2026-01-01'::timestamptz + n * '1.000001 s'::interval"),
        ("date", "'-infinity'::date"),
        ("char(5)", "n::text"),
        ("inet", "('10.0.0.' || n)::inet"),
        ("varbit", "n::bit(8)::varbit"),
        ("mood", "('{sad,ok,glad}'::mood[])[n % 3 + 1]"),
        ("few", "n"),
        ("int[]", "array[n, NULL]"),
        ("interval", "n * '1 day 3 s'::interval"),
    ],
)
async def test_every_kind_of_key_is_read_in_its_order(database: Database, kind: str, values: str) -> None:
    await database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad')",
        "CREATE DOMAIN few AS int CHECK (VALUE < 1000)",
        f'CREATE TABLE t ("a ""key" {kind} PRIMARY KEY)',
        f"INSERT INTO t SELECT {values} FROM generate_series(1, 30) AS n ON CONFLICT DO NOTHING",
    )
    [(count,)] = await database.rows("SELECT count(*) FROM t")
    found = await keys_read(database, Target(NAME, "s"))
    assert len(found) == len(set(found)) == count


async def test_the_position_lies_behind_all_that_shows_and_what_is_open_is_named(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    other = await asyncpg.connect(database.url)
    try:
        await other.execute("BEGIN")
        await other.execute("INSERT INTO t VALUES (2)")
        xid = await other.fetchval("SELECT pg_current_xact_id()::text::bigint")
        [(before,)] = await database.rows("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        read = await chunk(database, Target(NAME, "s"))
    finally:
        await other.close()
    assert rows_of(read.text) == [[b"1"]]
    assert read.is_last
    low, high, open_ = read.snapshot.split(":")
    assert int(low) <= xid
    assert xid >= int(high) or str(xid) in open_.split(",")
    assert read.lsn >= int(before) - 40


async def test_a_chunk_ends_where_its_bytes_are_too_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_postgres.cdc.chunks.CHUNK_BYTES", 10)
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(100, 130)")
    assert len(await keys_read(database, Target(NAME, "s"))) == 31


async def test_rows_behind_the_last_key_of_the_beginning_are_not_read(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 10)")
    target = Target(NAME, "s")
    first = await chunk(database, target)
    target.key, target.end, target.last = first.key, first.end, ("7",)
    await database.execute("INSERT INTO t SELECT generate_series(11, 100)")
    assert [row[0] for row in rows_of((await chunk(database, target)).text)] == [b"8", b"9", b"10"]


async def test_a_table_that_is_gone_and_a_condition_with_parameters_are_refused(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with pytest.raises(ConfigError, match="has parameters"):
        await chunk(database, Target(NAME, "s", "id = $1"))
    await database.execute("DROP TABLE t", "CREATE VIEW t AS SELECT 1 AS id")
    with pytest.raises((ConfigError, asyncpg.PostgresError)):
        await chunk(database, Target(NAME, "s"))
    assert await database.rows("SELECT 1") == [(1,)]
