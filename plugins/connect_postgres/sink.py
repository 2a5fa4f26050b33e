"""The sink: each `put_batch` is one transaction, so all of a batch is in the table or nothing of it.

Tombstones and values of one batch are put in order by what they come to: of a key that has a tombstone the row is
deleted, and only what came behind its last tombstone is written. In upsert and update the last of equal keys counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from connect.api import (
    Batch,
    ConfigError,
    DataError,
    EnvironmentFault,
    Problem,
    RetriableError,
    SinkConnector,
    SinkTask,
)
from connect_postgres.catalog import ColumnInfo, TableInfo
from connect_postgres.checks import sink_problems
from connect_postgres.connection import close, connect, connect_patiently
from connect_postgres.failures import explained
from connect_postgres.fields import Fields, fields_of, key_fields_of
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import Tables
from connect_postgres.values import fit
from connect_postgres.version import VERSION
from connect_postgres.writes import Writer

if TYPE_CHECKING:
    import asyncpg


class JdbcSinkTask(SinkTask):
    """Writes over one connection."""

    config: SinkConfig

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._writer: Writer | None = None
        self._tables = Tables(self.config)
        self._zone = self.config.zone
        self._failures = 0
        await self._connected()

    async def stop(self) -> None:
        connection, self._connection = getattr(self, "_connection", None), None
        await close(connection)

    async def put_batch(self, batch: Batch) -> None:
        if not len(batch):
            return
        name = self._table_of(batch.topic)
        try:
            async with explained(f"writing to table {name}", self.config.target, retry_after_ms=self.config.retry_backoff_ms or None):  # fmt: skip
                await self._put(name, batch)
        except RetriableError as error:
            await self._count(error)
            raise
        except DataError as error:
            if not error.message.startswith("writing to"):
                raise DataError(
                    f"writing to table {name}: {error.message}", code=error.code, hint=error.hint
                ) from error
            raise
        self._failures = 0

    async def _put(self, name: TableName, batch: Batch) -> None:
        connection, writer = await self._connected()
        try:
            async with connection.transaction():
                await self._write(connection, writer, name, batch)
        except BaseException:
            self._tables.forget()  # what this transaction made is gone, and what it met may have changed
            raise

    async def _write(self, connection: asyncpg.Connection, writer: Writer, name: TableName, batch: Batch) -> None:
        if self.config.delete_enabled and None in batch.values:
            batch = await self._delete(connection, writer, name, batch)
            if not len(batch):
                return
        fields = fields_of(batch, self.config)
        table = await self._tables.ready(connection, name, fields)
        columns, values = self._fitted(table, fields)
        mode = self.config.write_mode
        if mode == "insert":
            await writer.insert(table.name, columns, values)
            return
        values = _last_of_equal_keys(columns, values, fields.key)
        await (writer.upsert if mode == "upsert" else writer.update)(table.name, columns, values, fields.key)

    async def _delete(self, connection: asyncpg.Connection, writer: Writer, name: TableName, batch: Batch) -> Batch:
        """Delete the rows of tombstones; return what is still to be written."""
        fields = key_fields_of(batch, self.config)
        keys = list(map(_hashable, fields.key_rows))
        last = {key: index for index, key in enumerate(keys) if batch.values[index] is None}
        table = await self._tables.find(connection, name)
        if table is not None:  # else nothing was ever written under these keys
            dead = Fields(key=fields.key)
            for column in fields.key:
                dead.add(column, [fields.columns[column][index] for index in last.values()], fields.schemas[column])
            columns, values = self._fitted(table, dead)
            await writer.delete(table.name, columns, values)
        return batch.select([index > last.get(key, -1) for index, key in enumerate(keys)])

    def _fitted(self, table: TableInfo, fields: Fields) -> tuple[list[ColumnInfo], list[list[Any]]]:
        columns = [table.column(name) for name in fields.columns]
        found = [column for column in columns if column is not None]
        if len(found) != len(columns):
            missing = next(name for name in fields.columns if table.column(name) is None)
            raise ConfigError(f"table {table.name} has no column {missing!r}; it has {', '.join(table.column_names)}", config_path="pk.fields")  # fmt: skip
        return found, [fit(fields.columns[column.name], column, self._zone) for column in found]

    def _table_of(self, topic: str) -> TableName:
        try:
            return self.config.table_of(topic)
        except ValueError as error:
            raise ConfigError(f"topic {topic}: {error}", config_path="table.name.format", hint="Name the table with table.name.format, or rename the topic with RegexRouter.") from error  # fmt: skip

    async def _connected(self) -> tuple[asyncpg.Connection, Writer]:
        if self._connection is None or self._writer is None or self._connection.is_closed():
            self._connection = await connect(self.config)
            self._writer = Writer(self._connection)
            self._tables.forget()
        return self._connection, self._writer

    async def _count(self, error: RetriableError) -> None:
        """Begin anew on another connection after a failure that passes; give up where max.retries says so."""
        await self.stop()
        self._failures += 1
        if 0 <= self.config.max_retries < self._failures:
            message = f"{error.message}; max.retries={self.config.max_retries} is used up"
            raise EnvironmentFault(message, code=error.code, hint=error.hint) from error


class JdbcSinkConnector(SinkConnector):
    """Write topics into PostgreSQL tables: the JDBC sink connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSinkConnector"
    aliases = ("connect_postgres.PostgresSink", "io.aiven.connect.jdbc.JdbcSinkConnector")
    version = VERSION
    config_class = SinkConfig
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask
    config: SinkConfig

    async def start(self) -> None:
        await close(await connect_patiently(self.config))

    def alter_offsets(self, offsets: Mapping[tuple[str, int], int | None]) -> bool:
        """Take any: the group's offsets are all there is. Rows that are read again are written as insert.mode says."""
        return True

    async def check(self) -> list[Problem]:
        connection = await connect(self.config)
        try:
            topics = [topic.strip() for topic in str(self.config.originals.get("topics") or "").split(",")]
            return await sink_problems(connection, self.config, [topic for topic in topics if topic])
        finally:
            await close(connection)


def _last_of_equal_keys(columns: list[ColumnInfo], values: list[list[Any]], key: list[str]) -> list[list[Any]]:
    at = [index for index, column in enumerate(columns) if column.name in key]
    last = {_hashable(row): place for place, row in enumerate(zip(*(values[index] for index in at), strict=True))}
    if len(last) == len(values[0]):
        return values
    return [[column[place] for place in last.values()] for column in values]


def _hashable(row: tuple[Any, ...]) -> Any:
    try:
        hash(row)
    except TypeError:  # an array or object in a key
        return repr(row)
    return row
