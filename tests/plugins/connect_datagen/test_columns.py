"""Columns of plain values, and rows made of them."""

from __future__ import annotations

import random

import pytest

from connect_datagen.columns import integers, pick, rows


def test_each_of_a_list_comes_up() -> None:
    assert set(pick("ab")(random.Random(1), 0, 100)) == {"a", "b"}


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (-(1 << 63), 1 << 63), (0, 10**40)])
def test_whole_numbers_have_their_least_and_stay_below_their_most(low: int, high: int) -> None:
    drawn = integers(low, high)(random.Random(1), 0, 500)
    assert all(low <= value < high for value in drawn)
    assert min(drawn) < low + (high - low) / 2 <= max(drawn)


def test_rows_have_the_columns_in_order_and_are_each_their_own() -> None:
    made = rows(("b", "a"), [[1, 2], ["x", "y"]])
    assert [list(row.items()) for row in made] == [[("b", 1), ("a", "x")], [("b", 2), ("a", "y")]]
    assert made[0] is not made[1]


def test_columns_of_unequal_length_make_no_rows() -> None:
    with pytest.raises(ValueError, match="zip"):
        rows(("a", "b"), [[1, 2], [1]])
