"""A table whose first load, in mode bulk each load, is read in parts at once; from then on it is read as any other."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch, ConnectError
from connect_postgres.connection import close
from connect_postgres.names import TableName
from connect_postgres.parts import (
    Find,
    Load,
    Part,
    ReadAnewError,
    cut,
    partition_of,
    parts_of,
    parts_of_blocks,
    parts_under_way,
)
from connect_postgres.snapshot import Mark
from connect_postgres.source_config import SourceConfig
from connect_postgres.table_reader import ID_CASTS, Position, TableReader, bind

if TYPE_CHECKING:
    import asyncpg

_LONG_PAST: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
_BLOCKS: Final = """
SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'm')
"""


class SplitReader(TableReader):
    """A table that may be read in parts; those of a load that has begun, whatever the config says now."""

    def __init__(
        self,
        config: SourceConfig,
        table: TableName,
        find: Find,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
    ) -> None:
        """`connect` opens a connection for a part."""
        super().__init__(config, table, find)
        self._name = table
        self._find = find
        self._connect = connect
        self._load: Load | None = None
        self._part_readers: list[PartReader] = []
        self._delivered: dict[int, dict[str, Any]] = {}
        self._is_first = not self._is_bulk and not self._has_offset
        self._parts = parts_under_way(find, str(table)) if self._is_first else []

    @property
    def reading(self) -> bool:
        return self._load is not None or super().reading

    async def abandon(self) -> None:
        load, self._load = self._load, None
        if self._is_bulk:
            self._parts = []
        if load is not None:
            await load.aclose()
        await super().abandon()

    async def poll(self, connection: asyncpg.Connection, now: float) -> Batch | None:
        if self._load is None and self._reading is None and (self._is_first or self._is_bulk):
            if not self._parts and self._config.load_ranges > 1:
                if not await self._is_ready(connection, now):
                    self._failures, self.failure = 0, None
                    return None
                self._parts = [] if self._is_bulk else await self._cut(connection)
            if self._is_bulk and self._config.load_ranges > 1:
                await self._start_of_blocks(connection)
            elif len(self._parts) > 1:
                await self._start()
            elif self._config.load_ranges > 1:
                self._is_first = False  # too small to be cut
        if self._load is not None:
            return await self._next(connection, now)
        return await super().poll(connection, now)

    async def _next(self, connection: asyncpg.Connection, now: float) -> Batch | None:
        assert self._load is not None, "a load is under way"
        try:
            found = await self._load.poll()
        except ReadAnewError:
            self._careful = True
            text = (
                f"{self.shown} holds a date or time that Python does not hold; its rows are read again from the first"
            )
            self.notes.append((logging.WARNING, text))
            await self.abandon()
            return None
        self._failures, self.failure = 0, None
        if found is None:
            await self._end(now)
            return None
        reader, batch = found
        assert isinstance(reader, PartReader), "the parts of a table are read by these"
        self.notes += reader.notes
        reader.notes.clear()
        if batch.source_offset is not None:
            self._delivered[reader.part.number] = dict(batch.source_offset)
        return batch

    async def _end(self, now: float) -> None:
        load, self._load = self._load, None
        if load is not None:
            await load.aclose()
        if not self._is_bulk:
            self._position = max([self._position, *(reader.position for reader in self._part_readers)], key=_order)
            self._is_first = False
        else:
            self._careful = False
        self._parts, self._part_readers = [], []
        self._mark = None
        self.due = now + self._config.between_reads_s

    # -- cutting ---------------------------------------------------------------------------------------------------

    async def _cut(self, connection: asyncpg.Connection) -> list[Part]:
        assert self._mark is not None, "how far to read is known"
        arguments: list[Any] = []
        if self._by_time:
            # Times before these are few where there are any, and Python does not hold all of them.
            column, floor = self._time, f"AND {self._time} >= '0002-01-01' "
            upto = f"< {bind(arguments, self._mark.end)}"
        else:
            cast = ID_CASTS[self._column(self._id_name).type]
            column, floor, upto = self._id, "", f"<= {bind(arguments, self._mark.end)}::{cast}"
        after = self._after(arguments)
        ends = await connection.fetchrow(
            f"SELECT min({column}), max({column}) FROM {self._source} WHERE {after}{column} {upto} {floor}",  # noqa: S608 - quoted
            *arguments,
        )
        assert ends is not None, "an aggregate gives one row"
        low, high = ends
        if low is None:
            return []
        if self._by_time:
            # Rows may be long past, and the last part ends where all do.
            return parts_of([*cut(low, high, self._config.load_ranges)[:-1], self._mark.end])
        return parts_of(cut(int(Decimal(low)), int(Decimal(high)), self._config.load_ranges))

    async def _start(self) -> None:
        def find_in(part: Part) -> Find:
            def find(partition: Mapping[str, Any]) -> Mapping[str, Any] | None:
                return self._delivered.get(part.number) or self._find(partition)

            return find

        readers = [PartReader(self._config, self._name, find_in(part), part, self._position) for part in self._parts]
        await self._begin_load(readers)

    async def _start_of_blocks(self, connection: asyncpg.Connection) -> None:
        # The snapshot is there for as long as its transaction; those that read in it have begun by then.
        async with connection.transaction(readonly=True, isolation="repeatable_read"):
            blocks = await connection.fetchval(_BLOCKS, self._name.sql)
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            self._parts = parts_of_blocks(blocks or 0, self._config.load_ranges, snapshot)
            if len(self._parts) == 1:
                return
            readers = [PartReader(self._config, self._name, self._find, part, self._position) for part in self._parts]
            for reader in readers:
                reader.is_careful = self._careful
            await self._begin_load(readers)

    async def _begin_load(self, readers: list[PartReader]) -> None:
        self._part_readers = readers
        self._load = Load(readers, self._connect, close)
        await self._load.start()


def _order(position: Position) -> tuple[dt.datetime, float]:
    """Return what positions of one mode are compared by."""
    id_ = position.incrementing
    return position.timestamp or _LONG_PAST, -math.inf if id_ is None else id_


class PartReader(TableReader):
    """One part of a table.

    Attributes:
        is_read: Whether all of it was returned.
    """

    def __init__(self, config: SourceConfig, table: TableName, find: Find, part: Part, position: Position) -> None:
        """`position`: where the whole table is to begin, if it has no offset yet."""
        super().__init__(config, table, lambda partition: None)
        self.part = part
        self.is_read = False
        self._snapshot = part.snapshot
        self._position = position
        if not self._is_bulk:
            self._partition = partition_of(str(table), part.number)
            if offset := find(self._partition):
                self._position = Position.of_offset(offset)

    @property
    def position(self) -> Position:
        """How far it was read."""
        return self._position

    @property
    def is_careful(self) -> bool:
        """Whether dates and times are read as texts."""
        return self._careful

    @is_careful.setter
    def is_careful(self, careful: bool) -> None:
        self._careful = careful

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Begin to read; fetches nothing yet."""
        await self.describe(connection)
        self._mark = None if self._is_bulk else Mark(self.part.high, set(), [], 0.0)
        await self._open(connection)

    async def _begin(self, connection: asyncpg.Connection, now: float) -> bool:
        raise AssertionError("a part is begun once")

    async def _begin_carefully(self, connection: asyncpg.Connection) -> None:
        if self._is_bulk:
            raise ReadAnewError
        await super()._begin_carefully(connection)

    def _taken(self, rows: list[Any], now: float, *, last: bool) -> Batch | None:
        batch = super()._taken(rows, now, last=last)
        self.is_read = last
        return batch

    def _within(self, arguments: list[Any]) -> str:
        low = self.part.low
        if self._is_bulk:
            limits = ((">=", low), ("<", self.part.high))
            return "".join(f" AND ctid {sign} '({block},0)'::tid" for sign, block in limits if block is not None)
        if low is None:
            return ""
        if self._by_time:
            kind = "timestamptz" if self._with_zone else "timestamp"
            return f" AND {self._time} >= {bind(arguments, low)}::{kind}"
        return f" AND {self._id} > {bind(arguments, low)}::{ID_CASTS[self._column(self._id_name).type]}"

    def _offset(self) -> dict[str, Any] | None:
        offset = super()._offset()
        return {**offset, "ends": self.part.ends} if offset and self.part.ends else offset

    def failed(self, error: ConnectError, now: float) -> float:
        raise AssertionError("the table fails, not a part of it")
