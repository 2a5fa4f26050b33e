"""How far a run has come, for people: a line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from connect.cli.logs.handler import DescriptorWriter
from connect.cli.output import visible

#: How often a terminal's line is rewritten, and a line is written elsewhere.
_TERMINAL_S: Final = 0.5
_PLAIN_S: Final = 5.0
#: Over how long a rate is measured.
_WINDOW_S: Final = 5.0
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_STEP: Final = 1000.0
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


#: Clears a terminal's line.
_CLEAR: Final = "\r\x1b[K"


def _at_once(write: Callable[[], None]) -> None:
    write()


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one connector.

    Attributes:
        left: Records that wait for a sink; None where that is not known.
        left_bytes: What a source has still to read; None where it does not tell.
        waiting_for: What it cannot go on without.
    """

    name: str
    records: int
    size_bytes: int
    left: int | None = None
    left_bytes: int | None = None
    waiting_for: str | None = None


class Progress:
    """Tells of a run while it goes on. For the event loop.

    Args:
        clock: Seconds that never go back.
        draw: Has something written, in place of what was to be and was not yet: by a thread, where the stream may
            stand still, as a terminal does after Ctrl-S, or a pipe that nobody reads.
    """

    def __init__(
        self,
        stream: TextIO | DescriptorWriter | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[Callable[[], None]], None] = _at_once,
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._draw = draw
        self._on_terminal = self._stream.isatty()
        self._told_at = clock()
        #: When, and records and bytes by name.
        self._seen: deque[tuple[float, Mapping[str, tuple[int, int]]]] = deque([(clock(), {})])
        self._is_open = False

    def show(self, figures: Sequence[Figures]) -> None:
        """Take the figures as they are now, and tell of them if it is time."""
        now = self._clock()
        if now - self._told_at < (_TERMINAL_S if self._on_terminal else _PLAIN_S):
            return
        self._told_at = now
        while len(self._seen) > 1 and now - self._seen[1][0] >= _WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        parts = [self._part(one, now - since, before.get(one.name, (0, 0))) for one in figures]
        self._seen.append((now, {one.name: (one.records, one.size_bytes) for one in figures}))
        self._write(parts)

    def end(self) -> None:
        """Leave the terminal's line."""
        if self._is_open:
            self._put(_CLEAR)
            self._is_open = False

    def _part(self, one: Figures, seconds: float, before: tuple[int, int]) -> str:
        records, size_bytes = max(one.records - before[0], 0), max(one.size_bytes - before[1], 0)
        rate = records / seconds if seconds > 0 else 0.0
        told = [f"{one.name}: {one.records:,} records", bytes_text(one.size_bytes), f"{rate:,.0f}/s"]
        if one.left is not None:
            told.append(f"{one.left:,} left")
            if one.left and rate:
                told.append(f"about {time_text(one.left / rate)}")
        if one.left_bytes:
            told.append(f"{bytes_text(one.left_bytes)} left")
            if size_bytes:
                told.append(f"about {time_text(one.left_bytes * seconds / size_bytes)}")
        if one.waiting_for:
            told.append(f"waits: {one.waiting_for}")
        return ", ".join(told)

    def _write(self, parts: Sequence[str]) -> None:
        if self._on_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._put(f"{_CLEAR}{visible(' | '.join(parts))[:width]}")
            self._is_open = True
        else:
            self._put("".join(f"{visible(part)}\n" for part in parts))

    def _put(self, text: str) -> None:
        def write() -> None:
            self._stream.write(text)
            self._stream.flush()

        self._draw(write)


def bytes_text(count: int) -> str:
    """Return a number of bytes for people: 1.5 MB."""
    size, units = float(count), list(_UNITS)
    while size >= _STEP and len(units) > 1:
        size, units = size / _STEP, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def time_text(seconds: float) -> str:
    """Return a duration for people: 40 s, 3 min, 2.5 h."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.1f} h"
