"""Tables of a sink: looked up once, made and given columns where that is allowed, gone with their transaction."""

from __future__ import annotations

import asyncio

import pytest

from connect.api import INT64, OPTIONAL_STRING, ConfigError, Schema
from connect_postgres.fields import Fields
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import Tables

from .conftest import Database

pytestmark = pytest.mark.postgres
ORDERS = TableName("orders")


def tables(database: Database, **keys: str) -> Tables:
    keys = {name.replace("_", "."): value for name, value in keys.items()}
    return Tables(SinkConfig.parse({"connection.url": database.url, **keys}))


def fields(*, key: str = "", **schemas: Schema | None) -> Fields:
    found = Fields(key=[key] if key else [])
    for name, schema in schemas.items():
        found.add(name, [1], schema)
    return found


async def test_a_missing_table_is_made_with_its_key_and_what_is_required(database: Database) -> None:
    made = await tables(database, auto_create="true").ready(
        database.connection, ORDERS, fields(key="id", id=None, item=OPTIONAL_STRING, size=INT64, free=None)
    )
    assert made.name == TableName("orders", "public")
    assert [(one.name, one.declared, one.not_null) for one in made.columns] == [
        ("id", "bigint", True),
        ("item", "text", False),
        ("size", "bigint", True),
        ("free", "bigint", False),
    ]
    assert await database.rows(
        "SELECT conkey FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'p'"
    ) == [([1],)]


async def test_missing_columns_are_added_without_not_null_and_nothing_else_is_changed(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    known = tables(database, auto_evolve="true")
    table = await known.ready(database.connection, ORDERS, fields(id=INT64, size=INT64))
    assert [(one.name, one.type, one.not_null) for one in table.columns] == [
        ("id", "integer", False),
        ("size", "bigint", False),
    ]
    assert await known.find(database.connection, ORDERS) == table


async def test_what_the_config_does_not_allow_is_refused_with_the_key_and_what_there_is(database: Database) -> None:
    known = tables(database)
    with pytest.raises(ConfigError, match="table orders does not exist in postgresql") as raised:
        await known.ready(database.connection, ORDERS, fields(id=INT64))
    assert raised.value.config_path == "auto.create"
    await database.execute("CREATE TABLE orders (id int)")
    with pytest.raises(ConfigError, match=r"table public\.orders has no column 'a', 'b'; it has id") as raised:
        await known.ready(database.connection, ORDERS, fields(id=INT64, a=INT64, b=INT64))
    assert raised.value.config_path == "auto.evolve"
    assert await database.rows("SELECT * FROM orders") == []


async def test_a_table_is_asked_for_once_until_it_is_forgotten(database: Database) -> None:
    known = tables(database, auto_create="true")
    await database.execute("CREATE TABLE orders (id int)")
    first = await known.find(database.connection, ORDERS)
    await database.execute("ALTER TABLE orders ADD COLUMN late int")
    assert await known.find(database.connection, ORDERS) is first
    known.forget()
    again = await known.find(database.connection, ORDERS)
    assert again is not None
    assert again.column_names == ["id", "late"]


async def test_what_was_made_goes_with_the_transaction_that_failed(database: Database) -> None:
    known = tables(database, auto_create="true")
    transaction = database.connection.transaction()
    await transaction.start()
    await known.ready(database.connection, ORDERS, fields(id=INT64))
    await transaction.rollback()
    known.forget()
    assert await known.find(database.connection, ORDERS) is None


async def test_two_sinks_that_make_one_table_at_once_take_turns(database: Database) -> None:
    other = await database.another()

    async def make(connection: object) -> None:
        async with connection.transaction():  # type: ignore[attr-defined]
            table = await tables(database, auto_create="true").ready(connection, ORDERS, fields(id=INT64))  # type: ignore[arg-type]
            assert table.column_names == ["id"]

    await asyncio.gather(make(database.connection), make(other))
    await other.close()
