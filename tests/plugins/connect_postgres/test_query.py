"""What columns a query has; looking changes nothing."""

from __future__ import annotations

import asyncpg
import pytest

from connect.api import ConfigError
from connect_postgres.catalog import ColumnInfo
from connect_postgres.query import describe_query

from .conftest import Database

pytestmark = pytest.mark.postgres


async def test_a_querys_columns_have_their_types_and_precision_and_none_is_known_to_be_not_null(
    database: Database,
) -> None:
    await database.execute(
        "CREATE DOMAIN price AS numeric(9,2)",
        "CREATE TABLE orders (id int PRIMARY KEY, cost numeric(7,3), tagged price, name varchar(5))",
    )
    query = "SELECT id, cost, tagged, name, 1.5 AS free FROM orders -- a comment"
    exact = await describe_query(database.connection, query)
    assert exact == (
        ColumnInfo("id", "integer", "integer"),
        ColumnInfo("cost", "numeric", "numeric(7,3)", modifier=(7 << 16 | 3) + 4),
        ColumnInfo("tagged", "numeric", "price", modifier=(9 << 16 | 2) + 4, is_domain=True),
        ColumnInfo("name", "character varying", "character varying(5)", modifier=9),
        ColumnInfo("free", "numeric", "numeric"),
    )
    without = await describe_query(database.connection, query, exact=False)
    assert [(one.name, one.type, one.modifier) for one in without] == [(one.name, one.type, -1) for one in exact]
    assert await database.rows("SELECT relname FROM pg_class WHERE relname = 'connect_query'") == [], "no view is left"


async def test_a_user_who_may_make_no_view_learns_the_types_all_the_same(database: Database) -> None:
    await database.execute("SET default_transaction_read_only = on")
    (column,) = await describe_query(database.connection, "SELECT 1.5::numeric(4,2) AS a")
    assert column == ColumnInfo("a", "numeric", "numeric")


async def test_a_query_that_changes_data_or_gives_nothing_is_refused_and_leaves_all_as_it_was(
    database: Database,
) -> None:
    await database.execute("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    for query in ("DELETE FROM orders RETURNING id", "SELECT 1 AS a; DROP TABLE orders", "SELECT nothing"):
        with pytest.raises(asyncpg.PostgresError):
            await describe_query(database.connection, query)
    with pytest.raises(ConfigError, match="the query gives no columns"):
        await describe_query(database.connection, "SELECT FROM orders")
    assert await database.rows("SELECT id FROM orders") == [(1,)]
