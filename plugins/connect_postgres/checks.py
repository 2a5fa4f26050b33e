"""`Connector.check`: does the server answer, are the tables there, do they have the columns that the config names?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from connect.api import ConfigError, Problem
from connect_postgres.catalog import describe_table
from connect_postgres.failures import explained
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.source_config import SourceConfig
from connect_postgres.table_reader import TableReader

if TYPE_CHECKING:
    import asyncpg


#: A standby knows nothing of the locks of transactions that run on its primary.
STANDBY: Final = (
    "{target} is a standby, where open transactions of the primary cannot be waited for: "
    "mode={mode} would miss the rows that they commit late"
)
STANDBY_HINT: Final = (
    "Read from the primary (list the hosts with targetServerType=primary), use mode=bulk, "
    "or set open.transactions.wait.ms=0 and accept that rows may be missed."
)


async def is_standby(connection: asyncpg.Connection, config: SourceConfig) -> bool:
    """Return whether the server is a standby although the mode must know who writes."""
    if config.mode == "bulk" or config.open_transactions_wait_ms == 0:
        return False
    return bool(await connection.fetchval("SELECT pg_is_in_recovery()"))


async def source_problems(
    connection: asyncpg.Connection, config: SourceConfig, tables: Sequence[TableName | None]
) -> list[Problem]:
    """Return what is wrong with the tables that are to be read; None stands for the query."""
    if await is_standby(connection, config):
        return [Problem("connection.url", f"{STANDBY.format(target=config.target, mode=config.mode)}. {STANDBY_HINT}")]
    if not tables:
        return [Problem("table.whitelist", f"no table of {config.target} is to be read yet")]
    found = []
    for table in tables:
        reader = TableReader(config, table, lambda partition: None)
        try:
            async with explained(f"looking at {reader.shown}", config.target):
                await reader.describe(connection, exact=False)
        except ConfigError as error:
            found.append(Problem(error.config_path or ("query" if table is None else ""), error.message))
    return found


async def sink_problems(connection: asyncpg.Connection, config: SinkConfig, topics: Sequence[str]) -> list[Problem]:
    """Return what is wrong with the tables of these topics."""
    found = []
    for topic in topics:
        try:
            name = config.table_of(topic)
        except ValueError as error:
            found.append(Problem("table.name.format", f"topic {topic}: {error}"))
            continue
        async with explained(f"looking at table {name}", config.target):
            found += await _table_problems(connection, config, name)
    return found


async def _table_problems(connection: asyncpg.Connection, config: SinkConfig, name: TableName) -> list[Problem]:
    table = await describe_table(connection, name)
    if table is None:
        missing = f"table {name} does not exist in {config.target}, and auto.create is false"
        return [] if config.auto_create else [Problem("table.name.format", missing)]
    absent = [column for column in config.pk_fields if table.column(column) is None]
    if absent and not config.adds_columns:
        known = ", ".join(table.column_names)
        return [Problem("pk.fields", f"table {name} has no column {', '.join(absent)}; it has {known}")]
    return []
