"""Random tables of all types go through source, JSON with schemas or Avro, topic and sink into tables of the same
definition.

What the server then says of both is the same.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from connect_postgres.names import quoted
from tests.support.lengths import length
from tests.support.music_shop import NAMES, ROWS, TYPES
from tests.support.music_shop import tables as shop_tables
from tests.support.random_tables import Tables, differences, fill, known_kinds
from tests.support.schema_registry import memory_registry
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
COLUMNS: Final = "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum"
STYLES: Final[dict[str, dict[str, str]]] = {
    "exact": {"numeric.mapping": "string", "temporal.mapping": "string", "array.mapping": "string"},
    "plain": {"timestamp.granularity": "micros_iso_datetime_string"},
    "made": {},
}


@pytest.fixture(params=["json", "avro"])
def converter(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The keys of a converter; of Avro with a registry."""
    if request.param == "json":
        yield {"value.converter": JSON}
        return
    with memory_registry() as registry:
        own = {"schema.registry.url": registry.url, "max.retries": "0"}
        keys = {f"value.converter.{name}": value for name, value in own.items()}
        yield {"value.converter": "io.confluent.connect.avro.AvroConverter", **keys}


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
async def test_random_tables_are_the_same_behind_a_topic(
    tmp_path: Path, postgres_url: str, style: str, converter: dict[str, str]
) -> None:
    seed = int(os.environ.get("CONNECT_TABLES_SEED") or random.randrange(1 << 32))
    print(f"CONNECT_TABLES_SEED={seed}")
    url = os.environ.get("CONNECT_TABLES_URL") or postgres_url
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        kinds = await known_kinds(connection)
        made = Tables(seed, kinds, style, has_odd_names=converter["value.converter"] == JSON)  # Avro has none
        rng = random.Random(seed)
        left = -(-length("CONNECT_TABLES") // len(STYLES))
        async with running_worker(tmp_path, offset_flush_interval_ms="200") as worker:
            for number in range(-(-left // AT_ONCE)):
                tables = [made.table(f"t{number}_{i}") for i in range(min(AT_ONCE, left - number * AT_ONCE))]
                keys = {**STYLES[style], **rng.choice(MODES)}
                insert = rng.choice(INSERTS)
                await fill(connection, tables, has_targets=style != "made")
                count = sum(len(table.rows) for table in tables)
                computed = [column for table in tables for column in table.computed_names]
                topics = [table.name for table in tables]
                await copy(worker, url, f"r{number}", keys, insert, topics, computed, count, converter)
                for table in tables:
                    found = await differences(connection, table.name, table.names)
                    assert not found, "\n".join([f"{keys} {insert}: {table.ddl('src')[0]}", *found])
                    if table.rows:
                        await worker.client.delete(f"/v1/topics/{table.name}")
                await connection.execute("DROP SCHEMA src, dst CASCADE")
    finally:
        await connection.close()


async def copy(
    worker: RunningWorker,
    url: str,
    name: str,
    keys: dict[str, str],
    insert: dict[str, str],
    topics: Iterable[str],
    computed: Iterable[str],
    count: int,
    converter: Mapping[str, str] = {"value.converter": JSON},
) -> None:
    """Read all tables into topics and write these into the tables of the other schema; wait until all is there."""
    source = {
        "connector.class": "JdbcSourceConnector",
        "connection.url": url,
        "schema.pattern": "src",
        "topic.prefix": "",
        "poll.interval.ms": "50",
        "tasks.max": "2",
        **converter,
        "batch.max.rows": "5",
        **keys,
    }
    sink = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": url,
        "topics": ",".join(topics),
        "table.name.format": "dst.${topic}",
        "auto.create": "true",
        **converter,
        "tasks.max": "2",
        **insert,
    }
    if computed:
        sink |= {"transforms": "r", "transforms.r.type": "org.apache.kafka.connect.transforms.ReplaceField$Value"}
        sink["transforms.r.exclude"] = ",".join(sorted(set(computed)))
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


@pytest.mark.parametrize("style", ["exact", "plain"])
async def test_a_music_shop_is_the_same_behind_topics(tmp_path: Path, postgres_url: str, style: str) -> None:
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(f"CREATE SCHEMA src; CREATE SCHEMA dst; {TYPES}")
        await connection.execute(
            shop_tables("src", with_references=True) + shop_tables("dst", with_references=False) + ROWS
        )
        counts = [await connection.fetchval(f"SELECT count(*) FROM src.{quoted(name)}") for name in NAMES]
        computed = [column for columns in NAMES.values() for column in columns]
        keys = {**MODES[0], **STYLES[style], "batch.max.rows": "300"}
        async with running_worker(tmp_path, offset_flush_interval_ms="200") as worker:
            await copy(worker, postgres_url, "shop", keys, INSERTS[0], NAMES, computed, sum(counts))
        for name in NAMES:
            names = [row[0] for row in await connection.fetch(COLUMNS, f"src.{quoted(name)}")]
            found = await differences(connection, name, names)
            assert not found, "\n".join([name, *found[:10]])
            assert await connection.fetchval(f"SELECT count(*) FROM dst.{quoted(name)}") > 0
    finally:
        await connection.close()
