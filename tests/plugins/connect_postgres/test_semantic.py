"""Debezium's names: the types of columns that are made for them, and their values in columns that are there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect.api import DataError, Schema, SchemaType
from connect_postgres.semantic import type_of
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start

LOCAL, MOMENT, CLOCK = "timestamp without time zone", "timestamp with time zone", "time without time zone"
UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
MADE = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"
TIME, DATA = "io.debezium.time.", "io.debezium.data."
MICROS = 1_709_208_000_123_456


def named(kind: str, name: str, **parameters: str) -> Schema:
    return Schema(SchemaType(kind), name=name, optional=True, parameters=parameters or None)


DECIMAL = Schema.struct(
    {"scale": Schema(SchemaType.INT32), "value": Schema(SchemaType.BYTES)}, name=f"{DATA}VariableScaleDecimal"
)
POINT = Schema.struct(
    {"x": Schema(SchemaType.FLOAT64), "y": Schema(SchemaType.FLOAT64)}, name=f"{DATA}geometry.Point", optional=True
)
ROWS: list[tuple[Schema, Any, str, str]] = [
    (named("int64", f"{TIME}Timestamp"), 1_709_208_000_123, LOCAL, "2024-02-29 12:00:00.123"),
    (named("int64", f"{TIME}MicroTimestamp"), MICROS, LOCAL, "2024-02-29 12:00:00.123456"),
    (named("int64", f"{TIME}MicroTimestamp"), -1, LOCAL, "1969-12-31 23:59:59.999999"),
    (named("int64", f"{TIME}NanoTimestamp"), MICROS * 1000 + 9, LOCAL, "2024-02-29 12:00:00.123456"),
    (named("string", f"{TIME}IsoTimestamp"), "2024-02-29T12:00:00Z", LOCAL, "2024-02-29 12:00:00"),
    (named("string", f"{TIME}ZonedTimestamp"), "2024-02-29T13:00:00.5+01:00", MOMENT, "2024-02-29 12:00:00.5+00"),
    (named("int32", f"{TIME}Date"), 19782, "date", "2024-02-29"),
    (named("string", f"{TIME}IsoDate"), "2024-02-29Z", "date", "2024-02-29"),
    (named("int32", f"{TIME}Time"), 43_200_123, CLOCK, "12:00:00.123"),
    (named("int64", f"{TIME}MicroTime"), 43_200_123_456, CLOCK, "12:00:00.123456"),
    (named("int64", f"{TIME}NanoTime"), 43_200_123_456_789, CLOCK, "12:00:00.123456"),
    (named("string", f"{TIME}ZonedTime"), "12:00:00+02:00", "time with time zone", "12:00:00+02"),
    (named("int64", f"{TIME}MicroDuration"), 3_600_000_001, "interval", "01:00:00.000001"),
    (named("string", f"{TIME}Interval"), "P1Y2M3DT4H5M6.7S", "interval", "1 year 2 mons 3 days 04:05:06.7"),
    (named("int32", f"{TIME}Year"), 2024, "integer", "2024"),
    (named("string", f"{DATA}Uuid"), UUID, "uuid", UUID),
    (named("string", f"{DATA}Json"), '{"b": 1, "a": [2]}', "jsonb", '{"a": [2], "b": 1}'),
    (named("string", f"{DATA}Enum", allowed="a,b"), "a", "text", "a"),
    (named("bytes", f"{DATA}Bits", length="10"), b"\x05\x02", "bit varying(10)", "1000000101"),
    (named("bytes", f"{DATA}Bits", length="2147483647"), b"\x05", "bit varying", "00000101"),
    (named("bytes", f"{DATA}Bits", length="12"), b"", "bit varying(12)", ""),
    (named("bytes", f"{DATA}Bits", length="12"), b"\x05", "bit varying(12)", "00000101"),
    (DECIMAL, {"scale": 2, "value": b"\xff\x6a"}, "numeric", "-1.50"),
    (DECIMAL, {"scale": -2, "value": b"\x7b"}, "numeric", "12300"),
    (POINT, {"x": 1.5, "y": -2.0}, "point", "(1.5,-2)"),
    (Schema.array(named("int64", f"{TIME}MicroTimestamp"), optional=True), [MICROS, None], f"{LOCAL}[]",
     '{"2024-02-29 12:00:00.123456",NULL}'),
    (Schema.array(Schema.array(named("int64", f"{TIME}MicroTimestamp")), optional=True), [[MICROS], [-1]], f"{LOCAL}[]",
     '{{"2024-02-29 12:00:00.123456"},{"1969-12-31 23:59:59.999999"}}'),
    (Schema.array(named("string", f"{DATA}Uuid"), optional=True), [], "uuid[]", "{}"),
    (Schema.array(Schema.array(Schema(SchemaType.INT32))), [[1, 2], [3, 4]], "integer[]", "{{1,2},{3,4}}"),
]  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize(("schema", "value", "kind", "text"), ROWS)
async def test_a_name_makes_the_column_and_reads_the_value(
    database: Database, sink: Start, schema: Schema, value: Any, kind: str, text: str
) -> None:
    task = await sink(auto_create="true")
    await put(task, make_sink_batch([{"v": value}], value_schema=Schema.struct({"v": schema})))
    await database.execute("SET timezone = 'UTC'")
    assert await database.rows(MADE) == [(kind,)]
    assert await database.rows("SELECT v::text FROM orders") == [(text,)]


@pytest.mark.postgres
async def test_a_count_stays_a_number_in_a_column_of_numbers_and_a_clock_on_the_wall_stays_what_it_shows(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (a bigint, b timestamp, c timestamptz)")
    schema = Schema.struct(dict.fromkeys("abc", named("int64", f"{TIME}MicroTimestamp")))
    task = await sink(db_timezone="Europe/Amsterdam")
    await put(task, make_sink_batch([dict.fromkeys("abc", MICROS)], value_schema=schema))
    await database.execute("SET timezone = 'UTC'")
    [(number, local, moment)] = await database.rows("SELECT a, b::text, c::text FROM orders")
    assert (number, local, moment) == (MICROS, "2024-02-29 12:00:00.123456", "2024-02-29 11:00:00.123456+00")


VECTOR = Schema(SchemaType.ARRAY, name=f"{DATA}DoubleVector", value_schema=Schema(SchemaType.FLOAT64), optional=True)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("schema", "value", "kind", "text"),
    [
        (Schema(SchemaType.BOOLEAN), True, "bit(1)", "1"),
        (Schema.array(Schema(SchemaType.BOOLEAN)), [False, True], "bit(1)[]", "{0,1}"),
        (named("bytes", f"{DATA}Bits", length="10"), b"\x05", "bit(10)", "0000000101"),
        (Schema.array(Schema.array(named("int32", f"{TIME}Date"))), [[19782], [0]], "day[]",
         "{{2024-02-29},{1970-01-01}}"),
        (Schema(SchemaType.STRING), "{{1},{2}}", "numbers", "{{1},{2}}"),
        (Schema(SchemaType.STRING, optional=True), None, "bytea[]", None),
        (Schema(SchemaType.STRING), '{"\\\\x00ff"}', "bytea[]", '{"\\\\x00ff"}'),
        (Schema.array(Schema(SchemaType.STRING)), ["{1,2}", "{}"], "numbers[]", '{"{1,2}","{}"}'),
    ],
)  # fmt: skip
async def test_what_a_source_of_changes_makes_of_a_column_goes_into_one_of_the_same_type(
    database: Database, sink: Start, schema: Schema, value: Any, kind: str, text: str | None
) -> None:
    await database.execute(
        "CREATE DOMAIN day AS date", "CREATE DOMAIN numbers AS int[]", f"CREATE TABLE orders (v {kind})"
    )
    await put(await sink(), make_sink_batch([{"v": value}], value_schema=Schema.struct({"v": schema})))
    assert await database.rows("SELECT v::text FROM orders") == [(text,)]


@pytest.mark.postgres
async def test_vectors_are_vectors_in_arrays_too(database: Database, sink: Start) -> None:
    if not await database.rows("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("this server has no extension vector")
    await database.execute("CREATE EXTENSION vector", "CREATE TABLE orders (v vector(2), vs vector(2)[])")
    schema = Schema.struct({"v": VECTOR, "vs": Schema.array(VECTOR)})
    rows = [{"v": [1.0, -2.5], "vs": [[1.0, 2.0], None]}]
    await put(await sink(), make_sink_batch(rows, value_schema=schema))
    assert await database.rows("SELECT v::text, vs::text FROM orders") == [("[1,-2.5]", '{"[1,2]",NULL}')]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (named("int64", f"{TIME}MicroTimestamp"), 1 << 62),
        (named("int64", f"{TIME}MicroTime"), 86_400_000_000),
        (named("string", f"{TIME}IsoTimestamp"), "soon"),
    ],
)
async def test_a_value_that_is_none_of_its_name_is_a_bad_record(
    database: Database, sink: Start, schema: Schema, value: Any
) -> None:
    task = await sink(auto_create="true")
    with pytest.raises(DataError, match=r"column v is .* and a value does not fit"):
        await put(task, make_sink_batch([{"v": value}], value_schema=Schema.struct({"v": schema})))


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"type": "VARCHAR", "length": "20"}, "varchar(20)"),
        ({"type": "VARCHAR", "length": "2147483647"}, "varchar"),
        ({"type": "BPCHAR", "length": "3"}, "bpchar(3)"),
        ({"type": "NUMERIC", "length": "10", "scale": "2"}, "numeric(10,2)"),
        ({"type": "NUMERIC", "length": "0"}, "numeric"),
        ({"type": "BIT", "length": "8"}, "bit(8)"),
        ({"type": "_INT4", "length": "10"}, "int4[]"),
        ({"type": "INET"}, "inet"),
        ({"type": "XML"}, "xml"),
        ({"type": "BIGINT UNSIGNED"}, None),
        ({"type": "int4; DROP TABLE x"}, None),
        ({}, None),
    ],
)
def test_the_type_of_the_column_at_the_source_is_taken_where_postgresql_has_it(
    parameters: dict[str, str], kind: str | None
) -> None:
    given = {f"__debezium.source.column.{name}": value for name, value in parameters.items()}
    assert type_of(named("string", "x", **given)) == kind


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("schema", "kind", "default"),
    [
        (Schema(SchemaType.STRING, default="it's \\ new"), "text", "it's \\ new"),
        (Schema(SchemaType.INT32, default=0), "integer", "0"),
        (Schema(SchemaType.FLOAT64, default=float("inf")), "double precision", "Infinity"),
        (Schema(SchemaType.BOOLEAN, default=False), "boolean", "false"),
        (Schema(SchemaType.BYTES, default=b"\x00'"), "bytea", "\\x0027"),
        (Schema(SchemaType.INT64, name=f"{TIME}MicroTimestamp", default=0), LOCAL, "1970-01-01 00:00:00"),
        (Schema.array(Schema(SchemaType.STRING), default=['a"\\', "b,c", ""]), "text[]", '{"a\\"\\\\","b,c",""}'),
        (Schema(SchemaType.STRING, name=f"{DATA}Json", default="{}"), "jsonb", "{}"),
    ],
)  # fmt: skip
async def test_a_schemas_default_is_the_columns_in_a_table_that_is_made_and_in_one_that_grows(
    database: Database, sink: Start, schema: Schema, kind: str, default: str
) -> None:
    keys = {"auto_create": "true", "auto_evolve": "true"}
    value_schema = Schema.struct({"id": Schema(SchemaType.INT32), "v": schema})
    await put(await sink(**keys), make_sink_batch([{"id": 1, "v": schema.default}], value_schema=value_schema))
    await database.execute("CREATE TABLE older (id int)", "INSERT INTO older VALUES (1)")
    grown = await sink(topics="older", **keys)
    await put(grown, make_sink_batch([{"id": 2, "v": schema.default}], topic="older", value_schema=value_schema))
    for table in ("orders", "older"):
        await database.execute(f"INSERT INTO {table} (id) VALUES (3)")
        rows = await database.rows(f"SELECT v::text FROM {table}")
        assert set(rows) == {(default,)}
        made = (
            "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
            f"WHERE attrelid = '{table}'::regclass AND attname = 'v'"
        )
        assert await database.rows(made) == [(kind, True)]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("precision", "kind"), [("10", "numeric(10,2)"), ("1", "numeric"), ("5000", "numeric"), ("x", "numeric")]
)
async def test_a_decimals_precision_is_the_columns(database: Database, sink: Start, precision: str, kind: str) -> None:
    schema = Schema.decimal(2).replace(parameters={"scale": "2", "connect.decimal.precision": precision})
    task = await sink(auto_create="true")
    await put(task, make_sink_batch([{"v": Decimal("1.50")}], value_schema=Schema.struct({"v": schema})))
    assert await database.rows(MADE) == [(kind,)]
