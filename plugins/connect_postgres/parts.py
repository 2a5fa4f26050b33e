"""A large table in parts: where they begin and end, and several of them read at once, each over its own connection.

In the modes with offsets the first load is cut along the column that the offsets are of, at equal distances; each part
has a source partition and offsets of its own, and with these the ends of all, so that a load goes on where it stood,
however many parts the config asks for then. In mode bulk each load is cut along the blocks of the table's file, and all
parts see one snapshot.

    {"protocol": "1", "table": "public.orders", "range": 2}
    {"incrementing": 41000, "ends": "25000,50000,75000,100000"}
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from connect.api import Batch, DataError

if TYPE_CHECKING:
    import asyncpg

#: At most so many parts, each of which holds a connection.
PARTS_MAX: Final = 64
_MICROSECOND: Final = dt.timedelta(microseconds=1)

Find = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table between two ends.

    Attributes:
        low: Where it begins: an id, which is not of it, or a time or block, which is; None: at the table's beginning.
        high: Where it ends: an id, which is of it, or a time or block, which is not; None: at the table's end.
        ends: The ends of all parts, as offsets have them; '' in mode bulk.
        snapshot: The name of the snapshot that it is to be read in; '' for one of its own.
    """

    number: int
    low: Any
    high: Any
    ends: str = ""
    snapshot: str = ""


class PartReader(Protocol):
    """What reads one part."""

    is_read: bool
    notes: list[tuple[int, str]]

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Begin to read; fetches nothing yet."""
        ...

    async def poll(self, connection: asyncpg.Connection, now: float) -> Batch | None:
        """Return the part's next batch."""
        ...


class ReadAnewError(Exception):
    """A part of one snapshot cannot be read on; all of them are to be read again, carefully."""


def cut(low: Any, high: Any, count: int) -> list[Any]:
    """Return the ends of at most so many parts of equal width, whole numbers or times; the last is `high`."""
    unit: Any = _MICROSECOND if isinstance(high, dt.datetime) else 1
    width = (high - low) // unit
    ends = [low + width * number // count * unit for number in range(1, count)]
    return [end for end in dict.fromkeys(ends) if low < end < high] + [high]


def parts_of(ends: Sequence[Any], low: Any = None) -> list[Part]:
    """Return the parts that end so."""
    told = ",".join(end.isoformat() if isinstance(end, dt.datetime) else str(end) for end in ends)
    return [
        Part(number, begin, end, told)
        for number, (begin, end) in enumerate(zip([low, *ends[:-1]], ends, strict=True), 1)
    ]


def parts_of_blocks(blocks: int, count: int, snapshot: str) -> list[Part]:
    """Return parts of a table of so many blocks. The last has no end: what the table grew by is not in the snapshot."""
    ends = [*cut(0, blocks, count)[:-1], None] if blocks else [None]
    lows = [None, *ends[:-1]]
    return [
        Part(number, low, end, snapshot=snapshot) for number, (low, end) in enumerate(zip(lows, ends, strict=True), 1)
    ]


def partition_of(table: str, number: int) -> dict[str, Any]:
    """Return the source partition of a part."""
    return {"protocol": "1", "table": table, "range": number}


def parts_under_way(find: Find, table: str) -> list[Part]:
    """Return the parts of a load that has begun, [] where there is none.

    Raises:
        DataError: Their ends in an offset are none.
    """
    for number in range(1, PARTS_MAX + 1):
        told = (find(partition_of(table, number)) or {}).get("ends")
        if told is None:
            continue
        try:
            return parts_of([int(end) if end.isdigit() or end[:1] == "-" else _time(end) for end in told.split(",")])
        except (ValueError, AttributeError) as error:
            raise DataError(f"source offset of {partition_of(table, number)}: 'ends' is {told!r}: {error}") from error
    return []


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


class Load:
    """Several parts read at once, a batch of each ahead. For one task, one call after another.

    Cancelled or failed, it is over: `aclose` it. Batches that were read and not returned are read again by the next.
    """

    def __init__(
        self,
        readers: Sequence[PartReader],
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        close: Callable[[asyncpg.Connection | None], Awaitable[None]],
    ) -> None:
        self._readers = readers
        self._connect = connect
        self._close = close
        self._connections: list[asyncpg.Connection] = []
        self._reading: dict[asyncio.Task[Batch | None], tuple[PartReader, asyncpg.Connection]] = {}

    async def start(self) -> None:
        """Open a connection for each part, begin to read each, and then read on all."""
        for reader in self._readers:
            self._connections.append(await self._connect())
            await reader.begin(self._connections[-1])
        for reader, connection in zip(self._readers, self._connections, strict=True):
            self._read_on(reader, connection)

    @property
    def is_read(self) -> bool:
        """Whether there is nothing left."""
        return not self._reading

    async def poll(self) -> tuple[PartReader, Batch] | None:
        """Return the next batch of whichever part has one, and what read it; None where nothing is left."""
        while self._reading:
            await asyncio.wait(self._reading, return_when=asyncio.FIRST_COMPLETED)
            task = next(task for task in self._reading if task.done())
            reader, connection = self._reading.pop(task)
            batch = task.result()
            if not reader.is_read:
                self._read_on(reader, connection)
            if batch is not None:
                return reader, batch
        return None

    async def aclose(self) -> None:
        """End what is under way, and close the connections."""
        tasks, self._reading = list(self._reading), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connections, self._connections = self._connections, []
        await asyncio.gather(*map(self._close, connections))

    def _read_on(self, reader: PartReader, connection: asyncpg.Connection) -> None:
        task = asyncio.create_task(reader.poll(connection, asyncio.get_running_loop().time()))
        self._reading[task] = reader, connection
