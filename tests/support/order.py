"""In which order tests are run, where several processes share them.

Each process of xdist begins with one stretch of the list, and takes from the others' once it is done. What is slow
mostly waits: where each stretch begins with a part of it there is always work for the cores beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def dealt(slow: Sequence[tuple[Hashable, T]], quick: Sequence[T], count: int) -> list[T]:
    """Return all, for `count` processes; each stretch begins with what is slow.

    Args:
        slow: Each with what it has in common with others, that is to be made once: they stay together.
    """
    groups: dict[Hashable, list[T]] = {}
    for common, item in slow:
        groups.setdefault(common, []).append(item)
    stretches: list[list[T]] = [[] for _ in range(max(1, count))]
    for group in sorted(groups.values(), key=len, reverse=True):
        min(stretches, key=len).extend(group)
    left = list(quick)
    total = len(slow) + len(left)
    for at, stretch in enumerate(stretches):
        size = total // (len(stretches) - at)
        total -= size
        taken = max(0, size - len(stretch))
        stretch += left[:taken]
        del left[:taken]
    return [item for stretch in stretches for item in stretch] + left
