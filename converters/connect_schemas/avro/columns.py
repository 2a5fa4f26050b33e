"""Whole columns of values: each function takes all values of a place at once, and returns what becomes of them, or the
very list that it was given where nothing is to be done.

These are what Avro has beside `connect.api.columns`: fields that are renamed, and a word of what does not fit, which
begins with its place. As soon as one value does not fit, `OddValueError` is raised for all of them; who called goes
value by value then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from connect.api.columns import Convert, OddValueError
from connect.api.columns import Values as Column
from connect_schemas.singles import odd_single

_NULL = type(None)


def same(column: Column) -> Column:
    """Nothing is to be done."""
    return column


def with_nulls(convert: Convert, *, allowed: bool, null: Any = None) -> Convert:
    """Return a function for columns that may hold None.

    Args:
        convert: For the others.
        allowed: Whether None is a value; else it is refused, unless `null` takes its place.
        null: What is converted in the place of None.
    """

    def run(column: Column) -> Column:
        if None not in column:
            return convert(column)
        if null is not None:
            return convert([null if value is None else value for value in column])
        if not allowed:
            raise OddValueError("Found null value for non-optional schema")
        present = [value for value in column if value is not None]
        converted = convert(present)
        if converted is present:
            return column
        rest = iter(converted)
        return [None if value is None else next(rest) for value in column]

    return run


def typed(exact: type, check: Callable[[Any], Any] | None = None, then: Convert | None = None) -> Convert:
    """Return a function for values of one type.

    Args:
        check: Makes one of that type of a value of another; raises `OddValueError`. Left out, none is taken.
        then: For the values, all of that type.
    """
    taken = {exact}

    def run(column: Column) -> Column:
        if not set(map(type, column)) <= taken:
            column = [value if type(value) is exact else _checked(value) for value in column]
        return column if then is None else then(column)

    def _checked(value: Any) -> Any:
        if check is None:
            raise OddValueError(f"Invalid type: {type(value).__name__}")
        return check(value)

    return run


def between(low: int, high: int, what: str) -> Convert:
    """Return a function for whole numbers of a range, both ends in."""

    def run(column: Column) -> Column:
        if column and (min(column) < low or max(column) > high):
            odd = next(value for value in column if not low <= value <= high)
            raise OddValueError(f"{odd} does not fit {what}")
        return column

    return run


def singles(column: Column) -> Column:
    """Refuse numbers that are too large for FLOAT32."""
    odd = odd_single(column)
    if odd is not None:
        raise OddValueError(f"{odd} does not fit FLOAT32")
    return column


def entries(keys: Convert, values: Convert, names: tuple[str, str]) -> Convert:
    """Return a function from dicts to lists of entries."""
    first, second = names

    def run(column: Column) -> Column:
        of_keys = iter(keys(list(chain.from_iterable(column))))
        of_values = iter(values(list(chain.from_iterable(map(dict.values, column)))))
        return [
            [{first: key, second: value} for key, value in islice(zip(of_keys, of_values, strict=True), len(one))]
            for one in column
        ]

    return run


def from_entries(keys: Convert, values: Convert, names: tuple[str, str]) -> Convert:
    """Return a function from lists of entries to dicts."""
    first, second = itemgetter(names[0]), itemgetter(names[1])

    def run(column: Column) -> Column:
        flat = list(chain.from_iterable(column))
        pairs = zip(keys(list(map(first, flat))), values(list(map(second, flat))), strict=True)
        try:
            return [dict(islice(pairs, len(one))) for one in column]
        except TypeError as error:  # a list or a struct as a key
            raise OddValueError(f"a map with a key that is none in Python: {error}") from None

    return run


def struct(fields: Sequence[tuple[str, str, Convert]], *, own: bool, strict: bool = False) -> Convert:
    """Return a function for dicts, by one for each field; a key that is missing counts as None.

    Args:
        fields: The name that is looked for, the name that the result has, and the function.
        own: Whether the dicts are ours, so that they may be changed.
        strict: Whether the result has to be new dicts with these keys alone.
    """
    names = tuple(before for before, _, _ in fields)
    renames = strict or any(before != after for before, after, _ in fields)
    afters = tuple(after for _, after, _ in fields)
    busy = [(name, convert) for name, _, convert in fields if convert is not same]

    def run(column: Column) -> Column:
        if renames or not all(map(names.__eq__, map(tuple, column))):
            return _anew(column)
        changed: dict[str, Column] = {}
        for name, convert in busy:
            given = list(map(itemgetter(name), column))
            converted = _of_field(name, convert, given)
            if converted is not given:
                changed[name] = converted
        result = column if own or not changed else list(map(dict.copy, column))
        for name, converted in changed.items():
            for value, item in zip(result, converted, strict=True):
                value[name] = item
        return result

    def _anew(column: Column) -> Column:
        if not fields:
            return [{} for _ in column]
        rows = zip(
            *(_of_field(name, convert, [value.get(name) for value in column]) for name, _, convert in fields),
            strict=True,
        )
        return [dict(zip(afters, row, strict=True)) for row in rows]

    return run


def _of_field(name: str, convert: Convert, column: Column) -> Column:
    try:
        return convert(column)
    except OddValueError as error:
        text = str(error)
        inner, _, rest = text.partition(": ")
        if inner.startswith("field '") and inner.endswith("'"):
            raise OddValueError(f"field '{name}.{inner[7:-1]}': {rest}") from None
        raise OddValueError(f"field '{name}': {text}") from None
