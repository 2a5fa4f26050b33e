"""The task: rows that are there, then changes, and on from any offset."""

from __future__ import annotations

import pytest

from tests.support.tasks import stop

from ..conftest import Database
from .conftest import Start, changes, drain, offset_of, records

pytestmark = pytest.mark.postgres


async def test_rows_that_are_there_come_first_and_changes_follow(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    task = await cdc()
    assert await changes(task, 2) == [("r", None, {"id": 1, "name": "a"}), ("r", None, {"id": 2, "name": None})]
    await database.execute("INSERT INTO t VALUES (3, 'c')", "UPDATE t SET name = 'b' WHERE id = 2", "DELETE FROM t")
    found = await changes(task, 8)
    assert found == [
        ("c", None, {"id": 3, "name": "c"}),
        ("u", None, {"id": 2, "name": "b"}),
        ("d", {"id": 1, "name": None}, None),
        ("d", {"id": 3, "name": None}, None),
        ("d", {"id": 2, "name": None}, None),
    ]


async def test_a_task_goes_on_within_a_transaction(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    task = await cdc(snapshot_mode="no_data", max_batch_size="7")
    await database.execute("INSERT INTO t SELECT generate_series(1, 20)", "INSERT INTO t VALUES (21)")
    first = await drain(task, 7)
    await stop(task)
    task = await cdc(offset_of(task), max_batch_size="7")
    second = await drain(task, 14)
    assert [v["after"]["id"] for b in [*first, *second] for v in b.values] == list(range(1, 22))


async def test_a_delete_is_followed_by_a_tombstone(database: Database, cdc: Start) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    task = await cdc(snapshot_mode="no_data")
    await database.execute("DELETE FROM t")
    (topic, key, value), tombstone = await records(task, 2)
    assert (topic, key, value["op"]) == ("p.public.t", {"id": 1}, "d")
    assert tombstone == ("p.public.t", {"id": 1}, None)


@pytest.mark.parametrize("output", ["envelope", "flat"])
async def test_tombstones_have_no_schema_and_their_place_among_changes_of_their_key(
    database: Database, cdc: Start, output: str
) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL)")
    task = await cdc(snapshot_mode="no_data", output_format=output)
    await database.execute(
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'); DELETE FROM t; INSERT INTO t VALUES (1, 'c'); DELETE FROM t"
    )
    batches = await drain(task, 6 if output == "flat" else 9)
    for batch in batches:
        assert (batch.value_schema is None) == (set(batch.values) == {None} if None in batch.values else False)
    found = [(key["id"], value) for b in batches for key, value in zip(b.key_column(), b.values, strict=True)]
    is_there = [(key, value is not None and value.get("op", "c") == "c") for key, value in found]
    assert [there for key, there in is_there if key == 1 and there is not None] == (
        [True, False, True, False] if output == "flat" else [True, False, False, True, False, False]
    )
    assert [there for key, there in is_there if key == 2] == [True, False] + [False] * (output == "envelope")
