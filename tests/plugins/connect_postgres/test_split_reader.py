"""Tables that are read in parts: all rows once, whatever happens in between, and from then on as any other."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import RetriableError
from tests.support.tasks import poll

from .conftest import Database, Start, drain, polls_nothing

pytestmark = pytest.mark.postgres
PARTITION = {"protocol": "1", "table": "public.orders"}
MODES = [
    {"mode": "incrementing"},
    {"mode": "timestamp", "timestamp_column_name": "changed"},
    {"mode": "timestamp+incrementing", "timestamp_column_name": "changed"},
]
SPLIT = {"load_ranges": "4", "batch_max_rows": "30"}
#: Times of which seven rows each are equal, so that ends of parts are among them.
TIMES = "timestamp '2024-03-31 00:00' + (i / 7) * interval '7 min 0.000001 s'"


async def fill(database: Database, kind: str = "timestamptz", *more: str) -> None:
    await database.execute(
        f"CREATE TABLE orders (id int PRIMARY KEY, changed {kind} NOT NULL)",
        f"INSERT INTO orders SELECT i, {TIMES} FROM generate_series(-500, 499) i",
        *more,
    )


def values(batches: list[Any]) -> list[int]:
    return [value["id"] for batch in batches for value in batch.values]


async def drain_into(batches: list[Any], task: Any) -> None:
    while True:
        batches += await poll(task)


def offsets(batches: list[Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What is committed behind these batches."""
    found = {str(batch.source_partition): (batch.source_partition, batch.source_offset) for batch in batches}
    last = {**found}
    for batch in batches:
        if batch.source_offset is not None:
            last[str(batch.source_partition)] = (batch.source_partition, batch.source_offset)
    return [(partition, offset) for partition, offset in last.values() if offset is not None]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
async def test_a_first_load_in_parts_brings_each_row_once_and_then_new_ones_come_as_ever(
    database: Database, source: Start, mode: dict[str, str], kind: str
) -> None:
    await fill(database, kind)
    mode = {**mode, "db_timezone": "Europe/Amsterdam"}
    task = await source(**mode, **SPLIT)
    batches = await drain(task, 1000)
    assert sorted(values(batches)) == list(range(-500, 500))
    assert {batch.source_partition["range"] for batch in batches} == {1, 2, 3, 4}
    for number in (1, 2, 3, 4):
        part = values([batch for batch in batches if batch.source_partition["range"] == number])
        assert part == sorted(part), "a part is in the order of its offsets"
    assert await polls_nothing(task)
    await database.execute("INSERT INTO orders VALUES (501, '2025-01-01')")
    (batch,) = await drain(task, 1)
    assert (values([batch]), batch.source_partition) == ([501], PARTITION)
    resumed = await source([*offsets(batches), (PARTITION, batch.source_offset)], **mode, **SPLIT)
    assert await polls_nothing(resumed)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode["mode"])
@pytest.mark.parametrize("ranges", ["1", "4", "9"])
async def test_a_load_that_was_ended_goes_on_where_its_parts_stood_whatever_the_config_says_now(
    database: Database, source: Start, mode: dict[str, str], ranges: str
) -> None:
    await fill(database)
    first, batches = await source(**mode, **SPLIT), list[Any]()
    for count in (1, 200, 700, 1000):
        batches += await drain(first, count - len(values(batches)))
        resumed = await source(offsets(batches), **mode, **{**SPLIT, "load_ranges": ranges})
        seen = set(values(batches))
        left = list[int]()
        while set(left) | seen != set(range(-500, 500)):
            left += values(await drain(resumed, 1))
        if mode["mode"] != "timestamp":  # there a batch may end among equal times, which come again
            assert len(seen) + len(left) == 1000
    await database.execute("INSERT INTO orders VALUES (501, '2025-01-01')")
    task = await source(offsets(batches), **mode, load_ranges=ranges)
    assert values(await drain(task, 1)) == [501]


async def test_a_lost_connection_ends_a_load_which_goes_on_behind_what_was_returned(
    database: Database, source: Start
) -> None:
    await fill(database)
    task = await source(**SPLIT)
    batches = await drain(task, 300)
    await database.disconnect_others()
    with pytest.raises(RetriableError):
        await drain_into(batches, task)
    batches += await drain(task, 1000 - sum(map(len, batches)))
    assert sorted(values(batches)) == list(range(-500, 500))


async def test_a_table_that_is_too_small_is_read_as_any_other(database: Database, source: Start) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    task = await source(**SPLIT)
    assert await polls_nothing(task)
    await database.execute("INSERT INTO orders VALUES (1)")
    (batch,) = await drain(task, 1)
    assert batch.source_partition == PARTITION


async def test_rows_of_an_open_transaction_are_waited_for_before_a_table_is_cut(
    database: Database, source: Start
) -> None:
    await fill(database)
    writer = await database.another()
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("INSERT INTO orders VALUES (600, now())")
    await database.execute("INSERT INTO orders VALUES (601, now())")
    task = await source(**SPLIT)
    assert await polls_nothing(task)
    await transaction.commit()
    await writer.close()
    assert sorted(values(await drain(task, 1002)))[-2:] == [600, 601]


async def test_a_bulk_load_in_parts_sees_one_snapshot_each_time(database: Database, source: Start) -> None:
    await fill(
        database, "timestamptz", "ALTER TABLE orders ADD filling text", "UPDATE orders SET filling = repeat('x', 500)"
    )
    task = await source(mode="bulk", **SPLIT)
    batches = await drain(task, 30)
    await database.execute("UPDATE orders SET id = id + 10000", "INSERT INTO orders VALUES (7, now())")
    batches += await drain(task, 1000 - sum(map(len, batches)))
    assert sorted(values(batches)) == list(range(-500, 500))
    assert len(batches) >= 4
    assert all(batch.source_offset is None for batch in batches)
    again = await drain(task, 1001)
    assert sorted(values(again)) == [7, *range(9500, 10500)]


async def test_a_bulk_load_in_parts_reads_carefully_where_it_must(database: Database, source: Start) -> None:
    await fill(
        database,
        "timestamptz",
        "ALTER TABLE orders ADD filling text, ADD d date",
        "UPDATE orders SET filling = repeat('x', 500), d = CASE id WHEN 498 THEN date 'infinity' END",
    )
    task = await source(mode="bulk", **SPLIT, errors_tolerance="all", poll_interval_ms="60000")
    seen: list[int] = []
    while not set(range(-500, 500)) - {498} <= set(seen):
        seen += values(await poll(task))
    assert 498 not in seen


@pytest.mark.parametrize("kind", ["PARTITIONED", "VIEW"])
async def test_what_has_no_blocks_of_its_own_is_read_in_one(database: Database, source: Start, kind: str) -> None:
    made = (
        ["CREATE VIEW orders AS SELECT 1 AS id"]
        if kind == "VIEW"
        else [
            "CREATE TABLE orders (id int) PARTITION BY HASH (id)",
            "CREATE TABLE part PARTITION OF orders FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
            "INSERT INTO orders VALUES (1)",
        ]
    )
    await database.execute(*made)
    assert values(await drain(await source(mode="bulk", **SPLIT), 1)) == [1]
