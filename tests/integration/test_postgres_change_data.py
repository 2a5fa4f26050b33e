"""Changes of tables through topics into tables that are the same in the end, whatever form the records have between."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from connect.log import LogCluster
from tests.support.engines import read
from tests.support.forks import ForkedWorker
from tests.support.lengths import length
from tests.support.worker import JSON, running_worker

from ..plugins.connect_postgres.cdc.conftest import keys_of

pytestmark = pytest.mark.postgres
KILLS = length("CONNECT_KIT_KILLS")

DEADLINE_S = 60.0
COLUMNS = """(
    id bigint PRIMARY KEY, small smallint NOT NULL, number integer, price numeric(10, 2), exact numeric,
    name text, label varchar(20),
    raw bytea, is_new boolean NOT NULL, day date, at timestamp(6), at_zone timestamptz(6), doc jsonb, key uuid,
    tags text[], mood {schema}.mood
)"""
#: By form: what the source and what the sink has beside the plain keys.
FORMS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "envelope": ({}, {}),
    "flat": ({"output_format": "flat"}, {}),
    "unwrapped": (
        {},
        {
            "transforms": "unwrap",
            "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
            "transforms.unwrap.delete.tombstone.handling.mode": "tombstone",
        },
    ),
}


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    for schema in ("here", "there"):
        await connection.execute(f"CREATE SCHEMA {schema}; CREATE TYPE {schema}.mood AS ENUM ('glad', 'sad')")
        await connection.execute(f"CREATE TABLE {schema}.t {COLUMNS.format(schema=schema)}")
    yield connection
    await connection.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
    )
    await connection.close()


ROW = """
INSERT INTO here.t SELECT n, n % 100, -n, round((random() * 1e6)::numeric, 2),
    CASE n % 4 WHEN 0 THEN NULL ELSE (random() * 1e9)::numeric END,
    CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN repeat('wide ' || n, 900) ELSE 'name 😀 ' || n END,
    'l' || n, decode(md5(n::text), 'hex'), n % 2 = 0, date '0001-01-01' + (n * 7919 % 3652058)::int,
    timestamp '2000-01-01' + n * interval '1.000001 s', timestamptz '2000-01-01 00:00Z' + n * interval '1.000007 s',
    jsonb_build_object('n', n, 'x', ARRAY[1, NULL]), md5(n::text)::uuid,
    CASE n % 3 WHEN 0 THEN NULL ELSE ARRAY['a', NULL, 'q"' || n] END, CASE n % 2 WHEN 0 THEN 'glad' END::here.mood
