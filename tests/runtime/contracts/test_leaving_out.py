"""Fields left out of schemas and of values alike."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connect.api import INT32, OPTIONAL_INT32, STRING, Schema, Struct
from connect.runtime.contracts.changes import ITEMS, VALUES, changes_of
from connect.runtime.contracts.leaving_out import cut_of, schema_without, value_without
from connect.runtime.contracts.plain_values import fits
from tests.runtime.contracts.schemas import structs, values_of


def test_a_field_inside_another_that_goes_is_gone_with_it() -> None:
    assert cut_of([("a", "b"), ("a",), ("c", ITEMS, "d"), ("c", ITEMS, "e")]) == {
        "a": {},
        "c": {ITEMS: {"d": {}, "e": {}}},
    }


def test_fields_go_wherever_they_are() -> None:
    line = Schema.struct({"x": INT32, "y": INT32})
    schema = Schema.struct({"a": STRING, "s": line, "l": Schema.array(line), "m": Schema.map(STRING, line)})
    cut = cut_of([("a",), ("s", "x"), ("l", ITEMS, "x"), ("m", VALUES, "x")])
    left = Schema.struct({"y": INT32})
    assert schema_without(schema, cut) == Schema.struct(
        {"s": left, "l": Schema.array(left), "m": Schema.map(STRING, left)}
    )
    one = {"x": 1, "y": 2}
    value = {"a": "t", "s": one, "l": [one, None], "m": {"k": one}}
    assert value_without(value, cut) == {"s": {"y": 2}, "l": [{"y": 2}, None], "m": {"k": {"y": 2}}}
    assert one == {"x": 1, "y": 2}


def test_what_loses_nothing_is_the_very_value() -> None:
    value = {"a": {"b": [1]}}
    assert value_without(value, cut_of([("a", "c"), ("d",), ("a", "b", ITEMS, "e")])) is value
    assert value_without(None, {"a": {}}) is None


def test_a_struct_that_knows_its_whole_schema_is_a_plain_one_then() -> None:
    inner = Schema.struct({"x": OPTIONAL_INT32, "y": INT32})
    schema = Schema.struct({"s": inner})
    value = Struct(schema, {"s": Struct(inner, {"y": 1})})
    cut = cut_of([("s", "x")])
    made = value_without(value, cut)
    assert made == {"s": {"y": 1}}
    schema_without(schema, cut).validate(made)


def test_a_field_that_has_the_name_of_a_mark_is_a_field() -> None:
    schema = Schema.struct({"[]": INT32, "{}": INT32, "a": INT32})
    cut = cut_of([("[]",), ("{}",)])
    assert value_without({"[]": 1, "{}": 2, "a": 3}, cut) == {"a": 3}
    assert schema_without(schema, cut) == Schema.struct({"a": INT32})


@given(structs, st.data())
def test_a_value_that_has_lost_fields_fits_the_schema_that_has(schema: Schema, data: st.DataObject) -> None:
    known = data.draw(structs)
    cut = cut_of([change.field for change in changes_of(known, schema) if change.kind == "field"])
    left = schema_without(schema, cut)
    assert [change for change in changes_of(known, left) if change.kind == "field"] == []
    value: Any = data.draw(values_of(schema))
    assert fits(left)(value_without(value, cut))


def test_a_default_of_a_struct_that_loses_fields_is_gone() -> None:
    schema = Schema.struct({"s": Schema.struct({"x": OPTIONAL_INT32}, default={"x": 1})})
    (field,) = schema_without(schema, {"s": {"x": {}}}).fields
    assert field.schema.default is None
