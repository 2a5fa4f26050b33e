from __future__ import annotations

import random

import pytest

from connect_postgres.catalog import describe_table
from connect_postgres.culprits import refused_rows
from connect_postgres.names import TableName
from connect_postgres.steps import Step
from connect_postgres.writes import Writer

from .conftest import Database

pytestmark = pytest.mark.postgres

REFERRING = (
    "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(0, 999); "
    "CREATE TABLE t (id int REFERENCES p)"
)


async def search(database: Database, ids: list[int], mode: str = "insert") -> list[tuple[int, str | None]]:
    """Return the rows that are refused, with their states; the others are in the table."""
    table = await describe_table(database.connection, TableName("t"))
    assert table is not None
    step = Step(mode, table, table.columns, [ids], ["id"], range(len(ids)))
    async with database.connection.transaction():
        found = await refused_rows(database.connection, Writer(database.connection), step)
    return [(row, error.sqlstate) for row, error in found]


@pytest.mark.parametrize(
    ("check", "state"),
    [
        ("CREATE TABLE t (id int CHECK (id >= 0))", "23514"),
        (REFERRING, "23503"),
    ],
    ids=["row by row", "behind all rows"],
)
@pytest.mark.parametrize("bad", [0, 1, 40, 300, 400])
async def test_all_bad_rows_are_found_wherever_they_are(database: Database, check: str, state: str, bad: int) -> None:
    await database.execute(check)
    places = set(random.Random(bad).sample(range(400), bad))
    found = await search(database, [-1 if number in places else number for number in range(400)])
    assert found == [(row, state) for row in sorted(places)]
    assert await database.rows("SELECT count(*) FROM t") == [(400 - bad,)]


@pytest.mark.parametrize("bad", [0, 199, 399])
async def test_a_bad_row_at_an_edge_is_found(database: Database, bad: int) -> None:
    await database.execute("CREATE TABLE t (id int CHECK (id >= 0))")
    assert await search(database, [-1 if number == bad else number for number in range(400)]) == [(bad, "23514")]


async def test_the_second_of_two_equal_keys_is_the_bad_one(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    assert await search(database, [1, 2, 3, 2, 4, 1]) == [(3, "23505"), (5, "23505")]


@pytest.mark.parametrize("mode", ["upsert", "missing", "delete", "update"])
async def test_other_ways_of_writing_are_searched_too(database: Database, mode: str) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY CHECK (id <> 7)); INSERT INTO t VALUES (1), (5)",
        "CREATE TABLE r (id int REFERENCES t); INSERT INTO r VALUES (5)",
    )
    found = await search(database, [1, 5, 7, 8], mode)
    assert found == {"upsert": [(2, "23514")], "missing": [(2, "23514")], "delete": [(1, "23503")], "update": []}[mode]


@pytest.mark.parametrize(
    ("declared", "good", "bad", "state"),
    [
        ("mood", "ok", "angry", "22P02"),
        ("inet", "10.0.0.1", "300.1.1.1", "22P02"),
        ("bit(3)", "101", "10101", "22026"),
        ("positive", 1, -1, "23514"),
        ("given", 1, None, "23502"),
        ("interval", "1 day", "much", "22007"),
    ],
)
@pytest.mark.parametrize("mode", ["insert", "upsert"])
async def test_the_column_of_a_value_is_found_where_the_server_names_none(
    database: Database, declared: str, good: object, bad: object, state: str, mode: str
) -> None:
    await database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE DOMAIN given AS int NOT NULL",
        f'CREATE TABLE t (id int PRIMARY KEY, other given, first mood, "it\'s" {declared})',
    )
    table = await describe_table(database.connection, TableName("t"))
    assert table is not None
    values = [[1, 2, 3], [1, 1, 1], ["ok", "sad", "ok"], [good, bad, good]]
    step = Step(mode, table, table.columns, values, ["id"], range(3))
    async with database.connection.transaction():
        found = await refused_rows(database.connection, Writer(database.connection), step)
    assert [(row, error.sqlstate, error.column_name) for row, error in found] == [(1, state, "it's")]


async def test_a_row_that_a_trigger_refuses_like_a_value_has_no_column(database: Database) -> None:
    await database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE t (id mood)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " RAISE EXCEPTION 'no' USING ERRCODE = '22P02'; END$$",
        "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    table = await describe_table(database.connection, TableName("t"))
    assert table is not None
    step = Step("insert", table, table.columns, [["ok"]], [], range(1))
    async with database.connection.transaction():
        found = await refused_rows(database.connection, Writer(database.connection), step)
    assert [(row, getattr(error, "column_name", None)) for row, error in found] == [(0, None)]
