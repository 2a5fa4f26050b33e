"""Which type a column grows to, and what auto.evolve.policy makes of records that do not fit their table."""

from __future__ import annotations

import logging
import math
from decimal import Decimal
from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_INT64, OPTIONAL_STRING, ConfigError, DataError, Schema
from connect_postgres.catalog import ColumnInfo
from connect_postgres.widening import wider_type
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start


def column(kind: str, modifier: int = -1) -> ColumnInfo:
    return ColumnInfo("c", kind, kind, modifier=modifier)


def numeric(precision: int, scale: int) -> ColumnInfo:
    return column("numeric", (precision << 16 | scale & 0x7FF) + 4)


@pytest.mark.parametrize(
    ("given", "values", "wider"),
    [
        (column("smallint"), [32767, -32768, None], None),
        (column("smallint"), [32768], "integer"),
        (column("smallint"), [-(1 << 31) - 1], "bigint"),
        (column("integer"), [1, 1 << 40], "bigint"),
        (column("integer"), [1 << 70], None),
        (column("integer"), [1.5], None),
        (column("integer"), [True], None),
        (column("integer"), [None], None),
        (column("real"), [1.5, 1 << 20, None, math.inf, math.nan], None),
        (column("real"), [0.1], "double precision"),
        (column("real"), [1e300], "double precision"),
        (column("character varying", 9), ["12345"], None),
        (column("character varying", 9), ["123456"], "character varying(10)"),
        (column("character varying", 9), ["x" * 50], "character varying(50)"),
        (column("character varying", 9), ["x" * 6_000_000], "text"),
        (column("character varying"), ["x" * 50], None),
        (column("character", 7), ["xxxx"], None),
        (numeric(5, 2), [Decimal("999.99"), Decimal("NaN"), 1, Decimal("1.5000"), Decimal(0)], None),
        (numeric(5, 2), [Decimal("1000")], "numeric(6,2)"),
        (numeric(5, 2), [Decimal("1E+3")], "numeric(6,2)"),
        (numeric(5, 2), [Decimal("1.12345"), 12345], "numeric(10,5)"),
        (numeric(5, 2), [Decimal("0." + "1" * 40)], "numeric(43,40)"),
        (numeric(5, 2), [Decimal(10) ** 999], "numeric"),
        (numeric(5, -2), [Decimal("1.5")], None),
    ],
)
def test_a_column_grows_where_a_value_needs_it_and_not_otherwise(
    given: ColumnInfo, values: list[Any], wider: str | None
) -> None:
    assert wider_type(given, values) == wider


UPSERT = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
NARROW = "CREATE TABLE orders (id int PRIMARY KEY, n smallint NOT NULL, v varchar(3), r real, d numeric(4,2))"
WIDE = {"id": 1 << 40, "n": 70_000, "v": "longer", "r": 0.1, "d": Decimal("123.456"), "more": "x"}


@pytest.mark.postgres
@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
async def test_with_evolve_a_table_grows_until_the_record_fits_exactly(
    database: Database, sink: Start, caplog: pytest.LogCaptureFixture, mode: dict[str, str]
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute(NARROW, "INSERT INTO orders VALUES (1, 1, 'a', 0.5, 1.25)")
    task = await sink(auto_evolve_policy="evolve", **mode)
    await put(task, make_sink_batch([{"id": 4, "n": 4, "v": "d", "r": 0.5, "d": Decimal("1.5")}]))
    await put(task, make_sink_batch([WIDE, {"id": 2}]))
    await put(task, make_sink_batch([{"id": 3, "n": 3}]))
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [
        (1, 1, "a", 0.5, Decimal("1.250"), None),
        (2, None, None, None, None, None),
        (3, 3, None, None, None, None),
        (4, 4, "d", 0.5, Decimal("1.500"), None),
        tuple(WIDE.values()),
    ]
    assert caplog.text.count("ALTER COLUMN") == 6
    assert 'ALTER COLUMN "n" DROP NOT NULL' in caplog.text


@pytest.mark.postgres
@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
async def test_a_column_that_somebody_else_retypes_or_adds_between_two_puts_takes_the_next_rows(
    database: Database, sink: Start, mode: dict[str, str]
) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, n int)")
    task = await sink(**mode)
    await put(task, make_sink_batch([{"id": 1, "n": 1}]))
    await database.execute("ALTER TABLE orders ALTER n TYPE bigint")
    await put(task, make_sink_batch([{"id": 2, "n": 1 << 40}]))
    await database.execute("ALTER TABLE orders ADD more text")
    await put(task, make_sink_batch([{"id": 3, "more": "x"}]))
    assert await database.rows("SELECT * FROM orders ORDER BY id") == [
        (1, 1, None),
        (2, 1 << 40, None),
        (3, None, "x"),
    ]


