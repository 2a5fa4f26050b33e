"""Topics into tables: the JDBC sink connector's keys, over binary COPY.

A `put_batch` is one transaction: all of the batch is in the table, or none. insert is a COPY; upsert is a COPY into a
temporary table and one INSERT … ON CONFLICT from there, with the last of equal keys; a tombstone deletes, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from connect.api import Batch, ConfigError, DataError, Problem, Schema, SinkConnector, SinkTask, key
from connect_postgres.catalog import ColumnInfo, TableInfo, describe_table
from connect_postgres.connection import ConnectionConfig, connect, explained, quoted, quoted_table
from connect_postgres.values import column_type, infer_schema, writer
from connect_postgres.version import VERSION

if TYPE_CHECKING:
    import asyncpg

STAGING = "connect_staging"
KAFKA_COLUMNS = ("__connect_topic", "__connect_partition", "__connect_offset")


class SinkConfig(ConnectionConfig):
    """Write records into tables."""

    insert_mode: str = key("insert: rows are added; upsert: rows with a known key are replaced.", default="insert", one_of=("insert", "upsert"), ignore_case=True, importance="high", group="Writes", order=1)  # fmt: skip
    pk_mode: str = key("What makes a row's key: none, kafka (topic, partition, offset), record_key, record_value.", default="none", one_of=("none", "kafka", "record_key", "record_value"), ignore_case=True, importance="high", group="Data Mapping", order=2)  # fmt: skip
    pk_fields: list[str] = key("Names of the key's columns.", default=[], group="Data Mapping", order=3)
    table_name_format: str = key("Table of a topic; ${topic} stands for its name.", default="${topic}", group="Data Mapping", order=1)  # fmt: skip
    fields_whitelist: list[str] = key("Fields of the value to write; empty means all.", default=[], group="Data Mapping", order=4)  # fmt: skip
    auto_create: bool = key("Whether missing tables are created.", default=False, group="DDL Support", order=1)
    auto_evolve: bool = key("Whether missing columns are added.", default=False, group="DDL Support", order=2)
    delete_enabled: bool = key("Whether a tombstone deletes the row of its key; needs pk.mode=record_key.", default=False, group="Writes", order=3)  # fmt: skip
    batch_size: int = key("Accepted for JDBC configs; a batch is what one fetch brings.", default=3000, ge=0, group="Writes", order=2)  # fmt: skip
    max_retries: int = key("Accepted for JDBC configs; a lost connection is tried until it is back.", default=10, ge=0, group="Retries", order=1)  # fmt: skip
    retry_backoff_ms: int = key("Wait before a failed write is tried again, in ms.", default=3000, ge=0, group="Retries", order=2)  # fmt: skip
    db_timezone: str = key("Accepted for JDBC configs; times are UTC.", default="UTC", group="Data Mapping", order=6)
    quote_sql_identifiers: str = key("Accepted for JDBC configs; identifiers are always quoted.", default="ALWAYS", group="DDL Support", order=3)  # fmt: skip

    def problems(self) -> Iterable[Problem]:
        mode, pk = self.insert_mode.lower(), self.pk_mode.lower()
        if mode == "upsert" and pk == "none":
            yield Problem("pk.mode", "insert.mode=upsert needs a key to find rows by: set pk.mode to record_key, record_value or kafka")  # fmt: skip
        if self.delete_enabled and pk != "record_key":
            yield Problem("delete.enabled", f"delete.enabled=true needs pk.mode=record_key, since a tombstone has only a key; pk.mode is {pk}")  # fmt: skip
        if pk == "record_value" and mode == "upsert" and not self.pk_fields:
            yield Problem("pk.fields", "pk.mode=record_value needs pk.fields: name the fields of the value that make the key")  # fmt: skip
        if pk == "kafka" and len(self.pk_fields) not in (0, 3):
            yield Problem("pk.fields", f"pk.mode=kafka needs three names in pk.fields, for topic, partition and offset, or none; {len(self.pk_fields)} given")  # fmt: skip
        if "${topic}" not in self.table_name_format and "$" in self.table_name_format:
            yield Problem("table.name.format", f"table.name.format {self.table_name_format!r}: the only placeholder is ${{topic}}")  # fmt: skip


class JdbcSinkTask(SinkTask):
    """Writes over one connection."""

    config: SinkConfig

    async def start(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._tables: dict[str, TableInfo] = {}
        self._upsert = self.config.insert_mode.lower() == "upsert"
        self._pk_mode = self.config.pk_mode.lower()
        await self._connected()

    async def stop(self) -> None:
        connection, self._connection = getattr(self, "_connection", None), None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=5)
            except (OSError, TimeoutError):
                connection.terminate()

    async def put_batch(self, batch: Batch) -> None:
        name = self.config.table_name_format.replace("${topic}", batch.topic)
        async with explained(self.config, f"writing to table {name}"):
            connection = await self._connected()
            try:
                async with connection.transaction():
                    await self._write(connection, name, batch)
            except BaseException as error:
                self._tables.pop(name, None)  # a table made in this transaction is not there any more
                if not isinstance(error, DataError | ConfigError) and not getattr(error, "sqlstate", None):
                    connection.terminate()  # not the server's answer: what state the connection is in nobody knows
                raise

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self.config)
            self._tables.clear()
        return self._connection

    # -- rows ------------------------------------------------------------------------------------------------------

    async def _write(self, connection: asyncpg.Connection, name: str, batch: Batch) -> None:
        if self.config.delete_enabled and None in batch.values:
            for part in _split_at_tombstones(batch):
                if part.values[0] is None:
                    await self._delete(connection, name, part)
                else:
                    await self._insert(connection, name, part)
        else:
            await self._insert(connection, name, batch)

    async def _insert(self, connection: asyncpg.Connection, name: str, batch: Batch) -> None:
        fields = self._fields(batch)
        table = await self._table(connection, name, batch, fields)
        columns = self._columns(table, fields, name)
        rows = self._rows(batch, fields, columns)
        if not self._upsert:
            await self._copy(connection, table.name, rows, list(fields), table.schema_name)
            return
        keys = self._key_names(batch)
        at = [list(fields).index(one) for one in keys]
        latest = {tuple(row[i] for i in at): row for row in rows}
        await self._stage(connection, table, list(fields), list(latest.values()))
        names = ", ".join(map(quoted, fields))
        updates = ", ".join(f"{quoted(one)} = EXCLUDED.{quoted(one)}" for one in fields if one not in keys)
        action = f"DO UPDATE SET {updates}" if updates else "DO NOTHING"
        target = f"{quoted(table.schema_name)}.{quoted(table.name)}"
        await connection.execute(
            f"INSERT INTO {target} ({names}) SELECT {names} FROM {STAGING} "  # noqa: S608 - quoted identifiers
            f"ON CONFLICT ({', '.join(map(quoted, keys))}) {action}"
        )
        await connection.execute(f"DROP TABLE {STAGING}")

    async def _copy(
        self, connection: asyncpg.Connection, table: str, rows: list[Any], names: list[str], schema: str | None
    ) -> None:
        try:
            await connection.copy_records_to_table(table, records=rows, columns=names, schema_name=schema)
        except (TypeError, ValueError, OverflowError) as error:
            # The driver's encoders raise whatever the value makes them raise.
            raise DataError(f"a value does not fit its column in table {table}: {error}") from error

    async def _delete(self, connection: asyncpg.Connection, name: str, batch: Batch) -> None:
        keys = self._key_names(batch)
        key_rows = [self._key_values(batch, index) for index in range(len(batch))]
        table = self._tables.get(name) or await describe_table(connection, quoted_table(name))
        if table is None:
            return  # nothing was ever written under these keys
        columns = self._columns(table, keys, name)
        convert = [writer(column) for column in columns]
        rows = [tuple(c(v) if c else v for c, v in zip(convert, row, strict=True)) for row in key_rows]
        await self._stage(connection, table, keys, rows)
        matches = " AND ".join(f"t.{quoted(one)} = s.{quoted(one)}" for one in keys)
        target = f"{quoted(table.schema_name)}.{quoted(table.name)}"
        await connection.execute(f"DELETE FROM {target} t USING {STAGING} s WHERE {matches}")  # noqa: S608
        await connection.execute(f"DROP TABLE {STAGING}")

    async def _stage(
        self, connection: asyncpg.Connection, table: TableInfo, names: Sequence[str], rows: list[Any]
    ) -> None:
        target = f"{quoted(table.schema_name)}.{quoted(table.name)}"
        columns = ", ".join(map(quoted, names))
        await connection.execute(
            f"CREATE TEMPORARY TABLE {STAGING} ON COMMIT DROP AS SELECT {columns} FROM {target} LIMIT 0"  # noqa: S608
        )
        await self._copy(connection, STAGING, rows, list(names), None)

    def _rows(self, batch: Batch, fields: dict[str, Schema | None], columns: list[ColumnInfo]) -> list[tuple[Any, ...]]:
        own = self._own_names(batch)
        value_names = [one for one in fields if one not in own]
        rows: list[tuple[Any, ...]]
        try:
            rows = _picked(batch.values, value_names)
        except (KeyError, TypeError):  # optional fields that are not there
            rows = [tuple(value.get(one) for one in value_names) for value in batch.values]
        if own:
            keys = self._own_values(batch)
            rows = [key_row + row for key_row, row in zip(keys, rows, strict=True)]
        convert = [
            (index, w) for index, column in enumerate(columns) if (w := writer(column, fields[column.name])) is not None
        ]
        if convert:
            rows = _converted(rows, convert, columns)
        return rows

    # -- keys ------------------------------------------------------------------------------------------------------

    def _own_names(self, batch: Batch) -> list[str]:
        """Columns that do not come from the value: the record's coordinates or key."""
        if self._pk_mode == "kafka":
            return self.config.pk_fields or list(KAFKA_COLUMNS)
        return self._key_names(batch) if self._pk_mode == "record_key" else []

    def _own_values(self, batch: Batch) -> list[tuple[Any, ...]]:
        if self._pk_mode == "record_key":
            return [self._key_values(batch, index) for index in range(len(batch))]
        assert batch.offsets is not None, "a sink's batch has offsets"
        place = (batch.original_topic or batch.topic, batch.original_partition)
        return [(*place, offset) for offset in batch.offsets]

    def _key_names(self, batch: Batch) -> list[str]:
        if self._pk_mode == "kafka":
            return self.config.pk_fields or list(KAFKA_COLUMNS)
        if self.config.pk_fields:
            return self.config.pk_fields
        sample = next((one for one in batch.key_column() if one is not None), None)
        if isinstance(sample, dict):
            return list(sample)
        raise ConfigError("pk.mode=record_key with a key that is no struct needs pk.fields: name the key's column", config_path="pk.fields")  # fmt: skip

    def _key_values(self, batch: Batch, index: int) -> tuple[Any, ...]:
        value = None if batch.keys is None else batch.keys[index]
        names = self._key_names(batch)
        if value is None:
            raise DataError(f"a record of topic {batch.topic} has no key, and pk.mode is record_key")
        if not isinstance(value, dict):
            if len(names) != 1:
                raise DataError(
                    f"the key of a record of topic {batch.topic} is no struct, and pk.fields names {len(names)} columns"
                )
            return (value,)
        missing = [one for one in names if one not in value]
        if missing:
            raise DataError(
                f"the key of a record of topic {batch.topic} has no field {missing[0]!r}; it has {', '.join(value)}"
            )
        return tuple(value[one] for one in names)

    # -- tables ----------------------------------------------------------------------------------------------------

    def _fields(self, batch: Batch) -> dict[str, Schema | None]:
        """The columns to write, in order, with their schemas where those are known."""
        fields: dict[str, Schema | None] = {}
        if self._pk_mode == "kafka":
            fields.update(
                zip(self._own_names(batch), (Schema("string"), Schema("int32"), Schema("int64")), strict=True)
            )
        elif self._pk_mode == "record_key":
            for one in self._key_names(batch):
                member = (
                    batch.key_schema.field(one)
                    if batch.key_schema is not None and batch.key_schema.type == "struct"
                    else None
                )
                fields[one] = member.schema if member else batch.key_schema
        chosen = set(self.config.fields_whitelist)
        for name, schema in _value_fields(batch).items():
            if name not in fields and (not chosen or name in chosen or name in self.config.pk_fields):
                fields[name] = schema
        return fields

    async def _table(
        self, connection: asyncpg.Connection, name: str, batch: Batch, fields: dict[str, Schema | None]
    ) -> TableInfo:
        table = self._tables.get(name)
        if table is None:
            table = await describe_table(connection, quoted_table(name))
            if table is None:
                table = await self._create(connection, name, batch, fields)
        missing = [one for one in fields if table.column(one) is None]
        if missing:
            table = await self._evolve(connection, name, table, batch, {one: fields[one] for one in missing})
        self._tables[name] = table
        return table

    async def _create(
        self, connection: asyncpg.Connection, name: str, batch: Batch, fields: dict[str, Schema | None]
    ) -> TableInfo:
        if not self.config.auto_create:
            raise ConfigError(f"table {name} does not exist in {self.config.target}", config_path="auto.create", hint="Create it, or set auto.create=true.")  # fmt: skip
        keys = (
            []
            if self._pk_mode == "none"
            else self._key_names(batch)
            if self._pk_mode != "record_value"
            else self.config.pk_fields
        )
        parts = [
            f"{quoted(one)} {self._type(batch, one, schema, required=one in keys)}" for one, schema in fields.items()
        ]
        if keys:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, keys))})")
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted_table(name)} ({', '.join(parts)})")
        table = await describe_table(connection, quoted_table(name))
        assert table is not None, "the table was just created"
        return table

    async def _evolve(self, connection: asyncpg.Connection, name: str, table: TableInfo, batch: Batch, missing: dict[str, Schema | None]) -> TableInfo:  # fmt: skip
        if not self.config.auto_evolve:
            raise ConfigError(f"table {name} has no column {', '.join(map(repr, missing))}; it has {', '.join(c.name for c in table.columns)}", config_path="auto.evolve", hint="Add the column, set auto.evolve=true, or leave the field out with fields.whitelist.")  # fmt: skip
        for one, schema in missing.items():
            kind = self._type(batch, one, schema, required=False)
            await connection.execute(f"ALTER TABLE {quoted_table(name)} ADD COLUMN IF NOT EXISTS {quoted(one)} {kind}")
        changed = await describe_table(connection, quoted_table(name))
        assert changed is not None, "the table was just altered"
        return changed

    def _type(self, batch: Batch, name: str, schema: Schema | None, *, required: bool) -> str:
        if schema is None:
            samples = (value.get(name) for value in batch.values if value is not None)
            if self._pk_mode == "record_key" and name in self._key_names(batch):
                at = self._key_names(batch).index(name)
                samples = (self._key_values(batch, index)[at] for index in range(len(batch)))
            schema = infer_schema(samples)
        kind = column_type(name, schema)
        return f"{kind} NOT NULL" if required or not schema.optional else kind

    def _columns(self, table: TableInfo, names: Iterable[str], shown: str) -> list[ColumnInfo]:
        columns = []
        for name in names:
            column = table.column(name)
            if column is None:
                raise ConfigError(
                    f"table {shown} has no column {name!r}; it has {', '.join(c.name for c in table.columns)}"
                )
            columns.append(column)
        return columns


