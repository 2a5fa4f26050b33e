"""Rows as a snapshot would give them, for a preview: read by plain SELECTs, in a transaction that only reads.

There is no slot, no publication, no signal and no stream: a publication that is there is looked at, one that is not is
taken as it would be made. Of each table a few rows come in turn, so that a preview of many tables shows of each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch
from connect_postgres.cdc.catalog import Catalog, FoundTable, all_tables
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Row
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.cdc.slots import (
    Published,
    find_slot,
    look_at_server,
    no_publication,
    published,
    server_refusal,
    slot_refusal,
)
from connect_postgres.cdc.snapshots import BEGIN, SETTINGS, TableToRead, rows_of
from connect_postgres.cdc.tables import table_to_read
from connect_postgres.connection import close, connect, ended_when_silent
from connect_postgres.failures import explained

if TYPE_CHECKING:
    import asyncpg

#: Rows of one table: no preview shows more records.
ROWS_MAX: Final = 200
#: Rows that come at once, shared out among the tables.
_AT_ONCE: Final = 20


class SnapshotPreview:
    """Reads some rows of each table. For the event loop; `aclose` at the end, whatever happened.

    Args:
        warn: Called with what a person should know.
    """

    def __init__(self, config: CdcConfig, warn: Callable[[str], None]) -> None:
        self._config = config
        self._warn = warn
        self._connection: asyncpg.Connection | None = None
        self._left: list[tuple[TableToRead, list[Row]]] | None = None
        self._maker: RecordMaker | None = None
        self._lsn = 0
        self._at_once = 1

    async def poll(self) -> list[Batch]:
        """Return the next rows; empty once all that is shown was returned.

        Raises:
            ConfigError: The server, or the slot that is there, would be refused; a table cannot be read.
            RetriableError: The server cannot be reached.
        """
        if self._left is None:
            self._left = await self._read()
            self._at_once = max(1, _AT_ONCE // max(1, len(self._left)))
        left, self._left = self._left, []
        batches: list[Batch] = []
        for table, rows in left:
            batches.append(await asyncio.to_thread(self._batch, table, rows[: self._at_once]))
            if len(rows) > self._at_once:
                self._left.append((table, rows[self._at_once :]))
        return batches

    async def aclose(self) -> None:
        """Close the connection; the server rolls back, and there is nothing to roll back."""
        connection, self._connection = self._connection, None
        await close(connection)

    async def _read(self) -> list[tuple[TableToRead, list[Row]]]:
        config = self._config
        self._connection = connection = await connect(config)
        with ended_when_silent(connection):
            async with explained("looking at the server", config.target):
                server = await look_at_server(connection)
                if (refusal := server_refusal(server, config)) is not None:
                    raise refusal
                slot = await find_slot(connection, config.slot_name)
            if slot is not None and (refusal := slot_refusal(slot, server)) is not None:
                raise refusal
            self._maker, self._lsn = RecordMaker(config, server.database), server.wal_lsn
            await connection.execute(BEGIN)
            await connection.execute(SETTINGS)
            tables = await self._tables(connection)
            catalog = Catalog()
            described = [await table_to_read(connection, catalog, config, *table) for table in tables]
        read: list[tuple[TableToRead, list[Row]]] = []
        for one in (one for one in described if one is not None):
            async with explained(f"reading table {one.name}", config.target):
                if rows := await self._rows(connection, one):
                    read.append((one, rows))
        return read

    async def _tables(self, connection: asyncpg.Connection) -> list[tuple[FoundTable, Published]]:
        config = self._config
        async with explained("looking for tables", config.target):
            there = await all_tables(connection)
        wanted = await asyncio.to_thread(lambda: [found for found in there if config.selects(found.name)])
        async with explained(f"looking at publication {config.publication_name}", config.target):
            has = await published(connection, config.publication_name)
        if has is None and (refusal := no_publication(config)) is not None:
            raise refusal
        known = {one.name: one for one in has or ()}
        adds = has is None or config.publication_autocreate_mode == "filtered"
        tables: list[tuple[FoundTable, Published]] = []
        for found in wanted:
            if (one := known.get(found.name)) is not None:
                tables.append((found, one))
            elif adds and (not found.is_partition if config.publish_via_partition_root else not found.is_partitioned):
                tables.append((found, Published(found.name, None, None)))
        return tables

    async def _rows(self, connection: asyncpg.Connection, table: TableToRead) -> list[Row]:
        text = bytearray()

        async def take(data: bytes) -> None:
            text.extend(data)

        sql, arguments = table.statement(None)
        copy: Any = connection.copy_from_query  # the stubs take no coroutine
        await copy(f"{sql} LIMIT {ROWS_MAX}", *arguments, output=take)
        return rows_of(bytes(text))

    def _batch(self, table: TableToRead, rows: list[Row]) -> Batch:
        assert self._maker is not None, "it was made before rows were read"
        source = self._maker.snapshot_source(table.shape, self._lsn, "true", time.time_ns() // 1000)
        return self._maker.snapshot(table.shape, rows, source)
