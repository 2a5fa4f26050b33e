"""Against real databases in the test's folder."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from connect_sqlite import SqliteSink, sqlite_source

from connect.api import ConfigError, DataError, Record, RetriableError
from connect.testing import SinkHarness, SourceHarness
from connect.testing.suites import SourceSuite

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


def test_a_sink_without_its_table_does_not_start(path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="has no table nowhere"),
        SinkHarness(SqliteSink, {"path": str(path), "table": "nowhere"}),
    ):
        pytest.fail("it started")


class TestSource(SourceSuite):
    connector = sqlite_source
    kills = 2

    def make_config(self, folder: Path) -> dict[str, str]:
        return keys(filled(folder), topic="t", poll_interval_ms="3600000")
