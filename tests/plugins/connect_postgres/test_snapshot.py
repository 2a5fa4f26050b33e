"""Rows that commit late are not stepped over: each test has a second session that holds its transaction open."""

from __future__ import annotations

import pytest

from connect_postgres.names import TableName
from connect_postgres.source_config import SourceConfig
from connect_postgres.table_reader import SETTLE_MAX_S, SETTLE_MIN_S, TableReader

from .conftest import Database, Start, ids, polls_nothing

pytestmark = pytest.mark.postgres
ORDERS = "CREATE TABLE orders (id bigserial PRIMARY KEY, item text, changed timestamptz NOT NULL DEFAULT now())"
TIMED = {"mode": "timestamp", "timestamp_column_name": "changed"}


@pytest.mark.parametrize(
    "mode", [{}, TIMED, {**TIMED, "mode": "timestamp+incrementing"}], ids=lambda m: m.get("mode", "incrementing")
)
async def test_a_row_that_commits_late_comes_in_its_turn(
    database: Database, source: Start, mode: dict[str, str]
) -> None:
    await database.execute(ORDERS)
    late = await database.another()
    async with late.transaction():
        await late.execute("INSERT INTO orders (item) VALUES ('late')")  # has id 1
        await database.execute("INSERT INTO orders (item) VALUES ('early')")  # has id 2 and is committed
        task = await source(**mode)
        assert await polls_nothing(task)
    assert await ids(task, 2) == [1, 2]
    await late.close()


async def test_the_end_of_an_open_transaction_is_seen_after_a_share_of_its_length(database: Database) -> None:
    await database.execute(ORDERS)
    config = SourceConfig.parse(
        {"connection.url": database.url, "mode": "incrementing", "incrementing.column.name": "id", "topic.prefix": "p"}
    )
    reader = TableReader(config, TableName("orders", "public"), lambda partition: None)
    late = await database.another()
    waits = []
    async with late.transaction():
        await late.execute("INSERT INTO orders (item) VALUES ('late')")
        await database.execute("INSERT INTO orders (item) VALUES ('early')")
        for now in (0.0, 0.001, 0.04, 0.2, 30.0):
            assert await reader.poll(database.connection, now) is None
            waits.append(round(reader.due - now, 6))
    assert waits == [SETTLE_MIN_S, SETTLE_MIN_S, 0.01, 0.05, SETTLE_MAX_S]
    batch = await reader.poll(database.connection, 30.1)
    assert batch is not None
    assert [value["id"] for value in batch.values] == [1, 2]
    assert reader.due - 30.1 == pytest.approx(config.poll_interval_ms / 1000)
    await late.close()


async def test_a_row_of_a_transaction_that_wrote_elsewhere_before_comes_in_its_turn(
    database: Database, source: Start
) -> None:
    await database.execute(ORDERS, "CREATE TABLE other (id int)")
    late = await database.another()
    async with late.transaction():
        await late.execute("INSERT INTO other VALUES (1)")
        await database.execute("INSERT INTO orders (item) VALUES ('early')")
        task = await source(**TIMED)
        assert await polls_nothing(task)
        await late.execute("INSERT INTO orders (item) VALUES ('late')")  # now() is when its transaction began
    assert await ids(task, 2) == [2, 1]
    await late.close()


async def test_readers_and_writers_of_other_tables_are_not_waited_for(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "CREATE TABLE other (id int)", "INSERT INTO orders (item) VALUES ('a')")
    busy = await database.another()
    async with busy.transaction():
        await busy.execute("INSERT INTO other VALUES (1)")
        await busy.fetch("SELECT * FROM orders")
        assert await ids(await source(), 1) == [1]
    await busy.close()


async def test_writers_of_tables_behind_a_view_are_waited_for(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "CREATE VIEW seen AS SELECT id FROM orders")
    late = await database.another()
    async with late.transaction():
        await late.execute("INSERT INTO orders (item) VALUES ('late')")
        await database.execute("INSERT INTO orders (item) VALUES ('early')")
        task = await source(query="SELECT id FROM seen", tables="")
        assert await polls_nothing(task)
    assert await ids(task, 2) == [1, 2]
    await late.close()


async def test_the_wait_can_be_bounded_or_left_out(
    database: Database, source: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute(ORDERS)
    late = await database.another()
    async with late.transaction():
        await late.execute("INSERT INTO orders (item) VALUES ('late')")
        await database.execute("INSERT INTO orders (item) VALUES ('early')")
        assert await ids(await source(open_transactions_wait_ms="0"), 1) == [2]
        assert "still open" not in caplog.text
        assert await ids(await source(open_transactions_wait_ms="1"), 1) == [2]
        assert f"transactions are still open (server process {late.get_server_pid()})" in caplog.text
    await late.close()


async def test_rows_of_the_present_second_wait_where_the_column_knows_only_seconds(
    database: Database, source: Start
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int, changed timestamptz(0) NOT NULL)",
        "INSERT INTO orders VALUES (1, clock_timestamp() - interval '5 s'), (2, clock_timestamp() + interval '1 s')",
    )
    task = await source(**TIMED)
    assert await ids(task, 1) == [1]
    await database.execute("INSERT INTO orders SELECT 3, changed FROM orders WHERE id = 2")
    assert await ids(task, 2) in ([2, 3], [3, 2])