@pytest.mark.postgres
@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "double precision"),
        ("integer", "real"),
        ("bigint", "integer"),
        ("integer", "text"),
    ],
)
async def test_values_are_never_taken_for_those_of_the_type_that_a_column_had_before(
    database: Database, sink: Start, mode: dict[str, str], old: str, new: str
) -> None:
    await database.execute(f"CREATE TABLE orders (id int PRIMARY KEY, n {old})")
    task = await sink(**mode)
    await put(task, make_sink_batch([{"id": 1, "n": 5}]))
    await database.execute(f"ALTER TABLE orders ALTER n TYPE {new} USING n::{new}")
    await put(task, make_sink_batch([{"id": 2, "n": 5}]))
    assert await database.rows("SELECT id, n::text FROM orders ORDER BY id") == [(1, "5"), (2, "5")]


@pytest.mark.postgres
async def test_not_null_goes_for_an_optional_field_that_is_null_or_gone_and_for_no_required_one(
    database: Database, sink: Start
) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, a int NOT NULL, b int NOT NULL, c int NOT NULL DEFAULT 7)"
    )
    schema = Schema.struct({"id": INT32, "a": OPTIONAL_INT64})
    task = await sink(auto_evolve_policy="evolve")
    await put(task, make_sink_batch([{"id": 1, "a": None}], value_schema=schema))
    assert await database.rows("SELECT * FROM orders") == [(1, None, None, 7)]
    left = (
        "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND attnotnull ORDER BY 1"
    )
    assert await database.rows(left) == [("c",), ("id",)]


@pytest.mark.postgres
@pytest.mark.parametrize("keys", [{"auto_evolve": "true"}, {"auto_evolve_policy": "freeze"}, {}])
async def test_without_evolve_no_column_is_changed(database: Database, sink: Start, keys: dict[str, str]) -> None:
    await database.execute(NARROW)
    with pytest.raises(DataError, match="out of"):
        await put(await sink(**keys), make_sink_batch([{"id": 1, "n": 70_000}]))
    with pytest.raises(DataError, match="null value in column"):
        await put(await sink(**keys), make_sink_batch([{"id": 1}]))


@pytest.mark.postgres
async def test_with_freeze_a_new_field_is_refused(database: Database, sink: Start) -> None:
    await database.execute(NARROW)
    with pytest.raises(ConfigError, match=r"has no column 'more'"):
        await put(await sink(auto_evolve_policy="freeze"), make_sink_batch([{"id": 1, "n": 1, "more": 1}]))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("policy", "written"), [("discard_value", [1, 2, 3, 4]), ("discard_row", [1, 3])], ids=["value", "row"]
)
@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
async def test_with_a_discarding_policy_the_value_or_its_row_is_left_out_and_the_others_written(
    database: Database,
    sink: Start,
    caplog: pytest.LogCaptureFixture,
    policy: str,
    written: list[int],
    mode: dict[str, str],
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, v text)")
    task = await sink(auto_evolve_policy=policy, **mode)
    await put(task, make_sink_batch([{"id": 1, "v": "a"}, {"id": 2, "v": "b", "more": 1}, {"id": 3, "more": None}]))
    await put(task, make_sink_batch([{"id": 4, "v": "d", "more": 1}], base_offset=3))
    assert await database.rows("SELECT id FROM orders ORDER BY id") == [(number,) for number in written]
    assert caplog.text.count("left out") == 1
    assert f"auto.evolve.policy={policy}" in caplog.text


@pytest.mark.postgres
async def test_with_a_discarding_policy_a_bad_record_is_still_named_by_its_place(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, v varchar(3))")
    task = await sink(auto_evolve_policy="discard_row")
    values = [{"id": 1}, {"id": 2, "more": 1}, {"id": 3, "v": "long text"}]
    with pytest.raises(DataError) as raised:
        await put(task, make_sink_batch(values))
    assert [bad.index for bad in raised.value.failed] == [2]


@pytest.mark.postgres
async def test_where_no_field_has_a_column_nothing_is_discarded_and_the_table_is_told(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    with pytest.raises(ConfigError, match="has no column 'other'; it has id"):
        await put(await sink(auto_evolve_policy="discard_value"), make_sink_batch([{"other": 1}]))


@pytest.mark.postgres
async def test_a_record_of_an_optional_string_keeps_the_length_of_the_column_that_fits(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (v varchar(8))")
    task = await sink(auto_evolve_policy="evolve")
    await put(task, make_sink_batch([{"v": "12345678"}], value_schema=Schema.struct({"v": OPTIONAL_STRING})))
    made = (
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"
    )
    assert await database.rows(made) == [("character varying(8)",)]
