"""What `make test` leaves to the night, so that it is over in minutes: `make test-long` runs all of it.

Of a test that is marked `slow` one case is run of its many, on each engine, and of a suite that several classes in a
file inherit the checks of one; a test that is marked `night` is left out whole. Each is told as skipped, with the
reason. `CONNECT_CASES=all` runs every case at the lengths of `make test`.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from typing import Final

import pytest

from tests.support.lengths import IS_LONG

ALL_CASES: Final = IS_LONG or os.environ.get("CONNECT_CASES") == "all"
ONE_CASE: Final = "one case of a slow test is run; make test-long runs them all"
NIGHT: Final = "takes long; make test-long runs it"
#: A parameter of these names is which engine a test runs on: each has its own case.
_ENGINES: Final = ("engine", "cluster", "log", "own_cluster")


def leave_to_the_night(items: Sequence[pytest.Item]) -> None:
    """Mark what is left out as skipped."""
    if ALL_CASES:
        return
    seen: set[Hashable] = set()
    for item in items:
        if item.get_closest_marker("night") is not None:
            item.add_marker(pytest.mark.skip(NIGHT))
        elif item.get_closest_marker("slow") is not None:
            case = (item.path, getattr(item, "originalname", None) or item.name, _engine(item))
            if case in seen:
                item.add_marker(pytest.mark.skip(ONE_CASE))
            seen.add(case)


def _engine(item: pytest.Item) -> Hashable:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return next((str(parameters[name]) for name in _ENGINES if name in parameters), None)
