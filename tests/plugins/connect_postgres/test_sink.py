from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from connect.api import INT64, ConfigError, DataError, RetriableError, Schema
from connect_postgres import JdbcSinkConnector
from connect_postgres.failures import explained
from connect_postgres.url import parse_url, redacted_url
from tests.support.factories import make_sink_batch
from tests.support.tasks import put, sink_task, stop

pytestmark = pytest.mark.postgres
ORDER = Schema.struct({"id": INT64, "item": Schema("string", optional=True)}, name="order")


async def fetch(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    rows = [tuple(row) for row in await connection.fetch(query)]
    await connection.close()
    return rows


async def execute(url: str, statement: str) -> None:
    await fetch(url, statement)


@asynccontextmanager
async def running(url: str, **keys: str) -> AsyncIterator[Any]:
    config = {
        "connection.url": url,
        "topics": "orders",
        **{key.replace("_", "."): value for key, value in keys.items()},
    }
    task = await sink_task(JdbcSinkConnector, config)
    try:
        yield task
    finally:
        await stop(task)


async def test_structs_make_their_table_and_fill_it(postgres_url: str) -> None:
    async with running(postgres_url, auto_create="true") as task:
        await put(task, make_sink_batch([{"id": 1, "item": "a"}, {"id": 2, "item": None}], value_schema=ORDER))
    assert await fetch(postgres_url, "SELECT id, item FROM orders ORDER BY id") == [(1, "a"), (2, None)]


async def test_schemaless_objects_go_into_an_existing_table_by_its_types(postgres_url: str) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id int, j jsonb, u uuid, n numeric, t timestamptz, o boolean)")
    value = {
        "id": 1,
        "j": {"k": [1]},
        "u": "00000000-0000-0000-0000-000000000001",
        "n": 1.5,
        "t": 1_700_000_000_000,
        "o": True,
    }
    async with running(postgres_url) as task:
        await put(task, make_sink_batch([value]))
    found = await fetch(postgres_url, "SELECT j->'k'->>0, u::text, n, extract(epoch FROM t)::bigint, o FROM orders")
    assert found == [("1", "00000000-0000-0000-0000-000000000001", Decimal("1.5"), 1_700_000_000, True)]


async def test_upsert_keeps_the_last_of_equal_keys(postgres_url: str) -> None:
    keys = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id", "auto_create": "true"}
    async with running(postgres_url, **keys) as task:
        await put(task, make_sink_batch([{"id": 1, "item": "a"}, {"id": 1, "item": "b"}], value_schema=ORDER))
        await put(task, make_sink_batch([{"id": 1, "item": "c"}, {"id": 2, "item": "d"}], value_schema=ORDER))
    assert await fetch(postgres_url, "SELECT id, item FROM orders ORDER BY id") == [(1, "c"), (2, "d")]


async def test_tombstones_delete_in_order(postgres_url: str) -> None:
    keys = {
        "insert_mode": "upsert",
        "pk_mode": "record_key",
        "pk_fields": "id",
        "delete_enabled": "true",
        "auto_create": "true",
    }
    values = [{"item": "a"}, {"item": "b"}, None, {"item": "again"}, None]
    async with running(postgres_url, **keys) as task:
        await put(task, make_sink_batch(values, keys=[1, 2, 1, 1, 2], key_schema=INT64))
    assert await fetch(postgres_url, "SELECT id, item FROM orders") == [(1, "again")]


async def test_kafka_coordinates_can_be_the_key(postgres_url: str) -> None:
    async with running(postgres_url, insert_mode="upsert", pk_mode="kafka", auto_create="true") as task:
        for _ in range(2):  # the same records again, as after a crash
            await put(task, make_sink_batch([{"id": 1}, {"id": 2}], base_offset=7))
    assert await fetch(postgres_url, 'SELECT "__connect_offset", id FROM orders ORDER BY 1') == [(7, 1), (8, 2)]


async def test_columns_are_added_where_that_is_wanted_and_refused_otherwise(postgres_url: str) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id bigint)")
    async with running(postgres_url) as task:
        with pytest.raises(ConfigError, match="has no column 'item'"):
            await put(task, make_sink_batch([{"id": 1, "item": "a"}], value_schema=ORDER))
    async with running(postgres_url, auto_evolve="true") as task:
        await put(task, make_sink_batch([{"id": 1, "item": "a"}], value_schema=ORDER))
    assert await fetch(postgres_url, "SELECT id, item FROM orders") == [(1, "a")]


async def test_a_missing_table_is_refused_with_the_way_out(postgres_url: str) -> None:
    async with running(postgres_url) as task:
        with pytest.raises(ConfigError, match="table orders does not exist") as raised:
            await put(task, make_sink_batch([{"id": 1}]))
    assert "auto.create" in raised.value.hint


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("id bigint NOT NULL, item varchar(3)", {"id": 1, "item": "too long"}),
        ("id bigint NOT NULL, item text", {"id": None, "item": "a"}),
        ("id bigint PRIMARY KEY, item text", {"id": 5, "item": "a"}),
        ("id int, item uuid", {"id": 1, "item": "no uuid"}),
        ("id int, item text", {"id": "text", "item": "a"}),
    ],
)
async def test_a_bad_row_is_a_data_error_and_leaves_nothing_behind(
    postgres_url: str, table: str, value: dict[str, Any]
) -> None:
    await execute(postgres_url, f"CREATE TABLE orders ({table})")
    async with running(postgres_url) as task:
        with pytest.raises(DataError, match=r"orders|item") as raised:
            await put(task, make_sink_batch([{"id": 5, "item": None}, value, {"id": 5, "item": None}]))
    assert raised.value.__cause__ not in (None, raised.value)  # what the server or the driver said is in the trace
    assert await fetch(postgres_url, "SELECT * FROM orders") == []


