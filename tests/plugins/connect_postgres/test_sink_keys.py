"""What the sink's keys do to rows: nulls and defaults, times, texts, whole values, kinds of tables, long names."""

from __future__ import annotations

import datetime as dt
import logging
from decimal import Decimal
from typing import Any

import pytest

from connect.api import INT32, INT64, OPTIONAL_STRING, STRING, ConfigError, DataError, Schema, SchemaType
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start

pytestmark = pytest.mark.postgres
KEYED = {"insert_mode": "upsert", "pk_mode": "record_key", "pk_fields": "id"}


@pytest.mark.parametrize(("replaced", "written"), [("true", "new"), ("false", None)])
async def test_a_null_is_the_schemas_default_unless_it_is_to_stay(
    database: Database, sink: Start, replaced: str, written: str | None
) -> None:
    await database.execute("CREATE TABLE orders (id int, state text)")
    state = Schema(SchemaType.STRING, optional=True, default="new")
    schema = Schema.struct({"id": INT32, "state": state})
    task = await sink(replace_null_with_default=replaced)
    await put(task, make_sink_batch([{"id": 1, "state": None}], value_schema=schema))
    assert await database.rows("SELECT * FROM orders") == [(1, written)]


@pytest.mark.parametrize(("mode", "factor"), [("microseconds", 1), ("NANOSECONDS", 1000)])
async def test_fields_of_the_list_are_timestamps_also_where_the_table_is_made(
    database: Database, sink: Start, mode: str, factor: int
) -> None:
    schema = Schema.struct({"at": INT64, "on": STRING, "n": INT64})
    task = await sink(auto_create="true", timestamp_fields_list="at,on,absent", timestamp_precision_mode=mode)
    micros = 1_709_208_000_123_456 * factor
    await put(task, make_sink_batch([{"at": micros, "on": str(micros), "n": micros}], value_schema=schema))
    at = dt.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=dt.UTC)
    assert await database.rows('SELECT at, "on", n FROM orders') == [(at, at, micros)]


@pytest.mark.parametrize(("calendar", "day"), [("PROLEPTIC_GREGORIAN", 10), ("legacy", 1)])
async def test_dates_of_long_ago_are_read_by_the_calendar_that_is_named(
    database: Database, sink: Start, calendar: str, day: int
) -> None:
    await database.execute("CREATE TABLE orders (d date, t timestamp)")
    task = await sink(date_calendar_system=calendar, db_timezone="Europe/Amsterdam", date_timezone="DB_TIMEZONE")
    at = dt.datetime(1500, 1, 10, 12, tzinfo=dt.UTC)
    await put(task, make_sink_batch([{"d": at.date(), "t": at}]))
    assert await database.rows("SELECT d, t::date FROM orders") == [(dt.date(1500, 1, day),) * 2]


async def test_a_value_that_is_a_text_goes_into_the_column_for_texts(database: Database, sink: Start) -> None:
    task = await sink(auto_create="true")
    await put(task, make_sink_batch(["a", "b"], value_schema=OPTIONAL_STRING))
    task = await sink(string_output_value_column_name="line", auto_evolve="true")
    await put(task, make_sink_batch(["c"], value_schema=OPTIONAL_STRING, base_offset=2))
    assert await database.rows("SELECT record_value, line FROM orders ORDER BY 1, 2") == [
        ("a", None),
        ("b", None),
        (None, "c"),
    ]


async def test_a_whole_value_goes_into_one_column_whatever_it_is(database: Database, sink: Start) -> None:
    values: list[Any] = [{"a": {"b": [1, None]}}, [1, 2], "5", 5, True, {"n": Decimal("1.50")}]
    task = await sink(auto_create="true", json_value_column_name="doc", **KEYED)
    await put(task, make_sink_batch(values, keys=list(range(len(values)))))
    found = await database.rows("SELECT id, doc::text, jsonb_typeof(doc) FROM orders ORDER BY id")
    texts = ['{"a": {"b": [1, null]}}', "[1, 2]", '"5"', "5", "true", '{"n": "1.50"}']
    kinds = ["object", "array", "string", "number", "boolean", "object"]
    assert found == list(zip(range(6), texts, kinds, strict=True))


async def test_a_whole_value_stands_beside_a_key_of_its_own_fields(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, doc json)")
    keys = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id", "json_value_column_name": "doc"}
    await put(await sink(**keys), make_sink_batch([{"id": 1, "x": 1}, {"id": 1, "y": 2}]))
    assert await database.rows("SELECT * FROM orders") == [(1, '{"id":1,"y":2}')]


