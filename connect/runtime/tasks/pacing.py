"""What one task does about its connector's limit (`connect.runtime.rates`): slices, and turns that it waits for.

A source waits in front of an append and a sink in front of a put; what is cut off waits in the task's hand. A stop ends
the wait at once. What a slice is worth costs a look at each of its records where there is a limit of bytes, and nothing
else looks at records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from connect.api import ConfigError
from connect.records import Columns, FetchedBatch
from connect.runtime.rates import Limit, Share
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.tolerance import Interrupted

#: A sink that waits for its turn, or for a long time has needed no fetch, hears the group this often.
HEAR_S: Final = 1.0


class Pace:
    """One task's share in its connector's limit."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.share = Share()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit now."""
        return self.limit.is_limited

    @property
    def is_throttled(self) -> bool:
        """Whether the limit holds the task up now."""
        return self.limit.is_throttled(self.share)


class SourcePace(Pace):
    """The pace of a source task.

    Args:
        bytes_max: What one append may hold at most.
        asked: Set while the task is asked to stop or to pause.
        resumed: Set unless it is paused; a stop sets it, too.
        is_stopping: Whether it is asked to stop.
        outage: Set while something waits here: a pause does not wait for that.
    """

    def __init__(
        self,
        limit: Limit,
        bytes_max: int,
        *,
        asked: asyncio.Event,
        resumed: asyncio.Event,
        is_stopping: Callable[[], bool],
        outage: asyncio.Event,
    ) -> None:
        super().__init__(limit)
        self.bytes_max = bytes_max
        self.outage = outage
        self._asked = asked
        self._resumed = resumed
        self._is_stopping = is_stopping

    def cuts(self, out: Outgoing) -> bool:
        """Whether these records have to be appended in slices, or to wait."""
        return self.limit.is_limited or out.size_bytes > self.bytes_max

    async def turn(self, out: Outgoing, start: int, may_end: Callable[[], bool]) -> int:
        """Wait until a slice that begins at `start` may go on; return where it ends.

        A pause leaves it waiting. A stop ends the wait at once: what can be cut here is left, and comes again; what
        cannot be goes on in one piece, since otherwise all of it would come twice.

        Raises:
            Interrupted: The task is to stop.
        """
        while True:
            await self._stand_still()
            if self._is_stopping() and self.limit.is_limited:
                if may_end():
                    raise Interrupted
                return rows_within(out.columns, start, None, self.bytes_max)[0]
            records, size = self.limit.turn()
            size = self.bytes_max if size is None else min(size, self.bytes_max)
            end, size_bytes = rows_within(out.columns, start, records, size)
            if not self.limit.is_limited or await self._take(end - start, size_bytes):
                return end

    async def pay(self, outgoing: Sequence[Outgoing]) -> None:
        """Wait until all of this may go on, of which nothing can go alone. A pause leaves it waiting.

        Raises:
            Interrupted: The task is to stop.
        """
        for out in outgoing:
            start = 0
            while start < len(out) and self.limit.is_limited:
                start = await self.turn(out, start, lambda: True)

    async def _take(self, records: int, size_bytes: int) -> bool:
        self.outage.set()
        try:
            return await self.limit.take(self.share, records, size_bytes, until=self._asked)
        finally:
            self.outage.clear()

    async def _stand_still(self) -> None:
        if not self._resumed.is_set():
            self.outage.set()
            try:
                await self._resumed.wait()
            finally:
                self.outage.clear()


def rows_within(columns: Columns, start: int, records_max: int | None, bytes_max: int | None) -> tuple[int, int]:
    """Return where a slice from `start` on ends that keeps both bounds, a record long at least, and its bytes; 0 where
    bytes have no bound."""
    end = len(columns) if records_max is None else min(len(columns), start + records_max)
    if bytes_max is None:
        return end, 0
    total, values, keys = 0, columns.values, columns.keys
    for row in range(start, end):
        size = len(values[row] or b"") + (len(keys[row] or b"") if keys is not None else 0)
        if total + size > bytes_max and row > start:
            return row, total
        total += size
    return end, total


def parted(
    fetched: Sequence[FetchedBatch], records_max: int | None, bytes_max: int | None
) -> tuple[list[FetchedBatch], list[FetchedBatch], int, int]:
    """Return a slice of what was fetched and the rest, in order, and the records and bytes of the slice."""
    first: list[FetchedBatch] = []
    records = size_bytes = 0
    for number, batch in enumerate(fetched):
        records_left = None if records_max is None else records_max - records
        bytes_left = None if bytes_max is None else bytes_max - size_bytes
        if first and ((records_left is not None and records_left <= 0) or (bytes_left is not None and bytes_left <= 0)):
            return first, list(fetched[number:]), records, size_bytes
        end, size = rows_within(batch.columns, 0, records_left, bytes_left)
        if first and bytes_left is not None and size > bytes_left:  # its first record alone
            return first, list(fetched[number:]), records, size_bytes
        records, size_bytes = records + end, size_bytes + size
        if end < len(batch):
            front, rest = cut(batch, end)
            return [*first, front], [rest, *fetched[number + 1 :]], records, size_bytes
        first.append(batch)
    return first, [], records, size_bytes


def cut(batch: FetchedBatch, at: int) -> tuple[FetchedBatch, FetchedBatch]:
    """Return what lies in front of a record of a batch, and the rest; neither is empty."""
    front = replace(batch, offsets=batch.offsets[:at], columns=batch.columns.cut(0, at), next_offset=batch.offsets[at])
    return front, replace(batch, offsets=batch.offsets[at:], columns=batch.columns.cut(at))


def positive(configs: Mapping[str, Any], name: str) -> int | None:
    """Return a number of a client's configs; None where it is not given.

    Raises:
        ConfigError: It is no number from 1 on.
    """
    text = str(configs.get(name, "")).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ConfigError(f"{name}: {text!r} is not a whole number from 1 on", config_path=f"consumer.override.{name}")
    return int(text)
