from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from connect.api import Batch, ConfigError, RetriableError
from connect_postgres import JdbcSourceConnector
from tests.support.tasks import call, connector, poll, source_task, stop

pytestmark = pytest.mark.postgres


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def config(url: str, **keys: str) -> dict[str, str]:
    base = {"connection.url": url, "mode": "incrementing", "incrementing.column.name": "id", "topic.prefix": "pg-",
            "poll.interval.ms": "1", "tables": "public.orders", "table.whitelist": "orders"}  # fmt: skip
    return {**base, **{key.replace("_", "."): value for key, value in keys.items()}}


@asynccontextmanager
async def running(url: str, offsets: Any = (), **keys: str) -> AsyncIterator[Any]:
    task = await source_task(JdbcSourceConnector, config(url, **keys), offsets=offsets)
    try:
        yield task
    finally:
        await stop(task)


async def rows_of(task: Any) -> tuple[list[Any], list[Batch]]:
    batches: list[Batch] = []
    for _ in range(20):
        batches += await poll(task)
    return [value for batch in batches for value in batch.values], batches


async def test_incrementing_mode_brings_each_row_once_and_resumes(postgres_url: str) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id bigint PRIMARY KEY, item text)", "INSERT INTO orders SELECT i, 'item ' || i FROM generate_series(1, 25) i")  # fmt: skip
    async with running(postgres_url, batch_max_rows="10") as task:
        rows, batches = await rows_of(task)
    assert [row["id"] for row in rows] == list(range(1, 26))
    assert batches[0].topic == "pg-orders"
    last = batches[-1]
    assert (last.source_partition, last.source_offset) == (
        {"protocol": "1", "table": "public.orders"},
        {"incrementing": 25},
    )
    await execute(postgres_url, "INSERT INTO orders VALUES (26, 'new')")
    async with running(postgres_url, offsets=[(last.source_partition, last.source_offset)]) as task:
        rows, _ = await rows_of(task)
    assert rows == [{"id": 26, "item": "new"}]


async def test_bulk_mode_reads_the_whole_table(postgres_url: str) -> None:
    await execute(
        postgres_url,
        "CREATE TABLE orders (id int, item text)",
        "INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 12) i",
    )
    async with running(postgres_url, mode="bulk", batch_max_rows="5", poll_interval_ms="60000") as task:
        rows, _ = await rows_of(task)
    assert len(rows) == 12


async def test_timestamp_mode_loses_no_row_of_equal_time_at_the_edge_of_a_batch(postgres_url: str) -> None:
    await execute(
        postgres_url,
        "CREATE TABLE orders (id int, changed timestamptz NOT NULL)",
        "INSERT INTO orders SELECT i, '2026-01-01T00:00:00Z'::timestamptz + (i / 4) * interval '1 second' FROM generate_series(0, 19) i",
    )
    async with running(postgres_url, mode="timestamp", timestamp_column_name="changed", batch_max_rows="6") as task:
        rows, _ = await rows_of(task)
    assert sorted(row["id"] for row in rows) == list(range(20))


async def test_timestamp_and_incrementing_sees_new_and_changed_rows(postgres_url: str) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id int NOT NULL, changed timestamp NOT NULL)", "INSERT INTO orders VALUES (1, '2026-01-01'), (2, '2026-01-01')")  # fmt: skip
    async with running(postgres_url, mode="timestamp+incrementing", timestamp_column_name="changed") as task:
        assert len((await rows_of(task))[0]) == 2
        await execute(
            postgres_url,
            "UPDATE orders SET changed = '2026-01-02' WHERE id = 1",
            "INSERT INTO orders VALUES (3, '2026-01-02')",
        )
        assert sorted(row["id"] for row in (await rows_of(task))[0]) == [1, 3]


async def test_a_query_is_read_under_the_prefix_as_its_topic(postgres_url: str) -> None:
    keys = config(postgres_url, mode="bulk", query="SELECT 1 AS one, 'a'::text AS word")
    del keys["table.whitelist"], keys["tables"]
    task = await source_task(JdbcSourceConnector, keys)
    rows, batches = await rows_of(task)
    await stop(task)
    assert (rows[0], batches[0].topic) == ({"one": 1, "word": "a"}, "pg-")


async def test_column_types_become_connect_types(postgres_url: str) -> None:
    await execute(
        postgres_url,
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE TABLE orders (id int NOT NULL, n numeric(6,2), d date, t timestamptz, l timestamp, j jsonb, u uuid, a int[], m mood, b bytea, f real, s smallint, o boolean)",
        "INSERT INTO orders VALUES (1, 12.50, '2026-01-02', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05', '{\"k\": 1}', '00000000-0000-0000-0000-000000000001', '{1,2}', 'happy', '\\x01', 1.5, 7, true)",
    )
    async with running(postgres_url) as task:
        (row,), batches = await rows_of(task)
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert row == {
        "id": 1, "n": Decimal("12.50"), "d": dt.date(2026, 1, 2), "t": moment, "l": moment, "j": '{"k": 1}',
        "u": "00000000-0000-0000-0000-000000000001", "a": [1, 2], "m": "happy", "b": b"\x01", "f": 1.5, "s": 7, "o": True,
    }  # fmt: skip
    schema = batches[0].value_schema
    assert schema is not None
    schema.validate(row)
    assert schema.name == "orders"


@pytest.mark.parametrize(
    ("keys", "mentions"),
    [
        ({"incrementing.column.name": ""}, "incrementing.column.name"),
        ({"mode": "timestamp"}, "timestamp.column.name"),
        ({"query": "SELECT 1"}, "query"),
        ({"connection.url": "mysql://x"}, "connection.url"),
        ({"mode": "sometimes"}, "mode"),
    ],
)
def test_configs_that_make_no_sense_are_refused_by_key(keys: dict[str, str], mentions: str) -> None:
    with pytest.raises(ConfigError, match=mentions):
        JdbcSourceConnector.config_class.parse({**config("postgresql://127.0.0.1/db"), **keys})


@pytest.mark.parametrize(
    ("column", "mentions"),
    [("no_such", "has no column 'no_such'"), ("note", "may be null")],
)
async def test_a_column_that_does_not_do_is_named(postgres_url: str, column: str, mentions: str) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id int NOT NULL, note int)")
    async with running(postgres_url, incrementing_column_name=column) as task:
        with pytest.raises(ConfigError, match=mentions):
            await poll(task)


async def test_a_server_that_is_not_there_is_retriable_and_tells_no_password(postgres_url: str) -> None:
    with pytest.raises(RetriableError, match="cannot be reached") as raised:
        await source_task(JdbcSourceConnector, config("postgresql://me:s3cret@127.0.0.1:1/db"))
    assert "s3cret" not in str(raised.value)


async def test_a_table_that_does_not_exist_is_refused_with_those_there_are(postgres_url: str) -> None:
    await execute(postgres_url, "CREATE TABLE customers (id int)")
    with pytest.raises(ConfigError, match=r"table orders does not exist in .*; there are public.customers"):
        await call((await connector(JdbcSourceConnector, config(postgres_url))).start)


async def test_a_database_that_is_not_there_is_a_config_error(postgres_url: str) -> None:
    with pytest.raises(ConfigError, match="refuses the connection"):
        await source_task(JdbcSourceConnector, config(postgres_url.rpartition("/")[0] + "/nowhere"))
