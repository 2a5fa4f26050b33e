"""Structs as columns of their fields: dicts to whoever looks at one, made when somebody does."""

from __future__ import annotations

import copy
import pickle

import pytest

from connect.api import Repeated, StructColumn

INNER = StructColumn({"x": [1, 2]}, 2)
COLUMN = StructColumn({"a": ["p", "q"], "same": Repeated({"k": 0}), "inner": INNER}, 2)
ROWS = [{"a": "p", "same": {"k": 0}, "inner": {"x": 1}}, {"a": "q", "same": {"k": 0}, "inner": {"x": 2}}]


def test_it_is_a_sequence_of_dicts_with_the_fields_in_order() -> None:
    assert COLUMN == ROWS
    assert [*map(list, COLUMN)] == [["a", "same", "inner"]] * 2
    assert (len(COLUMN), COLUMN[1], COLUMN[-2:1], COLUMN.index(ROWS[1])) == (2, ROWS[1], ROWS[:1], 1)
    assert repr(COLUMN) == f"StructColumn({ROWS!r})"


def test_dicts_are_made_once_and_what_all_have_is_one_object() -> None:
    assert COLUMN[0] is COLUMN[0]
    assert COLUMN[0]["same"] is COLUMN[1]["same"]


def test_columns_are_as_they_were_given() -> None:
    assert COLUMN.fields["inner"] is INNER
    assert COLUMN.for_batch() is COLUMN


def test_there_are_none_and_ones_without_fields() -> None:
    assert StructColumn({}, 3) == [{}, {}, {}]
    assert StructColumn({"a": [], "b": Repeated(1)}, 0) == []
    assert StructColumn({"b": Repeated(1)}, 2) == StructColumn({"b": [1, 1]}, 2)
    assert StructColumn({}, 1) != ({},)


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="field 'b' has 1 values, and the column 2 structs"):
        StructColumn({"a": [1, 2], "b": [1]}, 2)


def test_it_can_be_copied_and_pickled_as_all_that_crosses() -> None:
    COLUMN[0]  # the dicts that were made need not go along
    for copied in (pickle.loads(pickle.dumps(COLUMN)), copy.deepcopy(COLUMN)):
        assert copied == ROWS
        assert isinstance(copied.fields["inner"], StructColumn)
        assert copied.fields["same"] == Repeated({"k": 0})
