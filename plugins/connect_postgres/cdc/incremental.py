"""Incremental snapshots: tables that are read again, chunk by chunk, while changes go on.

    signal ── tables in the state ── chunk: rows, what shows in them, a position ── fence in the stream
                                       ▲                                                 │
                                       └── rows that nothing newer was delivered of ─────┘

A chunk is read over a connection of its own while the stream goes on. Its rows join the stream at the fence, the first
place between two transactions behind which all are committed at the chunk's position or later. Why that is right for a
row, by what touched it:

- A transaction that shows in the chunk was committed before its position, so it is in front of the fence: the row is no
  older than what was delivered before.
- One that does not show and is in front of the fence was delivered, and is remembered (`touched`): the row is dropped.
- One that does not show and is behind the fence comes later, and is newer.
- One that is rolled back is neither in the chunk nor in the stream.

Nothing is written into the database, so it works on a standby too. What was delivered is in the offset of the poll that
has the rows: where that is written in one transaction with them, a kill repeats none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch, ConfigError, ConnectError, DataError, RetriableError, Signal
from connect_postgres.cdc.catalog import Catalog, all_tables
from connect_postgres.cdc.chunks import Chunk, Described, read_chunk
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.incremental_state import IncrementalState, Target
from connect_postgres.cdc.pgoutput import Decoder
from connect_postgres.cdc.records import RecordMaker
from connect_postgres.cdc.replication import ReplicationStream
from connect_postgres.cdc.signals import Request, names, refused, request_of
from connect_postgres.cdc.slots import Published, published
from connect_postgres.cdc.snapshots import rows_of
from connect_postgres.cdc.touched import Touched, row_key
from connect_postgres.connection import close, ended_when_silent
from connect_postgres.failures import explained, told
from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg

#: How many tables may wait; the state is in every offset.
TARGETS_MAX: Final = 1000
#: How long until a chunk is read again that could not be used, and after an outage, in seconds.
AGAIN_S: Final = 0.05
AFTER_OUTAGE_S: Final = 5.0
#: query_canceled, which is what statement_timeout does.
_CANCELLED: Final = "57014"

Log = logging.Logger | logging.LoggerAdapter[Any]


class IncrementalSnapshots:
    """Of one stream. For the event loop, but for `join`; nothing of it runs while that does.

    Args:
        state: What is to be read. Changed here.
        touched: What the stream's decoder takes note of.
        open_connection: Opens a connection.
        version: The server's.
    """

    def __init__(
        self,
        config: CdcConfig,
        log: Log,
        state: IncrementalState,
        touched: Touched,
        open_connection: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        version: int,
    ) -> None:
        self.state = state
        self._config = config
        self._log = log
        self._touched = touched
        self._open_connection = open_connection
        self._version = version
        self._connection: asyncpg.Connection | None = None
        self._catalog = Catalog()
        self._published: tuple[TableName, Published] | None = None
        self._known: Described | None = None
        self._reading: asyncio.Task[Chunk] | None = None
        self._chunk: Chunk | None = None
        self._again_at = 0.0
        self._told = ""
        touched.look_at("")

    async def aclose(self) -> None:
        """End what is under way. Never raises."""
        await self._drop()
        connection, self._connection = self._connection, None
        await close(connection)

    async def _drop(self) -> None:
        """Forget the chunk that is being read, or was."""
        reading, self._reading, self._chunk = self._reading, None, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    # -- signals ---------------------------------------------------------------------------------------------------

    async def take(
        self, signals: Sequence[Signal | ConfigError], control: asyncpg.Connection, offset: Mapping[str, Any]
    ) -> None:
        """Do what signals ask for; what cannot be done is a warning.

        Args:
            signals: As they came; an error is of one that could not be read.
            offset: Where the stream stands, for log.

        Raises:
            RetriableError: The server is away; nothing was done that is not in the state.
        """
        for signal in signals:
            if isinstance(signal, ConfigError):
                self._log.warning("a signal is passed over: %s", signal.message)
                continue
            try:
                await self._take(request_of(signal), control, offset)
            except ConfigError as error:
                self._log.warning("signal %r is passed over: %s", signal.id, told(error))

    async def _take(self, request: Request, control: asyncpg.Connection, offset: Mapping[str, Any]) -> None:
        state = self.state
        if request.type == "log":
            self._log.info("signal %r: %s", request.id, _plain(request.message.replace("{}", str(dict(offset)))))
        elif request.type == "execute-snapshot":
            await self._execute(request, control)
        elif request.type == "stop-snapshot":
            await self._stop(request)
        elif not state.targets:
            self._log.info("signal %r: no incremental snapshot is under way", request.id)
        else:
            state.is_paused = request.type == "pause-snapshot"
            what = "paused" if state.is_paused else "resumed"
            self._log.info("signal %r: incremental snapshots are %s, %s", request.id, what, self._left())

    async def _execute(self, request: Request, control: asyncpg.Connection) -> None:
        assert request.tables is not None, "this signal has them"
        with ended_when_silent(control):
            async with explained("looking for tables", self._config.target):
                found = await readable(control, self._config)
        chosen = await asyncio.to_thread(chosen_tables, request, self._config, found)
        fresh = []
        for name, condition in chosen:
            target = Target(name, request.id, condition, request.surrogate)
            if any(_is_same(other, target) for other in self.state.targets[1:]):
                self._log.info("signal %r: table %s waits to be read already", request.id, name)
            else:
                fresh.append(target)
        if len(self.state.targets) + len(fresh) > TARGETS_MAX:
            raise refused(f"{TARGETS_MAX} tables may wait to be read at most; {len(self.state.targets)} do already")
        self.state.targets += fresh
        if fresh:
            shown = names([target.name for target in fresh])
            paused = ", once incremental snapshots are resumed" if self.state.is_paused else ""
            self._log.info("signal %r: tables to read: %s%s", request.id, shown, paused)

    async def _stop(self, request: Request) -> None:
        targets = self.state.targets
        before = list(targets)
        if request.tables is None:
            targets.clear()
        else:
            patterns = request.tables
            left = await asyncio.to_thread(
                lambda: [t for t in before if not self._config.matches("data-collections", patterns, str(t.name))]
            )
            targets[:] = left
        self.state.is_paused = self.state.is_paused and bool(targets)
        ended = [target for target in before if target not in targets]
        if before and (not targets or targets[0] is not before[0]):
            await self._drop()
        if ended:
            shown = names([f"{target.name} after {target.rows:,} rows" for target in ended])
            self._log.info("signal %r: stopped: %s; %s", request.id, shown, self._left())
        else:
            self._log.info("signal %r: there was nothing to stop", request.id)

    def _left(self) -> str:
        if not self.state.targets:
            return "no table is to be read"
        return f"to read: {names([target.name for target in self.state.targets])}"

    # -- reading ---------------------------------------------------------------------------------------------------

    def step(self, decoder: Decoder, stream: ReplicationStream) -> None:
        """Go on as far as that can be done now: begin to read a chunk, or let one that was read wait for its fence.

        Raises:
            Exception: A fault of ours in reading.
        """
        if self._reading is not None and self._reading.done():
            self._collect(self._reading)
            self._reading = None
        targets = self.state.targets
        idle = self._reading is None and self._chunk is None
        if not targets and self._touched.table:
            self._touched.look_at("")
        elif idle and targets and not self.state.is_paused and time.monotonic() >= self._again_at:
            # Before the chunk's snapshot is taken: what comes from now on is remembered.
            self._touched.look_at(str(targets[0].name))
            self._reading = asyncio.create_task(self._read(targets[0]))
            self._reading.add_done_callback(lambda _: stream.wake())
        decoder.fence = None if self._chunk is None else self._chunk.lsn
        self._note(decoder)

    def _note(self, decoder: Decoder) -> None:
        decoder.noted = frozenset(filter(None, (self._touched.table, self._config.signal_data_collection)))

    def wait_s(self, at_most: float) -> float:
        """Return how long a poll may wait, in seconds."""
        if self._chunk is not None:
            return min(at_most, 2 * AGAIN_S)
        if self.state.targets and not self.state.is_paused and self._reading is None:
            return min(at_most, max(self._again_at - time.monotonic(), 0.0))
        return at_most

    @property
    def is_waiting(self) -> bool:
        """Whether rows wait for their fence."""
        return self._chunk is not None

    def _collect(self, reading: asyncio.Task[Chunk]) -> None:
        target = self.state.targets[0]
        try:
            self._chunk = reading.result()
        except RetriableError as error:
            if getattr(error.__cause__, "sqlstate", None) == _CANCELLED:
                self._end(target, error)
                return
            self._again_at = time.monotonic() + AFTER_OUTAGE_S
            if self._told != error.message:
                self._told = error.message
                self._log.warning("signal %r: table %s is tried again: %s", target.signal, target.name, told(error))
        except (ConfigError, DataError) as error:
            self._end(target, error)

    def _end(self, target: Target, error: ConnectError) -> None:
        """Give a table up."""
        self.state.targets.remove(target)
        self._log.warning(
            "signal %r: table %s is read no further, after %d rows: %s",
            target.signal,
            target.name,
            target.rows,
            told(error),
        )

    async def _read(self, target: Target) -> Chunk:
        config = self._config
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._open_connection()
            self._catalog.forget()
            self._published = self._known = None
        connection = self._connection
        async with explained(f"reading table {target.name}", config.target):
            if self._published is None or self._published[0] != target.name:
                found = {one.name: one for one in await published(connection, config.publication_name) or []}
                if target.name not in found or not await asyncio.to_thread(config.selects, target.name):
                    raise refused(f"it is not in publication {config.publication_name} any more, or not read any more")
                self._published = (target.name, found[target.name])
            return await read_chunk(
                connection, config, self._catalog, target, self._published[1], self._known, self._version
            )

    # -- joining ---------------------------------------------------------------------------------------------------

    def join(self, maker: RecordMaker) -> list[Batch]:
        """Return the rows of the chunk, for the place in the stream that its fence is at. On a thread."""
        chunk, self._chunk = self._chunk, None
        assert chunk is not None, "one waits for its fence"
        target = chunk.target
        unseen = self._touched.unseen(chunk.snapshot, chunk.identity)
        if unseen is None:
            self._again_at = time.monotonic() + AGAIN_S
            return []
        self._known, self._told = chunk.described, ""
        relation, rows = chunk.described.relation, rows_of(chunk.text)
        if target.end is None:
            target.key, target.end = chunk.key, chunk.end
        indexes = {column.name: index for index, column in enumerate(relation.columns)}
        left = rows
        if unseen:
            places = [indexes[name] for name in chunk.identity]
            left = [row for row in rows if row_key(row, places) not in unseen]
        if rows:
            target.last = tuple(rows[-1][indexes[name]].decode() for name in chunk.key)
            target.rows += len(left)
        if chunk.is_last:
            self.state.targets.remove(target)
            self._log.info("signal %r: table %s is read: %d rows", target.signal, target.name, target.rows)
            if not self.state.targets:
                self.state.is_paused = False
                self._log.info("signal %r: all tables are read", target.signal)
        if not left:
            return []
        shape = chunk.described.shape
        source = maker.snapshot_source(shape, chunk.lsn, "incremental", time.time_ns() // 1000)
        return [maker.snapshot(shape, left, source)]


async def readable(control: asyncpg.Connection, config: CdcConfig) -> list[TableName]:
    """Return the tables that are in the publication; which of them are read `chosen_tables` asks."""
    there = {found.name for found in await all_tables(control)}
    return [one.name for one in await published(control, config.publication_name) or [] if one.name in there]


def chosen_tables(
    request: Request, config: CdcConfig, found: Sequence[TableName]
) -> list[tuple[TableName, str | None]]:
    """Return the tables that execute-snapshot is about, each with its condition. May take as long as its patterns may.

    Raises:
        ConfigError: connector.signal_refused: there is none for one of the patterns.
    """
    known = [name for name in found if config.selects(name)]
    chosen = dict[TableName, str | None]()
    for pattern in request.tables or ():
        fitting = [name for name in known if config.matches("data-collections", [pattern], str(name))]
        if not fitting:
            raise refused(
                f"no table that is read matches {pattern!r}; there are {names(known) or 'none'}. A table has to be "
                f"selected by table.include.list and be in publication {config.publication_name}"
            )
        for name in fitting:
            conditions = (
                sql for one, sql in request.conditions if config.matches("additional-conditions", [one], str(name))
            )
            chosen.setdefault(name, next(conditions, None))
    return list(chosen.items())


def _is_same(one: Target, other: Target) -> bool:
    return (one.name, one.condition, one.surrogate) == (other.name, other.condition, other.surrogate)


def _plain(text: str) -> str:
    """Return a text as one line of a log."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