class JdbcSinkConnector(SinkConnector):
    """Write topics into PostgreSQL tables: the JDBC sink connector's keys."""

    class_name = "io.confluent.connect.jdbc.JdbcSinkConnector"
    aliases = ("connect_postgres.PostgresSink", "io.aiven.connect.jdbc.JdbcSinkConnector")
    version = VERSION
    config_class = SinkConfig
    task_class: ClassVar[type[SinkTask]] = JdbcSinkTask


def _value_fields(batch: Batch) -> dict[str, Schema | None]:
    if batch.value_schema is not None:
        if batch.value_schema.type != "struct":
            raise DataError(f"a value of topic {batch.topic} has schema {batch.value_schema.type}; a struct is expected, one field a column")  # fmt: skip
        return {member.name: member.schema for member in batch.value_schema.fields}
    names: dict[str, Schema | None] = {}
    seen: Any = None
    for value in batch.values:
        if not isinstance(value, dict):
            kind = "null (a tombstone)" if value is None else type(value).__name__
            raise DataError(f"a value of topic {batch.topic} is {kind}; an object is expected, one field a column", hint="Set delete.enabled=true for tombstones, or drop or convert such records.")  # fmt: skip
        keys = value.keys()
        if keys != seen:  # nearly every record has the fields of the one before
            names.update(dict.fromkeys(keys))
            seen = keys
    return names


def _picked(values: Sequence[dict[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    if not names:
        return [()] * len(values)
    if len(names) == 1:
        return [(value[names[0]],) for value in values]
    return list(map(itemgetter(*names), values))


def _converted(
    rows: list[tuple[Any, ...]], convert: list[tuple[int, Any]], columns: list[ColumnInfo]
) -> list[tuple[Any, ...]]:
    transposed: list[Any] = list(zip(*rows, strict=True))
    for index, function in convert:
        try:
            transposed[index] = [None if value is None else function(value) for value in transposed[index]]
        except (ValueError, TypeError, ArithmeticError) as error:
            column = columns[index]
            raise DataError(f"column {column.name} is {column.type}, and a value does not fit: {error}") from error
    return list(zip(*transposed, strict=True))


def _split_at_tombstones(batch: Batch) -> list[Batch]:
    """Cut a batch where values turn into tombstones and back, so that order is kept."""
    parts, start = [], 0
    for index in range(1, len(batch) + 1):
        if index == len(batch) or (batch.values[index] is None) != (batch.values[start] is None):
            parts.append(batch[start:index])
            start = index
    return parts
