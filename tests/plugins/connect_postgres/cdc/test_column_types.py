"""What a column comes to, for every type of the catalogue, against what the server says."""

from __future__ import annotations

import base64
import io
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from connect.api import Schema, SchemaType
from connect_postgres.cdc.catalog import Catalog
from connect_postgres.cdc.column_types import ColumnType, ColumnTypes, TypeInfo, TypeStyle
from connect_postgres.cdc.snapshots import rows_of

from ..conftest import Database

pytestmark = pytest.mark.postgres
_BYTE = b"\\x00ff10"


async def column(database: Database, declared: str, **style: Any) -> ColumnType:
    """Return what a column of a type comes to, by the catalog."""
    await database.execute("DROP TABLE IF EXISTS t", f"CREATE TABLE t (c {declared})")
    oid = await database.connection.fetchval("SELECT 't'::regclass::oid")
    table = await Catalog().describe(database.connection, oid)
    found = table.columns["c"]
    types = ColumnTypes(TypeStyle(**style), table.types)
    return types.of(found.type_oid, found.modifier, found.dimensions)


async def value(database: Database, made: ColumnType, literal: str) -> Any:
    """Return what is read of a value's text, as the server prints it."""
    await database.execute("SET bytea_output = hex; SET timezone = 'UTC'; SET lc_monetary = 'C'; TRUNCATE t")
    await database.connection.execute(f"INSERT INTO t VALUES ({literal})")
    copied = io.BytesIO()
    await database.connection.copy_from_table("t", output=copied)  # in words of a type's own, as the stream has them
    [[text]] = rows_of(copied.getvalue())
    found = made.parse(text)
    if made.parse_all is not None:
        try:
            assert made.parse_all([text] * 2) == [found, found]
        except ValueError:  # one that is beyond Python; then `parse` is what counts
            assert text == b"infinity"
    return found


@pytest.mark.parametrize(
    ("declared", "literal", "kind", "name", "expected"),
    [
        ("boolean", "true", "BOOLEAN", None, True),
        ("smallint", "-32768", "INT16", None, -32768),
        ("integer", "2147483647", "INT32", None, 2147483647),
        ("bigint", "-9223372036854775808", "INT64", None, -(1 << 63)),
        ("oid", "4294967295", "INT64", None, 4294967295),
        ("real", "1.5", "FLOAT32", None, 1.5),
        ("double precision", "0.1", "FLOAT64", None, 0.1),
        ("double precision", "'Infinity'", "FLOAT64", None, float("inf")),
        ("numeric(10,2)", "1234.5", "BYTES", "org.apache.kafka.connect.data.Decimal", Decimal("1234.50")),
        ("numeric(5,-2)", "12345", "BYTES", "org.apache.kafka.connect.data.Decimal", Decimal("123E+2")),
        ("numeric", "-1.50", "STRUCT", "io.debezium.data.VariableScaleDecimal", {"scale": 2, "value": b"\xff\x6a"}),
        ("money", "-1234.5", "BYTES", "org.apache.kafka.connect.data.Decimal", Decimal("-1234.50")),
        ("text", "'é😀'", "STRING", None, "é😀"),
        ("char(4)", "'ab'", "STRING", None, "ab  "),
        ("bytea", f"'{_BYTE.decode()}'", "BYTES", None, b"\x00\xff\x10"),
        ("date", "'2026-01-02'", "INT32", "io.debezium.time.Date", 20455),
        ("date", "'infinity'", "INT32", "io.debezium.time.Date", 2147483647),
        ("time", "'24:00'", "INT64", "io.debezium.time.MicroTime", 86_400_000_000),
        ("time(3)", "'01:02:03.004'", "INT32", "io.debezium.time.Time", 3_723_004),
        ("timestamp", "'2026-01-02 03:04:05.678901'", "INT64", "io.debezium.time.MicroTimestamp", 1767323045678901),
        ("timestamp(3)", "'2026-01-02 03:04:05.678'", "INT64", "io.debezium.time.Timestamp", 1767323045678),
        (
            "timestamptz",
            "'2026-01-02 03:04:05.5+02'",
            "STRING",
            "io.debezium.time.ZonedTimestamp",
            "2026-01-02T01:04:05.500000Z",
        ),
        ("timetz", "'10:00:00+02'", "STRING", "io.debezium.time.ZonedTime", "08:00:00Z"),
        ("interval", "'1 day 02:00'", "INT64", "io.debezium.time.MicroDuration", 93_600_000_000),
        ("bit(1)", "'1'", "BOOLEAN", None, True),
        ("bit(10)", "'1100000001'", "BYTES", "io.debezium.data.Bits", b"\x01\x03"),
        ("varbit", "'101'", "BYTES", "io.debezium.data.Bits", b"\x05"),
        ("jsonb", """'{"a": 1}'""", "STRING", "io.debezium.data.Json", '{"a": 1}'),
        ("json", """'{"a":  1}'""", "STRING", "io.debezium.data.Json", '{"a":  1}'),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "STRING", "io.debezium.data.Uuid", None),
        ("tsvector", "'a b'", "STRING", "io.debezium.data.TsVector", "'a' 'b'"),
        ("inet", "'10.0.0.1'", "STRING", None, "10.0.0.1"),
        ("int4range", "'[1,5)'", "STRING", None, "[1,5)"),
        ("int4multirange", "'{[1,2),[5,6)}'", "STRING", None, "{[1,2),[5,6)}"),
        ("pg_lsn", "'1/2'", "STRING", None, "1/2"),
        ("integer[]", "'{1,NULL}'", "ARRAY", None, [1, None]),
        ("integer[][]", "'{{1,2},{3,4}}'", "ARRAY", None, [[1, 2], [3, 4]]),
        ("text[]", """'{"a,b",NULL,"NULL"}'""", "ARRAY", None, ["a,b", None, "NULL"]),
        ("numeric(4,1)[]", "'{1,2.5}'", "ARRAY", None, [Decimal("1.0"), Decimal("2.5")]),
        ("date[]", "'{1970-01-02}'", "ARRAY", None, [1]),
        ("box[]", "'{(1,1),(0,0);(2,2),(1,1)}'", "ARRAY", None, ["(1,1),(0,0)", "(2,2),(1,1)"]),
    ],
)
async def test_a_value_comes_as_debezium_maps_it(
    database: Database, declared: str, literal: str, kind: str, name: str | None, expected: Any
) -> None:
    made = await column(database, declared)
    assert (made.schema.type, made.schema.name) == (SchemaType[kind], name)
    found = await value(database, made, literal)
    if expected is not None:
        assert found == expected
    made.schema.validate(found)


