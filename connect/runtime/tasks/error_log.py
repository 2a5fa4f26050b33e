"""`errors.log.enable`: a line for each record that was skipped, and the trace of a kind of failure now and then.

Kafka writes the whole trace with each record. Of ten thousand records with one cause that is one trace worth reading:
so the first of a kind has it, and later ones once a minute at most, with how many there were since.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from connect.runtime.secrets import redact
from connect.runtime.tasks.failures import Failure, contents

#: How long after a trace the next one of its kind is written at the earliest.
TRACE_EVERY_S: Final = 60.0
#: So many kinds are told apart; of more, the one that was seen last longest ago is forgotten.
KINDS_MAX: Final = 100


@dataclass(slots=True)
class _Kind:
    traced_s: float
    since: int = 0


class _Line:
    """What there is to say of a record, put into words once it is written: most of ten thousand are only counted."""

    __slots__ = ("_failure", "_with_contents")

    def __init__(self, failure: Failure, *, with_contents: bool) -> None:
        self._failure = failure
        self._with_contents = with_contents

    def __str__(self) -> str:
        failure = self._failure
        more = contents(failure.batch, failure.index) if self._with_contents else ""
        return redact(f"{failure.reason} ({failure.stage}, {failure.where}{more})")


class ErrorLog:
    """One task's lines about skipped records. For one thread.

    Args:
        with_contents: `errors.log.include.messages`: a line also has what Kafka's has of the record itself.
    """

    def __init__(
        self,
        log: logging.Logger | logging.LoggerAdapter[Any],
        *,
        with_contents: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._with_contents = with_contents
        self._clock = clock
        self._kinds: OrderedDict[tuple[object, ...], _Kind] = OrderedDict()

    def skipped(self, failure: Failure) -> None:
        """Write what there is to say of a record that was skipped."""
        line = _Line(failure, with_contents=self._with_contents)
        if (since := self._traces(failure)) is None:
            self._log.error("skipped a record: %s", line)
            return
        others = f"; {since} more of this kind since the last trace" if since else ""
        trace = redact("".join(traceback.format_exception(failure.error)).rstrip())
        self._log.error("skipped a record: %s%s\n%s", line, others, trace)

    def _traces(self, failure: Failure) -> int | None:
        """Return None where the failure goes without a trace, else how many of its kind did since the last one."""
        name, now_s = (failure.stage, failure.step, type(failure.error), type(failure.error.__cause__)), self._clock()
        kind = self._kinds.get(name)
        if kind is not None and now_s - kind.traced_s < TRACE_EVERY_S:
            kind.since += 1
            self._kinds.move_to_end(name)
            return None
        since = kind.since if kind is not None else 0
        self._kinds[name] = _Kind(now_s)
        self._kinds.move_to_end(name)
        if len(self._kinds) > KINDS_MAX:
            self._kinds.popitem(last=False)
        return since
