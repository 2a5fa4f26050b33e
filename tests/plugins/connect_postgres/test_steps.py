from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT64, STRING, Batch, ConfigError, DataError, Schema
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Step, Steps
from connect_postgres.tables import Tables
from tests.support.factories import make_sink_batch

from .conftest import Database

pytestmark = pytest.mark.postgres
ORDERS = TableName("orders")
UPSERT = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}


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


@pytest.mark.parametrize(
    ("made", "keys", "way"),
    [
        ("TABLE orders (id int)", {}, "copied straight into public.orders (COPY)"),
        ("TABLE orders (id inet)", {}, "written from there by INSERT: the server reads id from text"),
        ("VIEW orders AS SELECT id FROM kept", {}, "by INSERT: COPY does not write into views"),
        ("TABLE orders (id int PRIMARY KEY)", UPSERT, "written from there by INSERT ... ON CONFLICT"),
        ("TABLE orders (id int)", {**UPSERT, "insert_mode": "update"}, "written from there by UPDATE"),
    ],
)
async def test_each_step_says_how_its_rows_are_written(
    database: Database, made: str, keys: dict[str, str], way: str
) -> None:
    await database.execute("CREATE TABLE kept (id int)", f"CREATE {made}")
    value = "10.0.0.1" if "inet" in made else 1
    [step] = await steps_of(database, make_sink_batch([{"id": value}]), **keys)
    assert way in step.way


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


# -- whose fault it is -------------------------------------------------------------------------------------------------

ONLY_ID = "CREATE TABLE orders (id int PRIMARY KEY, v text, g int GENERATED ALWAYS AS (id + 1) STORED)"
KEYED = {"insert_mode": "upsert", "pk_mode": "record_key"}


class Task:
    """The steps of one task, put after put."""

    def __init__(self, database: Database, **keys: str) -> None:
        named = {name.replace("_", "."): value for name, value in keys.items()}
        config = SinkConfig.parse({"connection.url": database.url, "topics": "orders", **named})
        self._database = database
        self._steps = Steps(config, Tables(config))

    async def put(self, values: list[Any], **batch: Any) -> tuple[list[int], dict[int, str]]:
        """Return the records that are written or deleted, and what is said of those that are bad."""
        bad: dict[int, DataError] = {}
        of = self._steps.of(
            self._database.connection, ORDERS, make_sink_batch(values, **batch), refused=bad.__setitem__
        )
        good = [place async for step in of for place in step.places]
        return good, {index: error.message for index, error in bad.items()}

    async def raises(self, values: list[Any], **batch: Any) -> Exception:
        with pytest.raises((ConfigError, DataError)) as raised:
            async for _ in self._steps.of(self._database.connection, ORDERS, make_sink_batch(values, **batch)):
                pass
        return raised.value


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"id": 2, "extra": 1}, "table public.orders has no column 'extra'; it has id, v, g"),
        ({"id": 2, "a": 1, "b": None}, "table public.orders has no column 'a', 'b'; it has id, v, g"),
        ({"id": 2, "n" * 64: 3}, "has no column"),
    ],
    ids=["extra", "two", "no name"],
)
async def test_a_field_that_the_table_does_not_take_is_the_records_fault_where_others_have_none(
    database: Database, bad: dict[str, Any], told: str
) -> None:
    await database.execute(ONLY_ID)
    good, refused = await Task(database).put([{"id": 1, "v": "a"}, bad, {"id": 3}])
    assert (good, list(refused)) == ([0, 2], [1])
    assert refused[1].startswith(told) or told in refused[1]
    error = await Task(database).raises([{"id": 1}, bad])
    assert isinstance(error, DataError)
    assert "auto.evolve" in str(error.hint) or "fields.whitelist" in str(error.hint)


@pytest.mark.parametrize("field", ["", "a\0b", "n" * 64], ids=["empty", "NUL", "long"])
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_field_whose_name_is_no_columns_is_the_records_fault_where_columns_are_made(
    database: Database, field: str, is_there: bool
) -> None:
    if is_there:
        await database.execute(ONLY_ID)
    task = Task(database, auto_create="true", auto_evolve="true")
    good, refused = await task.put([{"id": 1, "late": 5}, {"id": 2, field: 1}])
    assert (good, list(refused)) == ([0], [1])
    assert "cannot be the name of a table or column" in refused[1]