@pytest.mark.parametrize(
    ("declared", "style", "literal", "expected"),
    [
        ("numeric(10,2)", {"decimal_mode": "string"}, "1.5", "1.50"),
        ("numeric(10,2)", {"decimal_mode": "double"}, "1.5", 1.5),
        ("numeric", {"decimal_mode": "string"}, "'NaN'", "NaN"),
        ("money", {"decimal_mode": "string"}, "1.5", "1.50"),
        ("money", {"money_digits": 0}, "2", Decimal(2)),
        ("bytea", {"binary_mode": "base64"}, "'\\xfbff'", base64.b64encode(b"\xfb\xff").decode()),
        ("bytea", {"binary_mode": "base64-url-safe"}, "'\\xfbff'", "-_8="),
        ("bytea", {"binary_mode": "hex"}, "'\\xfbff'", "fbff"),
        ("interval", {"interval_mode": "string"}, "'1 year'", "P1Y0M0DT0H0M0S"),
        ("time", {"time_mode": "nanoseconds"}, "'00:00:01'", 1_000_000_000),
        ("timestamp", {"time_mode": "nanoseconds"}, "'1970-01-01 00:00:01'", 1_000_000_000),
        ("timestamp(0)", {"time_mode": "microseconds"}, "'1970-01-01 00:00:01'", 1_000_000),
        ("time(0)", {"time_mode": "adaptive_time_microseconds"}, "'00:00:01'", 1_000_000),
        ("timestamp", {"time_mode": "isostring"}, "'2026-01-02 03:04:05'", "2026-01-02T03:04:05"),
        ("date", {"time_mode": "isostring"}, "'2026-01-02'", "2026-01-02"),
    ],
)
async def test_keys_change_how_values_come(
    database: Database, declared: str, style: dict[str, Any], literal: str, expected: Any
) -> None:
    made = await column(database, declared, **style)
    found = await value(database, made, literal)
    assert found == expected
    made.schema.validate(found)


