"""Whole columns of values."""

from __future__ import annotations

import pytest

from connect.api.columns import OddValueError, each, listed, mapped
from connect_schemas.avro import columns


def test_a_column_that_needs_nothing_is_the_very_one() -> None:
    column = [{"a": 1, "b": [1]}, {"a": 2, "b": []}]
    convert = columns.struct([("a", "a", columns.typed(int)), ("b", "b", listed(columns.same))], own=False)
    assert convert(column) is column


def test_dicts_of_others_are_not_changed() -> None:
    column = [{"a": 1}]
    convert = columns.struct([("a", "a", each(str))], own=False)
    assert convert(column) == [{"a": "1"}]
    assert column == [{"a": 1}]
    assert columns.struct([("a", "a", each(str))], own=True)(column) is column
    assert column == [{"a": "1"}]


def test_a_missing_field_is_null_and_an_unknown_one_is_left_out() -> None:
    convert = columns.struct([("a", "A", columns.with_nulls(columns.same, allowed=True))], own=False)
    assert convert([{"b": 1}, {"a": 2}]) == [{"A": None}, {"A": 2}]
    assert columns.struct([], own=False)([{"b": 1}]) == [{}]


def test_nulls_are_passed_on_replaced_or_refused() -> None:
    twice = each(lambda value: value * 2)
    assert columns.with_nulls(twice, allowed=True)([1, None]) == [2, None]
    assert columns.with_nulls(twice, allowed=False, null=5)([1, None]) == [2, 10]
    with pytest.raises(OddValueError, match="null value"):
        columns.with_nulls(twice, allowed=False)([None])


def test_what_does_not_fit_is_told_with_its_place() -> None:
    inner = columns.struct([("b", "b", columns.between(0, 5, "INT8"))], own=False)
    outer = columns.struct([("a", "a", inner)], own=False)
    with pytest.raises(OddValueError, match=r"field 'a\.b': 9 does not fit INT8"):
        outer([{"a": {"b": 1}}, {"a": {"b": 9}}])
    with pytest.raises(OddValueError, match="Invalid type: str"):
        columns.typed(int)([1, "x"])
    with pytest.raises(OddValueError, match="invalid literal"):
        each(int, ValueError)(["x"])
    with pytest.raises(OddValueError, match="no text"):
        mapped(columns.same)([{1: 2}])
    with pytest.raises(OddValueError, match="a key that is none"):
        columns.from_entries(columns.same, columns.same, ("k", "v"))([[{"k": [], "v": 1}]])


def test_lists_maps_and_entries_go_there_and_back() -> None:
    twice = each(lambda value: value * 2)
    assert listed(twice)([[1], [], [2, 3]]) == [[2], [], [4, 6]]
    assert mapped(twice)([{"a": 1, "b": 2}, {}]) == [{"a": 2, "b": 4}, {}]
    there = columns.entries(twice, columns.same, ("k", "v"))([{1: "x", 2: "y"}, {}])
    assert there == [[{"k": 2, "v": "x"}, {"k": 4, "v": "y"}], []]
    assert columns.from_entries(columns.same, columns.same, ("k", "v"))(there) == [{2: "x", 4: "y"}, {}]
