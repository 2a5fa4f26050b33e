from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from connect_postgres.catalog import describe_table
from connect_postgres.culprits import refused_rows
from connect_postgres.names import TableName
from connect_postgres.presumed import Presumptions
from connect_postgres.steps import Step
from connect_postgres.writes import Writer

from .conftest import Database

pytestmark = pytest.mark.postgres

#: For each kind of refusal: the table, good values of (id, v), and bad ones, with what they are refused for.
KINDS: dict[str, tuple[str, Any, list[Any], tuple[str, str | None]]] = {
    "null": ("v text NOT NULL", "a", [None], ("23502", "v")),
    "too long": ("v varchar(3)", "abc ", ["abcd", "äöüß"], ("22001", None)),
    "too large": ("v numeric(3, 1)", 99, [100, -1000], ("22003", None)),
    "check": ("v int CONSTRAINT small CHECK (v < 10 AND id >= 0)", None, [10, 11], ("23514", "small")),
    "check of a text": ("v char(2) CONSTRAINT land CHECK (v <> 'xx')", "nl", ["xx"], ("23514", "land")),
    "check of an enum": ("v mood CONSTRAINT good CHECK (v <> 'sad')", "ok", ["sad"], ("23514", "good")),
    "foreign key": (
        "v text, land text DEFAULT 'nl', CONSTRAINT known FOREIGN KEY (v) REFERENCES towns",
        "Ede",
        ["Utopia"],
        ("23503", "known"),
    ),
    "key": ("v int CONSTRAINT one UNIQUE", None, [7], ("23505", "one")),
}


async def write(
    database: Database, ids: list[int], values: list[Any], presumptions: Presumptions | None, mode: str = "insert"
) -> list[tuple[int, str | None]]:
    """Write rows of (id, v); return those that are refused."""
    step = await make_step(database, ids, values, mode)
    async with database.connection.transaction():
        found = await refused_rows(database.connection, Writer(database.connection), step, presumptions)
    return [(row, error.sqlstate) for row, error in found]


async def make_step(database: Database, ids: list[int], values: list[Any], mode: str = "insert") -> Step:
    table = await describe_table(database.connection, TableName("t"))
    assert table is not None
    columns = [column for column in table.columns if column.name in ("id", "v")]
    return Step(mode, table, columns, [ids, values], ["id"], range(len(ids)))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_of_a_kind_that_was_met_is_presumed_and_no_other_row(database: Database, kind: str) -> None:
    declared, good, bad, cause = KINDS[kind]
    await database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE towns (name text PRIMARY KEY); INSERT INTO towns VALUES ('Ede')",
        f"CREATE TABLE t (id int, {declared})",
        "INSERT INTO t (id, v) VALUES (-5, 7)" if kind == "key" else "SELECT 1",
    )
    presumptions = Presumptions()
    values = [good, *bad, good, *bad]
    places = [place for place, value in enumerate(values) if value in bad]
    ids = list(range(len(values)))
    assert await write(database, ids, values, presumptions) == [(place, cause[0]) for place in places]
    assert presumptions.are_right(TableName("t", "public"))
    step = await make_step(database, ids, values)
    assert await presumptions.of(database.connection, step) == {place: {cause} for place in places}
    assert await write(database, ids, values, presumptions) == [(place, cause[0]) for place in places]
    assert await database.rows("SELECT count(*) FROM t WHERE id >= 0") == [(4,)]


async def test_the_first_of_new_equal_keys_is_not_presumed_to_be_bad(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int, v int, UNIQUE (id, v))")
    presumptions = Presumptions()
    assert await write(database, [1, 1], [2, 2], presumptions) == [(1, "23505")]
    assert await write(database, [1, 3, 3, 1, 3], [2, 4, 4, 9, None], presumptions) == [(0, "23505"), (2, "23505")]
    assert await database.rows("SELECT id, v FROM t ORDER BY id, v") == [(1, 2), (1, 9), (3, 4), (3, None)]


async def test_what_a_trigger_mends_is_no_bad_row_whatever_is_presumed(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (id int UNIQUE, v text NOT NULL)",
        "CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id >= 100 THEN"
        " NEW.v := coalesce(NEW.v, 'mended'); END IF; RETURN NEW; END$$",
        "CREATE TRIGGER mend BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mend()",
    )
    presumptions = Presumptions()
    assert await write(database, [1, 2, 2], [None, "a", "b"], presumptions) == [(0, "23502"), (2, "23505")]
    assert presumptions.are_right(TableName("t", "public"))
    # The first is mended, so it is the second of the same key that is refused.
    assert await write(database, [100, 100, 3], [None, "late", None], presumptions) == [(1, "23505"), (2, "23502")]
    assert await database.rows("SELECT id, v FROM t ORDER BY id") == [(2, "a"), (100, "mended")]
    assert not presumptions.are_right(TableName("t", "public"))


