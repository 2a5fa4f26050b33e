"""What is different about a schema, and what is known once it has grown."""

from __future__ import annotations

import pytest
from hypothesis import given

from connect.api import (
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    Schema,
)
from connect.runtime.contracts.changes import MIXED, NULL, Change, changes_of, count_of, merged, shown
from tests.runtime.contracts.schemas import schemas


def told(known: Schema, new: Schema) -> list[tuple[str, str]]:
    return [(change.kind, shown(change.path)) for change in changes_of(known, new)]


def struct(**fields: Schema) -> Schema:
    return Schema.struct(fields)


@pytest.mark.parametrize(
    ("known", "new", "changes"),
    [
        (INT32, INT64, [("widening", "the value")]),
        (INT8, FLOAT32, [("widening", "the value")]),
        (FLOAT32, FLOAT64, [("widening", "the value")]),
        (INT64, INT32, []),
        (FLOAT64, INT64, []),
        (INT32, STRING, [("type", "the value")]),
        (INT32, OPTIONAL_INT32, []),
        (struct(a=INT32), struct(a=OPTIONAL_INT32), [("widening", "a")]),
        (struct(a=OPTIONAL_INT32), struct(a=INT32), []),
        (struct(a=INT32), struct(), [("widening", "a")]),
        (struct(a=OPTIONAL_INT32), struct(), []),
        (struct(a=Schema("int32", default=1)), struct(), []),
        (struct(), struct(a=INT32), [("field", "a")]),
        (struct(a=struct(b=INT32)), struct(a=struct(b=INT32, c=INT32)), [("field", "a.c")]),
        (Schema.array(struct()), Schema.array(struct(a=INT32)), [("field", "[].a")]),
        (struct(a=Schema.array(INT32)), struct(a=Schema.array(STRING)), [("type", "a[]")]),
        (Schema.array(None), Schema.array(INT32), [("widening", "[]")]),
        (Schema.array(INT32), Schema.array(None), []),
        (Schema.map(STRING, INT32), Schema.map(INT32, INT64), [("type", "{key}"), ("widening", "{}")]),
        (Schema.decimal(2), Schema.decimal(2), []),
        (Schema.decimal(2), Schema.decimal(3), [("type", "the value")]),
        (Schema.date(), INT32, [("type", "the value")]),
        (INT32, Schema.date(), [("type", "the value")]),
        (struct(a=NULL), struct(a=INT32), [("widening", "a")]),
        (struct(a=OPTIONAL_INT32), struct(a=NULL), []),
    ],
)
def test_changes_are_fields_types_and_widenings(known: Schema, new: Schema, changes: list[tuple[str, str]]) -> None:
    assert told(known, new) == changes


def test_names_of_structs_docs_versions_and_the_order_of_fields_are_no_change() -> None:
    known = Schema.struct({"a": INT32, "b": STRING}, name="one", version=1, doc="words")
    new = Schema.struct({"b": STRING.replace(doc="more"), "a": INT32}, name="other", version=2)
    assert changes_of(known, new) == []


def test_a_change_says_what_was_known_and_what_came() -> None:
    (change,) = changes_of(struct(a=Schema.array(Schema.date())), struct(a=Schema.array(STRING)))
    assert str(change) == "a[]: int32 (org.apache.kafka.connect.data.Date) is string now"
    assert change.field == ("a",)
    (other,) = changes_of(Schema.decimal(2), Schema.decimal(4))
    assert "of scale 4 instead of 2" in str(other)


def test_keys_of_a_map_cannot_be_left_out_but_their_map_can() -> None:
    (change,) = changes_of(struct(m=Schema.map(STRING, INT32)), struct(m=Schema.map(INT32, INT32)))
    assert isinstance(change, Change)
    assert change.field == ("m",)


def test_what_has_grown_takes_both() -> None:
    known, new = struct(a=INT32, b=STRING, c=STRING), struct(a=INT64, b=INT32, d=INT32)
    grown = merged(known, new)
    assert grown == struct(a=INT64, b=STRING, c=OPTIONAL_STRING, d=OPTIONAL_INT32)


@given(schemas)
def test_a_schema_does_not_differ_from_itself(schema: Schema) -> None:
    assert changes_of(schema, schema.replace()) == []
    assert changes_of(merged(schema, schema), schema) == []


@given(schemas, schemas)
def test_of_what_has_grown_nothing_but_changed_types_is_left(known: Schema, new: Schema) -> None:
    grown = merged(known, new)
    assert {change.kind for change in changes_of(grown, new)} <= {"type"}
    assert changes_of(grown, known) == []
    assert changes_of(merged(grown, new), grown) == []
    assert changes_of(grown, merged(grown, new)) == [], "it has grown as far as it does"


def test_fields_are_counted_no_further_than_asked() -> None:
    schema = struct(a=struct(b=INT32), c=Schema.array(struct(d=INT32)))
    assert count_of(schema, most=10, depth=10) == 4
    assert count_of(schema, most=2, depth=10) > 2
    with pytest.raises(ValueError, match="nested too deeply"):
        count_of(schema, most=10, depth=2)


@pytest.mark.parametrize("new", [INT64, Schema.struct({"b": STRING}), Schema.array(INT32)])
def test_all_fits_what_was_of_several_types_also_beside_what_does_not(new: Schema) -> None:
    known = Schema.struct({"a": Schema.array(MIXED), "b": STRING})
    assert told(known, Schema.struct({"a": Schema.array(new), "b": INT64})) == [("type", "b")]
