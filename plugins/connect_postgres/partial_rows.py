"""Rows of which some values did not come: which columns each of them leaves as they are.

A placeholder says that a value is what it was (`unchanged.py`). Where a record in front of it in the same batch has a
value for the same key, that is what it was; else it is in the table, and the column has no part in the statement. So
rows are grouped by the columns that they leave out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import DataError
from connect_postgres.fields import Fields
from connect_postgres.names import TableName

#: In the message, since a dead letter has no hint.
_FIX: Final = (
    "run ALTER TABLE ... REPLICA IDENTITY FULL on the source's table, so that all values are sent, and update the row "
    "there; where that text is meant, set unavailable.value.placeholder to nothing"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that have the same columns.

    Attributes:
        fields: Without those that are left out.
        rows: Which of all.
        left_out: Names of columns; () for whole rows.
    """

    fields: Fields
    rows: list[int]
    left_out: tuple[str, ...]


def groups_of(fields: Fields, unavailable: Mapping[str, Sequence[int]]) -> list[Group]:
    """Return the last row of each key, by what it leaves out; whole rows come first.

    Args:
        unavailable: By column, none of which is of the key, the rows whose value did not come.
    """
    columns = {name: list(fields.columns[name]) for name in unavailable}
    open_: dict[int, set[str]] = {}
    for name, rows in unavailable.items():
        for row in rows:
            open_.setdefault(row, set()).add(name)
    last: dict[Any, int] = {}
    for row, key in enumerate(map(hashable, fields.key_rows)):
        before = last.get(key)
        if before is not None and row in open_:
            known = open_[row] - open_.get(before, set())
            for name in known:
                columns[name][row] = columns[name][before]
            open_[row] -= known
        last[key] = row
    found: dict[tuple[str, ...], list[int]] = {(): []}
    for row in last.values():
        found.setdefault(tuple(sorted(open_.get(row, ()))), []).append(row)
    whole = Fields(key=fields.key)
    for name, values in fields.columns.items():
        whole.add(name, columns.get(name, values), fields.schemas[name], fields.structs.get(name))
    return [Group(whole.of_rows(rows).without(names), rows, names) for names, rows in found.items() if rows]


def with_nulls(fields: Fields, unavailable: Mapping[str, Sequence[int]]) -> Fields:
    """Return the same with a null for each value that did not come."""
    found = Fields(key=fields.key)
    for name, values in fields.columns.items():
        rows = set(unavailable.get(name, ()))
        given = [None if row in rows else value for row, value in enumerate(values)] if rows else values
        found.add(name, given, fields.schemas[name], fields.structs.get(name))
    return found


def missing_row(table: TableName, left_out: Sequence[str]) -> DataError:
    """Return what is to be said of a record whose row is not there."""
    return DataError(
        f"the value of column {', '.join(left_out)} did not come, since an update left it as it was "
        f"(unavailable.value.placeholder), and table {table} has no row of that key in which it is: {_FIX}",
        details={"column": left_out[0]},
    )


def missing_key(column: str) -> DataError:
    """Return what is to be said of a record whose key did not come."""
    return DataError(
        f"the value of key column {column} did not come, since an update left it as it was "
        f"(unavailable.value.placeholder), so nothing tells which row it is: {_FIX}",
        details={"column": column},
    )


def hashable(row: tuple[Any, ...]) -> Any:
    """Return a key that a dict takes."""
    try:
        hash(row)
    except TypeError:  # an array or object in a key
        return repr(row)
    return row
