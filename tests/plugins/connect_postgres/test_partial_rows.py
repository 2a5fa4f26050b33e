from __future__ import annotations

from typing import Any

from connect_postgres.fields import Fields
from connect_postgres.partial_rows import groups_of, with_nulls


def made(**columns: list[Any]) -> Fields:
    fields = Fields(key=["id"])
    for name, values in columns.items():
        fields.add(name, values, None)
    return fields


def test_rows_are_grouped_by_what_they_leave_out_and_the_last_of_a_key_counts() -> None:
    fields = made(id=[1, 2, 3, 1, 4], a=["?", "?", "x", "?", "?"], b=["?", 2, 3, "?", 4])
    whole, without_a, without_both = sorted(
        groups_of(fields, {"a": [0, 1, 3, 4], "b": [0, 3]}), key=lambda group: len(group.left_out)
    )
    assert (whole.rows, whole.left_out, whole.fields.columns) == ([2], (), {"id": [3], "a": ["x"], "b": [3]})
    assert (without_a.rows, without_a.left_out) == ([1, 4], ("a",))
    assert without_a.fields.columns == {"id": [2, 4], "b": [2, 4]}
    assert (without_both.rows, without_both.left_out, without_both.fields.columns) == ([3], ("a", "b"), {"id": [1]})


def test_what_did_not_come_is_what_came_last_for_that_key() -> None:
    fields = made(id=[1, 1, 1, 1], a=["old", "?", "new", "?"], b=["?", 1, "?", "?"])
    [group] = groups_of(fields, {"a": [1, 3], "b": [0, 2, 3]})
    assert (group.rows, group.left_out) == ([3], ())
    assert group.fields.columns == {"id": [1], "a": ["new"], "b": [1]}
    assert fields.columns["a"] == ["old", "?", "new", "?"]


def test_keys_may_be_lists() -> None:
    [group] = groups_of(made(id=[[1], [1]], a=["x", "?"]), {"a": [1]})
    assert group.fields.columns == {"id": [[1]], "a": ["x"]}


def test_nulls_stand_for_what_did_not_come_where_a_table_is_made() -> None:
    assert with_nulls(made(id=[1, 2], a=["x", "?"]), {"a": [1]}).columns == {"id": [1, 2], "a": ["x", None]}
