"""Nested paths, `field.syntax.version=V2`, in every transform that names fields."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, ConfigError, Record, Schema
from tests.support.transforms import make_transform, transformed

ORDER = {"id": "7", "to": {"city": "Lyon", "zip": "69001", "geo": {"lat": "45.7"}}}
V2 = {"field_syntax_version": "v2"}


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("Cast$Value", {"spec": "id:int32,to.zip:int32"}, {"id": 7, "to": {**ORDER["to"], "zip": 69001}}),
        ("MaskField$Value", {"fields": "to.geo.lat"}, {"id": "7", "to": {**ORDER["to"], "geo": {"lat": ""}}}),
        ("ReplaceField$Value", {"exclude": "to.zip,to.geo.lat"}, {"id": "7", "to": {"city": "Lyon", "geo": {}}}),
        ("ReplaceField$Value", {"include": "to.city"}, {"to": {"city": "Lyon"}}),
        ("ReplaceField$Value", {"include": "to,to.city"}, {"to": ORDER["to"]}),
        (
            "ReplaceField$Value",
            {"renames": "to.city:town,to:address"},
            {"id": "7", "address": {"town": "Lyon", "zip": "69001", "geo": {"lat": "45.7"}}},
        ),
        (
            "InsertField$Value",
            {"static_field": "to.by", "static_value": "x"},
            {"id": "7", "to": {**ORDER["to"], "by": "x"}},
        ),
        ("InsertField$Value", {"static_field": "a.b", "static_value": "x"}, {**ORDER, "a": {"b": "x"}}),
        ("HoistField$Value", {"field": "a.b"}, {"a": {"b": ORDER}}),
        (
            "TimestampConverter$Value",
            {"field": "to.zip", "target_type": "unix", "format": "yyyy"},
            {"id": "7", "to": {**ORDER["to"], "zip": 2_115_290_016_000_000}},
        ),
        ("ExtractField$Value", {"field": "to.geo.lat"}, "45.7"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_path_leads_into_objects(name: str, config: dict[str, str], expected: Any) -> None:
    if "TimestampConverter" in name:
        expected = {
            "id": "7",
            "to": {**ORDER["to"], "zip": transformed(name, {"zip": "69001"}, **{**config, "field": "zip"})["zip"]},
        }
    before = repr(ORDER)
    assert transformed(name, ORDER, **config, **V2) == expected
    assert repr(ORDER) == before


def test_a_header_is_made_of_a_nested_field() -> None:
    move = make_transform("HeaderFrom$Value", fields="to.city", headers="c", operation="move", **V2)
    made = move.apply(Record("orders", ORDER))
    assert made is not None
    assert [(h.name, h.value) for h in made.headers or ()] == [("c", "Lyon")]
    assert "city" not in made.value["to"]


def test_the_key_s_field_is_called_as_the_last_step() -> None:
    made = make_transform("ValueToKey", fields="id,to.zip", **V2).apply(Record("orders", ORDER))
    assert made is not None
    assert made.key == {"id": "7", "zip": "69001"}
    with pytest.raises(ConfigError, match="two fields would be called 'a'"):
        make_transform("ValueToKey", fields="x.a,y.a", **V2)


@pytest.mark.parametrize("value", [{"id": 1}, {"to": None}, {"to": "text"}, {"to": {"city": None}}])
def test_a_record_without_the_object_stays_as_it_is(value: dict[str, Any]) -> None:
    assert transformed("ReplaceField$Value", value, exclude="to.geo.lat", **V2) == value


def test_a_schema_is_changed_at_the_path_and_kept_around_it() -> None:
    inner = Schema.struct({"city": STRING, "zip": STRING}, name="Address", optional=True)
    schema = Schema.struct({"id": INT32, "to": inner}, name="Order", optional=True, doc="d")
    cast = make_transform("Cast$Value", spec="to.zip:int32", **V2)
    rows = [{"id": 1, "to": {"city": "Lyon", "zip": "69001"}}, {"id": 2, "to": None}]
    made = [cast.apply(Record("orders", row, value_schema=schema)) for row in rows]
    wanted = Schema.struct(
        {"id": INT32, "to": Schema.struct({"city": STRING, "zip": INT32}, name="Address", optional=True)},
        name="Order",
        optional=True,
        doc="d",
    )
    assert [m and m.value_schema for m in made] == [wanted, wanted]
    assert [m and m.value for m in made] == [{"id": 1, "to": {"city": "Lyon", "zip": 69001}}, {"id": 2, "to": None}]


def test_a_default_of_the_struct_is_changed_along() -> None:
    inner = Schema.struct({"a": STRING})
    schema = Schema.struct({"n": inner}, default={"n": {"a": "5"}})
    made = make_transform("Cast$Value", spec="n.a:int32", **V2).apply(
        Record("t", {"n": {"a": "7"}}, value_schema=schema)
    )
    assert made is not None and made.value_schema is not None
    assert made.value_schema.default == {"n": {"a": 5}}


def test_insertion_makes_optional_structs_and_leaves_nulls() -> None:
    schema = Schema.struct({"to": Schema.struct({"city": STRING}, optional=True)})
    insert = make_transform("InsertField$Value", topic_field="to.topic", static_field="a.b", static_value="x", **V2)
    made = [insert.apply(Record("t", {"to": to}, value_schema=schema)) for to in ({"city": "Lyon"}, None)]
    assert [m and m.value for m in made] == [
        {"to": {"city": "Lyon", "topic": "t"}, "a": {"b": "x"}},
        {"to": None, "a": {"b": "x"}},
    ]
    first = made[0]
    assert first is not None and first.value_schema is not None
    assert first.value_schema == Schema.struct(
        {
            "to": Schema.struct({"city": STRING, "topic": OPTIONAL_STRING}, optional=True),
            "a": Schema.struct({"b": OPTIONAL_STRING}, optional=True),
        }
    )


@pytest.mark.parametrize(
    "name",
    [
        "Cast$Value", "MaskField$Value", "ReplaceField$Value", "HeaderFrom$Value", "ValueToKey", "InsertField$Value",
        "TimestampConverter$Value", "HoistField$Value",
    ],
)  # fmt: skip
def test_a_path_with_an_open_backtick_is_refused_with_its_key(name: str) -> None:
    keys = {
        "Cast": {"spec": "`a:int32"},
        "Insert": {"topic_field": "`a"},
        "Replace": {"exclude": "`a"},
        "Header": {"fields": "`a", "headers": "h", "operation": "move"},
    }
    config = next(
        (c for prefix, c in keys.items() if name.startswith(prefix)),
        {"fields": "`a", "field": "`a", "target_type": "unix"},
    )
    with pytest.raises(ConfigError, match="Incomplete backtick pair") as caught:
        make_transform(name, **config, **V2)
    assert caught.value.config_path in ("spec", "topic.field", "exclude", "fields", "field")


def test_in_v1_a_dot_is_part_of_the_name() -> None:
    assert transformed("MaskField$Value", {"to.city": "x", "to": {"city": "y"}}, fields="to.city") == {
        "to.city": "",
        "to": {"city": "y"},
    }
