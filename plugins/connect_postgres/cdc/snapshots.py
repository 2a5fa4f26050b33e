"""Reading the rows that are there: several tables at once, all in one snapshot of the server's.

One connection holds the snapshot open, and lends it to those that read. Each of these takes the next table and has it
copied out in text, in the order of its key where `snapshot_state` can tell that order; what was copied waits in a queue
of `QUEUED_MAX` pieces a reader until the task polls it, so a slow log makes the server wait.

COPY gives every value in the very text that the stream has for it, so one reader of columns serves both.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect_postgres.cdc.lsn import parse_lsn
from connect_postgres.cdc.pgoutput import Row
from connect_postgres.cdc.shapes import Shape
from connect_postgres.cdc.snapshot_state import Key, KeyOrder, Run, SnapshotState
from connect_postgres.connection import close
from connect_postgres.failures import explained
from connect_postgres.names import TableName, quoted

if TYPE_CHECKING:
    import asyncpg

#: Pieces that wait for the task, for each reader.
QUEUED_MAX: Final = 2
#: Bytes of COPY's text that make a piece, or more: what one answer of the server's holds is not divided.
PIECE_BYTES: Final = 512 << 10
#: What a session that reads is set to: text as the stream has it, and no limit to how long it may take.
SETTINGS: Final = (
    "SET LOCAL bytea_output = hex; SET LOCAL intervalstyle = postgres; SET LOCAL extra_float_digits = 3; "
    "SET LOCAL lc_monetary = 'C'; SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'; "
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0; "
    "SET LOCAL row_security = off; "
    # PostgreSQL 17 has it.
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'"
)
BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
#: How far a standby has come; null on a primary.
_REPLAYED: Final = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END::text"
#: A record that is being replayed begins behind the end of the one before, and perhaps behind the head of a page.
_PAGE_HEAD_BYTES: Final = 64
_HOLD: Final = """
SELECT {current}::text AS snapshot, pg_export_snapshot() AS name,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn
"""
_ESCAPES: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TableToRead:
    """A table of a snapshot.

    Attributes:
        columns: Which to select; the shape's relation has exactly these, in this order.
        order: None where its key's order cannot be told here; then it is read in any order, and from its beginning if
            it was broken off.
        key_types: For casts, of the key's columns.
        only: Whether tables that inherit from it are left out.
        condition: SQL; None for all rows.
    """

    name: TableName
    shape: Shape
    columns: Sequence[str]
    order: KeyOrder | None
    key_types: Sequence[str]
    only: bool
    condition: str | None = None

    def statement(self, behind: Key | None) -> tuple[str, list[Any]]:
        """Return the statement that reads it, and its arguments."""
        arguments: list[Any] = []
        conditions = [f"({self.condition})"] if self.condition else []
        names = [quoted(self.columns[index]) for index in self.order.indexes] if self.order else []
        if behind is not None and names:
            arguments = [str(value) for value in behind]
            values = [f"${n}::text::{kind}" for n, kind in enumerate(self.key_types, 1)]
            conditions.append(f"({', '.join(names)}) > ({', '.join(values)})")
        listed = ", ".join(quoted(column) for column in self.columns)
        sql = f"SELECT {listed} FROM {'ONLY ' if self.only else ''}{self.name.sql}"  # noqa: S608 - names are quoted
        if conditions:
            sql += f" WHERE {' AND '.join(conditions)}"
        if names:
            sql += f" ORDER BY {', '.join(names)}"
        return sql, arguments


@dataclass(slots=True)
class Piece:
    """Rows of one table, as COPY writes them; `is_last`: nothing of the table comes behind them."""

    table: TableToRead
    text: bytes
    is_last: bool


class SnapshotReader:
    """Reads one run of a snapshot. For the event loop. `aclose` ends it, at any time.

    Args:
        open_connection: Opens a connection.
        target: The database as it may be shown.
        warn: Called with what a person should know.
    """

    def __init__(
        self,
        open_connection: Callable[[], Awaitable[asyncpg.Connection]],
        target: str,
        *,
        threads: int,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._open_connection = open_connection
        self._target = target
        self._threads = threads
        self._warn = warn
        self._holder: asyncpg.Connection | None = None
        self._name = ""
        self._waiting: list[tuple[TableToRead, Key | None]] = []
        self._left = 0
        self._queue: asyncio.Queue[Piece] = asyncio.Queue(QUEUED_MAX * threads)
        self._readers: list[asyncio.Task[None]] = []

    async def hold(self, version: int, *, exported: str | None = None, lsn: int = 0) -> Run:
        """Take the snapshot, and keep it.

        Args:
            version: The server's.
            exported: The name of one that a new slot came with, which is taken over; it shows what was committed before
                `lsn`.
        """
        async with explained("taking a snapshot", self._target):
            self._holder = holder = await self._open_connection()
            # In front of the snapshot: what was replayed by then shows.
            replayed = await holder.fetchval(_REPLAYED)
            await holder.execute(BEGIN)
            if exported is not None:
                await holder.execute(f"SET TRANSACTION SNAPSHOT '{exported}'")
            await holder.execute(SETTINGS)
            current = "pg_current_snapshot()" if version >= 130_000 else "txid_current_snapshot()"
            row = await holder.fetchrow(_HOLD.format(current=current))
        assert row is not None, "the statement gives one row"
        self._name = row["name"]
        if exported is not None:
            return Run("", lsn)
        if replayed is not None:
            return Run(row["snapshot"], parse_lsn(row["lsn"]) + _PAGE_HEAD_BYTES, parse_lsn(replayed))
        return Run(row["snapshot"], parse_lsn(row["lsn"]))

    def begin(self, tables: Sequence[TableToRead], state: SnapshotState) -> None:
        """Begin to read what is not read yet."""
        self._waiting = [
            (table, state.reached(str(table.name))) for table in tables if not state.is_table_read(str(table.name))
        ]
        self._left = len(self._waiting)
        count = min(self._threads, self._left)
        self._readers = [asyncio.create_task(self._read_tables()) for _ in range(count)]

    @property
    def is_done(self) -> bool:
        """Whether all that was to be read was taken."""
        return self._left == 0 and self._queue.empty()

    async def next(self, timeout_s: float) -> Piece | None:
        """Return the next piece; None where none came in time, or there is none any more.

        Raises:
            ConnectError: A table cannot be read, or the connection is lost; what was read before was taken.
        """
        if self._queue.empty() and not self.is_done:
            self._check()
            getting = asyncio.ensure_future(self._queue.get())
            # Those that are through already would end the wait at once, each time, while others still read.
            reading = [reader for reader in self._readers if not reader.done()]
            try:
                await asyncio.wait({getting, *reading}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    self._check()
                    if self._queue.empty():
                        return None
                    piece = await getting
                else:
                    piece = getting.result()
            finally:
                getting.cancel()
        elif self._queue.empty():
            return None
        else:
            piece = self._queue.get_nowait()
        if piece.is_last:
            self._left -= 1
        return piece

    async def aclose(self) -> None:
        """End all reading, and let the snapshot go. Never raises."""
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        holder, self._holder = self._holder, None
        await close(holder)

    def _check(self) -> None:
        for reader in self._readers:
            if reader.done() and not reader.cancelled() and reader.exception() is not None:
                reader.result()

    async def _read_tables(self) -> None:
        import asyncpg

        connection = None
        try:
            while self._waiting:
                table, behind = self._waiting.pop(0)
                async with explained(f"reading table {table.name}", self._target):
                    if connection is None:
                        connection = await self._open_connection()
                    await connection.execute(BEGIN)
                    await connection.execute(f"SET TRANSACTION SNAPSHOT '{self._name}'")
                    await connection.execute(SETTINGS)
                    try:
                        await self._read(connection, table, behind)
                    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
                        # Its name is all that it is read by: it was dropped, or has another one since.
                        self._warn(f"table {table.name} is not there any more, and what was not read of it is left out")
                        await self._queue.put(Piece(table, b"", is_last=True))
                    await connection.execute("COMMIT")
        finally:
            if connection is not None:
                connection.terminate()  # a COPY under way is not waited for

    async def _read(self, connection: asyncpg.Connection, table: TableToRead, behind: Key | None) -> None:
        held = bytearray()

        async def take(data: bytes) -> None:
            nonlocal held
            held += data
            if len(held) >= PIECE_BYTES and (end := held.rfind(b"\n") + 1):
                text, held = bytes(held[:end]), held[end:]
                await self._queue.put(Piece(table, text, is_last=False))

        sql, arguments = table.statement(behind)
        copy: Any = connection.copy_from_query  # the stubs take no coroutine
        await copy(sql, *arguments, output=take)
        await self._queue.put(Piece(table, bytes(held), is_last=True))


def rows_of(text: bytes) -> list[Row]:
    """Read COPY's text: lines of columns parted by tabs, None for \\N."""
    if not text:
        return []
    lines = text.split(b"\n")
    lines.pop()  # behind the last line's end there is nothing
    if b"\\" not in text:
        return [line.split(b"\t") for line in lines]
    return [_escaped_row(line) if b"\\" in line else line.split(b"\t") for line in lines]


def _escaped_row(line: bytes) -> Row:
    return [None if text == b"\\N" else _unescaped(text) if b"\\" in text else text for text in line.split(b"\t")]


def _unescaped(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)
