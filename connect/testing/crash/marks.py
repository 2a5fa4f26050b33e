"""Where a worker is ended or disturbed: marks of its progress, never moments of a clock."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from connect.testing.crash.faults import Fault


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of progress, and what is done there: the worker is killed, unless it says something else.

    Attributes:
        kind: 'call' and 'await' are seen by the worker itself, which ends at that very point. 'arrived' and 'log' are
            seen from outside.
        nth: Which call, await, further record in the target, or line. The highest, where a seed is to choose it.
        chooses: Whether the seed chooses from 1 to `nth`.
        do: Done from outside in place of the kill; the worker goes on.
        is_clean: The worker is asked to stop, and has to end with 0.
    """

    kind: Literal["call", "await", "arrived", "log"]
    nth: int = 1
    call: str = ""
    when: Literal["before", "after"] = "before"
    pattern: str = ""
    chooses: bool = False
    do: Callable[[], object] | None = None
    is_clean: bool = False

    @property
    def name(self) -> str:
        """What it is called in a report."""
        if self.do is not None:
            return getattr(self.do, "__name__", "disturbed")
        if self.is_clean:
            return "clean stop"
        if self.kind == "call":
            return f"{self.when} {self.call}"
        return self.kind

    @property
    def fault(self) -> Fault | None:
        """What the worker is told of it, where it sees the mark itself and it is a call."""
        return Fault(self.call, self.nth, action="kill", when=self.when) if self.kind == "call" else None

    def chosen(self, by: random.Random) -> Mark:
        """Return the mark with its number drawn, where that is to be."""
        if not self.chooses:
            return self
        return Mark(
            self.kind, by.randint(1, self.nth), self.call, self.when, self.pattern, False, self.do, self.is_clean
        )


def at_call(call: str, nth: int = 1, when: Literal["before", "after"] = "before", *, chooses: bool = False) -> Mark:
    """Kill before or behind the nth call of the log; see `faults` for the names."""
    return Mark("call", nth, call, when, chooses=chooses)


def at_await(nth: int, *, chooses: bool = False) -> Mark:
    """Kill at the nth point at which a connector's task waits for something."""
    return Mark("await", nth, chooses=chooses)


def every_await(last: int, *, first: int = 1, step: int = 1) -> Sequence[Mark]:
    """Return a mark for each await from `first` to `last`: for `CrashTest(marks=..., in_order=True)`."""
    return [at_await(nth) for nth in range(first, last + 1, step)]


def arrived(records: int, do: Callable[[], object] | None = None, *, chooses: bool = False) -> Mark:
    """Kill, or do something else, when so many further records are in the target."""
    return Mark("arrived", records, do=do, chooses=chooses)


def log_line(pattern: str, nth: int = 1) -> Mark:
    """Kill when the worker has logged the nth line that holds a regular expression."""
    re.compile(pattern)
    return Mark("log", nth, pattern=pattern)


def clean_stop(records: int = 1) -> Mark:
    """Ask the worker to stop when so many further records are in the target; it has to end with 0."""
    return Mark("arrived", records, is_clean=True)


_AROUND: Final = (("append", 4), ("flush", 3), ("offsets", 2), ("poll", 6), ("commit", 2))
#: What a run chooses from where nobody says otherwise: around each call on which a promise depends, at awaits, at the
#: start, and after some records.
DEFAULT_MARKS: Final[Sequence[Mark]] = (
    *(at_call(call, nth, "before", chooses=True) for call, nth in _AROUND),
    *(at_call(call, nth, "after", chooses=True) for call, nth in _AROUND),
    at_await(60, chooses=True),
    at_await(200, chooses=True),
    arrived(40, chooses=True),
    log_line("REST is ready"),
)
