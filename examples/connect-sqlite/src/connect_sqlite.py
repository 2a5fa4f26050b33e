"""SQLite as a source of rows, and as a sink that has each record once."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Annotated, Any

from connect.api import (
    Batch,
    Config,
    ConfigError,
    DataError,
    ExactlyOnceSupport,
    FailedRecord,
    RetriableError,
    SinkConnector,
    SinkTask,
    config_key,
    hookimpl,
    new_records,
    resume,
    source,
)

__version__ = "0.1.0"

Offsets = Mapping[tuple[str, int], int]
#: How long a lock of another process is waited for, in seconds.
BUSY_S = 5.0


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    if "\x00" in name:
        raise ConfigError(f"{name!r} is no name in SQLite: it has a NUL in it")
    return '"' + name.replace('"', '""') + '"'


def columns_of(db: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns, [] where there is no such table."""
    return [row[1] for row in db.execute(f"PRAGMA table_info({quoted(table)})")]


@source(interval_s=1, exactly_once=True)
def sqlite_source(
    topic: str,
    path: Annotated[str, config_key("The database's file.", importance="high", file="read")],
    table: str,
    column: str = "rowid",
    batch_rows: Annotated[int, config_key("Rows of one query.", ge=1)] = 1000,
) -> Iterator[Any]:
    """Read the rows that are added to a table of SQLite.

    Args:
        topic: Topic to write to.
        table: The table to read.
        column: A column that goes up with each row; a row is read once, when its value lies behind the last one's.
    """
    behind = resume({"value": None})["value"]
    order, rows_of = quoted(column), quoted(table)
    query = f"SELECT {order} AS place, * FROM {rows_of} WHERE ? IS NULL OR {order} > ? ORDER BY 1 LIMIT ?"  # noqa: S608
    uri = f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db:
            there = columns_of(db, table)
            # SQLite takes a quoted name that it does not know for text.
            if there and column not in there and column.lower() not in ("rowid", "oid", "_rowid_"):
                raise ConfigError(f"{table} has no column {column}; it has {', '.join(there)}", config_path="column")
            while True:
                rows = db.execute(query, (behind, behind, batch_rows))
                names = [found[0] for found in rows.description][1:]
                found = rows.fetchall()
                for place, *values in found:
                    behind = place
                    yield dict(zip(names, values, strict=True)), {"value": place}
                if len(found) < batch_rows:
                    return
    except sqlite3.OperationalError as error:
        raise _told(error, path, table) from error


class SqliteSinkConfig(Config):
    """Write records into a table of SQLite, each once."""

    path: str = config_key("The database's file.", importance="high", file="write")
    table: str = config_key("The table to write to; it is there already.", importance="high", non_empty=True)
    pk_fields: list[str] = config_key(
        "The fields that are the table's key: a record with a key that is there takes its place, and one without value "
        "deletes it by the record's key. Left out, every record is a new row.",
        default=[],
    )


