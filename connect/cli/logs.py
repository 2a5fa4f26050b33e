"""Log lines in the form that Kafka Connect's operators know: `[time] LEVEL [connector|task-0] message (logger)`.

To a file or a pipe every line is written as it comes. A terminal may be slow, or stand still (Ctrl-S), and nobody reads
thousands of lines a second: `TerminalHandler` gives them to a thread of its own and says how many it did not show.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TextIO

from connect.runtime.connector_context import connector_context

#: What would steer a terminal or turn the reading order around: control characters but for tabs and line ends, and
#: those of Unicode's bidirectional algorithm. Names of connectors may hold the latter.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_LEVELS = {"TRACE": logging.DEBUG, "WARN": logging.WARNING}
FORMAT: Final = "[%(asctime)s] %(kafka_level)s %(connector_context)s%(message)s (%(name)s)"

#: Lines of one kind (from one place in the code, for one task), and of one logger, level and task, that are shown
#: within a window; what comes beyond is counted.
ALIKE_MAX: Final = 10
FROM_ONE_MAX: Final = 50
WINDOW_S: Final = 1.0
#: Lines that wait for a terminal which does not take them; what comes beyond is counted.
WAITING_MAX: Final = 1000
#: How long an end waits for the terminal.
FLUSH_S: Final = 0.5
#: Lines are collected for so long, since each write may redraw a table.
_COLLECT_S: Final = 0.05


class _Formatter(logging.Formatter):
    default_msec_format = "%s,%03d"

    def __init__(self, text: str, redact: Callable[[str], str]) -> None:
        super().__init__(text)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        # The level's Kafka word, and where the line came from, if from a connector.
        record.kafka_level = "WARN" if record.levelno == logging.WARNING else record.levelname
        if not hasattr(record, "connector_context"):
            record.connector_context = connector_context.get()
        return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], self._redact(super().format(record)))


def formatter(text: str = FORMAT) -> logging.Formatter:
    """Return a formatter whose lines show no secret."""
    from connect.runtime.secrets import redact  # not needed by commands that only talk to a worker

    return _Formatter(text, redact)


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, or several of one record, as it is shown; `text` has no line end."""

    level: int
    text: str


