"""Each value comes into its column as what it is, or is refused: never quietly as another."""

from __future__ import annotations

import base64
import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connect.api import INT64, STRING, DataError, Schema
from connect_postgres.catalog import ColumnInfo
from connect_postgres.values import fit, unfit_rows
from tests.support.factories import make_sink_batch
from tests.support.tasks import put

from .conftest import Database, Start

pytestmark = pytest.mark.postgres
UTC = dt.UTC
MODES = [{}, {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}]
ENDS: list[tuple[str, Any, str]] = [
    ("date", dt.date.max, "9999-12-31"),
    ("date", dt.date.min, "0001-01-01"),
    ("timestamp", dt.datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59:59.999999"),
    ("timestamp", dt.datetime.min.replace(tzinfo=UTC), "0001-01-01 00:00:00"),
    ("timestamptz", dt.datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59:59.999999+00"),
    ("timestamptz", dt.datetime.min.replace(tzinfo=UTC), "0001-01-01 00:00:00+00"),
    ("timestamptz", dt.datetime(1, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), "0001-01-01 00:00:00+00"),
    ("date[]", [dt.date.max, None, dt.date(2024, 1, 1)], "{9999-12-31,NULL,2024-01-01}"),
    ("timestamptz[]", [[dt.datetime.min.replace(tzinfo=UTC)]], '{{"0001-01-01 00:00:00+00"}}'),
]


@pytest.mark.parametrize("mode", MODES, ids=["insert", "upsert"])
@pytest.mark.parametrize(("kind", "value", "stored"), ENDS)
async def test_the_ends_of_the_calendar_are_stored_as_they_are_and_never_as_infinity(
    database: Database, sink: Start, mode: dict[str, str], kind: str, value: object, stored: str
) -> None:
    await database.execute(f"CREATE TABLE orders (id bigint PRIMARY KEY, v {kind})", "SET timezone = 'UTC'")
    task = await sink(**mode)
    await put(task, make_sink_batch([{"id": 1, "v": value}, {"id": 2, "v": None}]))
    assert await database.rows("SELECT id, v::text FROM orders ORDER BY id") == [(1, stored), (2, None)]


@pytest.mark.parametrize("mode", MODES, ids=["insert", "upsert"])
@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("char(3)", "DEU", "DEU"),
        ("char(3)[]", ["DEU", "FR"], '{DEU,"FR "}'),
        ("bit(5)", "10101", "10101"),
        ("varbit(5)", "101", "101"),
        ("varchar(3)", "abc", "abc"),
    ],
)
async def test_types_with_a_length_are_staged_without_cutting(
    database: Database, sink: Start, mode: dict[str, str], kind: str, value: object, stored: str
) -> None:
    await database.execute(f"CREATE TABLE orders (id bigint PRIMARY KEY, v {kind})")
    task = await sink(**mode)
    await put(task, make_sink_batch([{"id": 1, "v": value}]))
    assert await database.rows("SELECT v::text FROM orders") == [(stored,)]
    longer = [*value, "LONG"] if isinstance(value, list) else f"{value}01010"
    with pytest.raises(DataError, match=r"SQLSTATE 22(00|026)"):
        await put(task, make_sink_batch([{"id": 2, "v": longer}]))


@pytest.mark.parametrize("mode", MODES, ids=["insert", "upsert"])
async def test_a_key_of_characters_finds_its_row(database: Database, sink: Start, mode: dict[str, str]) -> None:
    await database.execute("CREATE TABLE orders (id char(3) PRIMARY KEY, v text)")
    await put(await sink(**mode), make_sink_batch([{"id": "DEU", "v": "a"}]))
    assert await database.rows("SELECT id::text, v FROM orders") == [("DEU", "a")]


RAW = b"\x00\xff\x10"


@pytest.mark.parametrize(("kind", "value", "stored"), [
    ("bytea", base64.b64encode(RAW).decode(), "\\x00ff10"),
    ("bytea", "\\x00ff10", "\\x00ff10"),
    ("bytea", RAW, "\\x00ff10"),
    ("bytea[]", [base64.b64encode(RAW).decode(), None], '{"\\\\x00ff10",NULL}'),
])  # fmt: skip
async def test_text_for_bytes_is_what_the_json_converter_or_the_server_writes(
    database: Database, sink: Start, kind: str, value: object, stored: str
) -> None:
    await database.execute(f"CREATE TABLE orders (id int, v {kind})")
    await put(await sink(), make_sink_batch([{"id": 1, "v": value}]))
    assert await database.rows("SELECT v::text FROM orders") == [(stored,)]


