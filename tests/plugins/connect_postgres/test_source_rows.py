"""Rows with values that Python does not hold: the row is told from the others; the others are read as they are."""

from __future__ import annotations

import datetime as dt
import logging
from decimal import Decimal
from typing import Any

import pytest

from connect.api import DataError, SchemaType
from connect_postgres.catalog import describe_table
from connect_postgres.names import TableName
from tests.support.tasks import poll

from .conftest import Database, Start, drain, polls_nothing

pytestmark = pytest.mark.postgres
TOLERANT = {"errors_tolerance": "all"}
BEYOND = [
    ("date", "0044-03-15 BC"),
    ("date", "20000-01-01"),
    ("date", "infinity"),
    ("date", "-infinity"),
    ("time", "24:00:00"),
    ("timestamp", "20000-01-01 00:00:00"),
    ("timestamp", "infinity"),
    ("timestamptz", "-infinity"),
    ("timestamptz", "4000-01-01 00:00:00+00 BC"),
    ("date[]", "{2024-01-01,infinity}"),
    ("timestamp[]", "{{infinity},{NULL}}"),
]


def values(batches: list[Any], column: str = "id") -> list[Any]:
    return [value[column] for batch in batches for value in batch.values]


async def fill(database: Database, kind: str, text: str) -> None:
    await database.execute(
        f"CREATE TABLE orders (id int PRIMARY KEY, v {kind})",
        f"INSERT INTO orders SELECT i, CASE i WHEN 5 THEN '{text}'::{kind} END FROM generate_series(1, 9) i",
    )


@pytest.mark.parametrize(("kind", "text"), BEYOND)
async def test_a_row_that_python_does_not_hold_is_named_or_left_out_and_all_others_are_read(
    database: Database, source: Start, caplog: pytest.LogCaptureFixture, kind: str, text: str
) -> None:
    await fill(database, kind, text)
    with pytest.raises(DataError, match=r"table public\.orders, the row of id=5: column v is ") as raised:
        await drain(await source(batch_max_rows="2"), 9)
    assert text.strip("{}").split(",")[-1].strip("{}") in raised.value.message or "None" in raised.value.message
    assert "temporal.mapping" in raised.value.hint
    task = await source(**TOLERANT, batch_max_rows="2")
    batches = await drain(task, 8)
    assert values(batches) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert batches[-1].source_offset == {"incrementing": 9}
    assert "left out, since errors.tolerance=all: table public.orders, the row of id=5: column v is" in caplog.text
    await database.execute("INSERT INTO orders VALUES (10)")
    assert values(await drain(task, 1)) == [10]


async def test_rows_before_the_bad_one_are_delivered_before_the_task_fails(database: Database, source: Start) -> None:
    await fill(database, "date", "infinity")
    task = await source(batch_max_rows="2")
    assert values(await drain(task, 4)) == [1, 2, 3, 4]
    with pytest.raises(DataError, match="id=5"):
        await poll(task)


async def test_the_ends_of_the_calendar_are_read_as_they_are_beside_an_infinity(
    database: Database, source: Start
) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL, d date, t timestamp, z timestamptz, c time)")
    ends = (
        "'0001-01-01','0001-01-01','0001-01-01 00:00Z','00:00:00.000001'",
        "'9999-12-31','9999-12-31 23:59:59.999999','9999-12-31 23:59:59.999999Z','23:59:59.999999'",
    )
    await database.execute(f"INSERT INTO orders VALUES (1, {ends[0]}), (2, {ends[1]})")
    first = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
    last = dt.datetime.max.replace(tzinfo=dt.UTC)
    expected = [
        {"id": 1, "d": dt.date.min, "t": first, "z": first, "c": dt.time(0, 0, 0, 1)},
        {"id": 2, "d": dt.date.max, "t": last, "z": last, "c": dt.time.max},
    ]
    assert [value for batch in await drain(await source(), 2) for value in batch.values] == expected
    await database.execute("INSERT INTO orders VALUES (3, 'infinity')")
    found = await drain(await source(**TOLERANT), 2)
    assert [value for batch in found for value in batch.values] == expected


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
async def test_a_time_of_change_that_is_infinite_is_left_out_and_the_position_stays(
    database: Database, source: Start, mode: str
) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL, changed timestamptz NOT NULL)")
    await database.execute(
        "INSERT INTO orders VALUES (1, '-infinity'), (2, '2024-01-01'), (3, '2024-01-02'), (4, '100-01-01 BC')"
    )
    task = await source(**TOLERANT, mode=mode, timestamp_column_name="changed")
    batches = await drain(task, 2)
    assert values(batches) == [2, 3]
    assert (batches[-1].source_offset or {})["timestamp"] == 1704153600000
    await database.execute("INSERT INTO orders VALUES (5, '2024-01-03')")
    assert values(await drain(task, 1)) == [5]
    assert await polls_nothing(task)


