"""Columns: the values of one type for several records at once, and rows made of them. Functions only."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

#: `(rng, first, count) -> column`: `first` is the number of the first record, `count` how many values to make.
Column = Callable[[random.Random, int, int], list[Any]]


def pick(values: Sequence[Any]) -> Column:
    """Return a column that picks from a list, each as likely."""
    return lambda rng, first, count: rng.choices(values, k=count)


def integers(low: int, high: int) -> Column:
    """Return a column of whole numbers from `low`, below `high`."""
    span = high - low
    if span < 1 << 53:  # what a random float can tell apart
        return pick(range(low, high))
    # 64 more bits than the span needs, so that the rest of the division favours nothing
    bits = span.bit_length() + 64
    return lambda rng, first, count: [low + rng.getrandbits(bits) % span for _ in range(count)]


def rows(names: tuple[str, ...], columns: list[list[Any]]) -> list[dict[str, Any]]:
    """Turn columns of one length into dicts.

    Copies of one dict whose keys are there, since making each by `dict(zip(names, row))` takes twice as long.
    """
    blank = dict.fromkeys(names)
    made = [blank.copy() for _ in columns[0]]
    for name, column in zip(names, columns, strict=True):
        for row, value in zip(made, column, strict=True):
            row[name] = value
    return made