FROM generate_series($1::bigint, $2::bigint) n ON CONFLICT DO NOTHING
"""


async def change(url: str, seed: int, rounds: int) -> None:
    """Make changes of every kind in a session of its own."""
    chance = random.Random(seed)
    connection = await asyncpg.connect(url)
    try:
        for number in range(rounds):
            start = seed * 100_000 + number * 10
            async with connection.transaction():
                await connection.execute(ROW, start, start + chance.randrange(20))
            await connection.execute(
                "UPDATE here.t SET price = price + 1, name = name || '!' WHERE id % 7 = $1 AND id / 100000 = $2",
                chance.randrange(7),
                seed,
            )
            if chance.random() < 0.4:
                await connection.execute("DELETE FROM here.t WHERE id % 5 = 3 AND id / 100000 = $1", seed)
            await connection.execute("UPDATE here.t SET number = number + 1 WHERE id <= 50")  # where others do, too
            if chance.random() < 0.5:
                await connection.execute("UPDATE here.t SET id = id + 50000 WHERE id = $1 + 1", start)
            if chance.random() < 0.3:
                with_rollback = connection.transaction()
                await with_rollback.start()
                await connection.execute("DELETE FROM here.t WHERE id / 100000 = $1", seed)
                await with_rollback.rollback()
            async with connection.transaction():
                await connection.execute("UPDATE here.t SET mood = 'sad' WHERE id = $1", start)
                kept = connection.transaction()
                await kept.start()
                await connection.execute("DELETE FROM here.t WHERE id = $1", start)
                await (kept.commit() if chance.random() < 0.5 else kept.rollback())
    finally:
        await connection.close()


async def same(database: asyncpg.Connection) -> bool:
    left, right = "SELECT t.*::text FROM here.t", "SELECT t.*::text FROM there.t"
    found = await database.fetchval(
        f"SELECT count(*) FROM (({left} EXCEPT ALL {right}) UNION ALL ({right} EXCEPT ALL {left})) AS different"
    )
    return bool(found == 0)


async def until_there(database: asyncpg.Connection, key: int) -> None:
    """Insert a row, and wait until it has come."""
    await database.execute(ROW, key, key)
    deadline = time.monotonic() + DEADLINE_S
    while not await database.fetchval("SELECT count(*) FROM there.t WHERE id = $1", key):
        assert time.monotonic() < deadline, f"row {key} has not come"
        await asyncio.sleep(0.1)


async def until_same(database: asyncpg.Connection, traces: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await same(database):
        assert not traces(), traces()
        assert time.monotonic() < deadline, "the tables are not the same"
        await asyncio.sleep(0.1)


def configs(url: str, form: str) -> dict[str, dict[str, str]]:
    """Return the source's and the sink's config, by name."""
    of_source, of_sink = FORMS[form]
    both = {"key.converter": JSON, "value.converter": JSON}
    source = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "table.include.list": "here.t",
        **keys_of(url, **of_source),
    }
    sink = {
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "connection.url": f"jdbc:{url}",
        "topics": "p.here.t",
        "table.name.format": "there.t",
        "insert.mode": "upsert",
        "pk.mode": "record_key",
        "delete.enabled": "true",
        **of_sink,
    }
    return {"in": {**source, **both}, "out": {**sink, **both}}


async def large_changes(database: asyncpg.Connection) -> None:
    """Make a transaction of many changes of every kind, and one that comes to nothing."""
    async with database.transaction():
        await database.execute(ROW, 500_000, 505_000)
        await database.execute("UPDATE here.t SET small = small + 1 WHERE id >= 500000")
        await database.execute("UPDATE here.t SET id = id + 100000 WHERE id >= 500000 AND id % 11 = 0")
        await database.execute("DELETE FROM here.t WHERE id >= 500000 AND id % 2 = 0")
    nothing = database.transaction()
    await nothing.start()
    await database.execute("DELETE FROM here.t")
    await nothing.rollback()
    assert await database.fetchval("SELECT count(*) FROM here.t WHERE id BETWEEN 150000 AND 160000") > 0, "keys change"


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
async def test_a_table_is_the_same_behind_a_topic_of_its_changes(
    form: str, tmp_path: Path, postgres_url: str, database: asyncpg.Connection
) -> None:
    await database.execute(ROW, 1, 300)
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as worker:
        for name, config in configs(postgres_url, form).items():
            answer = await worker.client.put(f"/connectors/{name}/config", json=config)
            assert answer.status_code == 201, answer.json()
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as changing:
            for seed in (1, 2):
                changing.create_task(change(postgres_url, seed, 12))
        await large_changes(database)

        def traces() -> list[str]:
            return [t.trace for name in ("in", "out") for t in worker.herder.status(name).tasks if t.trace]

        await until_same(database, traces)
    assert await database.fetchval("SELECT count(*) FROM there.t") > 2500


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * KILLS)
@pytest.mark.parametrize(("form", "is_exact"), [("flat", False), ("unwrapped", False), ("envelope", True)])
async def test_a_table_is_the_same_though_the_worker_is_killed_on_the_way(
    form: str, tmp_path: Path, postgres_url: str, database: asyncpg.Connection, *, is_exact: bool
) -> None:
    chance = random.Random(7)
    await database.execute(ROW, 1, 3000)
    files = []
    for name, config in configs(postgres_url, form).items():
        if is_exact:
            config["exactly.once.support" if name == "in" else "delivery.guarantee"] = (
                "required" if name == "in" else "exactly-once"
            )
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps({"name": name, "config": config}))
    settings = tmp_path / "worker.properties"
    settings.write_text(
        "offset.flush.interval.ms=100\nerrors.retry.delay.max.ms=100\n"
        + ("exactly.once.source.support=enabled\n" if is_exact else "")
    )

    def start() -> ForkedWorker:
        return ForkedWorker(tmp_path / "data", "--config", settings, *files)

    worker = await asyncio.to_thread(start)
    try:
        async with asyncio.timeout(60 + 8 * KILLS), asyncio.TaskGroup() as changing:
            for seed in (1, 2):
                changing.create_task(change(postgres_url, seed, 10 * KILLS))
            for _ in range(KILLS):
                await asyncio.to_thread(worker.url)
                await asyncio.sleep(chance.uniform(0.1, 1.5))  # anywhere in what it does
                await asyncio.to_thread(worker.kill)
                worker = await asyncio.to_thread(start)
        await until_there(database, 900_000_000)  # the greatest key of all: a snapshot is read to its end by then
        await large_changes(database)
        await until_same(database, list)
    finally:
        await asyncio.to_thread(worker.kill)
    if is_exact:
        changes = [json.loads(value)["payload"] for value in await committed(tmp_path / "data", "p.here.t") if value]
        known = [(c["op"], c["source"]["lsn"], (c["after"] or c["before"])["id"]) for c in changes if c["op"] != "r"]
        rows = [c["after"]["id"] for c in changes if c["op"] == "r"]
        assert len(set(known)) == len(known) > 5000, "each change once"
        assert len(set(rows)) == len(rows) >= 3000, "each row of the snapshot once"


async def committed(data_dir: Path, topic: str) -> list[bytes | None]:
    """Return what a reader of committed records finds in a topic of a log that nobody has open."""
    cluster = await LogCluster.open(data_dir)
    try:
        return await read(cluster, topic, isolation="read_committed")
    finally:
        await cluster.aclose()