class SqliteSinkTask(SinkTask[SqliteSinkConfig]):
    """Rows and offsets go into one transaction, so a crash takes both or none."""

    db: sqlite3.Connection | None = None

    def start(self) -> None:
        self.known: dict[tuple[str, int], int] = {}
        try:
            self.db = sqlite3.connect(self.config.path, timeout=BUSY_S, isolation_level=None)
            self.columns = columns_of(self.db, self.config.table)
            self.db.execute(
                "CREATE TABLE IF NOT EXISTS connect_offsets (connector TEXT, topic TEXT, id TEXT, part INTEGER, "
                "next INTEGER, PRIMARY KEY (connector, topic, id, part))"
            )
        except sqlite3.OperationalError as error:
            raise _told(error, self.config.path, self.config.table) from error
        if not self.columns:
            raise ConfigError(
                f"{self.config.path} has no table {self.config.table}", hint="Make the table.", config_path="table"
            )

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Offsets:
        rows = self._open.execute(
            "SELECT topic, id, part, next FROM connect_offsets WHERE connector = ?", (self.context.connector,)
        )
        wanted = set(partitions)
        found = {(t, p): n for t, i, p, n in rows if (t, p) in wanted and i == self.context.topic_id(t)}
        self.known = {at: n for at, n in self.known.items() if at not in wanted} | found
        return found

    def put_batch(self, batch: Batch) -> None:
        self.put_batches([batch])

    def put_batches(self, batches: Sequence[Batch]) -> None:
        after = self.context.offsets_after_put()
        statements: list[tuple[str, tuple[Any, ...]]] = []
        failed: list[FailedRecord] = []
        number = 0
        for batch in batches:
            mask = new_records(batch, self.known)
            for index, (key, value) in enumerate(zip(batch.key_column(), batch.values, strict=True)):
                if mask is None or mask[index]:
                    try:
                        statements.append(self._statement(key, value))
                    except DataError as error:
                        failed.append(FailedRecord(number, error.message))
                number += 1
        if failed:
            raise DataError(f"{len(failed)} records do not fit {self.config.table}: {failed[0].reason}", failed=failed)
        self._in_one(statements, after)
        self.known |= after

    def flush(self) -> None:
        after = self.context.offsets_after_put()
        self._in_one([], {at: n for at, n in after.items() if n > self.known.get(at, -1)})
        self.known |= after

    def stop(self) -> None:
        if self.db is not None:
            self.db.close()

    @property
    def _open(self) -> sqlite3.Connection:
        assert self.db is not None, "it was started"
        return self.db

    def _statement(self, key: Any, value: Any) -> tuple[str, tuple[Any, ...]]:
        table, keys = quoted(self.config.table), self.config.pk_fields
        if value is None:
            found = key if isinstance(key, dict) else {keys[0]: key} if len(keys) == 1 else {}
            if not keys or any(found.get(name) is None for name in keys):
                raise DataError(f"a record without value, and its key has no {', '.join(keys) or 'pk.fields'}")
            where = " AND ".join(f"{quoted(name)} = ?" for name in keys)
            return f"DELETE FROM {table} WHERE {where}", tuple(_plain(name, found[name]) for name in keys)  # noqa: S608
        if not isinstance(value, dict):
            raise DataError(f"its value is {type(value).__name__}; expected an object, whose fields are columns")
        row = {**(key if isinstance(key, dict) else {}), **value}
        self._check(row, keys)
        names = list(row)
        marks = ", ".join("?" for _ in names)
        statement = f"INSERT INTO {table} ({', '.join(map(quoted, names))}) VALUES ({marks})"  # noqa: S608 - quoted names
        if keys:
            others = [quoted(name) for name in names if name not in keys]
            does = ", ".join(f"{name} = excluded.{name}" for name in others)
            statement += f" ON CONFLICT ({', '.join(map(quoted, keys))}) DO " + (
                f"UPDATE SET {does}" if does else "NOTHING"
            )
        return statement, tuple(_plain(name, row[name]) for name in names)

    def _check(self, row: Mapping[str, Any], keys: Collection[str]) -> None:
        strange = [name for name in row if name not in self.columns]
        if strange:
            raise DataError(f"{self.config.table} has no column {strange[0]!r}; it has {', '.join(self.columns)}")
        missing = [name for name in keys if row.get(name) is None]
        if missing:
            raise DataError(f"{missing[0]} of pk.fields is missing")

    def _in_one(self, statements: Sequence[tuple[str, tuple[Any, ...]]], after: Offsets) -> None:
        """Write rows and offsets, all of them or nothing."""
        db = self._open
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    db.execute(statement, values)
                for (topic, partition), n in after.items():
                    db.execute(
                        "INSERT OR REPLACE INTO connect_offsets VALUES (?, ?, ?, ?, ?)",
                        (self.context.connector, topic, self.context.topic_id(topic), partition, n),
                    )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise _told(error, self.config.path, self.config.table) from error
        except sqlite3.IntegrityError as error:
            raise DataError(f"{self.config.table} refuses a row: {error}") from error


class SqliteSink(SinkConnector[SqliteSinkConfig]):
    """Write records into a table of SQLite, each once."""

    class_name = "connect_sqlite.SqliteSink"
    task_class = SqliteSinkTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Offsets are in the database, in one transaction with the rows."""
        return ExactlyOnceSupport.SUPPORTED


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | str | bytes):
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise DataError(f"{name} is {value}, which does not fit in 64 bits")
        return value
    raise DataError(f"{name} is {type(value).__name__}, which SQLite has no column for")


def _told(error: sqlite3.OperationalError, path: str, table: str) -> ConfigError | RetriableError:
    """Return what an error is to the worker: something to wait for, or something to mend."""
    text = str(error)
    if "locked" in text or "busy" in text or "disk" in text:
        return RetriableError(f"{path}: {text}")
    key = "table" if "no such table" in text else "path"
    return ConfigError(f"{path}, table {table}: {text}", config_path=key)


@hookimpl
def connect_connectors() -> list[type[SinkConnector]]:
    return [SqliteSink]
