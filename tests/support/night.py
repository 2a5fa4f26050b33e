"""What `make test` leaves to the night, so that it is over in minutes: `make test-long` runs all of it.

Of the tests that are marked `slow` each day has a quarter, so that four days see them all: `CONNECT_QUARTER=1` to 4
says which. Of each one case is run of its many, on each engine, and of a suite that several classes in a file inherit
the checks of one; a test that is marked `night` is left out whole. Each is told as skipped, with the reason.
`CONNECT_CASES=all` runs every case at the lengths of `make test`.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.lengths import IS_LONG

ALL_CASES: Final = IS_LONG or os.environ.get("CONNECT_CASES") == "all"
ONE_CASE: Final = "one case of a slow test is run; make test-long runs them all"
NIGHT: Final = "takes long; make test-long runs it"
QUARTERS: Final = 4
OTHER_QUARTER: Final = "slow, and not of this day's quarter: CONNECT_QUARTER={} runs it"
#: A parameter of these names is which engine a test runs on: each has its own case.
_ENGINES: Final = ("engine", "cluster", "log", "own_cluster")


def leave_to_the_night(items: Sequence[pytest.Item]) -> None:
    """Mark what is left out as skipped."""
    if ALL_CASES:
        return
    seen: set[Hashable] = set()
    today = quarter()
    for item in items:
        if item.get_closest_marker("night") is not None:
            item.add_marker(pytest.mark.skip(NIGHT))
        elif item.get_closest_marker("slow") is not None:
            case = (item.path, getattr(item, "originalname", None) or item.name, _engine(item))
            if case in seen:
                item.add_marker(pytest.mark.skip(ONE_CASE))
            elif (own := _quarter_of(case)) != today:
                item.add_marker(pytest.mark.skip(OTHER_QUARTER.format(own)))
            seen.add(case)


def quarter() -> int:
    """Return which quarter of the slow tests is run: the day's, or the one that is asked for; 1 to 4."""
    asked = os.environ.get("CONNECT_QUARTER")
    if asked is None:
        return int(time.time() // 86_400) % QUARTERS + 1
    if asked not in map(str, range(1, QUARTERS + 1)):
        raise pytest.UsageError(f"CONNECT_QUARTER is 1 to {QUARTERS}, not {asked!r}")
    return int(asked)


def _quarter_of(case: tuple[Path, str, Hashable]) -> int:
    """Return a test's own, the same in each run and each process."""
    path, name, _ = case
    return zlib.crc32(f"{path.parent.name}/{path.name} {name}".encode()) % QUARTERS + 1


def _engine(item: pytest.Item) -> Hashable:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return next((str(parameters[name]) for name in _ENGINES if name in parameters), None)
