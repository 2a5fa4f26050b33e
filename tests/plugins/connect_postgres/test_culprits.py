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
