"""What columns a query has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connect_postgres.catalog import ColumnInfo, describe_table
from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg

_VIEW: Final = "connect_query"
_TYPES: Final = """
WITH RECURSIVE base(declared, oid) AS (
    SELECT t.oid, t.oid FROM pg_type t WHERE t.oid = ANY($1::oid[])
    UNION
    SELECT b.declared, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT b.declared, format_type(b.declared, NULL) AS name, format_type(t.oid, NULL) AS type
FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
"""


async def describe_query(connection: asyncpg.Connection, query: str) -> tuple[ColumnInfo, ...]:
    """Return a query's columns; none is known to be NOT NULL.

    A view that is never committed tells the precision and scale of numeric columns, which the driver does not. Where
    the user may not make one (no right, a standby), they are unknown.

    Raises:
        asyncpg.PostgresError: The query is wrong.
    """
    import asyncpg

    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"CREATE TEMPORARY VIEW {_VIEW} AS {query}")
        table = await describe_table(connection, TableName(_VIEW, "pg_temp"))
        assert table is not None, "the view was just made"
        return table.columns
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError):
        pass
    finally:
        await transaction.rollback()
    return await _by_preparing(connection, query)


async def _by_preparing(connection: asyncpg.Connection, query: str) -> tuple[ColumnInfo, ...]:
    statement = await connection.prepare(f"SELECT * FROM ({query}\n) AS query LIMIT 0")  # noqa: S608 - the user's own query
    await statement.fetch()  # one that is only prepared leaves the server in an implicit transaction
    attributes = statement.get_attributes()
    rows = await connection.fetch(_TYPES, sorted({attribute.type.oid for attribute in attributes}))
    types = {row["declared"]: (row["type"], row["name"]) for row in rows}
    return tuple(ColumnInfo(attribute.name, *types[attribute.type.oid]) for attribute in attributes)
