from __future__ import annotations

import base64
import math
from decimal import Decimal
from typing import Any

import pytest

from connect.api import BOOLEAN, BYTES, DECIMAL_NAME, FLOAT64, INT16, INT32, INT64, STRING, Batch, DataError, Schema
from connect_postgres.cdc.column_types import VARIABLE_SCALE
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Steps
from connect_postgres.tables import Tables
from connect_postgres.unchanged import DEFAULT, Placeholder
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start

KINDS = [
    STRING, BYTES, FLOAT64, Schema.decimal(0), Schema.decimal(2), Schema.decimal(-3), VARIABLE_SCALE,
    Schema.map(STRING, STRING), *map(Schema.array, (STRING, BYTES, INT16, INT32, INT64, FLOAT64, BOOLEAN)),
    *map(Schema.array, (Schema.decimal(2), Schema.date(), Schema.time(), Schema.timestamp(), VARIABLE_SCALE)),
    Schema.array(Schema.array(INT32)), Schema.array(Schema.array(Schema.array(STRING))),
]  # fmt: skip


@pytest.mark.parametrize("schema", KINDS, ids=str)
@pytest.mark.parametrize("written", [DEFAULT, "NA", "hex:00ff80", "é" * 100])
def test_each_type_has_one_that_fits_its_schema_and_is_known_again(schema: Schema, written: str) -> None:
    made = Placeholder(written)
    value = made.of(schema)
    schema.validate(value)
    for declared in (schema, None) if schema.name != DECIMAL_NAME else (schema,):
        assert made.rows([None, value, None], declared) == [1]


def test_those_that_debezium_has_are_the_same() -> None:
    made = Placeholder("hex:5f5f646562657a69756d5f756e617661696c61626c655f76616c7565")
    assert made.text == DEFAULT
    assert made.of(Schema.array(STRING)) == [DEFAULT]
    assert made.of(Schema.array(INT64)) == list(DEFAULT.encode())
    assert made.of(Schema.map(STRING, STRING)) == {DEFAULT: DEFAULT}


def test_in_text_it_may_be_base64_or_hexadecimal() -> None:
    data = DEFAULT.encode()
    texts = [base64.b64encode(data).decode(), "x", data.hex(), base64.urlsafe_b64encode(data).decode()]
    assert Placeholder(DEFAULT).rows(texts, STRING) == [0, 2, 3]


def test_what_people_have_is_none() -> None:
    values = ["", b"", "NA ", 0, 0x4E41, 0.0, math.nan, Decimal(0x4E41), [], [0x4E, 0x41], {}, {"a": "NA"}, [[]], True]
    assert Placeholder("NA").rows(values, None) == []
    assert Placeholder("NA").rows([True, 1, 2], None) == []


# -- in tables ---------------------------------------------------------------------------------------------------------

UPSERT = {"insert_mode": "upsert", "pk_mode": "record_key", "pk_fields": "id", "delete_enabled": "true"}
TABLE = "CREATE TABLE orders (id int PRIMARY KEY, big text NOT NULL, more int[], n int)"
ROW = "INSERT INTO orders VALUES (1, 'large', '{1,2}', 1), (2, 'as well', NULL, 2)"
CODES = list(DEFAULT.encode())


def orders(*rows: tuple[int, Any]) -> Batch:
    """Records of keys and values."""
    return make_sink_batch([value for _, value in rows], keys=[key for key, _ in rows])


def row(n: int, big: Any = DEFAULT, more: Any = CODES) -> dict[str, Any]:
    return {"big": big, "more": more, "n": n}


async def refusals(database: Database, batch: Batch, **keys: str) -> dict[int, DataError]:
    """Return what is bad by itself of a batch, by its place."""
    config = SinkConfig.parse(
        {"connection.url": database.url, "topics": "orders", **{k.replace("_", "."): v for k, v in keys.items()}}
    )
    found: dict[int, DataError] = {}
    steps = Steps(config, Tables(config))
    async for _ in steps.of(database.connection, TableName("orders"), batch, refused=found.__setitem__):
        pass
    return found


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["upsert", "update"])
async def test_a_column_whose_value_did_not_come_stays_as_it_is(database: Database, sink: Start, mode: str) -> None:
    await database.execute(TABLE, ROW)
    task = await sink(**{**UPSERT, "insert_mode": mode})
    await put(task, orders((1, row(10)), (2, row(20, more=[3])), (1, row(11)), (2, row(21, big="new", more=None))))
    await put(task, orders((2, row(22))))
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [(1, "large", [1, 2], 11), (2, "new", None, 22)]


