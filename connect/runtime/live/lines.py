"""The last log lines of each connector, for who looks at it without a terminal.

A handler beside the one that writes: it keeps lines of connectors alone, redacted as those, and puts a line into words
at once, since what it holds may be records that are large. Of a connector that logs very much it keeps some lines of
each second and counts the others, so that a flood costs next to nothing here.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from connect.runtime.connector_context import connector_context, parts_of
from connect.runtime.secrets import redact

#: Lines of one connector.
LINES_MAX: Final = 1000
#: What the lines of all connectors may hold; beyond, the oldest of whoever has most go.
BYTES_MAX: Final = 16 << 20
TEXT_CHARS_MAX: Final = 4000
TRACE_CHARS_MAX: Final = 16_000
#: Lines of one connector that are kept in one second.
LINES_PER_S: Final = 100
_LINE_BYTES: Final = 300
_NAME_BYTES: Final = 1000


@dataclass(frozen=True, slots=True)
class KeptLine:
    """One line.

    Attributes:
        at_ms: When it was logged, ms since the epoch.
        level: As `logging` counts them.
        task: None: of the connector itself.
        trace: Of the exception that it tells of; None where it tells of none.
    """

    at_ms: int
    level: int
    logger: str
    task: int | None
    text: str
    trace: str | None

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return _LINE_BYTES + len(self.text) + len(self.trace or "")


@dataclass(slots=True)
class _Lines:
    """Those of one connector. `second` began at `second_s`, and had so many lines until now."""

    kept: deque[KeptLine] = field(default_factory=deque)
    bytes: int = _NAME_BYTES
    dropped: int = 0
    second_s: float = 0.0
    second: int = 0


class KeptLines(logging.Handler):
    """Keeps the last lines of each connector. From any thread, under the handler's own lock.

    Attributes:
        stays: The worker's log may be set up anew, and leaves this handler where it is.
    """

    stays: Final = True

    def __init__(self, *, bytes_max: int = BYTES_MAX, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._bytes_max = bytes_max
        self._bytes = 0
        self._clock_s = clock_s
        self._lines: dict[str, _Lines] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, if it is a connector's."""
        context: str = getattr(record, "connector_context", None) or connector_context.get()
        if not context:
            return
        name, task = parts_of(context)
        lines = self._lines.get(name)
        if lines is None:
            lines = self._lines[name] = _Lines()
            self._bytes += lines.bytes
        now_s = self._clock_s()
        if now_s - lines.second_s >= 1:
            lines.second_s, lines.second = now_s, 0
        lines.second += 1
        if lines.second > LINES_PER_S:
            lines.dropped += 1
            return
        try:
            line = _line(record, task)
        except Exception:  # logging's own rule: a line that cannot be formatted ends nothing
            lines.dropped += 1
            return
        lines.kept.append(line)
        lines.bytes += line.size_bytes
        self._bytes += line.size_bytes
        if len(lines.kept) > LINES_MAX:
            self._drop(lines, 1)
        while self._bytes > self._bytes_max:
            self._make_room()

    def of(self, name: str, *, most: int = LINES_MAX, level: int = 0) -> tuple[Sequence[KeptLine], int]:
        """Return the last lines of a connector, the oldest first, and how many it had that are not kept.

        Args:
            level: Less urgent ones are left out.
        """
        self.acquire()
        try:
            lines = self._lines.get(name)
            kept, dropped = ([], 0) if lines is None else (list(lines.kept), lines.dropped)
        finally:
            self.release()
        return [line for line in kept if line.level >= level][-most:], dropped

    def forget(self, name: str) -> None:
        """Forget a connector that was deleted."""
        self.acquire()
        try:
            lines = self._lines.pop(name, None)
            self._bytes -= 0 if lines is None else lines.bytes
        finally:
            self.release()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        name, most = max(self._lines.items(), key=lambda item: item[1].bytes)
        if most.kept:
            self._drop(most, 1 + len(most.kept) // 4)
        else:
            self._bytes -= self._lines.pop(name).bytes

    def _drop(self, lines: _Lines, count: int) -> None:
        for _ in range(count):
            size_bytes = lines.kept.popleft().size_bytes
            lines.bytes -= size_bytes
            self._bytes -= size_bytes
        lines.dropped += count


def _line(record: logging.LogRecord, task: int | None) -> KeptLine:
    text, _, more = record.getMessage().partition("\nTraceback (most recent call last)")
    trace = f"Traceback (most recent call last){more}" if more else None
    if record.exc_info and record.exc_info[1] is not None:
        trace = "".join(traceback.format_exception(record.exc_info[1]))
    return KeptLine(
        int(record.created * 1000),
        record.levelno,
        record.name,
        task,
        _shown(text, TEXT_CHARS_MAX),
        None if trace is None else _shown(trace.rstrip(), TRACE_CHARS_MAX),
    )


def _shown(text: str, chars_max: int) -> str:
    # Looked through as far as it is shown, and for a secret that begins there.
    if len(text) <= chars_max:
        return redact(text)
    return f"{redact(text[: 2 * chars_max])[:chars_max]}… ({len(text)} characters)"
