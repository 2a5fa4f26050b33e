"""Tables and queries into topics: the JDBC source connector's keys and offsets.

A poll reads one chunk of one table. Offsets have the shape that the JDBC connector gives them: partition
{"protocol": "1", "table": "schema.table"}, offset {"incrementing": n, "timestamp": ms, "timestamp_nanos": n}.

The value of a batch's last row is the offset after it, so a task that starts again goes on behind it. In the timestamp
modes rows of the present moment are left for the next poll (`timestamp.delay.interval.ms`), since a transaction that
is still open may add more of them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from connect.api import (
    Batch,
    ConfigError,
    Problem,
    Schema,
    SourceConnector,
    SourceTask,
    key,
)
from connect_postgres.catalog import ColumnInfo, TableInfo, describe_table, reader, row_schema
from connect_postgres.connection import ConnectionConfig, connect, explained, quoted, quoted_table
from connect_postgres.version import VERSION

if TYPE_CHECKING:
    import asyncpg

INCREMENTING = ("incrementing", "timestamp+incrementing")
TIMESTAMP = ("timestamp", "timestamp+incrementing")
TABLES_QUERY = """
SELECT n.nspname AS schema_name, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY($1::"char"[]) AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'
  AND ($2::text IS NULL OR n.nspname = $2) ORDER BY 1, 2
"""
_KINDS = {"TABLE": ["r", "p"], "VIEW": ["v"], "MATERIALIZED VIEW": ["m"], "FOREIGN TABLE": ["f"]}
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SourceConfig(ConnectionConfig):
    """Read tables, or the rows of a query, into topics."""

    mode: str = key("bulk: all rows each time; incrementing, timestamp, timestamp+incrementing: new rows.", importance="high", group="Mode", order=1, one_of=("bulk", "incrementing", "timestamp", "timestamp+incrementing"))  # fmt: skip
    incrementing_column_name: str = key("Column that rises with each new row.", default="", group="Mode", order=2)
    timestamp_column_name: list[str] = key("Columns of which the first that is not null says when a row changed.", default=[], group="Mode", order=3)  # fmt: skip
    timestamp_initial: int | None = key("Start of the timestamp modes, in ms since the epoch; left out means all rows, -1 the present.", type="LONG", default=None, importance="low", group="Mode", order=4)  # fmt: skip
    timestamp_delay_interval_ms: int = key("Rows younger than this are left for a later poll, since transactions may still add some.", type="LONG", default=0, ge=0, group="Mode", order=5)  # fmt: skip
    validate_non_null: bool = key("Whether a nullable incrementing or timestamp column is refused.", default=True, importance="low", group="Mode", order=6)  # fmt: skip
    query: str = key("A query in place of tables; without WHERE in the incremental modes.", default="", group="Mode", order=7, width="LONG")  # fmt: skip
    query_suffix: str = key("Text behind each query, such as a locking clause.", default="", importance="low", group="Mode", order=8)  # fmt: skip
    table_whitelist: list[str] = key(
        "Tables to read; each TABLE or SCHEMA.TABLE.", default=[], group="Database", order=10
    )
    table_include_list: list[str] = key("The same under its newer name.", default=[], group="Database", order=11)
    table_blacklist: list[str] = key("Tables to leave out.", default=[], group="Database", order=12)
    table_exclude_list: list[str] = key("The same under its newer name.", default=[], group="Database", order=13)
    schema_pattern: str | None = key("Only tables of this schema.", default=None, group="Database", order=14)
    table_types: list[str] = key("Kinds of tables: TABLE, VIEW, MATERIALIZED VIEW, FOREIGN TABLE.", default=["TABLE"], importance="low", group="Database", order=15, one_of=tuple(_KINDS))  # fmt: skip
    topic_prefix: str = key("Put before a table's name to make the topic; with 'query' it is the topic.", importance="high", group="Connector")  # fmt: skip
    poll_interval_ms: int = key("Wait between two looks at a table that had nothing new; in bulk mode between two reads.", default=5000, ge=1, importance="high", group="Connector")  # fmt: skip
    batch_max_rows: int = key("Most rows in one batch.", default=5000, ge=1, importance="low", group="Connector")
    table_poll_interval_ms: int = key("How often new tables are looked for, in ms.", type="LONG", default=60000, ge=1, importance="low", group="Connector")  # fmt: skip
    numeric_mapping: str = key("How numeric columns come: none (Decimal), precision_only, best_fit, best_fit_eager_double.", default="none", one_of=("none", "precision_only", "best_fit", "best_fit_eager_double"), importance="low", group="Database", order=16)  # fmt: skip
    db_timezone: str = key(
        "Accepted for JDBC configs; times are UTC.", default="UTC", importance="low", group="Connector"
    )
    quote_sql_identifiers: str = key("Accepted for JDBC configs; identifiers are always quoted.", default="ALWAYS", importance="low", group="Database", order=17)  # fmt: skip

    @property
    def included(self) -> list[str]:
        """The tables to read; [] means all."""
        return self.table_include_list or self.table_whitelist

    @property
    def excluded(self) -> list[str]:
        """The tables to leave out."""
        return self.table_exclude_list or self.table_blacklist

    def problems(self) -> Iterable[Problem]:
        if self.mode in INCREMENTING and not self.incrementing_column_name:
            yield Problem("incrementing.column.name", f"mode={self.mode} needs incrementing.column.name: name the column that rises with each new row")  # fmt: skip
        if self.mode in TIMESTAMP and not self.timestamp_column_name:
            yield Problem("timestamp.column.name", f"mode={self.mode} needs timestamp.column.name: name the column that says when a row changed")  # fmt: skip
        if self.query and (self.included or self.excluded):
            yield Problem("query", "query cannot be given together with lists of tables: give one of them")
        if self.included and self.excluded:
            yield Problem("table.exclude.list", "tables can be included or excluded, not both: give one list")


class TaskConfig(SourceConfig):
    """One task's share."""

    tables: list[str] = key("Tables of this task, as SCHEMA.TABLE.", default=[], internal=True)


