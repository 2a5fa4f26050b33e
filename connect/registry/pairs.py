"""Comparisons of pairs that refer to each other, and to themselves: each pair once, in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Two large schemas of thousands of types have some ten thousand pairs.
STEPS_MAX: Final = 200_000


class TooLargeError(ValueError):
    """A comparison takes more steps than it may."""


class Pairs(Generic[T]):
    """What was found of each pair: nothing where it fits.

    Of a pair that is under way nothing is known yet: types that contain themselves fit where all else does. A pair that
    was relied upon so, and turns out not to fit, takes with it what was found to fit meanwhile.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, list[T]] = {}
        self._under_way: set[Hashable] = set()
        self._relied_on: set[Hashable] = set()
        self._steps = 0

    def found(self, pair: Hashable, compare: Callable[[], list[T]]) -> list[T]:
        """Return what was found of a pair, or is found now.

        Raises:
            TooLargeError: There were more than `STEPS_MAX` pairs.
        """
        if pair in self._under_way:
            self._relied_on.add(pair)
            return []
        if pair in self._known:
            return self._known[pair]
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise TooLargeError(f"comparing the schemas takes more than {STEPS_MAX} steps")
        known_before = len(self._known)
        self._under_way.add(pair)
        found = compare()
        self._under_way.discard(pair)
        if found and pair in self._relied_on:
            for later in list(self._known)[known_before:]:
                if not self._known[later]:
                    del self._known[later]
        self._relied_on.discard(pair)
        self._known[pair] = found
        return found
