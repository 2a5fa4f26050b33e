"""SQLite as a source of rows, and as a sink that has each record once."""

from __future__ import annotations

import math
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
        column: A column that goes up with each row, and that no two rows have alike; a row is read once, when its value
            lies behind the last one's, and never where it is null.
    """
    behind = resume({"value": None})["value"]
    uri = f"file:{path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db:
            # A text that is no UTF-8 is a bad record, by the converter's word, and not the end of all.
            db.text_factory = lambda raw: raw.decode(errors="surrogateescape")
            order = _order(columns_of(db, table), table, column)
            query = (
                f"SELECT {order} AS place, * FROM {quoted(table)} "  # noqa: S608 - quoted names
                f"WHERE {order} IS NOT NULL AND (? IS NULL OR {order} > ?) ORDER BY 1 LIMIT ?"
            )
            while True:
                rows = db.execute(query, (behind, behind, batch_rows))
                names = [found[0] for found in rows.description][1:]
                found = rows.fetchall()
                for place, *values in found:
                    if place == behind or not isinstance(place, int | float | str):
                        raise ConfigError(
                            f"{table} has {place!r:.50} in {column}, "
                            + ("twice" if place == behind else "which is neither number nor text")
                            + "; a row is found again by it, so each needs one of its own",
                            hint="Choose a column that is unique, such as the primary key.",
                            config_path="column",
                        )
                    behind = place
                    yield dict(zip(names, values, strict=True)), {"value": place}
                if len(found) < batch_rows:
                    return
    except sqlite3.DatabaseError as error:
        raise _told(error, path, table) from error


def _order(there: Collection[str], table: str, column: str) -> str:
    """Return the column as SQL has it. SQLite takes a quoted name that it does not know for text."""
    if column in there or not there:
        return quoted(column)
    if column.lower() in ("rowid", "oid", "_rowid_"):
        return column
    raise ConfigError(f"{table} has no column {column}; it has {', '.join(there)}", config_path="column")


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
            self.stop()
            # A stop may come on another thread than the rest, one at a time.
            self.db = sqlite3.connect(self.config.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self.columns = columns_of(self.db, self.config.table)
            self.db.execute(
                "CREATE TABLE IF NOT EXISTS connect_offsets (connector TEXT, topic TEXT, id TEXT, part INTEGER, "
                "next INTEGER, PRIMARY KEY (connector, topic, id, part))"
            )
        except sqlite3.DatabaseError as error:
            raise _told(error, self.config.path, self.config.table) from error
        if not self.columns:
            raise ConfigError(
                f"{self.config.path} has no table {self.config.table}", hint="Make the table.", config_path="table"
            )

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Offsets:
        try:
            rows = self._open.execute(
                "SELECT topic, id, part, next FROM connect_offsets WHERE connector = ?", (self.context.connector,)
            ).fetchall()
        except sqlite3.DatabaseError as error:
            raise _told(error, self.config.path, self.config.table) from error
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
        db, self.db = self.db, None
        if db is not None:
            db.close()

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
        if not row:
            raise DataError("its value has no fields, which are the columns")
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
            raise DataError(f"{self.config.table} has no column {strange[0]!r:.100}; it has {', '.join(self.columns)}")
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
        except (sqlite3.IntegrityError, sqlite3.DataError) as error:
            raise DataError(f"{self.config.table} refuses a row: {error}") from error
        except sqlite3.DatabaseError as error:
            raise _told(error, self.config.path, self.config.table) from error


class SqliteSink(SinkConnector[SqliteSinkConfig]):
    """Write records into a table of SQLite, each once."""

    class_name = "connect_sqlite.SqliteSink"
    task_class = SqliteSinkTask

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Offsets are in the database, in one transaction with the rows."""
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Mapping[tuple[str, int], int | None]) -> bool:
        """Set them where a task looks: in the database."""
        name, config = self.context.name, self.config
        try:
            with closing(sqlite3.connect(config.path, timeout=BUSY_S)) as db, db:
                if not columns_of(db, "connect_offsets"):
                    return True  # nothing is there yet
                for (topic, partition), n in offsets.items():
                    at = (name, topic, partition)
                    if n is None:
                        db.execute("DELETE FROM connect_offsets WHERE connector = ? AND topic = ? AND part = ?", at)
                    else:
                        db.execute(
                            "UPDATE connect_offsets SET next = ? WHERE connector = ? AND topic = ? AND part = ?",
                            (n, *at),
                        )
        except sqlite3.DatabaseError as error:
            raise _told(error, config.path, config.table) from error
        return True


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise DataError(f"{name} is {value}, which does not fit in 64 bits")
    if isinstance(value, float) and math.isnan(value):
        raise DataError(f"{name} is NaN, which SQLite would keep as NULL")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{name} is no text in UTF-8: {error.reason}") from error
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    raise DataError(f"{name} is {type(value).__name__}, which SQLite has no column for")


#: What passes by itself, or once somebody has made room: by the words of SQLite.
_AWAY = ("locked", "busy", "disk i/o error", "is full")


def _told(error: sqlite3.DatabaseError, path: str, table: str) -> ConfigError | RetriableError:
    """Return what an error is to the worker: something to wait for, or something to mend."""
    text = str(error)
    if isinstance(error, sqlite3.OperationalError) and any(word in text.lower() for word in _AWAY):
        return RetriableError(f"{path}: {text}")
    keys = {"no such table": "table", "no such column": "column", "ON CONFLICT": "pk.fields"}
    key = next((key for words, key in keys.items() if words in text), "path")
    return ConfigError(f"{path}, table {table}: {text}", config_path=key)


@hookimpl
def connect_connectors() -> list[type[SinkConnector]]:
    return [SqliteSink]
