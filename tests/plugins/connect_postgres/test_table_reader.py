"""One table as a task reads it: positions and their offsets, batches in order, and failures of it alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from connect.api import ConnectError, DataError
from connect_postgres.names import TableName
from connect_postgres.source_config import SourceConfig
from connect_postgres.table_reader import RETRY_MAX_S, RETRY_MIN_S, Position, TableReader

from .conftest import Database

MOMENT = dt.datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=dt.UTC)
TIMED = {"mode": "timestamp", "timestamp.column.name": "changed"}


def reader(
    url: str = "postgresql://127.0.0.1/db", offsets: Mapping[str, Mapping[str, Any]] | None = None, **keys: str
) -> TableReader:
    """A reader of table public.orders; `offsets` are committed ones by the partition's name of the table."""
    config = {
        "connection.url": url,
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "pg-",
        **{name.replace("_", "."): value for name, value in keys.items()},
    }
    find = (offsets or {}).get
    return TableReader(
        SourceConfig.parse(config),
        TableName("orders", "public"),
        lambda partition: find(f"{partition.get('protocol', '')}:{partition['table']}"),
    )


@pytest.mark.parametrize(
    ("position", "offset"),
    [
        (Position(), None),
        (Position(42), {"incrementing": 42}),
        (Position(timestamp=MOMENT), {"timestamp": 1_700_000_000_123, "timestamp_nanos": 123_456_000}),
        (Position(-1, MOMENT), {"incrementing": -1, "timestamp": 1_700_000_000_123, "timestamp_nanos": 123_456_000}),
        (
            Position(timestamp=dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)),
            {"timestamp": -1, "timestamp_nanos": 999_999_000},
        ),
    ],
)
def test_a_position_survives_its_offset_to_the_microsecond(position: Position, offset: dict[str, Any] | None) -> None:
    assert position.to_offset() == offset
    assert Position.of_offset(offset or {}) == position


def test_an_offset_of_the_jdbc_connector_without_nanos_is_taken_and_what_is_none_is_refused() -> None:
    assert Position.of_offset({"timestamp": 1000}) == Position(
        timestamp=dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)
    )
    for wrong in ({"incrementing": "42"}, {"timestamp": 1.5}, {"incrementing": True}):
        with pytest.raises(DataError, match="are whole numbers"):
            Position.of_offset(wrong)


@pytest.mark.parametrize("name", ["1:public.orders", "1:db.public.orders", "1:orders", ":orders"])
def test_a_table_goes_on_at_its_offset_under_any_name_that_jdbc_connectors_give_it(name: str) -> None:
    found = reader(offsets={name: {"incrementing": 5}})
    assert found._position == Position(5)
    partition = {"table": name.partition(":")[2]}
    assert found._partition == ({"protocol": "1", **partition} if name.startswith("1") else partition)


def test_where_to_begin_can_be_said_where_there_is_no_offset() -> None:
    assert reader()._position == Position()
    keys = {"mode": "timestamp", "timestamp_column_name": "changed", "timestamp_initial": "1000"}
    assert reader(**keys)._position.to_offset() == {"timestamp": 1000, "timestamp_nanos": 0}
    assert reader(offsets={"1:public.orders": {"timestamp": 5}}, **keys)._position.to_offset() == {
        "timestamp": 5,
        "timestamp_nanos": 5_000_000,
    }


def test_a_table_that_fails_is_tried_later_and_later_up_to_a_bound() -> None:
    one, error = reader(), ConnectError("no")
    waits = [one.failed(error, 100.0) for _ in range(10)]
    assert waits[:4] == [RETRY_MIN_S, 2 * RETRY_MIN_S, 4 * RETRY_MIN_S, 8 * RETRY_MIN_S]
    assert waits[-1] == RETRY_MAX_S
    assert (one.failure, one.due, one.reading) == (error, 100.0 + RETRY_MAX_S, False)


@pytest.mark.postgres
async def test_a_read_gives_batches_in_order_each_with_the_offset_behind_it_and_then_waits(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, item text)",
        "INSERT INTO orders SELECT i, 'item ' || i FROM generate_series(5, 1, -1) i",
    )
    one = reader(database.url, batch_max_rows="2", poll_interval_ms="1000")
    batches = []
    for _ in range(3):
        batch = await one.poll(database.connection, 10.0)
        assert batch is not None
        batches.append(batch)
        assert one.reading is (len(batches) < 3)
    assert [[value["id"] for value in batch.values] for batch in batches] == [[1, 2], [3, 4], [5]]
    assert [batch.source_offset for batch in batches] == [{"incrementing": 2}, {"incrementing": 4}, {"incrementing": 5}]
    assert {batch.topic for batch in batches} == {"pg-orders"}
    assert batches[0].source_partition == {"protocol": "1", "table": "public.orders"}
    assert one.due == 11.0
    assert await one.poll(database.connection, 11.0) is None
    assert one.due == 12.0, "nothing new is looked for again after the same time"


@pytest.mark.postgres
async def test_a_read_that_lost_its_connection_begins_behind_the_last_batch(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)", "INSERT INTO orders SELECT generate_series(1, 5)")
    one, lost = reader(database.url, batch_max_rows="2"), await database.another()
    first = await one.poll(lost, 0.0)
    await lost.close()
    one.reset()
    assert not one.reading
    second = await one.poll(database.connection, 0.0)
    assert first is not None
    assert second is not None
    assert [value["id"] for batch in (first, second) for value in batch.values] == [1, 2, 3, 4]