async def test_times_keep_their_order_where_they_are_read_carefully(database: Database, source: Start) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL, changed timestamptz NOT NULL, d date)")
    await database.execute(
        "INSERT INTO orders VALUES (1, '2024-01-01 09:00+00', 'infinity'), (2, '2024-01-01 10:00+00', null), "
        "(3, '999-01-01', null)"
    )
    assert values(await drain(await source(**TOLERANT, mode="timestamp", timestamp_column_name="changed"), 2)) == [3, 2]


async def test_bulk_reads_begin_anew_once_and_leave_the_row_out_from_then_on(database: Database, source: Start) -> None:
    await fill(database, "date", "infinity")
    task = await source(**TOLERANT, mode="bulk", batch_max_rows="3")
    found = values(await drain(task, 19))
    assert found[:3] == [1, 2, 3]
    assert found[3:] == [1, 2, 3, 4, 6, 7, 8, 9] * 2


@pytest.mark.parametrize(("mapping", "expected"), [("none", Decimal("12300")), ("best_fit", Decimal("12300"))])
async def test_a_numeric_of_negative_scale_has_the_scale_of_its_schema(
    database: Database, source: Start, mapping: str, expected: Decimal
) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL, v numeric(5,-2), a numeric(5,-2)[])")
    await database.execute("INSERT INTO orders VALUES (1, 12345, '{100,NULL}'), (2, NULL, NULL), (3, 0, NULL)")
    [batch] = await drain(await source(numeric_mapping=mapping), 3)
    assert [value["v"] for value in batch.values] == [expected, None, Decimal(0)]
    assert [batch.values[index]["v"].as_tuple().exponent for index in (0, 2)] == [2, 2]
    assert batch.values[0]["a"][0].as_tuple().exponent == 2
    schema = batch.value_schema.field("v").schema
    assert schema.parameters["scale"] == "-2"


async def test_what_is_finer_than_a_record_keeps_is_told(
    database: Database, source: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, t timestamp, m timestamp(3))", "INSERT INTO orders VALUES (1)"
    )
    await drain(await source(), 1)
    assert "timestamps go with milliseconds, and what is finer in t is cut" in caplog.text
    caplog.clear()
    await drain(await source(timestamp_granularity="micros_long"), 1)
    assert "milliseconds" not in caplog.text


async def test_a_table_is_read_column_by_column_whatever_lengths_columns_of_one_type_have(
    database: Database, source: Start
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, a varchar(3), b varchar(5), c varchar, n numeric(5,2), m numeric(9,4))"
    )
    table = await describe_table(database.connection, TableName("orders"))
    assert table is not None
    assert [(one.name, one.declared) for one in table.columns] == [
        ("id", "integer"),
        ("a", "character varying(3)"),
        ("b", "character varying(5)"),
        ("c", "character varying"),
        ("n", "numeric(5,2)"),
        ("m", "numeric(9,4)"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "keys"),
    [
        ("numeric(5,0)", "NaN", {"numeric_mapping": "best_fit"}),
        ("timestamp", "0001-01-01 00:00", {"db_timezone": "Asia/Tokyo"}),
    ],
)
async def test_a_value_that_its_mapping_does_not_hold_is_left_out_with_its_row(
    database: Database, source: Start, kind: str, text: str, keys: dict[str, str]
) -> None:
    await fill(database, kind, text)
    with pytest.raises(DataError, match="the row of id=5: column v is"):
        await drain(await source(**keys), 9)
    assert values(await drain(await source(**keys, **TOLERANT), 8)) == [1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
async def test_a_time_that_cannot_be_read_is_not_taken_for_the_next_column_of_times(
    database: Database, source: Start, mode: str
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, changed timestamptz, made timestamptz NOT NULL)",
        "INSERT INTO orders SELECT i, '0044-03-15 BC', '2025-01-01' FROM generate_series(1, 4) i",
        "INSERT INTO orders SELECT i, '2024-01-01', '2023-01-01' FROM generate_series(5, 8) i",
    )
    keys = {**TOLERANT, "mode": mode, "timestamp_column_name": "changed,made", "batch_max_rows": "2"}
    task = await source(**keys)
    assert values(await drain(task, 4)) == [5, 6, 7, 8]
    await database.execute("INSERT INTO orders VALUES (9, '2024-06-01', '2024-06-01')")
    assert values(await drain(task, 1)) == [9]
    await database.execute("DELETE FROM orders WHERE id > 4")
    again = await source(**keys)
    assert await polls_nothing(again)
    await database.execute("INSERT INTO orders VALUES (10, '2024-07-01', '2024-07-01')")
    assert values(await drain(again, 1)) == [10]


