"""Getting rows into a table: straight by COPY, or by a staging table that leaves no trail."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import DataError
from connect_postgres.catalog import ColumnInfo, TableInfo, describe_table
from connect_postgres.names import TableName
from connect_postgres.writes import Writer, copies

from .conftest import Database

pytestmark = pytest.mark.postgres
STAGING = "SELECT relname::text FROM pg_class WHERE relname LIKE 'connect\\_staging%'"


async def described(database: Database, definition: str) -> TableInfo:
    await database.execute(f"CREATE TABLE orders ({definition})")
    table = await describe_table(database.connection, TableName("orders"))
    assert table is not None
    return table


def test_rows_are_copied_straight_where_copy_can_write_every_type() -> None:
    plain, enum = ColumnInfo("a", "bigint", "bigint"), ColumnInfo("b", "mood", "mood")
    ends = ColumnInfo("c", "date", "date", as_text=True)
    assert copies(TableInfo(TableName("t"), (plain,)), [plain])
    assert not copies(TableInfo(TableName("t"), (plain, enum)), [plain, enum])
    assert not copies(TableInfo(TableName("t"), (ends,)), [ends])
    assert not copies(TableInfo(TableName("t"), (plain,), takes_copy=False), [plain])


async def test_rows_are_added_straight_and_through_a_staging_table(database: Database) -> None:
    await database.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    table = await described(database, "id bigint, feels mood")
    writer = Writer(database.connection)
    async with database.connection.transaction():
        await writer.insert(table, table.columns[:1], [[1, 2]])
        assert await database.rows(STAGING) == []
        await writer.insert(table, table.columns, [[3, 4], ["ok", None]])
        await writer.insert(table, table.columns, [[5], ["sad"]])
    assert await database.rows("SELECT id, feels::text FROM orders ORDER BY id") == [
        (1, None),
        (2, None),
        (3, "ok"),
        (4, None),
        (5, "sad"),
    ]
    ((staging,),) = await database.rows(STAGING)
    assert await database.rows(f"SELECT * FROM pg_temp.{staging}") == [], "it is emptied by the commit"


async def test_rows_that_are_there_are_left_out_replaced_or_changed(database: Database) -> None:
    table = await described(database, "id bigint PRIMARY KEY, item text")
    writer, columns = Writer(database.connection), table.columns
    async with database.connection.transaction():
        await writer.insert(table, columns, [[1, 2], ["a", "b"]])
        assert await writer.insert_missing(table.name, columns, [[2, 3], ["x", "c"]], ["id"]) == 1
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]
    async with database.connection.transaction():
        await writer.upsert(table.name, columns, [[3, 4], ["C", "d"]], ["id"])
        await writer.update(table.name, columns, [[1, 9], ["A", "nobody's"]], ["id"])
        await writer.delete(table.name, columns[:1], [[2, 7]])
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [(1, "A"), (3, "C"), (4, "d")]


async def test_an_upsert_of_nothing_but_the_key_adds_and_an_update_does_nothing(database: Database) -> None:
    table = await described(database, "id bigint PRIMARY KEY")
    writer = Writer(database.connection)
    async with database.connection.transaction():
        await writer.upsert(table.name, table.columns, [[1]], ["id"])
        await writer.upsert(table.name, table.columns, [[1, 2]], ["id"])
        await writer.update(table.name, table.columns, [[3]], ["id"])
    assert await database.rows("SELECT id FROM orders ORDER BY id") == [(1,), (2,)]


async def test_a_staging_table_that_a_failed_transaction_took_with_it_is_made_again(database: Database) -> None:
    table = await described(database, "id bigint PRIMARY KEY")
    writer = Writer(database.connection)
    transaction = database.connection.transaction()
    await transaction.start()
    await writer.upsert(table.name, table.columns, [[1]], ["id"])
    await transaction.rollback()
    async with database.connection.transaction():
        await writer.upsert(table.name, table.columns, [[2]], ["id"])
    assert await database.rows("SELECT id FROM orders") == [(2,)]


@pytest.mark.parametrize(
    ("kind", "value", "mentions"),
    [
        ("smallint", 40_000, "column v is smallint, and 40000 is out of its range"),
        ("text", "\ud800", "half a surrogate pair"),
        ("bigint", object(), "a value does not fit its column"),
    ],
)
async def test_a_value_that_the_driver_refuses_is_a_data_error_that_names_its_column(
    database: Database, kind: str, value: Any, mentions: str
) -> None:
    table = await described(database, f"v {kind}")
    with pytest.raises(DataError, match=mentions):
        async with database.connection.transaction():
            await Writer(database.connection).insert(table, table.columns, [[value]])
    assert await database.rows("SELECT * FROM orders") == []