@pytest.mark.parametrize(
    ("declared", "literal", "expected"),
    [
        ("integer", "1", 1),
        ("double precision", "'-Infinity'", float("-inf")),
        ("boolean", "true", True),
        ("bytea", f"'{_BYTE.decode()}'", b"\x00\xff\x10"),
        ("numeric(10,2)", "'NaN'", "NaN"),
        ("numeric", "'1.50'", "1.50"),
        ("money", "'12.50'", "$12.50"),
        ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
        ("time", "'24:00'", "24:00:00"),
        ("timestamp", "'infinity'", "infinity"),
        ("timestamptz", "'2026-01-01 00:00:00.000001+00'", "2026-01-01 00:00:00.000001+00"),
        ("timetz", "'10:00-12:30'", "10:00:00-12:30"),
        ("interval", "'1 year 1 day'", "1 year 1 day"),
        ("varbit", "'0001'", "0001"),
        ("point", "'(1,2)'", "(1,2)"),
        ("integer[]", "'[2:3]={1,2}'", "[2:3]={1,2}"),
        ("oidvector", "'1 2'", "1 2"),
    ],
)
async def test_in_mode_text_no_value_is_less_than_it_was(
    database: Database, declared: str, literal: str, expected: Any
) -> None:
    made = await column(database, declared, value_mode="text")
    found = await value(database, made, literal)
    assert found == expected
    made.schema.validate(found)


async def test_an_array_of_a_domain_that_is_an_array_has_texts(database: Database) -> None:
    await database.execute("CREATE DOMAIN numbers AS int[]")
    made = await column(database, "numbers[]")
    assert await value(database, made, """'{"{1,2}",NULL}'""") == ["{1,2}", None]


async def test_connects_own_types_come_where_they_are_asked_for(database: Database) -> None:
    for declared, schema in (("date", Schema.date()), ("time", Schema.time()), ("timestamp", Schema.timestamp())):
        assert (await column(database, declared, time_mode="connect")).schema == schema


async def test_an_enum_has_its_labels_and_a_domain_the_type_underneath(database: Database) -> None:
    await database.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN cents AS numeric(8,2)")
    made = await column(database, "mood")
    assert (made.schema.name, made.schema.parameters) == ("io.debezium.data.Enum", {"allowed": "sad,ok"})
    made = await column(database, "cents")
    assert made.schema.parameters == {"scale": "2", "connect.decimal.precision": "8"}
    assert await value(database, made, "7") == Decimal("7.00")
    made = await column(database, "mood[]")
    assert await value(database, made, "'{ok}'") == ["ok"]


async def test_composite_types_come_as_text(database: Database) -> None:
    await database.execute("CREATE TYPE pair AS (a int, b text)")
    made = await column(database, "pair")
    assert (made.schema.type, await value(database, made, "ROW(1, 'x y')")) == (SchemaType.STRING, '(1,"x y")')


async def test_a_vector_is_an_array_of_doubles(database: Database) -> None:
    try:
        await database.execute("CREATE EXTENSION vector")
    except asyncpg.PostgresError:
        pytest.skip("the server has no vector")
    made = await column(database, "vector(2)")
    assert await value(database, made, "'[1,2.5]'") == [1.0, 2.5]


def test_hstore_comes_as_json_or_as_a_map() -> None:
    info = {1: TypeInfo(1, "hstore", "public", "b")}
    made = ColumnTypes(TypeStyle(), info).of(1, -1)
    assert (made.schema.name, made.parse(b'"a"=>NULL')) == ("io.debezium.data.Json", '{"a":null}')
    made = ColumnTypes(TypeStyle(hstore_mode="map"), info).of(1, -1)
    assert made.parse(b'"a"=>"1"') == {"a": "1"}


def test_a_type_that_is_gone_comes_as_text() -> None:
    assert ColumnTypes(TypeStyle(), {}).of(1, -1).schema.type is SchemaType.STRING


def test_what_a_type_does_not_hold_raises() -> None:
    types = ColumnTypes(TypeStyle(time_mode="nanoseconds"), {1: TypeInfo(1, "timestamp", "pg_catalog", "b")})
    with pytest.raises(ValueError, match="nanoseconds"):
        types.of(1, -1).parse(b"5000-01-01 00:00:00")
    types = ColumnTypes(TypeStyle(), {1: TypeInfo(1, "numeric", "pg_catalog", "b")})
    with pytest.raises(ValueError, match="NaN"):
        types.of(1, -1).parse(b"NaN")
