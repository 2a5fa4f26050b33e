"""Which rows are settled: a poll must not step over a row that an open transaction has yet to commit.

An id or a time is given to a row when it is inserted, and the row shows when its transaction commits; so a greater id
may show first, and a reader that remembers only the greatest one seen would miss the smaller for ever. The way out:

    1. mark     note the end U of what shows now, and the transactions W that may hold back rows before U
    2. wait     until none of W is open any more
    3. read     rows after the offset and up to U, in a new snapshot: all that will ever be before U is there

For ids, W are the transactions that have a writer's lock on the tables read: PostgreSQL takes that lock before it
evaluates nextval(), and gives it back after the commit shows. A transaction that begins to write after the mark gets
ids greater than U. For times, W are also the transactions of this database that have written anywhere: now() is the
time when a transaction began, so one that begins to write here later may do so with an earlier time.

Not covered: ids that are handed out before the statement that inserts them (sequence CACHE above 1, ids that the
application draws in advance), and transactions that began before the mark and write nothing until after it, with
now(); `timestamp.delay.interval.ms` is for the latter.

Source: PostgreSQL, xact.c (CommitTransaction releases locks after the transaction has left the snapshot); pg_locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncpg

#: Runs in the transaction that has just read U, whose own locks say which tables that took: so views, partitions and
#: queries need no analysis.
_WRITERS: Final = """
SELECT DISTINCT writer.virtualtransaction, writer.pid
FROM pg_locks writer
JOIN pg_locks own ON own.pid = pg_backend_pid() AND own.locktype = 'relation'
    AND (own.database, own.relation) = (writer.database, writer.relation)
WHERE writer.locktype = 'relation' AND writer.mode = 'RowExclusiveLock' AND writer.granted
    AND writer.pid IS DISTINCT FROM pg_backend_pid()
"""
_ALL_WRITERS: Final = """
UNION
SELECT held.virtualtransaction, held.pid
FROM pg_locks held LEFT JOIN pg_stat_activity activity ON activity.pid = held.pid
WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
    AND (activity.datname = current_database() OR held.pid IS NULL) AND held.pid IS DISTINCT FROM pg_backend_pid()
"""
_OPEN: Final = "SELECT DISTINCT virtualtransaction, pid FROM pg_locks WHERE virtualtransaction = ANY($1)"


@dataclass(slots=True)
class Mark:
    """The end of what may be read next, and the transactions that must end before.

    Attributes:
        end: The greatest id, or the time before which to read.
        waits_for: Virtual transaction ids.
        pids: The server processes of these, for messages; prepared transactions have none.
        since: When the mark was set, on the monotonic clock.
    """

    end: Any
    waits_for: set[str]
    pids: list[int]
    since: float

    async def settled(self, connection: asyncpg.Connection) -> bool:
        """Return whether every transaction that was waited for has ended."""
        if self.waits_for:
            self._take(await connection.fetch(_OPEN, sorted(self.waits_for)))
        return not self.waits_for

    def _take(self, rows: list[Any]) -> None:
        self.waits_for = {row[0] for row in rows}
        self.pids = sorted({row[1] for row in rows if row[1] is not None})


async def set_mark(
    connection: asyncpg.Connection, query: str, arguments: list[Any], *, by_time: bool, wait: bool, now: float
) -> Mark | None:
    """Find the end of what shows now and who may still add to it; None where there is nothing to read.

    Args:
        query: Gives U as its only value. It must touch what is going to be read.
        by_time: Whether U is a time.
        wait: False leaves W empty.
        now: The monotonic clock.
    """
    async with connection.transaction(readonly=True):
        end = await connection.fetchval(query, *arguments)
        if end is None:
            return None
        mark = Mark(end, set(), [], now)
        if wait:
            mark._take(await connection.fetch(_WRITERS + _ALL_WRITERS if by_time else _WRITERS))
    return mark