async def test_after_a_lost_connection_the_write_works_or_asks_for_another_try(postgres_url: str) -> None:
    """Many times over: the server's last words may come before the write, in the middle of it, or never."""
    async with running(postgres_url, auto_create="true") as task:
        await put(task, make_sink_batch([{"id": 0}]))
        for number in range(1, 30):
            await execute(
                postgres_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()",
            )
            try:
                await put(task, make_sink_batch([{"id": number}]))
            except RetriableError:  # unless the driver has noticed already
                await put(task, make_sink_batch([{"id": number}]))
    assert await fetch(postgres_url, "SELECT id FROM orders ORDER BY id") == [(number,) for number in range(30)]


async def test_a_driver_that_was_told_of_the_end_between_two_statements_counts_as_a_lost_connection() -> None:
    with pytest.raises(RetriableError, match="writing to table orders: the connection to PostgreSQL at db was lost"):
        async with explained("writing to table orders", "db"):
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


@pytest.mark.parametrize(
    ("keys", "mentions"),
    [
        ({"insert.mode": "upsert"}, "needs a key"),
        ({"delete.enabled": "true"}, "pk.mode=record_key"),
        ({"insert.mode": "update", "pk.mode": "record_value"}, "pk.fields"),
        ({"pk.mode": "kafka", "pk.fields": "one"}, "three names"),
        ({"table.name.format": "$topic"}, "placeholder"),
    ],
)
def test_rules_of_keys_are_told_with_the_fix(keys: dict[str, str], mentions: str) -> None:
    with pytest.raises(ConfigError, match=mentions):
        JdbcSinkConnector.config_class.parse({"connection.url": "postgresql://127.0.0.1/db", **keys})


def test_names_are_quoted_whatever_they_hold() -> None:
    from connect_postgres.names import TableName, quoted

    assert quoted('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
    assert TableName.parse("my schema.my table").sql == '"my schema"."my table"'


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("jdbc:postgresql://h:5/db?user=u&password=p@ss", "postgresql://u:p%40ss@h:5/db"),
        ("postgresql://u:p@h/db?sslmode=require&other=1", "postgresql://u:p@h/db?sslmode=require"),
        ("jdbc:postgresql:db", "postgresql://localhost/db"),
    ],
)
def test_urls_of_both_kinds_are_understood(url: str, parsed: str) -> None:
    assert parse_url(url) == parsed


def test_a_url_is_shown_without_its_passwords() -> None:
    assert "p4ss" not in redacted_url("jdbc:postgresql://u:p4ss@h/db?password=p4ss&x=1")


@pytest.mark.parametrize("mode", ["insert", "upsert"])
async def test_a_record_that_is_put_alone_has_the_column_of_its_bad_value(postgres_url: str, mode: str) -> None:
    await execute(postgres_url, "CREATE TYPE mood AS ENUM ('sad', 'ok')")
    await execute(postgres_url, "CREATE TABLE orders (id int PRIMARY KEY, state mood)")
    async with running(postgres_url, insert_mode=mode, pk_mode="record_value", pk_fields="id") as task:
        with pytest.raises(DataError, match="record orders-0@7, column state") as raised:
            await put(task, make_sink_batch([{"id": 1, "state": "angry"}], base_offset=7))
        (failed,) = raised.value.failed
        assert (failed.index, failed.details["column"], failed.details["sqlstate"]) == (0, "state", "22P02")
        await put(task, make_sink_batch([{"id": 1, "state": "ok"}], base_offset=7))
    assert await fetch(postgres_url, "SELECT id, state::text FROM orders") == [(1, "ok")]


@pytest.mark.parametrize("had_many", [False, True], ids=["at first", "behind bad records of another topic"])
async def test_a_schema_that_does_not_fit_is_bad_where_another_of_its_topic_in_the_same_put_fits(
    postgres_url: str, had_many: bool
) -> None:
    await execute(postgres_url, "CREATE TABLE orders (id bigint NOT NULL)")
    await execute(postgres_url, "CREATE TABLE others (id bigint NOT NULL)")
    narrow = Schema.struct({"id": INT64})
    wide = Schema.struct({"id": INT64, "extra": INT64})
    async with running(postgres_url) as task:
        if had_many:
            values = [{"id": 1}, {"id": None}, {"id": None}, {"id": 2}]
            bad = set[int]()
            while len(bad) < 2:
                with pytest.raises(DataError) as raised:
                    await put(task, make_sink_batch(values, topic="others"))
                bad |= {failed.index for failed in raised.value.failed}
            await put(task, make_sink_batch(values, topic="others").select([True, False, False, True]))
        with pytest.raises(DataError, match="has no column 'extra'") as raised:
            await task.put_batches(
                [
                    make_sink_batch([{"id": 1, "extra": 1}], value_schema=wide),
                    make_sink_batch([{"id": 2}], base_offset=1, value_schema=narrow),
                ]
            )
    assert [failed.index for failed in raised.value.failed] == [0]
