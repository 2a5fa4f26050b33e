"""Rows to records: the schema of each column type, how it is selected, and values that Python does not hold."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asyncpg.pgproto import pgproto

from connect.api import FLOAT64, INT8, INT16, INT32, INT64, STRING, Schema, SchemaType
from connect_postgres.catalog import ColumnInfo
from connect_postgres.rows import (
    GRANULARITIES,
    SCALE_MAX,
    RowStyle,
    Unreadable,
    convert_each,
    holds_infinity,
    micros_of,
    read_carefully,
    select_list,
    to_columns,
)

MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)
ZONED, ZONELESS = "timestamp with time zone", "timestamp without time zone"


def column(kind: str, *, name: str = "v", modifier: int = -1, not_null: bool = True) -> ColumnInfo:
    return ColumnInfo(name, kind, kind, not_null, modifier)


def numeric(precision: int, scale: int) -> ColumnInfo:
    return column("numeric", modifier=(precision << 16 | scale & 0x7FF) + 4)


def read(style: RowStyle, one: ColumnInfo, value: Any) -> Any:
    """What a record holds of a value that the driver gives."""
    (row,) = to_columns([(value,)], ["v"], style.readers([one]))
    return row["v"]


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("smallint", INT16),
        ("integer", INT32),
        ("oid", INT64),
        ("double precision", FLOAT64),
        ("date", Schema.date()),
        ("time without time zone", Schema.time()),
        (ZONED, Schema.timestamp()),
        ("uuid", STRING),
        ("jsonb", STRING),
        ("interval", STRING),
        ("some_enum", STRING),
    ],
)
def test_each_type_has_its_schema_which_is_optional_where_the_column_takes_null(kind: str, schema: Schema) -> None:
    assert RowStyle().schema(column(kind)) == schema
    assert RowStyle().schema(column(kind, not_null=False)) == schema.replace(optional=True)
    array = RowStyle().schema(column(f"{kind}[]"))
    assert array == Schema.array(schema.replace(optional=True))


@pytest.mark.parametrize(
    ("mapping", "one", "schema"),
    [
        ("none", numeric(5, 0), Schema.decimal(0)),
        ("none", numeric(5, 2), Schema.decimal(2)),
        ("none", numeric(5, -2), Schema.decimal(-2)),
        ("none", column("numeric"), Schema.decimal(SCALE_MAX)),
        ("precision_only", numeric(2, 0), INT8),
        ("precision_only", numeric(4, 0), INT16),
        ("precision_only", numeric(9, 0), INT32),
        ("precision_only", numeric(18, 0), INT64),
        ("precision_only", numeric(19, 0), Schema.decimal(0)),
        ("precision_only", numeric(5, 2), Schema.decimal(2)),
        ("best_fit", numeric(18, 2), FLOAT64),
        ("best_fit", numeric(19, 2), Schema.decimal(2)),
        ("best_fit", column("numeric"), Schema.decimal(SCALE_MAX)),
        ("best_fit_eager_double", numeric(30, 2), FLOAT64),
        ("best_fit_eager_double", column("numeric"), FLOAT64),
    ],
)
def test_a_numeric_is_what_its_mapping_makes_of_precision_and_scale(
    mapping: str, one: ColumnInfo, schema: Schema
) -> None:
    assert RowStyle(numeric_mapping=mapping).schema(one) == schema


def test_decimals_have_the_scale_of_their_schema() -> None:
    assert read(RowStyle(), numeric(5, -2), Decimal(12300)).as_tuple().exponent == 2
    assert read(RowStyle(), column("numeric"), Decimal("1.5")).as_tuple().exponent == -SCALE_MAX
    assert read(RowStyle(), numeric(5, 2), Decimal("1.50")) == Decimal("1.50")
    assert read(RowStyle("precision_only"), numeric(9, 0), Decimal(7)) == 7
    assert read(RowStyle("best_fit"), numeric(5, 2), Decimal("1.5")) == 1.5


@pytest.mark.parametrize(
    ("granularity", "value"),
    [
        ("connect_logical", MOMENT),
        ("micros_long", 1_714_979_289_123_456),
        ("nanos_long", 1_714_979_289_123_456_000),
        ("micros_string", "1714979289123456"),
        ("nanos_string", "1714979289123456000"),
        ("micros_iso_datetime_string", "2024-05-06T07:08:09.123456"),
        ("nanos_iso_datetime_string", "2024-05-06T07:08:09.123456000"),
    ],
)
def test_a_timestamp_comes_in_the_grain_that_was_asked_for(granularity: str, value: object) -> None:
    style = RowStyle(timestamp_granularity=granularity)
    assert read(style, column(ZONED), MOMENT) == value
    assert read(style, column(f"{ZONED}[]"), [MOMENT, None]) == [value, None]
    assert read(style, replace(column(f"{ZONED}[]"), dimensions=2), [[MOMENT], [None]]) == [[value], [None]]
    assert style.schema(column(ZONED)) == GRANULARITIES[granularity][0]


def test_a_timestamp_without_a_zone_is_of_the_configured_one() -> None:
    style = RowStyle(zone=ZoneInfo("Europe/Amsterdam"))
    assert read(style, column(ZONELESS), dt.datetime(2024, 7, 1, 12)) == dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)
    assert read(style, column(ZONED), MOMENT) == MOMENT


def test_microseconds_are_counted_exactly_before_and_after_the_epoch() -> None:
    assert micros_of(MOMENT) == 1_714_979_289_123_456
    assert micros_of(dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)) == -1


def test_null_stays_null_in_every_column() -> None:
    columns = [column(kind) for kind in ("numeric", ZONED, ZONELESS, "numeric[]")]
    for one in columns:
        assert read(RowStyle("best_fit_eager_double", "micros_long"), one, None) is None


def test_a_row_has_its_schema_with_the_columns_in_order() -> None:
    schema = RowStyle().row_schema("orders", [column("bigint", name="id"), column("text", name="a", not_null=False)])
    assert (schema.type, schema.name) == (SchemaType.STRUCT, "orders")
    assert [(one.name, one.schema.optional) for one in schema.fields] == [("id", False), ("a", True)]


def test_columns_that_hold_more_than_milliseconds_are_known() -> None:
    columns = [column(ZONED, name="a"), column(ZONED, name="b", modifier=3), column(ZONELESS, name="c", modifier=6)]
    assert RowStyle().finer_than_kept(columns) == ["a", "c"]
    assert RowStyle(timestamp_granularity="nanos_long").finer_than_kept(columns) == []


def test_what_has_no_type_of_connects_is_selected_as_text_and_times_too_where_care_is_needed() -> None:
    columns = [
        column("bigint", name='i"d'),
        column("uuid", name="u"),
        column("inet[]", name="n"),
        column(ZONED, name="t"),
    ]
    assert select_list(columns, RowStyle()) == '"i""d", "u"::text AS "u", "n"::text[] AS "n", "t"'
    assert (
        select_list(columns, RowStyle(), careful=True)
        == '"i""d", "u"::text AS "u", "n"::text[] AS "n", "t"::text AS "t"'
    )


def test_an_infinity_is_told_from_a_date_that_is_equal_to_what_the_driver_gives_for_it() -> None:
    driver: Any = pgproto
    dates, arrays, numbers = [column("date")], [column(f"{ZONELESS}[]")], [column("bigint")]
    assert holds_infinity([(dt.date(2024, 1, 1),), (driver.infinity_date,)], dates, RowStyle())
    assert holds_infinity([(driver.negative_infinity_date,)], dates, RowStyle())
    assert holds_infinity([([[driver.infinity_datetime], None],)], arrays, RowStyle())
    assert not holds_infinity([(dt.date(9999, 12, 31),), (dt.date(1, 1, 1),), (None,)], dates, RowStyle())
    assert not holds_infinity([([dt.datetime(1, 1, 1)],), (None,)], arrays, RowStyle())
    assert not holds_infinity([(1,)], numbers, RowStyle())


def test_texts_are_read_as_the_driver_would_and_those_beyond_python_are_named() -> None:
    columns = [column("bigint", name="id"), column("date", name="d"), column(f"{ZONED}[]", name="t")]
    rows, wrong = read_carefully(
        [
            (1, "2024-01-02", ["2024-01-02 03:04:05+02", None]),
            (2, "infinity", None),
            (3, None, ["10000-01-01 00:00:00+00"]),
        ],
        columns,
        RowStyle(),
    )
    assert rows == [
        {"id": 1, "d": dt.date(2024, 1, 2), "t": [dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=dt.UTC), None]},
        {"id": 2, "d": None, "t": None},
        {"id": 3, "d": None, "t": None},
    ]
    assert [(one.index, one.column) for one in wrong] == [(1, "d"), (2, "t")]
    assert wrong[0] == Unreadable(1, "d", "infinity")


def test_a_value_that_its_mapping_does_not_hold_is_named_and_the_others_are_turned() -> None:
    readers = RowStyle("precision_only").readers([numeric(9, 0)])
    values: list[dict[str, Any]] = [{"v": Decimal(1)}, {"v": Decimal("NaN")}, {"v": None}, {"v": Decimal(4)}]
    assert convert_each(values, readers) == [Unreadable(1, "v", "NaN")]
    assert values == [{"v": 1}, {"v": None}, {"v": None}, {"v": 4}]
