"""A clock that tests move: what waits for a time is there at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

_SECONDS: Final = ("time", "monotonic")
_NANOSECONDS: Final = ("time_ns", "monotonic_ns")


@dataclass(slots=True)
class _Shift:
    """By how much one use of a clock has moved the time."""

    ns: int = 0


class Clock:
    """Moves the time that this process sees. Use as a context manager; one at a time.

        with Clock() as clock, SourceHarness(hourly, {"topic": "t"}) as source:
            source.records(1)
            clock.advance(3600)
            source.records(1)

    `time.time`, `time.monotonic`, both `_ns` and every event loop see it, so also what sleeps in `asyncio`, and the
    worker's intervals and back-offs. What does not: `datetime.now` and other code in C, `time.sleep`, and plain code
    that waits on a lock or an event, which the real time ends. Of a harness or a worker that outlives it the monotonic
    clock stays moved until its end, since what waits there waits by that.
    """

    def __init__(self) -> None:
        self._shift = _Shift()
        self._real: dict[str, Any] = {}

    def advance(self, seconds: float) -> None:
        """Move the time forward. What an event loop was waiting for in that time is due.

        Raises:
            ValueError: `seconds` is negative: a monotonic clock never goes back.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forward; advance({seconds:g}) would turn it back")
        assert self._real, "use the clock as a context manager: with Clock() as clock"
        self._shift.ns += round(seconds * 1_000_000_000)
        for loop in _watched:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_nothing)  # it looks at the time anew

    def __enter__(self) -> Clock:
        assert not _moved, "another clock is in use"
        _moved.append(self)
        for names, unit in ((_SECONDS, 1_000_000_000), (_NANOSECONDS, 1)):
            for name in names:
                self._real[name] = getattr(time, name)
                setattr(time, name, self._shifted(self._real[name], unit))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name, real in self._real.items():
            if name.startswith("monotonic"):
                _behind.append((name, real))
            else:
                setattr(time, name, real)
        self._real.clear()
        self._shift = _Shift()
        _moved.remove(self)
        _give_back()

    def _shifted(self, real: Callable[[], Any], unit: int) -> Callable[[], Any]:
        shift = self._shift
        return (lambda: real() + shift.ns) if unit == 1 else (lambda: real() + shift.ns / unit)


#: The clock that is in use, if any.
_moved: list[Clock] = []
#: The loops of harnesses, which a clock wakes.
_watched: set[asyncio.AbstractEventLoop] = set()


#: The monotonic clocks that are moved for those loops, and by which real ones.
_behind: list[tuple[str, Any]] = []


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Have clocks wake a loop, until it is closed."""
    _watched.difference_update([known for known in _watched if known.is_closed()])
    _watched.add(loop)


def unwatch(loop: asyncio.AbstractEventLoop) -> None:
    """Have clocks wake a loop no more, that is closed now."""
    _watched.discard(loop)
    _give_back()


def _give_back() -> None:
    """Have monotonic clocks tell the real time, once no loop waits by them."""
    if not _moved and not any(not loop.is_closed() for loop in _watched):
        while _behind:
            name, real = _behind.pop()
            setattr(time, name, real)


def _nothing() -> None:
    """Wake the loop."""
