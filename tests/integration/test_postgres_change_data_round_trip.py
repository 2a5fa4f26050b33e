"""Random tables of all types, read as change data, go through JSON with schemas and a topic into tables of the same
definition: rows that are there first, and then rows that come, change and go.

What the server then says of both is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from connect_postgres.names import quoted
from tests.support.lengths import length
from tests.support.music_shop import NAMES, ROWS, TYPES
from tests.support.music_shop import tables as shop_tables
from tests.support.random_tables import Table, Tables, differences, known_kinds
from tests.support.worker import JSON, RunningWorker, running_worker

from ..plugins.connect_postgres.cdc.conftest import keys_of

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(3600)]
#: As many tables as one connector takes at a time.
AT_ONCE: Final = 50
DEADLINE_S: Final = 60.0
COLUMNS: Final = "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum"
DECLARED: Final = """
SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0
"""
#: By style: which tables `Tables` makes, and what the source has beside its plain keys.
STYLES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    # All that PostgreSQL holds.
    "text": ("exact", {"value.handling.mode": "text"}),
    # What Debezium's types hold. Its microseconds of an interval have no months.
    "debezium": ("plain", {"interval.handling.mode": "string"}),
    # Into tables that the sink makes.
    "made": ("made", {}),
}
#: What goes on in the shop.
SALES: Final = """
UPDATE src.track SET milliseconds = milliseconds + 1, words = to_tsvector('simple', name) WHERE id % 3 = 0;
UPDATE src.invoice SET at = at + interval '1 year' WHERE id % 10 = 0;
UPDATE src.employee SET home = ROW('moved', NULL, '')::kinds.address, shift = 'empty' WHERE id > 6;
DELETE FROM src."PlayList_track" WHERE track_id % 5 = 0;
INSERT INTO src.customer
    SELECT i, NULL, i || '@example.com', '{"new": [1.50]}', NULL, '-0.01'::money FROM generate_series(61, 70) i;
