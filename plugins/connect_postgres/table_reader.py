"""A table or query as a task reads it: where it stands, what comes next, and the offset after each batch.

A read is one statement whose rows are fetched through a cursor, so it costs one sort at most and sees one snapshot. Its
transaction holds the connection until the last row. Offsets have the JDBC connector's shape:

    {"protocol": "1", "table": "public.orders"} or {"query": "query"}
    {"incrementing": 42, "timestamp": 1700000000123, "timestamp_nanos": 123456000}

In mode timestamp the offset is the last time of which every row was returned: rows of equal time may be many, and a
batch may end among them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from connect.api import Batch, ConfigError, ConnectError, DataError, Schema, StructColumn
from connect_postgres.catalog import ColumnInfo, describe_table
from connect_postgres.failures import told
from connect_postgres.names import TableName, quoted
from connect_postgres.query import describe_query
from connect_postgres.rows import (
    Convert,
    RowStyle,
    Unreadable,
    convert_each,
    holds_infinity,
    micros_of,
    read_carefully,
    select_list,
    to_columns,
)
from connect_postgres.snapshot import Mark, set_mark
from connect_postgres.source_config import INCREMENTING, TIMESTAMP, SourceConfig

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.cursor import Cursor
    from asyncpg.transaction import Transaction

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: The first time that Python holds, which the driver would take for -infinity; and the last before it.
_FIRST: Final = dt.datetime.min.replace(tzinfo=dt.UTC)
_FIRST_SQL: Final = "'0001-01-01 00:00:00'"
_BEFORE_FIRST_SQL: Final = "'0001-12-31 23:59:59.999999 BC'"
#: Types of incrementing columns, and what their ids are compared as.
ID_CASTS: Final = {
    "smallint": "bigint",
    "integer": "bigint",
    "bigint": "bigint",
    "oid": "bigint",
    "numeric": "numeric",
}
_TIMESTAMP_TYPES: Final = ("timestamp with time zone", "timestamp without time zone")
#: How soon to look again whether open transactions have ended: at first, as a share of how long that has taken, and at
#: last. Most end within milliseconds, and rows wait for them. Seconds.
SETTLE_MIN_S: Final = 0.002
SETTLE_SHARE: Final = 0.25
SETTLE_MAX_S: Final = 0.1
#: How often to tell that they have not. Seconds.
SETTLE_WARNING_S: Final = 60.0
#: When to tell it for the first time.
SETTLE_FIRST_WARNING_S: Final = 5.0
#: The server ends a transaction that a paused task leaves open for so long, so that it does not hold back vacuum. The
#: task then begins its read anew behind the last row that it returned.
IDLE_IN_TRANSACTION_MS: Final = 300_000
#: What to do about a value that its schema does not hold.
UNREADABLE_HINT: Final = (
    "Set temporal.mapping, numeric.mapping or array.mapping to string, which passes such values as text, "
    "or errors.tolerance=all to leave such rows out."
)
#: How soon a table that failed is tried again, at first and at last. Seconds.
RETRY_MIN_S: Final = 1.0
RETRY_MAX_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: behind this id, behind this time, or behind this id of this time. None: from the beginning."""

    incrementing: int | None = None
    timestamp: dt.datetime | None = None

    def to_offset(self) -> dict[str, Any] | None:
        """Return the source offset; None at the beginning."""
        offset: dict[str, Any] = {}
        if self.incrementing is not None:
            offset["incrementing"] = self.incrementing
        if self.timestamp is not None:
            micros = micros_of(self.timestamp)
            offset["timestamp"] = micros // 1000
            offset["timestamp_nanos"] = micros % 1_000_000 * 1000
        return offset or None

    @classmethod
    def of_offset(cls, offset: Mapping[str, Any]) -> Position:
        """Read a source offset, ours or the JDBC connector's.

        Raises:
            DataError: It is none.
        """
        id_, millis, nanos = offset.get("incrementing"), offset.get("timestamp"), offset.get("timestamp_nanos") or 0
        if not all(one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in (id_, millis, nanos)):
            raise DataError(
                f"source offset {dict(offset)}: incrementing, timestamp and timestamp_nanos are whole numbers"
            )
        if millis is None:
            return cls(id_)
        return cls(id_, _EPOCH + dt.timedelta(milliseconds=millis, microseconds=nanos // 1000 % 1000))


class Reading:
    """One read under way: a cursor in a transaction, one chunk ahead so that the last chunk is known as such.

    One call after another. Where one fails or is cancelled, the connection is in doubt, and the reading is over.
    """

    def __init__(self, transaction: Transaction, cursor: Cursor[Any], chunk_rows: int) -> None:
        self._transaction = transaction
        self._cursor = cursor
        self._chunk_rows = chunk_rows
        self._ahead: list[Any] | None = None
        self._ended = False

    @classmethod
    async def open(
        cls,
        connection: asyncpg.Connection,
        sql: str,
        arguments: list[Any],
        chunk_rows: int,
        isolation: Literal["serializable", "repeatable_read"] | None = None,
        snapshot: str = "",
    ) -> Reading:
        """Begin a transaction and its cursor; fetches nothing yet.

        Args:
            isolation: None for the server's.
            snapshot: The name of another transaction's snapshot, to be read in; '' for one of its own.
        """
        if snapshot:
            isolation = isolation or "repeatable_read"
        transaction = connection.transaction(readonly=True, isolation=isolation)
        await transaction.start()
        if snapshot:
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        # For this transaction alone: a pooler takes no session that begins with the setting.
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}")
        return cls(transaction, await connection.cursor(sql, *arguments), chunk_rows)

    async def next(self) -> tuple[list[Any], bool]:
        """Return the next rows and whether they are the last; the last ones end the transaction."""
        rows = self._ahead if self._ahead is not None else await self._cursor.fetch(self._chunk_rows)
        self._ahead = await self._cursor.fetch(self._chunk_rows) if len(rows) == self._chunk_rows else []
        if self._ahead:
            return rows, False
        self._ended = True
        await self._transaction.commit()
        return rows, True

    async def abandon(self) -> None:
        """End it before its last row was returned."""
        if not self._ended:
            await self._transaction.rollback()


class TableReader:
    """One table, or the query. For the event loop, one call after another.

    Attributes:
        shown: What messages call it.
        due: When to read it next, on the monotonic clock.
    """

    def __init__(
        self,
        config: SourceConfig,
        table: TableName | None,
        find: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
    ) -> None:
        """`find` gives the committed offset of a source partition."""
        self._config = config
        self._table = table
        self._style: RowStyle = config.style
        self.shown = f"table {table}" if table else "the query"
        self.due = 0.0
        self._topic = config.topic_prefix + (table.name if table else "")
        self._by_id = config.mode in INCREMENTING
        self._by_time = config.mode in TIMESTAMP
        self._id_name, self._time_names = "", list[str]()  # known with the columns
        self._is_bulk = not (self._by_id or self._by_time)
        self._has_offset = False
        self._partition, self._position = self._resumed(find)
        self._columns: tuple[ColumnInfo, ...] = ()
        self._schema: Schema | None = None
        self._readers: list[tuple[str, Convert]] = []
        self._mark: Mark | None = None
        self._warned_s = 0.0
        self._reading: Reading | None = None
        self._careful = False
        self._snapshot = ""
        self._is_behind_bc = False
        self._tolerant = str(config.originals.get("errors.tolerance") or "none").lower() == "all"
        self._told: set[str] = set()
        self._failures = 0
        #: What keeps the table from being read, while it does; it is tried again when it is due.
        self.failure: ConnectError | None = None
        #: What its new rows wait for, where that takes long; None where it does not.
        self.waits_for: str | None = None
        #: What a person should know, by level; the task logs and clears it.
        self.notes: list[tuple[int, str]] = []

    @property
    def trouble(self) -> str | None:
        """What keeps rows of the table from being read now, for people."""
        if self.failure is not None:
            return f"{self.shown} cannot be read, and is tried again: {told(self.failure)}"
        return self.waits_for

    async def abandon(self) -> None:
        """Give up what is held besides the connection, and forget that one, as `reset` does."""
        self.reset()

    @property
    def reading(self) -> bool:
        """Whether a read is under way, which holds the connection."""
        return self._reading is not None

    @property
    def is_through(self) -> bool:
        """Whether all that there was when the last read began has been read."""
        return not self.reading and self._mark is None and self.failure is None

    def reset(self) -> None:
        """Forget what belonged to a connection that is gone. The next read begins at the last offset."""
        self._reading = self._mark = self.waits_for = None
        if self._table is None:
            self._columns = ()

    async def poll(self, connection: asyncpg.Connection, now: float) -> Batch | None:
        """Return the next batch, in the order of the offsets; None when there is nothing, or nothing settled, now.

        Where it is cancelled or fails, the connection is in doubt: call `reset`, and give it another.

        Args:
            now: The monotonic clock, in seconds.
        """
        if self._reading is None and not await self._begin(connection, now):
            self._failures, self.failure = 0, None
            return None
        assert self._reading is not None, "a read that began is under way"
        try:
            rows, last = await self._reading.next()
            if self._careful or not holds_infinity(rows, self._columns, self._style):
                return self._taken(rows, now, last=last)
        except (ValueError, OverflowError):  # the driver met a date or time that Python does not hold
            if self._careful:
                raise
        await self._begin_carefully(connection)
        rows, last = await self._reading.next()
        return self._taken(rows, now, last=last)

    def _taken(self, rows: list[Any], now: float, *, last: bool) -> Batch | None:
        rows, values, wrong = self._read(rows)
        if wrong and not self._tolerant:
            raise DataError(
                self._unreadable(rows, wrong[0]),
                hint=UNREADABLE_HINT,
            )
        for one in wrong:
            self._tell_once(f"left out, since errors.tolerance=all: {self._unreadable(rows, one)}")
        if rows:
            self._position = self._behind(self._placed(rows, wrong), last=last)
        if wrong:
            left_out = {one.index for one in wrong}
            values = [value for index, value in enumerate(values) if index not in left_out]
        batch = self._batch(values) if values else None
        if last:
            self._reading = self._mark = None
            self.due = now + self._config.between_reads_s
            # What comes next may do without; a bulk read would begin anew each time.
            self._careful = self._careful and self._is_bulk
        self._failures, self.failure = 0, None
        return batch

    def _read(self, rows: list[Any]) -> tuple[list[Any], Sequence[dict[str, Any]], list[Unreadable]]:
        """Return rows as the driver gives them, as Connect has them, and what of them cannot be had."""
        names = [column.name for column in self._columns]
        if not self._careful:
            try:
                return rows, to_columns(rows, names, self._readers) if rows else [], []
            except (
                ArithmeticError,
                ValueError,
            ):  # a NaN that is to be a whole number, a time that its zone moves too far
                values = list(to_columns(rows, names, ()))
                return rows, values, convert_each(values, self._readers)
        rows, wrong = read_carefully(rows, self._columns, self._style)
        values = [dict(row) for row in rows]
        return rows, values, wrong + convert_each(values, self._readers)

    def failed(self, error: ConnectError, now: float) -> float:
        """Take a failure of this table alone; return in how many seconds it is tried again."""
        wait_s: float = min(RETRY_MIN_S * 2**self._failures, RETRY_MAX_S)
        self._failures = min(self._failures + 1, 10)
        self.failure = error
        self._reading = self._mark = None
        self.due = now + wait_s
        return wait_s

    async def _begin_carefully(self, connection: asyncpg.Connection) -> None:
        """Read again what was not returned yet, with dates and times as text, so that rows can be told apart."""
        assert self._reading is not None, "a read is under way"
        await self._reading.abandon()
        self._careful = True
        if self._is_bulk:
            self.notes.append(
                (
                    logging.WARNING,
                    (
                        f"{self.shown} holds a date or time that Python does not hold; "
                        "its rows are read again from the first"
                    ),
                )
            )
        await self._open(connection)

    def _unreadable(self, values: list[Any], one: Unreadable) -> str:
        name = self._id_name if self._by_id else self._columns[0].name
        row = f"the row of {name}={values[one.index][name]}"
        return f"{self.shown}, {row}: column {one.column} is {one.text}, {one.why}"

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < 10_000:
            self._told.add(text)
            self.notes.append((logging.WARNING, text))

    # -- beginning a read ------------------------------------------------------------------------------------------

    async def _begin(self, connection: asyncpg.Connection, now: float) -> bool:
        if not await self._is_ready(connection, now):
            return False
        await self._open(connection)
        return True

    async def _is_ready(self, connection: asyncpg.Connection, now: float) -> bool:
        """Know the columns and how far to read; False where there is nothing, or nothing settled, now."""
        if self._mark is None:
            await self.describe(connection)
            if self._by_id or self._by_time:
                self._mark = await self._set_mark(connection, now)
                if self._mark is None:
                    self.due = now + self._config.between_reads_s
                    return False
        if self._mark is not None and not await self._settled(connection, self._mark, now):
            self.due = now + min(max(SETTLE_SHARE * (now - self._mark.since), SETTLE_MIN_S), SETTLE_MAX_S)
            return False
        return True

    async def _open(self, connection: asyncpg.Connection) -> None:
        sql, arguments = self._statement(self._mark.end if self._mark else None)
        rows, isolation = self._config.batch_max_rows, self._config.isolation
        self._reading = await Reading.open(connection, sql, arguments, rows, isolation, self._snapshot)

    async def _settled(self, connection: asyncpg.Connection, mark: Mark, now: float) -> bool:
        if await mark.settled(connection):
            self.waits_for = None
            return True
        waited_s, limit_ms = now - mark.since, self._config.open_transactions_wait_ms
        who = ", ".join(map(str, mark.pids)) or "a prepared transaction"
        if limit_ms >= 0 and waited_s * 1000 >= limit_ms:
            self.waits_for = None
            self._warn(
                f"reading {self.shown} although transactions are still open (server process {who}): "
                "rows that they commit may be missed"
            )
            return True
        told = (
            f"new rows of {self.shown} have waited {waited_s:.0f} s for open transactions to end "
            f"(server process {who}); end these, or bound the wait with open.transactions.wait.ms"
        )
        if waited_s >= SETTLE_FIRST_WARNING_S:
            self.waits_for = told
        if waited_s - self._warned_s >= (SETTLE_WARNING_S if self._warned_s else SETTLE_FIRST_WARNING_S):
            self._warned_s = waited_s
            self._warn(told)
        return False

    def _warn(self, text: str) -> None:
        self.notes.append((logging.WARNING, text))

    async def _set_mark(self, connection: asyncpg.Connection, now: float) -> Mark | None:
        self._warned_s = 0.0
        arguments: list[Any] = []
        if self._by_time:
            delay = dt.timedelta(milliseconds=self._config.timestamp_delay_interval_ms)
            clock = f"clock_timestamp() - {bind(arguments, delay)}::interval"
            if not self._with_zone:
                clock = f"({clock}) AT TIME ZONE {bind(arguments, str(self._style.zone))}::text"
            after = self._after(arguments)
            query = f"SELECT {clock} WHERE EXISTS (SELECT FROM {self._source} WHERE {after}{self._time} < {clock})"  # noqa: S608 - quoted
        else:
            query = f"SELECT max({self._id}) FROM {self._source} WHERE {self._after(arguments)}true"  # noqa: S608 - quoted
        wait = self._config.open_transactions_wait_ms != 0
        mark = await set_mark(connection, query, arguments, by_time=self._by_time, wait=wait, now=now)
        if mark is not None and self._by_time:
            mark.end = self._floored(mark.end)
        return mark

    def _floored(self, timestamp: dt.datetime) -> dt.datetime:
        """Round down to the columns' grain: more rows of the present second may come to a timestamp(0)."""
        digits = min(c.modifier if c.modifier >= 0 else 6 for c in self._columns if c.name in self._time_names)
        return timestamp - dt.timedelta(microseconds=timestamp.microsecond % 10 ** (6 - digits))

    # -- statements ------------------------------------------------------------------------------------------------

    @property
    def _source(self) -> str:
        return self._table.sql if self._table else f"({self._config.statement}\n) AS query"

    @property
    def _id(self) -> str:
        return quoted(self._id_name)

    @property
    def _time(self) -> str:
        columns = [quoted(name) for name in self._time_names]
        return columns[0] if len(columns) == 1 else f"COALESCE({', '.join(columns)})"

    @property
    def _with_zone(self) -> bool:
        return any(c.type == _TIMESTAMP_TYPES[0] for c in self._columns if c.name in self._time_names)

    def _after(self, arguments: list[Any]) -> str:
        """Return the condition for rows behind the position, with AND behind it; '' at the beginning."""
        id_, timestamp = self._position.incrementing, self._position.timestamp
        id_sql = time_sql = ""
        if self._by_id and id_ is not None:
            cast = ID_CASTS[self._column(self._id_name).type]
            id_sql = f"{bind(arguments, id_)}::{cast}"
        kind = "timestamptz" if self._with_zone else "timestamp"
        if self._by_time and timestamp is not None:
            place = _FIRST_SQL if timestamp == _FIRST else bind(arguments, self._timestamp_argument(timestamp))
            time_sql = f"{place}::{kind}"
        elif self._by_time and self._is_behind_bc:
            return f"{self._time} > {_BEFORE_FIRST_SQL}::{kind} AND "
        if not self._by_time:
            return f"{self._id} > {id_sql} AND " if id_sql else ""
        if not time_sql:
            return ""
        if not id_sql:
            return f"{self._time} > {time_sql} AND "
        # Two halves, so that an index on the time alone serves.
        return f"{self._time} >= {time_sql} AND ({self._time} > {time_sql} OR {self._id} > {id_sql}) AND "

    def _statement(self, end: Any) -> tuple[str, list[Any]]:
        """Return the statement of a read and its arguments: what is behind the position and not behind the end."""
        arguments: list[Any] = []
        sql = f"SELECT {select_list(self._columns, self._style, careful=self._careful)} FROM {self._source}"  # noqa: S608 - names are quoted, values are arguments
        if self._by_time:
            kind = "timestamptz" if self._with_zone else "timestamp"
            timestamp = self._time if self._time.startswith("COALESCE") else _expression(self._time)
            order = f"{timestamp}, {_expression(self._id)}" if self._by_id else timestamp
            upto = f"{self._after(arguments)}{self._time} < {bind(arguments, end)}::{kind}"
            sql += f" WHERE {upto}{self._within(arguments)} ORDER BY {order}"
        elif self._by_id:
            cast = ID_CASTS[self._column(self._id_name).type]
            order = _expression(self._id)
            upto = f"{self._after(arguments)}{self._id} <= {bind(arguments, end)}::{cast}"
            sql += f" WHERE {upto}{self._within(arguments)} ORDER BY {order}"
        elif within := self._within(arguments):
            sql += f" WHERE true{within}"
        return f"{sql} {self._config.query_suffix}", arguments

    def _within(self, arguments: list[Any]) -> str:
        """Return a condition, with AND before it, for rows that are to be read at all; '' for all."""
        return ""

    def _timestamp_argument(self, timestamp: dt.datetime) -> dt.datetime:
        return timestamp if self._with_zone else timestamp.astimezone(self._style.zone).replace(tzinfo=None)

    # -- columns ---------------------------------------------------------------------------------------------------

    async def describe(self, connection: asyncpg.Connection, *, exact: bool = True) -> None:
        """Learn the columns: of a table for each read, since it may be altered; of the query once a connection.

        Args:
            exact: False looks at a query in a read-only transaction alone, and may not learn the precision of numerics.

        Raises:
            ConfigError: The table is gone, or a column that the mode needs is missing or not fit for it.
        """
        if self._table is None:
            columns = self._columns or await describe_query(connection, self._config.statement, exact=exact)
        else:
            found = await describe_table(connection, self._table)
            if found is None:
                raise ConfigError(
                    f"{self.shown} does not exist any more",
                    config_path="table.whitelist",
                    hint="Create it again, or leave it out of the connector's tables.",
                )
            columns = found.columns
        if columns == self._columns and self._schema is not None:
            return
        self._columns = columns
        await self._choose_columns(connection)
        self._check_columns()
        if finer := self._style.finer_than_kept(columns):
            self.notes.append(
                (
                    logging.INFO,
                    (
                        f"{self.shown}: timestamps go with milliseconds, "
                        f"and what is finer in {', '.join(finer)} is cut; "
                        "timestamp.granularity=micros_long and its kin keep it"
                    ),
                )
            )
        self._schema = self._style.row_schema(self._table.name if self._table else "query", columns)
        self._readers = self._style.readers(columns)

    async def _choose_columns(self, connection: asyncpg.Connection) -> None:
        config, table, database = self._config, self._table, ""
        if config.maps_columns and not (self._id_name or self._time_names):
            database = await connection.fetchval("SELECT current_database()")
            # On a thread: the patterns are the user's.
            self._id_name = await asyncio.to_thread(config.id_column, table, database)
            self._time_names = await asyncio.to_thread(config.time_columns, table, database)
        elif not config.maps_columns:
            self._id_name, self._time_names = config.id_column(table), config.time_columns(table)
        if not self._by_id or self._id_name:
            return
        self._id_name = next((column.name for column in self._columns if column.is_numbered), "")
        if not self._id_name:
            raise ConfigError(
                f"{self.shown} has no column that the server numbers (serial, identity); "
                f"it has {', '.join(column.name for column in self._columns)}",
                config_path="incrementing.column.name",
                hint="Name the column that is greater in each new row with incrementing.column.name, "
                "or incrementing.column.mapping where tables differ.",
            )

    def _column(self, name: str) -> ColumnInfo:
        return next(column for column in self._columns if column.name == name)

    def _check_columns(self) -> None:
        if self._by_id:
            self._check_column(self._config.id_key, self._id_name, tuple(ID_CASTS), "a column of whole numbers")
        if self._by_time:
            for name in self._time_names:
                self._check_column(self._config.times_key, name, _TIMESTAMP_TYPES, "a timestamp")
        if self._table is None or not self._config.validate_non_null:
            return
        id_name, time_names = self._id_name, self._time_names
        if self._by_id and not self._column(id_name).not_null:
            raise ConfigError(
                f"{self.shown}: incrementing column {id_name!r} may be null, and rows with null would be missed",
                config_path=self._config.id_key,
                hint="Make the column NOT NULL, or set validate.non.null=false.",
            )
        if self._by_time and not any(self._column(name).not_null for name in time_names):
            raise ConfigError(
                f"{self.shown}: every timestamp column may be null ({', '.join(time_names)}), "
                "and rows with nulls would be missed",
                config_path=self._config.times_key,
                hint="Make one of them NOT NULL, or set validate.non.null=false.",
            )

    def _check_column(self, path: str, name: str, kinds: tuple[str, ...], wanted: str) -> None:
        names = [column.name for column in self._columns]
        if name not in names:
            raise ConfigError(
                f"{self.shown} has no column {name!r}; it has {', '.join(names)}",
                config_path=path,
                hint=f"Correct {path}; names are compared with case.",
            )
        if (kind := self._column(name).type) not in kinds:
            raise ConfigError(f"{self.shown}: {path} must be {wanted}; {name!r} is {kind}", config_path=path)

    # -- rows to batches -------------------------------------------------------------------------------------------

    def _batch(self, values: Sequence[dict[str, Any]]) -> Batch:
        return Batch(
            topic=self._topic,
            values=values.for_batch() if isinstance(values, StructColumn) else list(values),
            value_schema=self._schema,
            source_partition=self._partition,
            source_offset=self._offset(),
        )

    def _offset(self) -> dict[str, Any] | None:
        """Return the source offset of what was read so far."""
        return self._position.to_offset()

    def _behind(self, rows: list[Any], *, last: bool) -> Position:
        """Return the position after these rows."""
        id_ = int(Decimal(rows[-1][self._id_name])) if self._by_id else None
        if not self._by_time:
            return Position(id_) if self._by_id else self._position
        end = self._row_time(rows[-1])
        if end is None:
            # Times that Python does not hold come first of all, and an offset does not hold them either.
            self._is_behind_bc |= last
            return self._position
        if self._by_id or last:
            return Position(id_, end)
        # More rows of the last time may follow: it counts from the next time on.
        times = map(self._row_time, reversed(rows))
        whole = next((timestamp for timestamp in times if timestamp != end), None)
        return self._position if whole is None else Position(timestamp=whole)

    def _placed(self, rows: list[Any], wrong: list[Unreadable]) -> list[Any]:
        """Return rows for the position: one whose time cannot be read has none, whatever its other times say."""
        if not self._careful:
            return rows
        unplaced = {one.index for one in wrong if one.column in self._time_names}
        nothing = dict.fromkeys(self._time_names)
        return [{**row, **nothing} if index in unplaced else row for index, row in enumerate(rows)]

    def _row_time(self, row: Mapping[str, Any]) -> dt.datetime | None:
        """Return the time of a row, None where Python does not hold it."""
        timestamp = next((row[name] for name in self._time_names if row[name] is not None), None)
        if isinstance(timestamp, str):
            try:
                timestamp = dt.datetime.fromisoformat(timestamp)
            except ValueError:
                return None
        if timestamp is None:
            return None
        zone = self._style.zone if timestamp.tzinfo is None else timestamp.tzinfo
        try:
            moment: dt.datetime = timestamp.replace(tzinfo=zone).astimezone(dt.UTC)
        except OverflowError:
            return None
        return moment

    def _resumed(
        self, find: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
    ) -> tuple[dict[str, Any], Position]:
        """Return the source partition and where to begin: at the offset under any name that JDBC connectors give it."""
        partitions: list[dict[str, Any]] = [{"query": "query"}]
        if self._table is not None:
            database = self._config.database
            names = [str(self._table), *([f"{database}.{self._table}"] if database else []), self._table.name]
            partitions = [{"protocol": "1", "table": name} for name in names] + [{"table": self._table.name}]
        for partition in partitions:
            if offset := find(partition):
                self._has_offset = True
                return partition, Position.of_offset(offset)
        initial = self._config.timestamp_initial
        if initial is None or not self._by_time:
            return partitions[0], Position()
        start = dt.datetime.now(dt.UTC) if initial == -1 else _EPOCH + dt.timedelta(milliseconds=initial)
        return partitions[0], Position(timestamp=start)


def _expression(name: str) -> str:
    """Return a column for ORDER BY, where its bare name would mean what is selected under it, which may be text."""
    return f"COALESCE({name})"


def bind(arguments: list[Any], value: Any) -> str:
    """Add an argument and return its place in the statement."""
    arguments.append(value)
    return f"${len(arguments)}"