def fitted(kind: str, value: object, schema: Schema | None = None) -> Any:
    return fit([value], ColumnInfo("v", kind, kind), UTC, schema)[1][0]


@pytest.mark.parametrize(
    ("kind", "value", "about"),
    [
        ("bytea", "plain text", "neither base64 nor"),
        ("numeric", "AJY=", "'AJY=' is no number"),
        ("numeric", "1_000", "is no number"),
        ("integer", "12.5", "is no whole number"),
        ("integer", 12.5, "no whole number"),
        ("integer", float("inf"), "infinity"),
        ("double precision", "a lot", "is no number"),
        ("boolean", 2, "true or false"),
        ("date", True, "a date is expected, not bool"),
        ("date", 1.5, "a date is expected, not float"),
        ("date", "infinite", "Invalid isoformat"),
        ("date", 10_000_000, "out of range"),
        ("time without time zone", 86_400_000, "no time of a day"),
        ("time without time zone", -1, "no time of a day"),
        ("time without time zone", [], "a time is expected, not list"),
        ("timestamp with time zone", True, "not bool"),
        ("timestamp with time zone", {}, "a timestamp is expected, not dict"),
        ("timestamp with time zone", 10**20, "out of range|too large|must have magnitude"),
        ("integer[]", "1,2", "a list is expected"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(kind: str, value: object, about: str) -> None:
    with pytest.raises(DataError, match=about) as raised:
        fitted(kind, value)
    assert "<class" not in str(raised.value)


def test_text_that_is_declared_as_text_is_not_taken_for_bytes() -> None:
    with pytest.raises(DataError, match="the field is text"):
        fitted("bytea", "aGVsbG8h", STRING)
    with pytest.raises(DataError, match="the field is text"):
        fitted("bytea[]", ["aGVsbG8h"], Schema.array(STRING))


def test_a_decimal_in_base64_is_told_how_to_be_a_number() -> None:
    with pytest.raises(DataError) as raised:
        fitted("numeric", "AJY=")
    assert "decimal.format=NUMERIC" in raised.value.hint


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("text", bytearray(b"abc"), "abc"),
        ("text", memoryview(b"abc"), "abc"),
        ("jsonb", "NaN", '"NaN"'),
        ("jsonb", {"b": RAW}, '{"b":"AP8Q"}'),
        ("numeric", "12.50", Decimal("12.50")),
        ("integer", "12", 12),
        ("integer[]", [1, None], [1, None]),
        ("time without time zone", 86_399_999, dt.time(23, 59, 59, 999000)),
        (
            "timestamp with time zone",
            "2024-01-01T00:00:00.123456Z",
            dt.datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
        ),
    ],
)
def test_what_fits_comes_as_it_is(kind: str, value: object, expected: object) -> None:
    assert fitted(kind, value) == expected


async def test_numbers_that_are_none_are_kept_where_the_column_has_them(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (n numeric, f float8, r float4)")
    await put(await sink(), make_sink_batch([{"n": Decimal("NaN"), "f": float("inf"), "r": float("nan")}]))
    assert await database.rows("SELECT n::text, f::text, r::text FROM orders") == [("NaN", "Infinity", "NaN")]


async def test_a_value_out_of_range_is_refused(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (i int, s smallint, b bigint, r real)")
    task = await sink()
    for name, value in (("i", 2**31), ("s", -(2**15) - 1), ("b", 2**63), ("r", 1e300)):
        with pytest.raises(DataError):
            await put(task, make_sink_batch([{name: value}]))
    assert await database.rows("SELECT * FROM orders") == []
    await put(task, make_sink_batch([{"b": 1}], value_schema=Schema.struct({"b": INT64})))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("real", 3.4028235e38, 3.4028236e38),
        ("real", float("-inf"), -(10**39)),
        ("real", float("inf"), 1e300),
        ("real", float("nan"), -1e300),
        ("smallint", 1, -(2**15) - 1),
        ("text", "\u00fc", "a\ud800"),
        ("double precision", 10**308, 10**309),
        ("oid", 2**32 - 1, -1),
        ("integer[]", [1, None, [2]], [1, [2**31]]),
        ("text[]", ["\u00fc"], ["a", "\ud800"]),
    ],
)
async def test_a_value_that_the_driver_refuses_is_told_with_its_column(
    database: Database, sink: Start, kind: str, good: Any, bad: Any
) -> None:
    column = ColumnInfo("v", kind, kind)
    assert [(row, found.name) for row, found, _ in unfit_rows([column], [[good, bad, None]])] == [(1, "v")]
    await database.execute(f"CREATE TABLE orders (v {kind})")
    task = await sink()
    with pytest.raises(DataError, match=f"column v is {kind[:4]}"):
        await put(task, make_sink_batch([{"v": bad}]))


# -- texts that the server prints ----------------------------------------------------------------------------------

PRINTED: list[tuple[str, str]] = [
    ("date", "infinity"),
    ("date", "0044-03-15 BC"),
    ("time", "24:00:00"),
    ("timestamp", "-infinity"),
    ("timestamp", "20000-01-01 23:59:59.999999"),
    ("timestamptz", "0044-03-15 10:00:00.123456+00 BC"),
    ("int[]", "[5:6]={1,NULL}"),
    ("int[]", "{}"),
    ("text[]", '{{"a,b",NULL},{"\\"}",""}}'),
    ("bytea[]", '{"\\\\x00ff"}'),
    ("date[]", "{infinity}"),
]


@pytest.mark.parametrize("mode", MODES, ids=["insert", "upsert"])
@pytest.mark.parametrize(("kind", "text"), PRINTED)
async def test_a_text_that_the_server_prints_for_a_time_or_an_array_is_stored_as_what_it_is(
    database: Database, sink: Start, mode: dict[str, str], kind: str, text: str
) -> None:
    await database.execute(f"CREATE TABLE orders (id bigint PRIMARY KEY, v {kind})", "SET timezone = 'UTC'")
    schema = Schema.struct({"id": INT64, "v": STRING.replace(optional=True)})
    await put(await sink(**mode), make_sink_batch([{"id": 1, "v": text}, {"id": 2, "v": None}], value_schema=schema))
    assert await database.rows("SELECT id, v::text FROM orders ORDER BY id") == [(1, text), (2, None)]


async def test_arrays_and_texts_of_arrays_may_come_together(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int, v text[])")
    rows = [{"id": 1, "v": ['a,\\"', None, ""]}, {"id": 2, "v": "{x}"}, {"id": 3, "v": [["a"], ["b"]]}]
    await put(await sink(), make_sink_batch(rows))
    assert await database.rows("SELECT v FROM orders ORDER BY id") == [
        (['a,\\"', None, ""],),
        (["x"],),
        ([["a"], ["b"]],),
    ]


def test_zeros_that_fill_up_a_decimal_without_a_scale_are_left_out() -> None:
    column = ColumnInfo("v", "numeric", "numeric")
    filled = [Decimal("1.5" + "0" * 126), Decimal("NaN"), None, Decimal("100").scaleb(0)]
    (_, found) = fit(filled, column, UTC, Schema.decimal(127))
    assert list(map(str, found)) == ["1.5", "NaN", "None", "100"]
    (_, found) = fit([Decimal("1.50")], column, UTC, Schema.decimal(2))
    assert str(found[0]) == "1.50"


def test_a_time_without_a_zone_is_of_the_configured_one() -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    text = ["2024-07-01 12:00:00"]
    (_, local) = fit(text, ColumnInfo("v", "timestamp without time zone", "timestamp"), zone)
    assert local[0].replace(tzinfo=None) == dt.datetime(2024, 7, 1, 12)
    (_, zoned) = fit(text, ColumnInfo("v", "timestamp with time zone", "timestamptz"), zone)
    assert zoned == [dt.datetime(2024, 7, 1, 10, tzinfo=UTC)]


@pytest.mark.parametrize(("kind", "text"), [("date", "soon"), ("time without time zone", "25:00"), ("integer[]", "a")])
def test_a_text_that_is_none_of_these_is_refused(kind: str, text: str) -> None:
    with pytest.raises(DataError, match="column v is"):
        fit([text], ColumnInfo("v", kind, kind), UTC)
