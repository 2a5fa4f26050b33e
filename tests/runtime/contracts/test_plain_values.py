"""Values without a schema, against one that is known."""

from __future__ import annotations

import datetime as dt
import time
from collections import OrderedDict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BOOLEAN, FLOAT64, INT32, INT64, OPTIONAL_INT64, OPTIONAL_STRING, STRING, Schema
from connect.runtime.contracts.changes import NULL, changes_of, merged
from connect.runtime.contracts.plain_values import Shapes, fits, learned, schema_of
from tests.runtime.contracts.schemas import DOCUMENTS, structs, values_of


class Text(str):
    """A text of somebody's own class."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, BOOLEAN),
        (1, INT64),
        (1.5, FLOAT64),
        (Text("a"), STRING),
        (Decimal("1.25"), Schema.decimal(2)),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), Schema.timestamp()),
        (dt.date(2026, 1, 1), Schema.date()),
        ([], Schema.array(None)),
        ([1, 2.5], Schema.array(FLOAT64)),
        ([None, 1], Schema.array(OPTIONAL_INT64)),
        ([None], Schema.array(NULL)),
        ({1: "a"}, Schema.map(INT64, STRING)),
        (OrderedDict(a=None), Schema.struct({"a": NULL})),
        (None, None),
    ],
)
def test_a_value_has_the_schema_of_what_it_is(value: Any, schema: Schema | None) -> None:
    assert schema_of(value) == schema


def test_what_fits_what_is_known_has_that_type() -> None:
    known = Schema.struct({"n": INT32, "x": FLOAT64, "m": Schema.map(STRING, INT32), "o": OPTIONAL_STRING})
    made = schema_of({"n": 5, "x": 2, "m": {"k": 1}, "o": None}, known)
    assert made is not None
    assert changes_of(known, made) == []
    too_large = schema_of({"n": 1 << 40, "x": 2, "m": {}}, known)
    assert too_large is not None
    assert [change.kind for change in changes_of(known, too_large)] == ["widening"]


@given(DOCUMENTS, DOCUMENTS)
def test_what_fits_quickly_has_no_change_and_else_there_is_one(first: Any, second: Any) -> None:
    taught = schema_of(first)
    assert taught is not None
    known = learned(taught)
    seen = schema_of(second, known)
    assert seen is not None
    if fits(known)(second):
        assert changes_of(known, seen) == []
    elif not changes_of(known, seen):
        # Only what is fits, and has no change: no value is refused that the slow look lets pass.
        assert fits(merged(known, learned(seen)))(second)


@given(DOCUMENTS)
def test_a_value_fits_what_it_has_taught(value: Any) -> None:
    taught = schema_of(value)
    assert taught is not None
    again = schema_of(value, learned(taught))
    assert again is not None
    kinds = {change.kind for change in changes_of(learned(taught), again)}
    assert kinds <= {"type"}  # of a list of several types
    assert kinds or fits(learned(taught))(value)


@pytest.mark.parametrize("items", [[None, 1], [1, None], [None, {"a": 1}], [{"a": None}, {"a": 1}]])
def test_a_null_among_items_is_one_of_them_wherever_it_stands(items: list[Any]) -> None:
    taught = schema_of({"l": items})
    assert taught is not None
    assert fits(learned(taught))({"l": items})


@pytest.mark.parametrize("item", [lambda at: {f"k{at}": 1}, lambda at: [{f"k{at}": 1}]])
def test_items_of_which_each_has_keys_of_its_own_cost_no_more_than_others(item: Any) -> None:
    began_s = time.thread_time()
    made = schema_of([item(at) for at in range(5000)])
    assert time.thread_time() - began_s < 10  # one after the other it took a minute
    assert made is not None and made.value_schema is not None


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS, structs)
def test_values_of_one_shape_have_one_schema(first: Any, second: Any, taught: Any, given_one: Schema) -> None:
    for known in (schema_of(taught), given_one):
        shape = Shapes(known)
        if shape(first) == shape(second):
            assert schema_of(first, known) == schema_of(second, known)


def test_a_shape_tells_apart_what_is_known_of_another_size() -> None:
    assert Shapes()({"n": 1}) == Shapes()({"n": 1 << 40}) != Shapes()({"n": 1 << 70})
    narrow = Shapes(Schema.struct({"n": INT32}))
    assert narrow({"n": -(1 << 31)}) == narrow({"n": 5}) != narrow({"n": 1 << 31})
    assert Shapes()([Decimal("1.2")]) != Shapes()([Decimal("1.25")])


@given(structs, st.data())
def test_a_value_of_a_schema_fits_it(schema: Schema, data: st.DataObject) -> None:
    assert fits(schema)(data.draw(values_of(schema)))


def test_a_decimal_fits_up_to_its_scale() -> None:
    check = fits(Schema.decimal(2))
    assert [check(Decimal(text)) for text in ("1", "1.25", "1.125", "NaN")] == [True, True, False, False]
