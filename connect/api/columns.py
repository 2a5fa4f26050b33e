"""PUBLIC. Columns: the fast way of a converter. A schema is compiled once into functions that take a whole column.

A column function looks at all values at once: it returns the converted column, or the very list it was given where
nothing needs converting, which costs a tenth of going value by value. As soon as one value is not to the letter of its
schema it raises `OddValueError`, and the caller goes value by value, where the meaning of odd values is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

__all__ = [
    "Convert",
    "OddValueError",
    "Values",
    "between",
    "checked",
    "each",
    "in_parts",
    "listed",
    "mapped",
    "struct",
]

#: One field's values, or those of a whole schema.
Values = list[Any]
Convert = Callable[[Values], Values]

_NULL = type(None)


class OddValueError(Exception):
    """A value that is not to the letter of its schema; says nothing about whether it is wrong.

    Its text, where there is one, is what is odd, for who has no other way.
    """


def checked(types: Iterable[type], convert: Convert | None, *, nullable: bool, null: Any = None) -> Convert:
    """Return a column function for values of some exact types.

    Args:
        types: The types; subclasses are odd.
        convert: Converts values of these types; None where they stay as they are.
        nullable: Whether None passes.
        null: What None becomes.
    """
    taken = frozenset(types)
    with_null = taken | {_NULL}

    def check(column: Values) -> Values:
        found = set(map(type, column))
        if found <= taken:
            return column if convert is None else convert(column)
        if not nullable or not found <= with_null:
            raise OddValueError
        if convert is None and null is None:
            return column
        present = [value for value in column if value is not None]
        converted = iter(present if convert is None else convert(present))
        return [null if value is None else next(converted) for value in column]

    return check


def in_parts(items: Sequence[Any], together: Callable[[Sequence[Any]], Values], one: Callable[[Any], Any]) -> Values:
    """Return the results for items: all together if that can be, else in parts, and one by one where it cannot.

    Args:
        items: Anything.
        together: Raises `OddValueError` when one of its items is odd.
        one: Its errors are the caller's.
    """
    try:
        return together(items)
    except OddValueError:
        if len(items) <= _PART:
            return list(map(one, items))
    parts = (items[start : start + _PART] for start in range(0, len(items), _PART))
    return [result for part in parts for result in in_parts(part, together, one)]


#: Items that are done one by one when one of them is odd.
_PART = 32


def between(low: int, high: int) -> Convert:
    """Return a column function for whole numbers of a range, both ends in."""

    def check(column: Values) -> Values:
        if column and (min(column) < low or max(column) > high):
            raise OddValueError
        return column

    return check


def each(convert: Callable[[Any], Any], *odd: type[Exception]) -> Convert:
    """Return a column function that converts value by value; values for which it raises one of `odd` are odd."""

    def run(column: Values) -> Values:
        try:
            return list(map(convert, column))
        except odd as error:
            raise OddValueError(str(error)) from error

    return run


def listed(items: Convert) -> Convert:
    """Return a column function for lists, by one for their items."""

    def run(column: Values) -> Values:
        flat = list(chain.from_iterable(column))
        converted = items(flat)
        if converted is flat:
            return column
        rest = iter(converted)
        return [list(islice(rest, len(value))) for value in column]

    return run


def mapped(values: Convert) -> Convert:
    """Return a column function for dicts whose keys are text, by one for their values."""

    def run(column: Values) -> Values:
        if not set(map(type, chain.from_iterable(column))) <= {str}:
            raise OddValueError("a map with a key that is no text")
        flat = list(chain.from_iterable(map(dict.values, column)))
        converted = values(flat)
        if converted is flat:
            return column
        rest = iter(converted)
        return [dict(zip(value, rest, strict=False)) for value in column]

    return run


def struct(fields: Sequence[tuple[str, Convert]], *, in_place: bool) -> Convert:
    """Return a column function for dicts of fixed keys, by one for each field.

    A key that is missing counts as None, one that is no field's is left out, and the result has the fields' order.

    Args:
        fields: Names and column functions.
        in_place: Whether the dicts are the caller's own, so that they may be changed.
    """
    names = tuple(name for name, _ in fields)

    def run(column: Values) -> Values:
        if not all(map(names.__eq__, map(tuple, column))):
            rows = zip(*(convert([value.get(name) for value in column]) for name, convert in fields), strict=True)
            return [dict(zip(names, row, strict=True)) for row in rows] if fields else [{} for _ in column]
        changed: dict[str, Values] = {}
        for name, convert in fields:
            given = list(map(itemgetter(name), column))
            converted = convert(given)
            if converted is not given:
                changed[name] = converted
        result = column if in_place or not changed else list(map(dict.copy, column))
        for name, converted in changed.items():
            for value, item in zip(result, converted, strict=True):
                value[name] = item
        return result

    return run
