"""Columns: what is to the letter passes untouched, what is odd is left to others, and only that."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api.columns import Convert, OddValueError, between, checked, in_parts, listed, mapped, struct


def doubled(column: list[Any]) -> list[Any]:
    return [2 * value for value in column]


INTS = checked([int], None, nullable=True)
DOUBLED = checked([int], doubled, nullable=True, null=0)


@pytest.mark.parametrize(
    ("convert", "column"),
    [
        (INTS, [1, None]),
        (listed(INTS), [[1], []]),
        (mapped(INTS), [{"a": 1}, {}]),
        (struct([("a", INTS)], in_place=False), [{"a": 1}, {"a": None}]),
    ],
)
def test_a_column_that_needs_nothing_is_the_very_same_list(convert: Convert, column: list[Any]) -> None:
    assert convert(column) is column


def test_nulls_become_what_they_stand_for() -> None:
    assert DOUBLED([1, None, 3]) == [2, 0, 6]


@pytest.mark.parametrize("column", [[True], ["1"], [1.0], [None, "x"]])
def test_values_of_other_types_are_odd_and_a_bool_is_no_number(column: list[Any]) -> None:
    with pytest.raises(OddValueError):
        INTS(column)


def test_both_ends_of_a_range_are_in_it() -> None:
    assert between(-1, 1)([-1, 1]) == [-1, 1]
    with pytest.raises(OddValueError):
        between(-1, 1)([2])


def test_members_are_converted_all_at_once_and_put_back() -> None:
    assert listed(DOUBLED)([[1, 2], [], [None]]) == [[2, 4], [], [0]]
    assert mapped(DOUBLED)([{"a": 1}, {}, {"b": 2, "c": 3}]) == [{"a": 2}, {}, {"b": 4, "c": 6}]
    with pytest.raises(OddValueError):
        mapped(DOUBLED)([{1: 1}])


def test_structs_with_other_keys_get_their_schemas_keys_in_order() -> None:
    convert = struct([("a", INTS), ("b", DOUBLED)], in_place=False)
    assert [list(v.items()) for v in convert([{"b": 1, "z": 9, "a": 2}, {"b": 3}])] == [
        [("a", 2), ("b", 2)],
        [("a", None), ("b", 6)],
    ]


def test_only_structs_of_ones_own_are_changed() -> None:
    value = {"a": 1}
    assert struct([("a", DOUBLED)], in_place=False)([value]) == [{"a": 2}]
    assert value == {"a": 1}
    assert struct([("a", DOUBLED)], in_place=True)([value])[0] is value
    assert value == {"a": 2}


def test_one_odd_item_costs_only_its_part() -> None:
    alone = []

    def one(item: int) -> int:
        alone.append(item)
        return item

    items = list(range(100))

    def together(part: Any) -> list[int]:
        if 50 in part:
            raise OddValueError
        return list(part)

    assert in_parts(items, together, one) == items
    assert alone == list(range(32, 64))
