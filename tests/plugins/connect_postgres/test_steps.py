from __future__ import annotations

import pytest

from connect.api import Batch, DataError
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Step, Steps
from connect_postgres.tables import Tables
from tests.support.factories import make_sink_batch

from .conftest import Database

pytestmark = pytest.mark.postgres
ORDERS = TableName("orders")


async def steps_of(
    database: Database, batch: Batch, refused: dict[int, DataError] | None = None, **keys: str
) -> list[Step]:
    config = SinkConfig.parse(
        {"connection.url": database.url, "topics": "orders", **{k.replace("_", "."): v for k, v in keys.items()}}
    )
    told = None if refused is None else refused.__setitem__
    return [step async for step in Steps(config, Tables(config)).of(database.connection, ORDERS, batch, refused=told)]


async def test_each_row_knows_its_record_behind_tombstones_and_equal_keys(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, v text)")
    keys = {"insert_mode": "upsert", "pk_mode": "record_key", "pk_fields": "id", "delete_enabled": "true"}
    batch = make_sink_batch([{"v": "a"}, None, {"v": "b"}, {"v": "c"}, {"v": "d"}], keys=[1, 1, 2, 3, 2])
    dead, written = await steps_of(database, batch, **keys)
    assert (dead.mode, list(dead.places), dead.values) == ("delete", [1], [[1]])
    assert (written.mode, list(written.places), list(written.values)) == ("upsert", [4, 3], [[2, 3], ["d", "c"]])


async def test_records_that_are_bad_by_themselves_are_all_told_of_and_left_out(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int, v text)")
    batch = make_sink_batch([{"id": 1}, "text", {"id": "many"}, {"id": 1 << 40}, {"id": 2, "v": "\ud800"}, {"id": 3}])
    with pytest.raises(DataError, match="a value of topic orders is str"):
        await steps_of(database, batch)
    refused: dict[int, DataError] = {}
    (step,) = await steps_of(database, batch, refused)
    assert (list(step.places), step.values[0]) == ([0, 5], [1, 3])
    assert {index: (error.details or {}).get("column") for index, error in refused.items()} == {
        1: None,
        2: "id",
        3: "id",
        4: "v",
    }
