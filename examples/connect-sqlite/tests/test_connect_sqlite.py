"""Against real databases in the test's folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from connect_sqlite import SqliteSink, sqlite_source

from connect.api import ConfigError, DataError, Record, RetriableError, Schema
from connect.testing import SinkHarness, SourceHarness, Worker
from connect.testing.suites import SinkSuite, SourceSuite

ROWS = [(n, f"name {n}", n / 2, None if n % 3 else b"\x00\xff") for n in range(1, 31)]


def run(path: Path, *statements: str, rows: list[tuple[Any, ...]] | None = None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            found = db.executemany(statement, rows).fetchall() if rows else db.execute(statement).fetchall()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path)


def made(folder: Path) -> Path:
    path = folder / "a ?#%.db"
    run(path, 'CREATE TABLE "it""ems" (id INTEGER PRIMARY KEY, name TEXT, half REAL, raw BLOB)')
    return path


def filled(folder: Path) -> Path:
    path = made(folder)
    run(path, 'INSERT INTO "it""ems" VALUES (?, ?, ?, ?)', rows=ROWS)
    return path


def keys(path: Path, **more: str) -> dict[str, str]:
    return {"path": str(path), "table": 'it"ems', **{name.replace("_", "."): value for name, value in more.items()}}


def rows(path: Path) -> list[tuple[Any, ...]]:
    return run(path, 'SELECT * FROM "it""ems" ORDER BY id')


def put(harness: SinkHarness, *values: Any, key: Any = None) -> None:
    harness.put(*(Record("topic", value, key=key) for value in values))


@pytest.mark.parametrize("batch_rows", ["1", "7", "30", "1000"])
def test_rows_are_read_in_order_and_new_ones_follow(tmp_path: Path, batch_rows: str) -> None:
    path = filled(tmp_path)
    config = keys(path, topic="t", column="id", batch_rows=batch_rows, poll_interval_ms="10")
    with SourceHarness(sqlite_source, config) as source:
        records = source.records(30)
        assert [tuple(record.value.values()) for record in records] == ROWS
        run(path, 'INSERT INTO "it""ems" (id, name) VALUES (40, "late")')
        assert [record.value["name"] for record in source.records(1)] == ["late"]


def test_rows_go_through_a_source_and_a_sink_as_they_were(tmp_path: Path, path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        SourceHarness(sqlite_source, keys(filled(tmp_path / "other"), topic="topic")) as source,
        SinkHarness(SqliteSink, keys(path)) as sink,
    ):
        put(sink, *(record.value for record in source.records(30)))
    assert rows(path) == ROWS


def test_a_record_takes_the_place_of_the_row_with_its_key_and_one_without_value_deletes_it(path: Path) -> None:
    with SinkHarness(SqliteSink, keys(path, pk_fields="id")) as sink:
        put(sink, {"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 1, "name": "c"}, {"id": 3})
        put(sink, None, key=2)
        put(sink, None, key={"id": 3})
    assert [row[:2] for row in rows(path)] == [(1, "c")]


def test_each_record_is_there_once_whatever_is_put_again(path: Path) -> None:
    with SinkHarness(SqliteSink, keys(path)) as sink:
        put(sink, {"name": "a"}, {"name": "b"})
        sink.crash()  # nothing was committed: the harness has both again, and the database knows better
        sink.committed.clear()
        put(sink, {"name": "c"})
        sink.restart()
    assert [row[1] for row in rows(path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "key", "told"),
    [
        ({"nome": "x"}, None, "has no column 'nome'; it has id, name, half, raw"),
        ("text", None, "its value is str; expected an object"),
        ({"id": 2, "name": {"a": 1}}, None, "name is dict"),
        ({"id": 1 << 63}, None, "does not fit in 64 bits"),
        ({"name": "x"}, None, "id of pk.fields is missing"),
        ({"id": 2, "half": float("nan")}, None, "half is NaN"),
        ({"id": 2, "name": "\ud800"}, None, "name is no text in UTF-8"),
        ({}, None, "has no fields"),
        (None, None, "a record without value, and its key has no id"),
    ],
)
def test_a_record_that_does_not_fit_is_named_and_nothing_is_written(
    path: Path, value: Any, key: Any, told: str
) -> None:
    with SinkHarness(SqliteSink, keys(path, pk_fields="id")) as sink:
        with pytest.raises(DataError, match=told) as raised:
            put(sink, {"id": 1}, value, key=key)
        assert [one.index for one in raised.value.failed] == [1]
    assert rows(path) == []


def test_a_row_that_the_table_refuses_is_a_bad_record(path: Path) -> None:
    with SinkHarness(SqliteSink, keys(path)) as sink:
        put(sink, {"id": 1})
        with pytest.raises(DataError, match="UNIQUE"):
            put(sink, {"id": 1})


def test_a_database_that_is_locked_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect_sqlite.BUSY_S", 0.05)
    with SinkHarness(SqliteSink, keys(path)) as sink, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetriableError, match="locked"):
            put(sink, {"id": 1})
        other.execute("ROLLBACK")
        put(sink, {"id": 1})
    assert len(rows(path)) == 1


@pytest.mark.parametrize(
    ("more", "key"),
    [({"table": "nowhere"}, "table"), ({"column": "nowhere"}, "column"), ({"path": "/nowhere"}, "path")],
)
def test_what_is_wrong_with_a_sources_config_is_told_with_its_key(path: Path, more: dict[str, str], key: str) -> None:
    config = {**keys(path, topic="t"), **more}
    with SourceHarness(sqlite_source, config) as source, pytest.raises(ConfigError) as raised:
        source.records(1)
    assert raised.value.config_path == key


def test_rows_without_a_place_or_with_the_same_are_no_endless_stream(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    run(path, 'CREATE TABLE "it""ems" (at INTEGER, name TEXT)')
    run(path, 'INSERT INTO "it""ems" VALUES (?, ?)', rows=[(None, "none"), (None, "none"), (1, "one"), (2, "two")])
    config = keys(path, topic="t", column="at", batch_rows="2", poll_interval_ms="10")
    with SourceHarness(sqlite_source, config) as source:
        assert [record.value["name"] for record in source.records(2)] == ["one", "two"]
        assert source.drain() == []
        run(path, 'INSERT INTO "it""ems" VALUES (?, ?)', rows=[(3, "three"), (3, "three again")])
        with pytest.raises(ConfigError, match="has 3 in at, twice") as raised:
            source.records(2)
    assert raised.value.config_path == "column"


def test_a_table_without_rowids_needs_a_column(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    run(path, 'CREATE TABLE "it""ems" (id INTEGER PRIMARY KEY) WITHOUT ROWID', 'INSERT INTO "it""ems" VALUES (1)')
    with SourceHarness(sqlite_source, keys(path, topic="t")) as source, pytest.raises(ConfigError) as raised:
        source.records(1)
    assert raised.value.config_path == "column"


def test_a_text_that_is_no_utf_8_does_not_hold_up_the_others(tmp_path: Path) -> None:
    path = made(tmp_path)
    run(path, """INSERT INTO "it""ems" (id, name) VALUES (1, CAST(x'ff' AS TEXT)), (2, 'good')""")
    with SourceHarness(sqlite_source, keys(path, topic="t")) as source:
        assert [record.value["name"] for record in source.records(2)] == ["\udcff", "good"]


def test_a_file_that_is_no_database_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    path.write_text("no database, and longer than a header" * 10)
    with (
        SourceHarness(sqlite_source, keys(path, topic="t")) as source,
        pytest.raises(ConfigError, match="not a database"),
    ):
        source.records(1)
    with pytest.raises(ConfigError, match="not a database"), SinkHarness(SqliteSink, keys(path)):
        pytest.fail("it started")


def test_a_key_that_the_table_does_not_have_is_told_with_its_key(path: Path) -> None:
    with SinkHarness(SqliteSink, keys(path, pk_fields="name")) as sink:
        with pytest.raises(ConfigError) as raised:
            put(sink, {"name": "x"})
        assert raised.value.config_path == "pk.fields"
        sink.stop()


def test_offsets_that_were_altered_are_in_the_database(path: Path) -> None:
    with Worker(plugins=[SqliteSink]) as worker:
        worker.write("topic", '{"id": 1}', '{"id": 2}', '{"id": 3}')
        worker.run("copy", {"connector.class": "SqliteSink", "topics": "topic", **keys(path, pk_fields="id")})
        worker.until(lambda: len(rows(path)) == 3)
        worker.stop("copy")
        worker.until(lambda: worker.states("copy") == ["STOPPED"])
        run(path, 'DELETE FROM "it""ems"')
        at = {"kafka_topic": "topic", "kafka_partition": 0}
        worker.call(lambda: worker.herder.alter_offsets("copy", [(at, {"kafka_offset": 1})]))
        worker.resume("copy")
        worker.until(lambda: [row[0] for row in rows(path)] == [2, 3])


def test_a_sink_without_its_table_does_not_start(path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="has no table nowhere"),
        SinkHarness(SqliteSink, {"path": str(path), "table": "nowhere"}),
    ):
        pytest.fail("it started")


class TestSource(SourceSuite):
    connector = sqlite_source
    kills = 2

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("connect_sqlite.BUSY_S", 0.1)

    def make_config(self, folder: Path) -> dict[str, str]:
        return keys(filled(folder), topic="t", poll_interval_ms="3600000")

    def upstream_down(self, folder: Path) -> AbstractContextManager[None]:
        return locked(folder)


class TestSink(SinkSuite):
    connector = SqliteSink
    kills = 2

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("connect_sqlite.BUSY_S", 0.1)

    def make_config(self, folder: Path) -> dict[str, str]:
        path = folder / "a ?#%.db"
        run(path, 'CREATE TABLE IF NOT EXISTS "it""ems" (value)')
        return keys(path)

    def make_record(self, number: int) -> Record:
        return Record(self.topic, {"value": f"value {number}"})

    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        return Record(self.topic, {"value": value})

    def bad_record(self) -> Record:
        return Record(self.topic, "text")

    def read(self, folder: Path) -> list[Any]:
        return [row[0] for row in run(folder / "a ?#%.db", 'SELECT value FROM "it""ems" ORDER BY rowid')]

    def as_read(self, record: Record) -> Any:
        value = record.value["value"]
        return int(value) if isinstance(value, bool) else value

    def target_down(self, folder: Path) -> AbstractContextManager[None]:
        return locked(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "a ?#%.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