# -- exact as text -------------------------------------------------------------------------------------------------

AS_TEXT = {"temporal_mapping": "string", "numeric_mapping": "string", "array_mapping": "string"}


@pytest.mark.parametrize(("kind", "text"), BEYOND)
async def test_what_python_does_not_hold_comes_as_the_server_prints_it_where_that_is_asked_for(
    database: Database, source: Start, kind: str, text: str
) -> None:
    await database.execute("SET timezone = 'UTC'")
    await fill(database, kind, text)
    ((printed,),) = await database.rows("SELECT v::text FROM orders WHERE id = 5")
    batches = await drain(await source(**AS_TEXT, batch_max_rows="2"), 9)
    assert values(batches, "v") == [None] * 4 + [printed] + [None] * 4


async def test_numerics_as_text_have_no_zeros_added_and_nothing_left_out(database: Database, source: Start) -> None:
    texts = ["1.5", "1.50", "NaN", "Infinity", "1" + "0" * 200]
    await database.execute("CREATE TABLE orders (id numeric NOT NULL, v numeric, vs numeric[])")
    for number, text in enumerate(texts, 8):  # so that a text would sort otherwise
        await database.execute(f"INSERT INTO orders VALUES ({number}, '{text}', '{{{text},NULL}}')")
    task = await source(numeric_mapping="string", batch_max_rows="2")
    batches = await drain(task, 5)
    assert values(batches) == ["8", "9", "10", "11", "12"]
    assert (values(batches, "v"), values(batches, "vs")) == (texts, [[text, None] for text in texts])
    assert batches[-1].source_offset == {"incrementing": 12}


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
async def test_times_of_change_as_text_say_where_to_go_on(
    database: Database, source: Start, mode: str, kind: str
) -> None:
    await database.execute(
        f"CREATE TABLE orders (id int NOT NULL, changed {kind} NOT NULL)",
        "INSERT INTO orders VALUES (1, '0044-03-15 BC'), (2, '-infinity')",
    )
    keys = {**AS_TEXT, "mode": mode, "timestamp_column_name": "changed"}
    task = await source(**keys)
    assert values(await drain(task, 2)) == [2, 1]
    assert await polls_nothing(task)
    await database.execute("INSERT INTO orders VALUES (3, '2024-01-01 00:00:00.000001'), (4, '0001-01-01')")
    batches = await drain(task, 2)
    assert values(batches) == [4, 3]
    resumed = await source([(batches[-1].source_partition, batches[-1].source_offset)], **keys)
    await database.execute("INSERT INTO orders VALUES (5, '2024-01-01 00:00:00.000002')")
    assert values(await drain(resumed, 1)) == [5]


async def test_the_first_time_that_python_holds_is_read_once(database: Database, source: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, changed timestamp NOT NULL)",
        "INSERT INTO orders VALUES (1, '0001-01-01')",
    )
    task = await source(mode="timestamp", timestamp_column_name="changed")
    assert values(await drain(task, 1)) == [1]
    assert await polls_nothing(task)


async def test_an_array_is_as_deep_as_its_column_declares_and_another_is_left_out_with_its_row(
    database: Database, source: Start
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, v int[][], w text[])",
        "INSERT INTO orders VALUES (1, '{{1,2},{3,NULL}}', '{a,NULL}'), (2, '{}', '{}'), (3, '{1}', null), "
        "(4, null, '{{a}}'), (5, null, null)",
    )
    with pytest.raises(
        DataError, match=r"row of id=3: column v is .*, which does not have the 2 dimensions that the column"
    ):
        await drain(await source(), 5)
    batches = await drain(await source(**TOLERANT), 3)
    assert values(batches) == [1, 2, 5]
    assert values(batches, "v") == [[[1, 2], [3, None]], [], None]
    assert batches[0].value_schema.field("v").schema.value_schema.value_schema.type is SchemaType.INT32
