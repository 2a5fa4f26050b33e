"""What columns a query has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from connect.api import ConfigError
from connect_postgres.catalog import ColumnInfo, describe_table
from connect_postgres.failures import REFUSED
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


async def describe_query(connection: asyncpg.Connection, query: str, *, exact: bool = True) -> tuple[ColumnInfo, ...]:
    """Return a query's columns; none is known to be NOT NULL. Nothing is changed, whatever the query holds.

    It is prepared, as one statement, in a read-only transaction. Where that succeeds, a view that is never committed
    tells the precision and scale of numeric columns, which the driver does not; making one does not run the query.

    Args:
        exact: False does without the view, so precision and scale are unknown; so they are where the user may not
            make one (no right, a standby).

    Raises:
        asyncpg.PostgresError: The query is wrong.
        ConfigError: It has no columns.
    """
    columns = await _by_preparing(connection, query)
    if not columns:
        raise ConfigError(
            "the query gives no columns", code=REFUSED, config_path="query", hint="Select what is to be read."
        )
    return (await _by_a_view(connection, query) or columns) if exact else columns


async def _by_a_view(connection: asyncpg.Connection, query: str) -> tuple[ColumnInfo, ...] | None:
    import asyncpg

    transaction = connection.transaction()
    await transaction.start()
    try:
        # By the extended protocol, which takes one statement only.
        await connection.fetch(f"CREATE TEMPORARY VIEW {_VIEW} AS {query}")
        table = await describe_table(connection, TableName(_VIEW, "pg_temp"))
        return None if table is None else table.columns
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError, asyncpg.FeatureNotSupportedError):
        return None
    finally:
        await transaction.rollback()


async def _by_preparing(connection: asyncpg.Connection, query: str) -> tuple[ColumnInfo, ...]:
    async with connection.transaction(readonly=True):
        statement = await connection.prepare(f"SELECT * FROM ({query}\n) AS query LIMIT 0")  # noqa: S608 - the user's own query
        await statement.fetch()  # one that is only prepared leaves the server in an implicit transaction
        attributes = statement.get_attributes()
        rows = await connection.fetch(_TYPES, sorted({attribute.type.oid for attribute in attributes}))
    types = {row["declared"]: (row["type"], row["name"]) for row in rows}
    return tuple(ColumnInfo(attribute.name, *types[attribute.type.oid]) for attribute in attributes)
