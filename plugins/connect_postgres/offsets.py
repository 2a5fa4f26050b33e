"""Offsets that the sink keeps in its target, in the transaction of the rows: `delivery.guarantee=exactly-once`.

Theory of operation. Each partition of a connector has a row in one table: how far its records are in the target, and
who writes them. A task claims the rows of the partitions that it is given, by writing a new mark into them, and goes
on at the offset that it finds there. Every transaction of rows begins with an UPDATE of the offsets that asks for that
mark: a task that was left behind (a zombie) finds another one's, and its transaction is rolled back. From there to its
commit it has the rows locked, so that a claim waits for what is under way.

Where the answer to a commit is lost, the row is asked: it waits for a session of ours that is still at work, and then
holds what was committed.

The UPDATE asks for the offset of the last commit, too: a server may have less than it has confirmed, where a standby
was promoted that had not received all of it, or a backup was put back. What is behind is told, and read again from
there. So it may be with the claim itself: the row then has the mark that was there before it, which no task ever writes
again, so it is claimed once more. Any other mark is somebody else's.

A topic that was deleted and made again has another id, and with it another row. Rows of a connector that goes back to
at-least-once are deleted, since they would be behind when it comes again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connect.api import ConfigError, ConflictError, register_code
from connect_postgres.catalog import describe_table
from connect_postgres.failures import explained
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import TURN

if TYPE_CHECKING:
    import asyncpg

OFFSETS_TAKEN: Final = register_code(
    "postgres.offsets_taken",
    "The offsets that a sink keeps in its target are another task's, or gone: this task must not write.",
    "Run one connector of that name for each table of offsets; restart the task where nobody else writes.",
)
#: A session of ours that has lost us holds its rows until the server notices; then it is tried again.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '5s'"
#: What to do where the offset is gone.
GONE_HINT: Final = (
    "Restart the task: it makes what is missing, and goes on at the offset that the consumer group has committed. "
    "Where rows in front of that are lost as well, as after a failover, alter the offset before you resume."
)
_COLUMNS: Final = ("connector", "topic", "partition", "topic_id", "next_offset", "owner", "updated_at")
_DEFINITION: Final = (
    "(connector text NOT NULL, topic text NOT NULL, partition integer NOT NULL, topic_id text NOT NULL, "
    "next_offset bigint, owner text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), "
    "PRIMARY KEY (connector, topic, partition, topic_id)) WITH (fillfactor = 50)"
)

#: A partition: topic and number.
At = tuple[str, int]


class OffsetsMovedError(Exception):
    """The target's offsets are not those of the last commit, or not this task's: look again, and go on as it says."""


@dataclass(slots=True)
class _Claim:
    """A partition of this task.

    Attributes:
        topic_id: The id of its topic.
        mark: What stands in the row while it is this task's; written by no other claim.
        before: The mark that was there before; '' for none of a task.
        first: The offset of the first record that was put since; None before that.
    """

    topic_id: str
    mark: str
    before: str
    first: int | None = None


class TargetOffsets:
    """The offsets of one task. Every call is within the caller's transaction.

    Attributes:
        known: Where each claimed partition goes on, as it was committed last; left out where that is not known.

    Args:
        connector: The connector's name.
    """

    def __init__(self, config: SinkConfig, connector: str) -> None:
        self.known: dict[At, int] = {}
        self._claims: dict[At, _Claim] = {}
        self._table = config.offsets_table
        self._target = config.target
        self._connector = connector

    async def claim(self, connection: asyncpg.Connection, ids: Mapping[At, str]) -> dict[At, int]:
        """Shut out whoever wrote these partitions before; return where they go on, of those that have been written.

        Args:
            ids: Of each partition, the id of its topic.

        Raises:
            ConfigError: The table is none of ours, or cannot be made.
        """
        await self._ready(connection)
        before = {at: str(row["owner"]) for at, row in (await self._rows(connection, ids)).items()}
        places, mark = sorted(ids), uuid.uuid4().hex
        rows = await connection.fetch(
            f"INSERT INTO {self._table.sql} AS o (connector, topic, partition, topic_id, owner) "  # noqa: S608 - quoted
            "SELECT $1, x.topic, x.partition, x.topic_id, $2 "
            "FROM unnest($3::text[], $4::int[], $5::text[]) AS x(topic, partition, topic_id) "
            "ON CONFLICT (connector, topic, partition, topic_id) "
            "DO UPDATE SET owner = excluded.owner, updated_at = now() RETURNING o.topic, o.partition, o.next_offset",
            self._connector,
            mark,
            [topic for topic, _ in places],
            [partition for _, partition in places],
            [ids[at] for at in places],
        )
        self._claims.update({at: _Claim(ids[at], mark, before.get(at, "")) for at in places})
        found = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return {at: offset for at, offset in found.items() if offset is not None}

    def begin(self, at: At, offset: int) -> None:
        """Take note of the first record of a put."""
        claim = self._claims.get(at)
        if claim is not None and claim.first is None:
            claim.first = offset

    async def store(self, connection: asyncpg.Connection, offsets: Mapping[At, int]) -> None:
        """Store where partitions go on.

        Raises:
            OffsetsMovedError: They are not where this task has left them. The transaction is to be rolled back.
        """
        places = sorted(at for at in offsets if at in self._claims)
        status = await connection.execute(
            f"UPDATE {self._table.sql} o SET next_offset = x.next_offset, updated_at = now() "  # noqa: S608 - quoted
            "FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) "
            "AS x(topic, partition, topic_id, owner, known, next_offset) "
            "WHERE o.connector = $1 AND o.owner = x.owner AND o.next_offset IS NOT DISTINCT FROM x.known "
            "AND o.topic = x.topic AND o.partition = x.partition AND o.topic_id = x.topic_id",
            self._connector,
            [topic for topic, _ in places],
            [partition for _, partition in places],
            [self._claims[at].topic_id for at in places],
            [self._claims[at].mark for at in places],
            [self.known.get(at) for at in places],
            [offsets[at] for at in places],
        )
        if int(status.rpartition(" ")[2]) != len(places):
            raise OffsetsMovedError
        missing = [at for at in offsets if at not in self._claims]
        if missing:
            topic, partition = missing[0]
            raise ConfigError(f"records of {topic}-{partition} were put, which this task was not given")

    async def look_again(self, connection: asyncpg.Connection) -> dict[At, int]:
        """Learn what is in the target, once what is under way is over; claim anew what has lost its claim.

        Returns:
            Where partitions are to be read again from, of which the target has less than it had confirmed.

        Raises:
            ConflictError: postgres.offsets_taken.
        """
        claims = dict(self._claims)
        if not claims:
            return {}
        found = await self._rows(connection, {at: claim.topic_id for at, claim in claims.items()})
        for at, claim in claims.items():
            self._check(at, claim, found.get(at))
        lost = {at: claim for at, claim in claims.items() if found[at]["owner"] != claim.mark}
        if lost:
            await self.claim(connection, {at: claim.topic_id for at, claim in lost.items()})
            for at, claim in lost.items():  # what is there is of before it, so nothing of this task's is
                self._claims[at].first = claim.first
        back: dict[At, int] = {}
        for at, claim in claims.items():
            offset = found[at]["next_offset"]
            start = claim.first if offset is None else int(offset)
            if start is not None and start < self.known.get(at, -1):
                back[at] = start
            if offset is not None:
                self.known[at] = int(offset)
            else:
                self.known.pop(at, None)
        return back

    def is_claimed(self, at: At) -> bool:
        """Whether a partition is this task's."""
        return at in self._claims

    def forget(self, partitions: Iterable[At]) -> None:
        """Forget partitions that are taken away."""
        for at in partitions:
            self._claims.pop(at, None)
            self.known.pop(at, None)

    async def alter(self, connection: asyncpg.Connection, offsets: Mapping[At, int | None]) -> None:
        """Set, or delete for None, whatever a user wants; tasks that are still at work are shut out.

        One that has no row gets none: it goes on at the group's offset.
        """
        if not await self._is_there(connection):
            return
        gone = [at for at, offset in offsets.items() if offset is None]
        await self._delete(connection, gone)
        kept = {at: offset for at, offset in offsets.items() if offset is not None}
        await connection.execute(
            f"UPDATE {self._table.sql} o SET next_offset = x.next_offset, owner = '', updated_at = now() "  # noqa: S608 - quoted
            "FROM unnest($2::text[], $3::int[], $4::bigint[]) AS x(topic, partition, next_offset) "
            "WHERE o.connector = $1 AND o.topic = x.topic AND o.partition = x.partition",
            self._connector,
            [topic for topic, _ in kept],
            [partition for _, partition in kept],
            list(kept.values()),
        )

    async def delete(self, connection: asyncpg.Connection, partitions: Iterable[At]) -> None:
        """Delete the rows of partitions, if the table is there."""
        if await self._is_there(connection):
            await self._delete(connection, list(partitions))

    # -- parts -------------------------------------------------------------------------------------------------------

    async def _delete(self, connection: asyncpg.Connection, gone: list[At]) -> None:
        await connection.execute(
            f"DELETE FROM {self._table.sql} o USING unnest($2::text[], $3::int[]) AS x(topic, partition) "  # noqa: S608 - quoted
            "WHERE o.connector = $1 AND o.topic = x.topic AND o.partition = x.partition",
            self._connector,
            [topic for topic, _ in gone],
            [partition for _, partition in gone],
        )

    async def _rows(self, connection: asyncpg.Connection, ids: Mapping[At, str]) -> dict[At, asyncpg.Record]:
        places = sorted(ids)
        rows = await connection.fetch(
            f"SELECT o.topic, o.partition, o.next_offset, o.owner FROM {self._table.sql} o "  # noqa: S608 - quoted
            "JOIN unnest($2::text[], $3::int[], $4::text[]) AS x(topic, partition, topic_id) "
            "ON o.topic = x.topic AND o.partition = x.partition AND o.topic_id = x.topic_id WHERE o.connector = $1 "
            "FOR UPDATE OF o",
            self._connector,
            [topic for topic, _ in places],
            [partition for _, partition in places],
            [ids[at] for at in places],
        )
        return {(row["topic"], row["partition"]): row for row in rows}

    def _check(self, at: At, claim: _Claim, row: asyncpg.Record | None) -> None:
        which = f"the offset of {at[0]}-{at[1]} of connector {self._connector!r} in table {self._table}"
        if row is None:
            raise ConflictError(
                f"{which} is gone: somebody has deleted it, or a failover has lost it, so nothing is written",
                code=OFFSETS_TAKEN,
                hint=GONE_HINT,
            )
        if row["owner"] != claim.mark and (not claim.before or row["owner"] != claim.before):
            raise ConflictError(
                f"{which} was taken over by another task, so this one is shut out and writes nothing more",
                code=OFFSETS_TAKEN,
            )

    async def _is_there(self, connection: asyncpg.Connection) -> bool:
        found = await describe_table(connection, self._table)
        return found is not None and set(_COLUMNS) <= set(found.column_names)

    async def _ready(self, connection: asyncpg.Connection) -> None:
        found = await describe_table(connection, self._table)
        if found is None:
            await connection.execute(TURN)
            statement = f"CREATE TABLE IF NOT EXISTS {self._table.sql} {_DEFINITION}"
            try:
                async with explained(f"making table {self._table} for the sink's offsets", self._target):
                    await connection.execute(statement)
            except ConfigError as error:
                error.hint = f"Grant the connector's user the right, or make it yourself: {statement}"
                raise
            return
        missing = [name for name in _COLUMNS if name not in found.column_names]
        if missing:
            raise ConfigError(
                f"table {self._table} has no column {', '.join(missing)}, so it holds no offsets of sinks",
                config_path="offsets.table.name",
                hint="Name another table with offsets.table.name; it is made where it is missing.",
            )