async def test_a_row_that_is_refused_for_another_cause_than_presumed_is_looked_at_in_its_turn(
    database: Database,
) -> None:
    await database.execute(
        "CREATE TABLE t (id int UNIQUE, v text NOT NULL)",
        "CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id >= 100 THEN"
        " NEW.v := coalesce(NEW.v, 'mended'); END IF; RETURN NEW; END$$",
        "CREATE TRIGGER mend BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mend()",
    )
    presumptions = Presumptions()
    assert await write(database, [1, 2], [None, "a"], presumptions) == [(0, "23502")]
    assert presumptions.are_right(TableName("t", "public"))
    assert await write(database, [100, 100], [None, "late"], presumptions) == [(1, "23505")]
    assert await database.rows("SELECT id, v FROM t ORDER BY id") == [(2, "a"), (100, "mended")]


async def test_a_row_whose_equal_in_front_is_bad_itself_is_good(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int UNIQUE, v int CHECK (v > 0))")
    presumptions = Presumptions()
    assert await write(database, [1, 1, 2], [1, 1, -1], presumptions) == [(1, "23505"), (2, "23514")]
    assert presumptions.are_right(TableName("t", "public"))
    assert await write(database, [5, 5, 5], [-1, 1, 1], presumptions) == [(0, "23514"), (2, "23505")]
    assert await database.rows("SELECT id, v FROM t ORDER BY id") == [(1, 1), (5, 1)]


async def test_rows_that_only_a_trigger_refuses_are_found_beside_presumed_ones_and_end_the_reliance(
    database: Database,
) -> None:
    await database.execute(
        "CREATE TABLE t (id int, v text NOT NULL)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.v = 'no' THEN"
        " RAISE EXCEPTION 'no' USING ERRCODE = 'C0001'; END IF; RETURN NEW; END$$",
        "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    presumptions = Presumptions()
    assert await write(database, [1, 2], [None, "a"], presumptions) == [(0, "23502")]
    assert presumptions.are_right(TableName("t", "public"))
    assert await write(database, [3, 4, 5], [None, "no", "b"], presumptions) == [(0, "23502"), (1, "C0001")]
    assert not presumptions.are_right(TableName("t", "public"))
    assert await write(database, [6, 7], [None, "c"], presumptions) == [(0, "23502")]
    assert presumptions.are_right(TableName("t", "public"))
    assert await database.rows("SELECT id FROM t ORDER BY id") == [(2,), (5,), (7,)]


@pytest.mark.parametrize("mode", ["upsert", "update", "missing"])
async def test_other_ways_of_writing_rely_on_presumptions_too(database: Database, mode: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v > 0)); INSERT INTO t VALUES (1, 1)")
    presumptions = Presumptions()
    expected = [] if mode == "missing" else [(0, "23514")]
    for _ in range(2):
        assert await write(database, [1, 2], [-1, 2], presumptions, mode) == expected
    rows = {"upsert": [(1, 1), (2, 2)], "update": [(1, 1)], "missing": [(1, 1), (2, 2)]}[mode]
    assert await database.rows("SELECT id, v FROM t ORDER BY id") == rows


async def test_a_constraint_over_what_may_not_be_read_is_not_asked_about(database: Database) -> None:
    name = urlsplit(database.url).path.strip("/")
    user = f"reader_{name}"
    await database.execute(
        "CREATE TABLE owners (id int PRIMARY KEY)",
        "CREATE TABLE t (id int, v int CONSTRAINT known REFERENCES owners)",
        f'CREATE ROLE "{user}"',
        f'GRANT INSERT, SELECT ON t TO "{user}"',
        f'GRANT TEMPORARY ON DATABASE "{name}" TO "{user}"',
        f'SET ROLE "{user}"',
    )
    try:
        presumptions = Presumptions()
        for _ in range(3):
            assert await write(database, [1, 2], [None, 5], presumptions) == [(1, "23503")]
    finally:
        await database.execute("RESET ROLE", f'DROP OWNED BY "{user}"', f'DROP ROLE "{user}"')
    assert await database.rows("SELECT count(*) FROM t") == [(3,)]