@dataclass(slots=True)
class Feed:
    """One table, or the query, as a task reads it.

    `name` is what offsets and messages call it; `sql` what stands behind FROM.
    """

    name: str
    topic: str
    sql: str
    partition: dict[str, Any]
    table: TableInfo | None = None
    columns: list[ColumnInfo] = field(default_factory=list)
    schema: Schema | None = None
    incrementing: int | None = None
    timestamp: dt.datetime | None = None
    due: float = 0.0
    reading: tuple[Any, Any] | None = None


class JdbcSourceTask(SourceTask):
    """Reads its tables in turn over one connection."""

    config_class = TaskConfig
    config: TaskConfig

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._feeds = (
            [self._query_feed()] if self.config.query else [self._table_feed(name) for name in self.config.tables]
        )
        for feed in self._feeds:
            self._resume(feed)
        await self._connected()

    async def stop(self) -> None:
        connection, self._connection = getattr(self, "_connection", None), None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=5)
            except (OSError, TimeoutError):
                connection.terminate()

    async def poll_batch(self) -> Batch | None:
        if not self._feeds:
            await asyncio.sleep(1)
            return None
        # A read under way goes on before another begins: its transaction holds the connection.
        feed = next((one for one in self._feeds if one.reading is not None), min(self._feeds, key=lambda one: one.due))
        wait_s = feed.due - time.monotonic()
        if wait_s > 0 and feed.reading is None:
            await asyncio.sleep(min(wait_s, 1))
            return None
        async with explained(self.config, f"reading {feed.name}"):
            try:
                return await self._read(await self._connected(), feed)
            except BaseException:
                # Whatever was under way is gone; the next poll starts behind the last row that was returned.
                feed.reading = None
                await self.stop()
                raise

    # -- reading ---------------------------------------------------------------------------------------------------

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self.config)
            for feed in self._feeds:
                feed.table, feed.schema, feed.reading = None, None, None
        return self._connection

    async def _read(self, connection: asyncpg.Connection, feed: Feed) -> Batch | None:
        if feed.schema is None:
            await self._describe(connection, feed)
        if self.config.mode == "bulk":
            rows = await self._next_of_all(connection, feed)
        else:
            rows = await self._new_rows(connection, feed)
        if len(rows) < self.config.batch_max_rows:
            feed.due = time.monotonic() + self.config.poll_interval_ms / 1000
        return self._batch(feed, rows) if rows else None

    async def _describe(self, connection: asyncpg.Connection, feed: Feed) -> None:
        if self.config.query:
            statement = await connection.prepare(f"SELECT * FROM {feed.sql} LIMIT 0")  # noqa: S608 - quoted, or the user's query
            # A statement that was only prepared leaves the server inside an implicit transaction.
            await statement.fetch()
            feed.columns = [_query_column(attribute) for attribute in statement.get_attributes()]
        else:
            feed.table = await describe_table(connection, feed.sql, self.config.numeric_mapping)
            if feed.table is None:
                raise ConfigError(f"table {feed.name} does not exist any more")
            feed.columns = list(feed.table.columns)
        self._check_columns(feed)
        feed.schema = row_schema(feed.table.name if feed.table else "query", feed.columns)

    def _check_columns(self, feed: Feed) -> None:
        names = [column.name for column in feed.columns]
        wanted = [self.config.incrementing_column_name] if self.config.mode in INCREMENTING else []
        wanted += self.config.timestamp_column_name if self.config.mode in TIMESTAMP else []
        for name in wanted:
            if name not in names:
                raise ConfigError(f"{feed.name} has no column {name!r}; it has {', '.join(names)}", hint="Names are compared with case.")  # fmt: skip
        if not self.config.validate_non_null or feed.table is None:
            return
        nullable = [name for name in wanted if not next(c for c in feed.columns if c.name == name).not_null]
        if self.config.mode in INCREMENTING and self.config.incrementing_column_name in nullable:
            raise ConfigError(f"{feed.name}: incrementing column {self.config.incrementing_column_name!r} may be null, and rows with null would be missed", hint="Make the column NOT NULL, or set validate.non.null=false.")  # fmt: skip
        if self.config.mode in TIMESTAMP and set(self.config.timestamp_column_name) <= set(nullable):
            raise ConfigError(f"{feed.name}: every timestamp column may be null ({', '.join(nullable)}), and rows with nulls would be missed", hint="Make one NOT NULL, or set validate.non.null=false.")  # fmt: skip

    async def _next_of_all(self, connection: asyncpg.Connection, feed: Feed) -> list[Any]:
        """The next rows of a whole read, which is one transaction, so one moment."""
        if feed.reading is None:
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            sql = f"SELECT {self._select(feed)} FROM {feed.sql} {self.config.query_suffix}"  # noqa: S608 - quoted
            feed.reading = (transaction, await connection.cursor(sql))
        transaction, cursor = feed.reading
        rows: list[Any] = await cursor.fetch(self.config.batch_max_rows)
        if len(rows) < self.config.batch_max_rows:
            feed.reading = None
            await transaction.commit()
        return rows

    async def _new_rows(self, connection: asyncpg.Connection, feed: Feed) -> list[Any]:
        conditions, order, arguments = self._bounds(feed)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        limit = self.config.batch_max_rows
        sql = f"SELECT {self._select(feed)} FROM {feed.sql} {where} ORDER BY {order} LIMIT {limit} {self.config.query_suffix}"  # noqa: S608 - identifiers are quoted, values are parameters
        rows: list[Any] = await connection.fetch(sql, *arguments)
        if self.config.mode == "timestamp" and len(rows) == limit:
            rows = await self._with_ties(connection, feed, rows)
        return rows

    async def _with_ties(self, connection: asyncpg.Connection, feed: Feed, rows: list[Any]) -> list[Any]:
        """Complete the last timestamp of a full chunk: the offset says nothing about rows of equal time."""
        last = self._row_time(rows[-1])
        kept = [row for row in rows if self._row_time(row) != last]
        sql = f"SELECT {self._select(feed)} FROM {feed.sql} WHERE {self._time_sql()} = $1 {self.config.query_suffix}"  # noqa: S608
        return kept + await connection.fetch(sql, self._argument(feed, last))

    def _bounds(self, feed: Feed) -> tuple[list[str], str, list[Any]]:
        """What is new: behind the offset, and not too young."""
        column = quoted(self.config.incrementing_column_name) if self.config.mode in INCREMENTING else ""
        if self.config.mode == "incrementing":
            if feed.incrementing is None:
                return [], column, []
            return [f"{column} > $1"], column, [feed.incrementing]
        time_sql = self._time_sql()
        delay = dt.timedelta(milliseconds=self.config.timestamp_delay_interval_ms)
        conditions, arguments = [f"{time_sql} < $1"], [self._argument(feed, dt.datetime.now(dt.UTC) - delay)]
        if feed.timestamp is not None:
            arguments.append(self._argument(feed, feed.timestamp))
            if column and feed.incrementing is not None:
                arguments.append(feed.incrementing)  # type: ignore[arg-type]
                conditions.append(f"({time_sql} > $2 OR ({time_sql} = $2 AND {column} > $3))")
            else:
                conditions.append(f"{time_sql} > $2")
        return conditions, f"{time_sql}, {column}" if column else time_sql, arguments

    def _time_sql(self) -> str:
        columns = [quoted(name) for name in self.config.timestamp_column_name]
        return columns[0] if len(columns) == 1 else f"COALESCE({', '.join(columns)})"

    def _argument(self, feed: Feed, moment: dt.datetime) -> dt.datetime:
        kind = next(column.type for column in feed.columns if column.name == self.config.timestamp_column_name[0])
        return moment if kind == "timestamp with time zone" else moment.replace(tzinfo=None)

    def _select(self, feed: Feed) -> str:
        return ", ".join(_selected(column) for column in feed.columns)

    # -- rows to batches -------------------------------------------------------------------------------------------

    def _batch(self, feed: Feed, rows: list[Any]) -> Batch:
        names = [column.name for column in feed.columns]
        converted = [(column.name, convert) for column in feed.columns if (convert := reader(column)) is not None]
        values = [dict(row) for row in rows]
        for name, convert in converted:
            for value in values:
                value[name] = convert(value[name])
        assert set(names) == set(values[0]), "a row has the columns that were selected"
        self._advance(feed, values[-1])
        return Batch(
            topic=feed.topic,
            values=values,
            value_schema=feed.schema,
            source_partition=feed.partition,
            source_offset=self._offset(feed),
        )

    def _row_time(self, row: Mapping[str, Any]) -> dt.datetime:
        moment: dt.datetime = next(row[name] for name in self.config.timestamp_column_name if row[name] is not None)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment

    def _advance(self, feed: Feed, last: Mapping[str, Any]) -> None:
        if self.config.mode in INCREMENTING:
            feed.incrementing = last[self.config.incrementing_column_name]
        if self.config.mode in TIMESTAMP:
            feed.timestamp = self._row_time(last)

    def _offset(self, feed: Feed) -> dict[str, Any] | None:
        offset: dict[str, Any] = {}
        if feed.incrementing is not None:
            offset["incrementing"] = int(feed.incrementing)
        if feed.timestamp is not None:
            micros = (feed.timestamp - EPOCH) // dt.timedelta(microseconds=1)
            offset["timestamp"] = micros // 1000
            offset["timestamp_nanos"] = micros % 1_000_000 * 1000
        return offset or None

    # -- feeds -----------------------------------------------------------------------------------------------------

    def _query_feed(self) -> Feed:
        return Feed("the query", self.config.topic_prefix, f"({self.config.query}) AS query", {"query": "query"})

    def _table_feed(self, name: str) -> Feed:
        table = name.rpartition(".")[2]
        return Feed(name, self.config.topic_prefix + table, quoted_table(name), {"protocol": "1", "table": name})

    def _resume(self, feed: Feed) -> None:
        offset = self.context.offset(feed.partition) or {}
        feed.incrementing = offset.get("incrementing")
        if "timestamp" in offset:
            micros = offset.get("timestamp_nanos", 0) // 1000 % 1000
            feed.timestamp = EPOCH + dt.timedelta(milliseconds=offset["timestamp"], microseconds=micros)
        elif self.config.timestamp_initial is not None:
            initial = self.config.timestamp_initial
            feed.timestamp = dt.datetime.now(dt.UTC) if initial == -1 else EPOCH + dt.timedelta(milliseconds=initial)


