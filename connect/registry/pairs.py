"""Comparisons of pairs that refer to each other, and to themselves: each pair once, in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Two large schemas of thousands of types have some ten thousand pairs.
STEPS_MAX: Final = 200_000
#: Of a pair, and of the whole, so much is told; more would tell nothing new. Without a bound what is found in a type
#: that many others have twice doubles with each of them.
FOUND_MAX: Final = 100


class TooLargeError(ValueError):
    """A comparison takes more steps than it may."""


class Pairs(Generic[T]):
    """What was found of each pair: nothing where it fits, and at most `FOUND_MAX`, which are hashable.

    Of a pair that is under way nothing is known yet: types that contain themselves fit where all else does. A pair that
    was relied upon so, and turns out not to fit, takes with it what was found to fit meanwhile.
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, list[T]] = {}
        self._under_way: set[Hashable] = set()
        self._relied_on: set[Hashable] = set()
        self._fitting: list[Hashable] = []
        self._steps = 0

    def found(self, pair: Hashable, compare: Callable[[], list[T]]) -> list[T]:
        """Return what was found of a pair, or is found now.

        Raises:
            TooLargeError: There were more than `STEPS_MAX` steps.
        """
        if pair in self._under_way:
            self._relied_on.add(pair)
            return []
        if pair in self._known:
            return self._known[pair]
        self.step()
        fitting_before = len(self._fitting)
        self._under_way.add(pair)
        found = list(dict.fromkeys(compare()))[:FOUND_MAX]
        self._under_way.discard(pair)
        if found and pair in self._relied_on:
            for later in self._fitting[fitting_before:]:
                del self._known[later]
            del self._fitting[fitting_before:]
        self._relied_on.discard(pair)
        self._known[pair] = found
        if not found:
            self._fitting.append(pair)
        return found

    def step(self) -> None:
        """Count a step.

        Raises:
            TooLargeError: There were more than `STEPS_MAX`.
        """
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise TooLargeError(f"comparing the schemas takes more than {STEPS_MAX} steps")