class TerminalWriter:
    """Writes to a terminal's descriptor. No lock of Python's is held meanwhile, so a terminal that stands still keeps
    neither another thread nor the end of the process waiting."""

    def __init__(self, stream: TextIO) -> None:
        self._fd = stream.fileno()
        self.encoding = stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write all of a text; blocks for as long as the terminal does."""
        left = memoryview(text.encode(self.encoding, "replace"))
        with suppress(OSError):  # the terminal is gone; there is nobody to tell
            while left:
                left = left[os.write(self._fd, left) :]
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._fd


class TerminalHandler(logging.Handler):
    """Shows log lines on a terminal, from a thread of its own: whoever logs never waits.

    At most `WAITING_MAX` lines wait; of lines that are alike `ALIKE_MAX` a second are shown. Nothing vanishes silently:
    what is not shown is counted, and the count is a line. Closing waits `FLUSH_S` for what is left.

    Attributes:
        write: Shows some lines; called on the thread. A display puts its own in place of it.
    """

    def __init__(self, write: Callable[[Sequence[Line]], None]) -> None:
        super().__init__()
        self.write = write
        self._changed = threading.Condition()
        self._waiting: deque[Line] = deque()
        self._counts: dict[tuple[object, ...], int] = {}
        self._folded: dict[tuple[object, ...], tuple[int, logging.LogRecord]] = {}
        self._window_end_s = 0.0
        self._unshown = 0
        self._draw: Callable[[], None] | None = None
        self._is_busy = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="connect-terminal", daemon=True)
        self._thread.start()

    # -- from any thread -------------------------------------------------------------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        record.connector_context = connector_context.get()
        with self._changed:
            if not self._is_wanted(record):
                return
        try:
            line = Line(record.levelno, self.format(record).replace("\x1b", "\\x1b"))
        except Exception:  # logging's own rule: a line that cannot be formatted ends nothing
            self.handleError(record)
            return
        with self._changed:
            self._waiting.append(line)
            self._changed.notify()

    def show(self, draw: Callable[[], None]) -> None:
        """Have something drawn on the thread, in place of what was to be drawn and was not yet."""
        with self._changed:
            self._draw = draw
            self._changed.notify()

    def _is_wanted(self, record: logging.LogRecord) -> bool:
        """Say whether a line is shown, and count it where it is not."""
        if len(self._waiting) >= WAITING_MAX:
            self._unshown += 1
            return False
        now_s = time.monotonic()
        if now_s >= self._window_end_s and not self._folded:
            self._counts.clear()
            self._window_end_s = now_s + WINDOW_S
        source = (record.name, record.levelno, record.connector_context)  # type: ignore[attr-defined]
        kind = (*source, record.msg if isinstance(record.msg, str) else type(record.msg))
        for key, most in ((kind, ALIKE_MAX), (source, FROM_ONE_MAX)):
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count > most:
                self._folded[key] = (self._folded.get(key, (0, record))[0] + 1, record)
                self._changed.notify()
                return False
        return True

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                while not (self._waiting or self._draw or self._is_due() or self._is_closing):
                    self._changed.wait(max(0.0, self._window_end_s - time.monotonic()) if self._folded else None)
                if self._is_closing and not (self._waiting or self._folded or self._unshown):
                    return
                self._is_busy = True
                draw, self._draw = self._draw, None
                is_closing = self._is_closing
            if not is_closing:
                time.sleep(_COLLECT_S)
            lines = self._take()
            # A terminal that fails must not end the thread, nor be told of on that terminal.
            with suppress(Exception):
                if lines:
                    self.write(lines)
            with suppress(Exception):
                if draw is not None:
                    draw()

    def _is_due(self) -> bool:
        return bool(self._folded) and time.monotonic() >= self._window_end_s

    def _take(self) -> list[Line]:
        with self._changed:
            lines = list(self._waiting)
            self._waiting.clear()
            unshown, self._unshown = self._unshown, 0
            folded = {}
            if self._is_due() or self._is_closing:
                folded, self._folded = self._folded, {}
        lines += [Line(record.levelno, self._fold(count, record)) for count, record in folded.values()]
        if unshown:
            lines.append(
                Line(logging.WARNING, f"{_lines(unshown)} not shown: they came faster than the terminal takes them")
            )
        return lines

    def _fold(self, count: int, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except Exception:  # of a plugin's own arguments
            message = str(record.msg)
        told = logging.LogRecord(
            record.name,
            record.levelno,
            record.pathname,
            record.lineno,
            f"{_lines(count, 'more ', 'like this ')} not shown: {message}",
            None,
            None,
        )
        told.created, told.msecs = record.created, record.msecs
        told.connector_context = record.connector_context  # type: ignore[attr-defined]
        return self.format(told).replace("\x1b", "\\x1b")

    # -- the end ---------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all is shown, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._is_busy), FLUSH_S)

    def close(self) -> None:
        """Show what is left, counts too, and end; does not wait long."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(FLUSH_S)
        super().close()


def _lines(count: int, before: str = "", after: str = "") -> str:
    return f"{count:,} {before}line{'s' * (count != 1)} {after}{'was' if count == 1 else 'were'}"


def plain(writer: TerminalWriter) -> Callable[[Sequence[Line]], None]:
    """Return what shows lines as they are."""
    return lambda lines: (writer.write("".join(f"{line.text}\n" for line in lines)), None)[1]


def _own_stderr() -> TextIO:
    """Return standard error as a stream of the log's own: a plugin that closes `sys.stderr` closes another."""
    try:
        return open(sys.stderr.fileno(), "w", 1, sys.stderr.encoding, "backslashreplace", closefd=False)
    except (OSError, ValueError):  # it is no file, or closed
        return sys.stderr


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send log lines to a stream (standard error by default), whatever becomes of it: no line is a reason to fail."""
    logging.raiseExceptions = False  # or a stream that was closed makes every call that logs raise
    stream = stream or _own_stderr()
    handler: logging.Handler
    handler = TerminalHandler(plain(TerminalWriter(stream))) if stream.isatty() else logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, level))
    for noisy in ("asyncio", "httpx", "httpcore", "faker", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
