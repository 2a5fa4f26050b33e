"""Shapes: schemas by Debezium's names, and rows read column by column."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_converters import JsonConverter
from connect_postgres.cdc.catalog import CatalogColumn, CatalogTable
from connect_postgres.cdc.column_types import TypeInfo
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import UNCHANGED, Relation, RelationColumn
from connect_postgres.cdc.shapes import Shape
from tests.support.converters import make_converter

TYPES = {oid: TypeInfo(oid, name, "pg_catalog", "b") for oid, name in ((20, "int8"), (25, "text"), (1082, "date"))}


def shape(key: tuple[str, ...] = ("id",), identity: str = "d", **keys: str) -> Shape:
    """Return the shape of public.t (id bigint NOT NULL, name text NOT NULL, day date)."""
    columns = (("id", 20, True), ("name", 25, True), ("day", 1082, False))
    relation = Relation(
        1, "public", "t", identity, tuple(RelationColumn(name, oid, -1, name == "id") for name, oid, _ in columns)
    )
    known = {name: CatalogColumn(name, oid, -1, needed, 0, False, False) for name, oid, needed in columns}
    plain = {"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p"}
    config = CdcConfig.parse({**plain, **{name.replace("_", "."): value for name, value in keys.items()}})
    return Shape(relation, CatalogTable(known, key, bool(key), TYPES), config)


def test_schemas_have_debeziums_names() -> None:
    made = shape()
    assert made.topic == "p.public.t"
    assert made.key_schema is not None
    assert [made.row_schema.name, made.key_schema.name, made.envelope_schema.name] == [
        "p.public.t.Value",
        "p.public.t.Key",
        "p.public.t.Envelope",
    ]
    assert [field.name for field in made.envelope_schema.fields][:3] == ["before", "after", "source"]
    assert [field.schema.optional for field in made.row_schema.fields] == [False, False, True]


def test_rows_are_read_with_their_nulls() -> None:
    rows = [[b"1", b"a", b"1970-01-02"], [b"2", b"\xc3\xa9", None]]
    assert shape().read(rows) == [{"id": 1, "name": "a", "day": 1}, {"id": 2, "name": "é", "day": None}]
    assert shape().read([]) == []


def test_a_value_that_is_none_of_its_type_stays_text_and_the_others_are_read() -> None:
    rows = [[b"1", b"a", b"1970-01-02"], [b"x", b"b", b"1970-01-03"]]
    assert [row["id"] for row in shape().read(rows)] == [1, "x"]


def test_what_did_not_change_is_taken_from_the_row_before_or_is_a_placeholder() -> None:
    rows = [[b"1", UNCHANGED, None], [b"2", UNCHANGED, None]]
    found = shape().read(rows, olds=[[b"1", b"before", None], None])
    assert [row["name"] for row in found] == ["before", "__debezium_unavailable_value"]


def test_of_a_row_that_came_as_its_key_alone_the_rest_is_filled() -> None:
    assert shape().read_keys([[b"1", None, None]]) == [{"id": 1, "name": "", "day": None}]


def test_a_null_in_a_column_that_takes_none_by_the_catalog_makes_it_take_null() -> None:
    made = shape(message_key_columns="public.t:name")
    made.read_keys([[b"1", None, None]])
    assert not made.row_schema.fields[1].schema.optional
    before = made.envelope_schema
    [row] = made.read([[b"1", None, None]])
    made.row_schema.validate(row)
    assert made.key_schema is not None
    assert made.key_schema.fields[0].schema.optional
    assert made.envelope_schema != before
    assert made.read_keys([[b"1", None, None]]) == [{"id": 1, "name": None, "day": None}]


@pytest.mark.parametrize("scale", [0, 2, -3])
def test_what_fills_a_decimal_has_its_scale_which_converters_ask_for(scale: int) -> None:
    modifier = (12 << 16 | scale & 0x7FF) + 4
    columns = (
        RelationColumn("id", 20, -1, in_identity=True),
        RelationColumn("price", 1700, modifier, in_identity=False),
    )
    known = {one.name: CatalogColumn(one.name, one.type_oid, one.modifier, True, 0, False, False) for one in columns}
    types = {**TYPES, 1700: TypeInfo(1700, "numeric", "pg_catalog", "b")}
    config = CdcConfig.parse({"database.hostname": "h", "database.dbname": "d", "topic.prefix": "p"})
    made = Shape(Relation(1, "public", "t", "d", columns), CatalogTable(known, ("id",), True, types), config)
    (row,) = made.read_keys([[b"1", None]])
    schema = made.row_schema.replace(optional=True)
    assert make_converter(JsonConverter).encode("t", schema, [row])
    assert row["price"] == 0


@pytest.mark.parametrize(
    ("key", "identity", "keys", "expected"),
    [
        (("id",), "d", {}, ["id"]),
        ((), "f", {}, []),
        ((), "i", {}, ["id"]),
        (("name",), "i", {}, ["id"]),
        (("name",), "d", {}, ["id"]),
        (("name",), "f", {}, ["name"]),
        (("id",), "d", {"message_key_columns": "public.t:name,day"}, ["name", "day"]),
    ],
)
def test_the_key_is_the_primary_key_the_identity_or_what_is_asked_for(
    key: tuple[str, ...], identity: str, keys: dict[str, str], expected: list[str]
) -> None:
    assert shape(key, identity, **keys).key_names == expected


def test_columns_that_are_left_out_are_not_read_unless_they_are_the_key() -> None:
    made = shape(column_include_list="public\\.t\\.name")
    assert made.read([[b"1", b"a", b"x"]]) == [{"id": 1, "name": "a"}]


def test_a_key_of_a_column_that_is_missing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"table public\.t has no column nothere"):
        shape(message_key_columns="public.t:nothere")


def test_a_row_of_other_columns_is_refused() -> None:
    with pytest.raises(IndexError, match="2 values for 3 columns"):
        shape().read([[b"1", b"a"]])