UPDATE src.customer SET name = name || '!', balance = balance * 2 WHERE id % 4 = 0;
DELETE FROM src.invoice WHERE id % 7 = 0;
"""
FORMS: Final = ({"output.format": "envelope"}, {"output.format": "flat"}, {"provide.transaction.metadata": "true"})


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
async def test_random_tables_are_the_same_behind_a_topic_of_their_changes(
    tmp_path: Path, postgres_url: str, style: str
) -> None:
    seed = int(os.environ.get("CONNECT_TABLES_SEED") or random.randrange(1 << 32))
    print(f"CONNECT_TABLES_SEED={seed}")
    of_tables, keys = STYLES[style]
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC"})
    try:
        made = Tables(seed, await known_kinds(connection), of_tables)
        rng = random.Random(seed)
        left = -(-length("CONNECT_TABLES") // len(STYLES))
        async with running_worker(tmp_path, offset_flush_interval_ms="200") as worker:
            for number in range(-(-left // AT_ONCE)):
                tables = [made.table(f"t{number}_{i}") for i in range(min(AT_ONCE, left - number * AT_ONCE))]
                await there_and_back(worker, connection, postgres_url, tables, rng, keys, has_targets=style != "made")
    finally:
        await connection.close()


async def there_and_back(
    worker: RunningWorker,
    connection: asyncpg.Connection,
    url: str,
    tables: list[Table],
    rng: random.Random,
    keys: Mapping[str, str],
    *,
    has_targets: bool,
) -> None:
    """Copy tables while they change, and compare."""
    by_root = rng.random() < 0.5 or not has_targets
    config = {
        **keys,
        **rng.choice(FORMS),
        "publish.via.partition.root": str(by_root).lower(),
        "snapshot.max.threads": rng.choice("13"),
    }
    await connection.execute("CREATE SCHEMA src; CREATE SCHEMA dst")
    first, later = [], []
    for table in tables:
        first += [*table.ddl("src"), *(table.ddl("dst") if has_targets else ())]
        # The server refuses changes of a whole row in which there is a generated column that is not published.
        if rng.random() < 0.3 and not table.computed_names:
            first += [f"ALTER TABLE src.{quoted(part)} REPLICA IDENTITY FULL" for part in {table.name, *table.parts}]
        inserts = table.inserts("src")
        first += inserts[: len(inserts) // 2]
        later.append([*inserts[len(inserts) // 2 :], *table.changes("src", rng)])
    await connection.execute("; ".join(first))
    names = [name for table in tables for name in ((table.name,) if by_root else table.parts)]
    async with copying(worker, url, tables[0].name, names, config) as traces:
        for statements in later:
            for statement in statements:
                await connection.execute(statement)
        await until_the_same(connection, {table.name: table.names for table in tables}, traces, config)
    await connection.execute("DROP SCHEMA src, dst CASCADE; DROP PUBLICATION pub")


@contextlib.asynccontextmanager
async def copying(
    worker: RunningWorker, url: str, run: str, names: Sequence[str], keys: Mapping[str, str]
) -> AsyncIterator[Callable[[], list[str]]]:
    """Run a source of the changes in schema src and a sink of the tables `names` into schema dst; give what tells the
    traces of what failed. In the end nothing of them is left, the publication and the offsets of `run` apart."""
    names_of = (f"{run}-in", f"{run}-out")
    both = {"key.converter": JSON, "value.converter": JSON}
    source = {
        "connector.class": "PostgresCdcSource",
        "schema.include.list": "src",
        **keys_of(url, publication_autocreate_mode="filtered", slot_drop_on_stop="true"),
    }
    sink = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": url,
        "topics": ",".join(f"p.src.{name}" for name in names),
        "transforms": "route",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": r"p\.src\.(.*)",
        "transforms.route.replacement": "dst.$1",
        "insert.mode": "upsert",
        "pk.mode": "record_key",
        "delete.enabled": "true",
        "auto.create": "true",
        "tasks.max": "2",
    }
    for name, config in zip(names_of, ({**source, **keys}, sink), strict=True):
        answer = await worker.client.put(f"/connectors/{name}/config", json={**config, **both})
        assert answer.status_code == 201, answer.text

    def traces() -> list[str]:
        found = [worker.herder.status(name) for name in names_of]
        return [one.trace for status in found for one in (status.connector, *status.tasks) if one.trace]

    yield traces
    for name in names_of:
        await worker.client.delete(f"/connectors/{name}")
    for topic in names:
        await worker.client.delete(f"/v1/topics/p.src.{topic}")


async def until_the_same(
    connection: asyncpg.Connection,
    tables: Mapping[str, Sequence[str]],
    traces: Callable[[], list[str]],
    told: Mapping[str, str],
) -> None:
    """Wait until each table, by its name and with its columns, has the same rows in both schemas; then look at all
    once more, since one that was the same for a moment on the way is no proof."""
    deadline = time.monotonic() + DEADLINE_S
    for columns in (tables, tables):
        for name, of_table in columns.items():
            while found := await differences(connection, name, of_table):
                if traces() or time.monotonic() > deadline:
                    failed = re.search(r"(?:dst|topic p\.src)\.([^\s,:]+)", " ".join(traces()))
                    types = await connection.fetchval(DECLARED, f"src.{quoted(failed[1] if failed else name)}")
                    pytest.fail("\n".join([f"{told}: {name}", *found, *traces(), types]), pytrace=False)
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("style", ["text", "debezium"])
async def test_a_music_shop_is_the_same_behind_topics_of_its_changes(
    tmp_path: Path, postgres_url: str, style: str
) -> None:
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC"})
    try:
        await connection.execute(f"CREATE SCHEMA src; CREATE SCHEMA dst; {TYPES}")
        await connection.execute(
            shop_tables("src", with_references=True) + shop_tables("dst", with_references=False) + ROWS
        )
        columns = {name: [row[0] for row in await connection.fetch(COLUMNS, f"src.{quoted(name)}")] for name in NAMES}
        keys = {**STYLES[style][1], "publish.via.partition.root": "true"}
        async with (
            running_worker(tmp_path, offset_flush_interval_ms="200") as worker,
            copying(worker, postgres_url, "shop", list(NAMES), keys) as traces,
        ):
            await connection.execute(SALES)
            await until_the_same(connection, columns, traces, keys)
        for name in NAMES:
            assert await connection.fetchval(f"SELECT count(*) FROM dst.{quoted(name)}") > 0
    finally:
        await connection.close()


async def until_all_alike(
    connection: asyncpg.Connection, columns: Sequence[str], traces: Callable[[], list[str]], told: str
) -> None:
    """Wait until table t is the same in both schemas; of what is not, only the columns are told, since it is large."""
    unlike = ", ".join(f"count(*) FILTER (WHERE s.{one}::text IS DISTINCT FROM d.{one}::text) {one}" for one in columns)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = dict(await connection.fetchrow(f"SELECT {unlike} FROM src.t s FULL JOIN dst.t d USING (id)"))
        if not any(found.values()):
            return
        if traces() or time.monotonic() > deadline:
            failed = [text[-1000:] for text in traces()]
            pytest.fail("\n".join([told, *(name for name, count in found.items() if count), *failed]), pytrace=False)
        await asyncio.sleep(0.05)


#: Values that the server keeps beside the row, and does not send where an update leaves them as they are.
LARGE: Final = {
    "words": ("text", "(SELECT string_agg(md5((n * {0})::text), '') FROM generate_series(1, 320) n)"),
    "doc": ("jsonb", "(SELECT jsonb_object_agg('k' || n, md5((n * {0})::text)) FROM generate_series(1, 200) n)"),
    "raw": ("bytea", "(SELECT decode(string_agg(md5((n * {0})::text), ''), 'hex') FROM generate_series(1, 320) n)"),
    "ids": ("int[]", "(SELECT array_agg(n * {0}) FROM generate_series(1, 3000) n)"),
    "grid": ("float8[][]", "array_fill({0} + 0.5::float8, '{{30,100}}')"),
    "digits": ("numeric", "(repeat('7', 3000) || '.' || {0})::numeric"),
    "cents": ("numeric(1000,2)", "(repeat('8', 900) || '.' || {0})::numeric"),
    "flags": ("bit varying", "repeat('10', 9000 + 4 * {0})::varbit"),
    "tags": (
        "hstore",
        "(SELECT hstore(array_agg('' || n), array_agg(md5(n * {0} || ''))) FROM generate_series(1, 99) n)",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", ["envelope", "flat"])
@pytest.mark.parametrize("style", ["text", "debezium"])
async def test_large_values_stay_the_same_behind_updates_of_other_columns(
    tmp_path: Path, postgres_url: str, style: str, form: str
) -> None:
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC"})
    try:
        large = dict(LARGE)
        if await connection.fetchval("SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'"):
            await connection.execute("CREATE EXTENSION hstore")
        else:
            del large["tags"]
        declared = ", ".join(f"{name} {kind}" for name, (kind, _) in large.items())
        stored = ", ".join(f"ALTER {name} SET STORAGE EXTERNAL" for name in large)

        def row(number: int) -> str:
            return f"({number}, {', '.join(made.format(number) for _, made in large.values())}, 0)"

        await connection.execute("CREATE SCHEMA src; CREATE SCHEMA dst")
        for schema in ("src", "dst"):
            await connection.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY, {declared}, n int)")
        await connection.execute(f"ALTER TABLE src.t {stored}; ALTER TABLE src.t SET (toast_tuple_target = 128)")
        await connection.execute(f"INSERT INTO src.t VALUES {', '.join(map(row, range(1, 4)))}")
        keys = {**STYLES[style][1], "output.format": form}
        async with (
            running_worker(tmp_path, offset_flush_interval_ms="200") as worker,
            copying(worker, postgres_url, "large", ["t"], keys) as traces,
        ):
            for statement in (
                "UPDATE src.t SET n = n + 1",
                f"INSERT INTO src.t VALUES {row(4)}; UPDATE src.t SET n = n + 10 WHERE id > 2",
                *(f"UPDATE src.t SET {name} = {made.format(9)} WHERE id = 1" for name, (_, made) in large.items()),
                "DELETE FROM src.t WHERE id = 3; UPDATE src.t SET n = -1, words = NULL",
                "UPDATE src.t SET n = -2",
            ):
                await connection.execute(statement)
                if not statement.startswith("INSERT"):
                    await until_all_alike(connection, ["id", *large, "n"], traces, f"{keys}, {statement[:60]}")
            assert await connection.fetch("SELECT * FROM src.t EXCEPT SELECT * FROM dst.t") == []
            assert await connection.fetch("SELECT * FROM dst.t EXCEPT SELECT * FROM src.t") == []
            assert await connection.fetchval("SELECT count(*) FROM dst.t") == 3
    finally:
        await connection.close()
