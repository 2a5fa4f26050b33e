"""What a task tells of itself in figures: `context.gauges`, which a plugin may have put anything in."""

from __future__ import annotations

import logging
import math
import re
from typing import Any, Final

Log = logging.Logger | logging.LoggerAdapter[Any]

#: How many gauges a task may have: each is a series of its own where metrics are kept.
GAUGES_MAX: Final = 64
_NAME_MAX: Final = 100
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)*")


class Gauges:
    """Reads a task's gauges, and warns once of each kind of fault in them. For one thread."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._warned: set[str] = set()

    def read(self, given: object) -> dict[str, float]:
        """Return the gauges that are as the API says, by name; leave out the others."""
        if type(given) is not dict:
            return self._left_out("gauges", f"context.gauges is a {type(given).__name__}; expected a dict")
        found: dict[str, float] = {}
        for name, value in given.copy().items():  # a copy in one step: the plugin writes on threads of its own
            if type(name) is not str or len(name) > _NAME_MAX or not _NAME.fullmatch(name):
                self._left_out("name", f"gauge {name!r:.60}; expected lower-case words with dots between as its name")
            elif type(value) not in (int, float) or not _is_finite(value):
                self._left_out("value", f"gauge {name!r} is no finite number but of type {type(value).__name__}")
            elif len(found) == GAUGES_MAX:
                self._left_out("number", f"the task has {len(given)} gauges; expected {GAUGES_MAX} at most")
                break
            else:
                found[name] = value
        return dict(sorted(found.items()))

    def _left_out(self, kind: str, what: str) -> dict[str, float]:
        if kind not in self._warned:
            self._warned.add(kind)
            self._log.warning("left out of the task's figures: %s", what)
        return {}


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False