class JdbcSourceConnector(SourceConnector):
    """Read PostgreSQL tables, or a query, into topics: the JDBC source connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSourceConnector"
    aliases = ("connect_postgres.PostgresSource", "io.aiven.connect.jdbc.JdbcSourceConnector")
    version = VERSION
    config_class = SourceConfig
    task_class: ClassVar[type[SourceTask]] = JdbcSourceTask
    config: SourceConfig

    async def start(self) -> None:
        self._tables: list[str] = []
        self._watching: asyncio.Task[None] | None = None
        if not self.config.query:
            self._tables = await self._find_tables()
            self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        watching = getattr(self, "_watching", None)
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        if self.config.query:
            return [dict(self.config.originals)]
        shares = [self._tables[number::max_tasks] for number in range(min(max_tasks, len(self._tables)))]
        return [{**self.config.originals, "tables": ",".join(share)} for share in shares]

    async def _watch(self) -> None:
        """Look for tables that come and go, and have the work divided anew."""
        while True:
            await asyncio.sleep(self.config.table_poll_interval_ms / 1000)
            try:
                found = await self._find_tables()
            except Exception as error:  # the next look may succeed; the tasks report a lasting trouble themselves
                self.context.log.warning("tables cannot be looked for: %s", error)
                continue
            if found != self._tables:
                self._tables = found
                self.context.request_task_reconfiguration()

    async def _find_tables(self) -> list[str]:
        connection = await connect(self.config)
        try:
            async with explained(self.config, "looking for tables"):
                kinds = [kind.encode() for name in self.config.table_types for kind in _KINDS[name]]
                rows = await connection.fetch(TABLES_QUERY, kinds, self.config.schema_pattern)
        finally:
            await connection.close(timeout=5)
        tables = [(row["schema_name"], row["name"]) for row in rows]
        missing = [name for name in self.config.included if not any(_named(name, table) for table in tables)]
        if missing:
            known = ", ".join(f"{schema}.{name}" for schema, name in tables) or "no tables"
            raise ConfigError(f"table {', '.join(missing)} does not exist in {self.config.target}; there are {known}", config_path="table.whitelist")  # fmt: skip
        return [
            f"{schema}.{name}"
            for schema, name in tables
            if (not self.config.included or any(_named(wanted, (schema, name)) for wanted in self.config.included))
            and not any(_named(unwanted, (schema, name)) for unwanted in self.config.excluded)
        ]


def _named(wanted: str, table: tuple[str, str]) -> bool:
    parts = wanted.replace('"', "").split(".")
    return parts[-1] == table[1] and (len(parts) == 1 or parts[-2] == table[0])


def _selected(column: ColumnInfo) -> str:
    name = quoted(column.name)
    return f"{name}::{column.text_cast} AS {name}" if column.text_cast else name


def _query_column(attribute: Any) -> ColumnInfo:
    from connect_postgres.catalog import schema_of

    names = {"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
             "bool": "boolean", "timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
             "time": "time without time zone", "varchar": "character varying", "bpchar": "character"}  # fmt: skip
    kind = attribute.type.name
    element = kind.removesuffix("[]").removeprefix("_")
    full = names.get(element, element) + ("[]" if kind.endswith("[]") else "")
    schema = schema_of(full).replace(optional=True)
    return ColumnInfo(attribute.name, full, False, False, False, "", -1, schema)
