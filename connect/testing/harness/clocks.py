"""A clock that tests move: what waits for a time is there at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

_SECONDS: Final = ("time", "monotonic")
_NANOSECONDS: Final = ("time_ns", "monotonic_ns")


class Clock:
    """Moves the time that this process sees. Use as a context manager; one at a time.

        with Clock() as clock, SourceHarness(hourly, {"topic": "t"}) as source:
            source.records(1)
            clock.advance(3600)
            source.records(1)

    `time.time`, `time.monotonic`, both `_ns` and every event loop see it, so also what sleeps in `asyncio`, and the
    worker's intervals and back-offs. What does not: `datetime.now` and other code in C, `time.sleep`, and plain code
    that waits on a lock or an event, which the real time ends.
    """

    def __init__(self) -> None:
        self._shift_ns = 0
        self._real: dict[str, Any] = {}

    def advance(self, seconds: float) -> None:
        """Move the time forward. What an event loop was waiting for in that time is due.

        Raises:
            ValueError: `seconds` is negative: a monotonic clock never goes back.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forward; advance({seconds:g}) would turn it back")
        assert self._real, "use the clock as a context manager: with Clock() as clock"
        self._shift_ns += round(seconds * 1_000_000_000)
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
            setattr(time, name, real)
        self._real.clear()
        _moved.remove(self)

    def _shifted(self, real: Callable[[], Any], unit: int) -> Callable[[], Any]:
        return (lambda: real() + self._shift_ns) if unit == 1 else (lambda: real() + self._shift_ns / unit)


#: The clock that is in use, if any.
_moved: list[Clock] = []
#: The loops of harnesses, which a clock wakes.
_watched: set[asyncio.AbstractEventLoop] = set()


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Have clocks wake a loop, until it is closed."""
    _watched.difference_update([known for known in _watched if known.is_closed()])
    _watched.add(loop)


def _nothing() -> None:
    """Wake the loop."""