async def test_where_no_record_of_a_topic_has_fitted_so_far_it_is_the_tables_or_the_configs(database: Database) -> None:
    await database.execute(ONLY_ID)
    task = Task(database)
    error = await task.raises([{"id": 1, "extra": 1}, {"id": 2, "extra": None}])
    assert isinstance(error, ConfigError)
    assert error.config_path == "auto.evolve"
    assert "has no column 'extra'; it has id, v, g; and each record of topic orders so far has that field" in str(error)
    assert await task.put([{"id": 1}]) == ([0], {})
    error = await task.raises([{"id": 1, "extra": 1}])  # now others have fitted
    assert isinstance(error, DataError)


async def test_a_column_that_was_written_and_is_gone_is_the_tables_fault(database: Database) -> None:
    await database.execute(ONLY_ID)
    task = Task(database)
    assert await task.put([{"id": 1, "v": "a"}]) == ([0], {})
    await database.execute("ALTER TABLE orders DROP COLUMN v")
    task._steps._tables.forget()
    error = await task.raises([{"id": 2, "v": "a"}, {"id": 3}])
    assert isinstance(error, ConfigError)
    assert "has no column 'v'; it has id, g; which was written before" in str(error)


async def test_a_declared_field_is_in_each_record_of_its_schema_and_another_schema_may_fit(database: Database) -> None:
    await database.execute(ONLY_ID)
    old = make_sink_batch([{"id": 1}], value_schema=Schema.struct({"id": INT64}))
    wide = Schema.struct({"id": INT64, "extra": STRING})
    new = make_sink_batch([{"id": 2, "extra": "a"}, {"id": 3, "extra": "b"}], value_schema=wide)
    task = Task(database)
    assert isinstance(await task.raises(list(new.values), value_schema=wide), ConfigError)
    await task._steps.look_at(database.connection, [(ORDERS, new), (ORDERS, old)])
    good, refused = await task.put(list(new.values), value_schema=wide)
    assert (good, list(refused)) == ([], [0, 1])


async def test_a_key_of_another_shape_is_the_records_fault_where_others_fit(database: Database) -> None:
    await database.execute("CREATE TABLE orders (a int, b int, v text, PRIMARY KEY (a, b))")
    task = Task(database, **KEYED, delete_enabled="true")
    assert isinstance(await task.raises([{"v": "x"}], keys=[7]), ConfigError)
    keys = [{"a": 1, "b": 1}, 7, {"a": 2, "b": 2, "c": 3}, {"a": 3, "b": 3}]
    good, refused = await task.put([{"v": "x"}, {"v": "y"}, {"v": "z"}, None], keys=keys)
    assert (sorted(good), sorted(refused)) == ([0, 3], [1, 2])
    assert "are no structs" in refused[1]
    assert "has no column 'c'" in refused[2]


async def test_records_in_front_of_a_tombstone_that_is_bad_are_not_lost_without_a_word(database: Database) -> None:
    await database.execute("CREATE TABLE orders (a int PRIMARY KEY, v text)")
    task = Task(database, **KEYED, delete_enabled="true")
    keys = [{"a": 1}, {"a": 2, "c": 3}, {"a": 2, "c": 3}, {"a": "x"}, {"a": "x"}, {"a": 4}]
    good, refused = await task.put([{"v": "a"}, {"v": "b"}, None, {"v": "c"}, None, None], keys=keys)
    assert (sorted(good), sorted(refused)) == ([0, 5], [1, 2, 3, 4])


async def test_a_tombstone_is_bad_by_itself_where_records_with_values_fit(database: Database) -> None:
    await database.execute("CREATE TABLE orders (a int PRIMARY KEY, v text)")
    task = Task(database, **KEYED, delete_enabled="true", auto_evolve="true")
    assert isinstance(await task.raises([None], keys=[{"a": 1, "c": 2}]), ConfigError)
    good, refused = await task.put([{"v": "a"}, None], keys=[{"a": 1}, {"a": 1, "c": 2}])
    assert (good, list(refused)) == ([0], [1])


async def test_fields_of_which_none_is_written_are_the_records_fault_where_others_have_some(database: Database) -> None:
    await database.execute(ONLY_ID)
    task = Task(database, fields_whitelist="id")
    assert isinstance(await task.raises([{"other": 1}]), ConfigError)
    assert await task.put([{"id": 1}]) == ([0], {})
    assert isinstance(await task.raises([{"other": 1}]), DataError)


async def test_a_missing_table_is_never_a_records_fault(database: Database) -> None:
    error = await Task(database).raises([{"id": 1}, {"id": 2, "extra": 1}])
    assert isinstance(error, ConfigError)
    assert "table orders does not exist" in str(error)
