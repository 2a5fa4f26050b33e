"""Random tables of all types go through source, JSON with schemas, topic and sink into tables of the same definition.

What the server then says of both is the same.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from connect_postgres.names import quoted
from tests.support.lengths import length
from tests.support.random_tables import Table, Tables, known_kinds
from tests.support.worker import JSON, RunningWorker, running_worker

pytestmark = pytest.mark.postgres
#: As many tables as one worker takes at a time.
AT_ONCE: Final = 25
MODES: Final = (
    {"mode": "bulk", "poll.interval.ms": "3600000"},
    {"mode": "incrementing", "incrementing.column.name": "id"},
    {"mode": "timestamp", "timestamp.column.name": "changed"},
    {"mode": "timestamp+incrementing", "timestamp.column.name": "changed", "incrementing.column.name": "id"},
)
INSERTS: Final[tuple[dict[str, str], ...]] = (
    {"insert.mode": "insert"},
    {"insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id"},
)
STYLES: Final[dict[str, dict[str, str]]] = {
    "exact": {"numeric.mapping": "string", "temporal.mapping": "string", "array.mapping": "string"},
    "plain": {"timestamp.granularity": "micros_iso_datetime_string"},
    "made": {},
}


@pytest.mark.parametrize("style", STYLES)
async def test_random_tables_are_the_same_behind_a_topic(tmp_path: Path, postgres_url: str, style: str) -> None:
    seed = int(os.environ.get("CONNECT_TABLES_SEED") or random.randrange(1 << 32))
    print(f"CONNECT_TABLES_SEED={seed}")
    url = os.environ.get("CONNECT_TABLES_URL") or postgres_url
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        kinds = await known_kinds(connection)
        made = Tables(seed, kinds, style)
        rng = random.Random(seed)
        left = -(-length("CONNECT_TABLES") // len(STYLES))
        async with running_worker(tmp_path, offset_flush_interval_ms="200") as worker:
            for number in range(-(-left // AT_ONCE)):
                tables = [made.table(f"t{number}_{i}") for i in range(min(AT_ONCE, left - number * AT_ONCE))]
                keys = {**STYLES[style], **rng.choice(MODES)}
                insert = rng.choice(INSERTS)
                await fill(connection, tables, has_targets=style != "made")
                count = sum(len(table.rows) for table in tables)
                await copy(worker, url, f"r{number}", keys, insert, tables, count)
                for table in tables:
                    found = await differences(connection, table)
                    assert not found, "\n".join([f"{keys} {insert}: {table.ddl('src')[0]}", *found])
                await connection.execute("DROP SCHEMA src, dst CASCADE")
    finally:
        await connection.close()


async def fill(connection: asyncpg.Connection, tables: list[Table], *, has_targets: bool) -> None:
    await connection.execute("CREATE SCHEMA src; CREATE SCHEMA dst")
    statements = []
    for table in tables:
        statements += [*table.ddl("src"), *table.inserts("src"), *(table.ddl("dst") if has_targets else ())]
    await connection.execute("; ".join(statements))


async def copy(
    worker: RunningWorker,
    url: str,
    name: str,
    keys: dict[str, str],
    insert: dict[str, str],
    tables: list[Table],
    count: int,
) -> None:
    """Read all tables into topics and write these into the tables of the other schema; wait until all is there."""
    source = {
        "connector.class": "JdbcSourceConnector",
        "connection.url": url,
        "schema.pattern": "src",
        "topic.prefix": "",
        "poll.interval.ms": "50",
        "tasks.max": "2",
        "value.converter": JSON,
        "batch.max.rows": "5",
        **keys,
    }
    computed = sorted({column for table in tables for column in table.computed_names})
    sink = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": url,
        "topics.regex": ".*_.*",
        "table.name.format": "dst.${topic}",
        "auto.create": "true",
        "value.converter": JSON,
        "tasks.max": "2",
        **insert,
    }
    if computed:
        sink |= {"transforms": "r", "transforms.r.type": "org.apache.kafka.connect.transforms.ReplaceField$Value"}
        sink["transforms.r.exclude"] = ",".join(computed)
    names = [f"{name}-source", f"{name}-sink"]
    for connector, config in zip(names, (source, sink), strict=True):
        answer = await worker.client.put(f"/connectors/{connector}/config", json=config)
        assert answer.status_code == 201, answer.text

    def is_done() -> bool:
        for connector in names:
            status = worker.herder.status(connector)
            traces = [one.trace for one in (status.connector, *status.tasks) if one.trace]
            assert not traces, traces[0]
        return all(worker.records(connector) >= count for connector in names)

    await worker.until(is_done, deadline_s=60)
    for connector in names:
        await worker.client.delete(f"/connectors/{connector}")
    for table in tables:
        if table.rows:
            await worker.client.delete(f"/v1/topics/{table.name}")


async def differences(connection: asyncpg.Connection, table: Table) -> list[str]:
    """Return the rows, as the server prints them, that only one of both tables has."""
    columns = ", ".join(map(quoted, table.names))
    rows = {
        schema: f"SELECT (SELECT r FROM (SELECT {columns}) r)::text FROM {schema}.{quoted(table.name)}"
        for schema in ("src", "dst")
    }
    if not table.rows and not await connection.fetchval("SELECT to_regclass($1)", f"dst.{table.name}"):
        return []  # nothing made a table that is to be made by a record
    found = []
    for one, other in (("src", "dst"), ("dst", "src")):
        found += [f"{one}: {row[0]}" for row in await connection.fetch(f"{rows[one]} EXCEPT ALL {rows[other]}")]
    return found
