"""The source's `check`: does the server answer, are the tables there, do they have what the config names?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from connect.api import ConfigError, Problem
from connect_postgres.failures import explained, problem_of
from connect_postgres.names import TableName
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
            found.append(problem_of(error, "query" if table is None else ""))
    return found