@pytest.mark.postgres
async def test_a_value_that_came_in_the_same_put_is_not_lost_behind_one_that_did_not(
    database: Database, sink: Start
) -> None:
    await database.execute(TABLE, ROW)
    task = await sink(**UPSERT)
    await put(
        task,
        orders((3, row(30, "three", [3])), (3, row(31)), (1, row(10, big="other")), (1, row(11)), (2, None)),
        orders((2, row(1, "anew", [4])), (2, row(2)), (3, row(32))),
    )
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [
        (1, "other", [1, 2], 11),
        (2, "anew", [4], 2),
        (3, "three", [3], 32),
    ]


@pytest.mark.postgres
async def test_a_row_that_is_not_there_is_refused_where_a_value_of_it_did_not_come(
    database: Database, sink: Start
) -> None:
    await database.execute(TABLE, ROW)
    task = await sink(**UPSERT)
    with pytest.raises(DataError, match=r"big, more .*no row.*REPLICA IDENTITY FULL") as caught:
        await put(task, orders((1, row(10)), (7, row(70)), (3, row(30, "x", None)), (8, row(80, more=None))))
    assert [bad.index for bad in caught.value.failed] == [1, 3]
    assert "record orders-0@1" in caught.value.failed[0].reason
    assert await database.rows("SELECT id, n FROM orders ORDER BY id") == [(1, 1), (2, 2)]
    await put(task, orders((1, row(10)), (3, row(30, "x", None))))
    assert await database.rows("SELECT id, n FROM orders ORDER BY id") == [(1, 10), (2, 2), (3, 30)]


@pytest.mark.postgres
async def test_a_row_that_is_not_there_is_passed_over_by_updates(database: Database, sink: Start) -> None:
    await database.execute(TABLE, ROW)
    await put(await sink(**{**UPSERT, "insert_mode": "update"}), orders((7, row(70)), (1, row(10))))
    assert await database.rows("SELECT id, n FROM orders ORDER BY id") == [(1, 10), (2, 2)]


@pytest.mark.postgres
async def test_a_key_that_did_not_come_is_refused(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id text PRIMARY KEY, n int)")
    batch = make_sink_batch([{"id": "a", "n": 1}, {"id": DEFAULT, "n": 2}])
    found = await refusals(database, batch, insert_mode="upsert", pk_mode="record_value", pk_fields="id")
    assert list(found) == [1]
    assert "key column id" in str(found[1])


@pytest.mark.postgres
async def test_a_missing_table_is_made_with_all_columns(database: Database, sink: Start) -> None:
    task = await sink(**UPSERT, auto_create="true")
    with pytest.raises(DataError) as caught:
        await put(task, orders((1, row(10)), (2, row(20, "x", [1]))))
    assert [bad.index for bad in caught.value.failed] == [0]
    await put(task, orders((2, row(20, "x", [1])), (2, row(21))))
    assert await database.rows("SELECT id, big, n FROM orders") == [(2, "x", 21)]


@pytest.mark.postgres
async def test_columns_are_neither_widened_nor_given_nulls_for_it(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, big varchar(5) NOT NULL, n int)", ROW_OF_TWO)
    task = await sink(**UPSERT, auto_evolve_policy="evolve")
    await put(task, orders((1, {"big": DEFAULT, "n": 2})))
    [declared] = await database.rows(
        "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
        "WHERE attrelid = 'orders'::regclass AND attname = 'big'"
    )
    assert declared == ("character varying(5)", True)
    assert await database.rows("SELECT * FROM orders") == [(1, "a", 2)]


ROW_OF_TWO = "INSERT INTO orders VALUES (1, 'a', 1)"


@pytest.mark.postgres
@pytest.mark.parametrize(("keys", "big"), [({"insert_mode": "insert"}, DEFAULT), ({"placeholder": ""}, DEFAULT)])
async def test_it_is_a_value_as_others_where_rows_are_added_only_or_nothing_stands_for_it(
    database: Database, sink: Start, keys: dict[str, str], big: str
) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, big text)")
    named = {"unavailable_value_placeholder": keys["placeholder"]} if "placeholder" in keys else keys
    await put(await sink(**{**UPSERT, **named}), orders((1, {"big": DEFAULT})))
    assert await database.rows("SELECT * FROM orders") == [(1, big)]


@pytest.mark.postgres
async def test_another_text_may_stand_for_it(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, big text, n int)", ROW_OF_TWO)
    task = await sink(**UPSERT, unavailable_value_placeholder="hex:286e6f29")
    await put(task, orders((1, {"big": "(no)", "n": 5}), (2, {"big": DEFAULT, "n": 6})))
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [(1, "a", 5), (2, DEFAULT, 6)]
