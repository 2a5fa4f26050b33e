"""The sink: each put, over all its tables, is one transaction, so all of it is in the tables or nothing of it.

Tombstones and values of one batch are put in order by what they come to: of a key that has a tombstone the row is
deleted, and only what came behind its last tombstone is written. In upsert and update the last of equal keys counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
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
from connect_postgres.connection import close, connect
from connect_postgres.failures import explained
from connect_postgres.fields import Fields, fields_of, key_fields_of
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import Tables
from connect_postgres.values import fit
from connect_postgres.version import VERSION
from connect_postgres.writes import Writer, copies

if TYPE_CHECKING:
    import asyncpg


class JdbcSinkTask(SinkTask[SinkConfig]):
    """Writes over one connection."""

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._writer: Writer | None = None
        self._tables = Tables(self.config)
        self._zone = self.config.zone
        self._failures = 0
        #: Whether the last put may have been committed although its answer was lost.
        self._in_doubt = False
        #: The batch that is copied straight into its table, row by row: COPY's lines are its records.
        self._copied: Batch | None = None
        #: Whether a row of ours can be told by its key: topic, partition and offset.
        self._recognises = self.config.write_mode == "insert" and self.config.key_mode == "kafka"
        await self._connected()

    async def stop(self) -> None:
        connection, self._connection = getattr(self, "_connection", None), None
        await close(connection)

    async def put_batch(self, batch: Batch) -> None:
        await self.put_batches([batch])

    async def put_batches(self, batches: Sequence[Batch]) -> None:
        """Write the batches of one fetch in one transaction: all of it is there when this returns, or nothing.

        Cancelled, it is one of the two.
        """
        filled = [batch for batch in batches if len(batch)]
        if not filled:
            return
        try:
            await self._put(filled)
        except RetriableError as error:
            self._in_doubt = True
            await self._count(error)
            raise
        self._failures = 0
        self._in_doubt = False

    async def _put(self, batches: Sequence[Batch]) -> None:
        try:
            await self._transaction(batches, recognise=self._recognises and self._in_doubt)
        except DataError as error:
            if not (self._recognises and not self._in_doubt and getattr(error.__cause__, "sqlstate", None) == "23505"):
                raise
            # Perhaps rows of ours, whose commit was never answered or not followed by that of their offsets.
            await self._transaction(batches, recognise=True)

    async def _transaction(self, batches: Sequence[Batch], *, recognise: bool) -> None:
        connection, writer = await self._connected()
        names = [self._table_of(batch.topic) for batch in batches]
        shown = ", ".join(sorted(set(map(str, names))))
        try:
            async with (
                self._explained(f"writing to table {shown}"),  # the commit, for what is checked only then
                connection.transaction(),
            ):
                for name, batch in zip(names, batches, strict=True):
                    await self._write_one(connection, writer, name, batch, recognise=recognise)
        except BaseException:
            self._tables.forget()  # what this transaction made is gone, and what it met may have changed
            raise

    def _explained(
        self, what: str, record: Callable[[int | None], str | None] | None = None
    ) -> AbstractAsyncContextManager[None]:
        retry_ms = self.config.retry_backoff_ms or None
        return explained(what, self.config.target, retry_after_ms=retry_ms, record=record, writing=True)

    async def _write_one(
        self, connection: asyncpg.Connection, writer: Writer, name: TableName, batch: Batch, *, recognise: bool
    ) -> None:
        self._copied = None
        only = _record(batch, 0) if len(batch) == 1 else None
        name_record: Callable[[int | None], str | None] = lambda line: (  # noqa: E731 - a line counts where rows are copied straight
            only if only or line is None or self._copied is None else _record(self._copied, line - 1)
        )
        what = f"writing to table {name}"
        try:
            async with self._explained(what, name_record):
                await self._write(connection, writer, name, batch, recognise=recognise)
        except DataError as error:
            if not error.message.startswith("writing to"):
                where = f"{what}, record {only}" if only else what
                raise DataError(f"{where}: {error.message}", code=error.code, hint=error.hint) from error
            raise

    async def _write(
        self, connection: asyncpg.Connection, writer: Writer, name: TableName, batch: Batch, *, recognise: bool
    ) -> None:
        if self.config.delete_enabled and None in batch.values:
            batch = await self._delete(connection, writer, name, batch)
            if not len(batch):
                return
        fields = fields_of(batch, self.config)
        table = await self._tables.ready(connection, name, fields)
        columns, values = self._fitted(table, fields)
        mode = self.config.write_mode
        if mode == "insert":
            if recognise:
                await self._insert_missing(writer, table, columns, values, fields.key)
                return
            self._copied = batch if copies(table, columns) else None
            await writer.insert(table, columns, values)
            return
        values = _last_of_equal_keys(columns, values, fields.key)
        await (writer.upsert if mode == "upsert" else writer.update)(table.name, columns, values, fields.key)

    async def _insert_missing(
        self, writer: Writer, table: TableInfo, columns: list[ColumnInfo], values: list[list[Any]], key: list[str]
    ) -> None:
        new = await writer.insert_missing(table.name, columns, values, key)
        if known := len(values[0]) - new:
            self.context.log.warning(
                "%d rows of table %s are there already under their topic, partition and offset, "
                "and are taken as written",
                known,
                table.name,
            )

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
        columns, values = [], []
        for name in fields.columns:
            column = table.column(name)
            if column is None:
                raise ConfigError(
                    f"table {table.name} has no column {name!r}; it has {', '.join(table.column_names)}",
                    config_path="pk.fields",
                )
            if column.generated:
                raise ConfigError(
                    f"column {name} of table {table.name} is GENERATED: "
                    "the server computes it, and takes no value for it",
                    config_path="fields.whitelist",
                    hint="Leave the field out with fields.whitelist, or with the ReplaceField transform.",
                )
            column, fitted = fit(fields.columns[name], column, self._zone, fields.schemas[name])
            columns.append(column)
            values.append(fitted)
        return columns, values

    def _table_of(self, topic: str) -> TableName:
        try:
            return self.config.table_of(topic)
        except ValueError as error:
            raise ConfigError(
                f"topic {topic}: {error}",
                config_path="table.name.format",
                hint="Name the table with table.name.format, or rename the topic with RegexRouter.",
            ) from error

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


class JdbcSinkConnector(SinkConnector[SinkConfig]):
    """Write topics into PostgreSQL tables: the JDBC sink connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSinkConnector"
    aliases = ("connect_postgres.PostgresSink", "io.aiven.connect.jdbc.JdbcSinkConnector")
    version = VERSION
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask

    async def start(self) -> None:
        if self.config.unheeded:
            self.context.log.warning(
                "parameters of the connection that nothing here knows: %s", ", ".join(self.config.unheeded)
            )
        try:
            await close(await connect(self.config))
        except RetriableError as error:
            # An outage: the tasks wait for its end by themselves.
            self.context.log.warning("the tasks will wait: %s", error.message)

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


def _record(batch: Batch, index: int) -> str:
    """Name one record."""
    place = batch.offsets[index] if batch.offsets is not None and index < len(batch) else "?"
    return f"{batch.topic}-{batch.partition}@{place}"


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