@pytest.mark.parametrize(
    ("made", "types", "told"),
    [
        ("VIEW orders AS SELECT id FROM kept", "TABLE", "public.orders is a VIEW, and table.types is TABLE"),
        ("MATERIALIZED VIEW orders AS SELECT id FROM kept", "", "is a materialized view, and nothing can be written"),
        ("SEQUENCE orders", "", "is neither a table nor a view"),
    ],
)
async def test_a_table_of_another_kind_is_refused_by_its_kind(
    database: Database, sink: Start, made: str, types: str, told: str
) -> None:
    await database.execute("CREATE TABLE kept (id int)", f"CREATE {made}")
    task = await sink(**({"table_types": types} if types else {}))
    with pytest.raises(ConfigError, match=told):
        await put(task, make_sink_batch([{"id": 1}]))


async def test_a_partitioned_table_is_a_table(database: Database, sink: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int) PARTITION BY LIST (id)", "CREATE TABLE part PARTITION OF orders DEFAULT"
    )
    await put(await sink(table_types="table"), make_sink_batch([{"id": 1}]))
    assert await database.rows("SELECT id FROM orders") == [(1,)]


async def test_long_names_are_shortened_and_found_again(database: Database, sink: Start) -> None:
    topic, field = "t" * 80, "f" * 80
    keys = {"long_names": "shorten", "auto_create": "true", "insert_mode": "upsert", "pk_mode": "record_value"}
    for value in (1, 2):
        task = await sink(topics=topic, pk_fields=field, **keys)
        await put(task, make_sink_batch([{field: value, field + "2": "x"}], topic=topic))
    tables = await database.rows("SELECT relname FROM pg_class WHERE relname LIKE 'tttt%' AND relkind = 'r'")
    assert len(tables) == 1
    assert await database.rows(f'SELECT count(*) FROM "{tables[0][0]}"') == [(2,)]


async def test_two_topics_are_not_mixed_in_a_table_whose_name_was_shortened(database: Database, sink: Start) -> None:
    topic = "t" * 80
    task = await sink(topics=topic, long_names="shorten", auto_create="true")
    await put(task, make_sink_batch([{"id": 1}], topic=topic))
    [(short,)] = await database.rows("SELECT relname FROM pg_class WHERE relname LIKE 'tttt%' AND relkind = 'r'")
    with pytest.raises(ConfigError, match=r"would go there, too, since long\.names=shorten"):
        await put(task, make_sink_batch([{"id": 2}], topic=short))
    assert await database.rows(f'SELECT id FROM "{short}"') == [(1,)]


async def test_several_topics_go_into_one_table_and_the_last_change_of_a_key_is_what_stays(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE all_orders (id int PRIMARY KEY, v text)")
    task = await sink(topics="a,b", table_name_format="all_orders", delete_enabled="true", **KEYED)
    values: list[Any] = [{"v": "1"}, None, {"v": "2"}, {"v": "3"}, None]
    await task.put_batches(
        [
            make_sink_batch(values, topic="a", keys=[1, 1, 1, 2, 2]),
            make_sink_batch([{"v": "b"}, {"v": "c"}], topic="b", keys=[2, 3]),
            make_sink_batch([None], topic="a", keys=[3], base_offset=9),
        ]
    )
    assert await database.rows("SELECT * FROM all_orders ORDER BY id") == [(1, "2"), (2, "b")]


async def test_how_a_table_is_written_is_logged_once(
    database: Database, sink: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute("CREATE TABLE orders (id int)")
    task = await sink()
    for offset in range(3):
        await put(task, make_sink_batch([{"id": offset}], base_offset=offset))
    assert caplog.text.count("rows are copied straight into public.orders (COPY)") == 1


@pytest.mark.parametrize("mode", [{}, KEYED], ids=["insert", "upsert"])
async def test_tombstones_are_passed_over_where_that_is_asked_for(
    database: Database, sink: Start, mode: dict[str, str]
) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, v varchar(3))")
    task = await sink(handle_tombstone="true", **mode)
    values: list[Any] = [None, {"id": 1, "v": "a"}, None, {"id": 2, "v": "long"}, {"id": 3, "v": "c"}]
    keys = None if not mode else [1, 1, 1, 2, 3]
    with pytest.raises(DataError) as raised:
        await task.put_batch(make_sink_batch(values, keys=keys))
    assert [bad.index for bad in raised.value.failed] == [3]
    values[3] = None
    await put(task, make_sink_batch(values, keys=keys))
    await put(task, make_sink_batch([None], base_offset=5))
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [(1, "a"), (3, "c")]


async def test_an_upsert_by_all_fields_writes_equal_rows_once(database: Database, sink: Start) -> None:
    task = await sink(auto_create="true", insert_mode="upsert", pk_mode="record_value")
    for base in (0, 3):
        await put(task, make_sink_batch([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}], base_offset=base))
    assert await database.rows("SELECT * FROM orders ORDER BY b") == [(1, 1), (1, 2)]
