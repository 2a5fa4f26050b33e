"""Who writes log lines: a thread, so that whoever logs never waits, however slow a terminal, pipe or disk is.

A terminal may be slow, or stand still (Ctrl-S), and nobody reads thousands of lines a second; a pipe's reader may hang,
and a disk may be full. Lines wait for the thread, within bounds; what comes beyond is counted, and the count is a line.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TextIO

from connect.cli.logs.folding import Folding, lines
from connect.cli.logs.formats import context_of

#: Lines that wait for what does not take them; what comes beyond is counted.
WAITING_MAX: Final = 1000
#: The same of a file or a pipe, which nobody reads along.
FILE_WAITING_MAX: Final = 10_000
#: What these lines may hold together, in bytes of memory, but for one line alone: a record that a plugin logs may be
#: megabytes, and traces are kilobytes.
WAITING_BYTES_MAX: Final = 8 << 20
#: How long a write waits for a stream that takes nothing just now, before it is tried again.
_AGAIN_MS: Final = 1000
#: How long an end waits for what is left to be written.
FLUSH_S: Final = 0.5
#: Lines for a terminal are collected for so long, since each write may redraw a table.
COLLECT_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """One log line, or several of one record, as it is shown; `text` has no line end."""

    level: int
    text: str


class DescriptorWriter:
    """Writes to a stream's descriptor. No lock of Python's is held meanwhile, so a terminal that stands still keeps
    neither another thread nor the end of the process waiting."""

    def __init__(self, stream: TextIO) -> None:
        self._fd = stream.fileno()
        self.encoding = stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write all of a text; blocks for as long as the stream does."""
        left = memoryview(text.encode(self.encoding, "replace"))
        with suppress(OSError):  # it is gone, or full; there is nobody to tell
            while left:
                try:
                    left = left[os.write(self._fd, left) :]
                except BlockingIOError:  # somebody else who has this pipe made it so
                    poll = select.poll()
                    poll.register(self._fd, select.POLLOUT)
                    poll.poll(_AGAIN_MS)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return os.isatty(self._fd)

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._fd


class LineHandler(logging.Handler):
    """Has log lines written by a thread of its own: whoever logs never waits.

    A bounded number of lines waits; of lines that are alike the folding says how many are written. Nothing vanishes
    silently: what is not written is counted, and the count is a line. Closing waits `FLUSH_S` for what is left.

    Args:
        write: Writes some lines; called on the thread. A display puts its own in place of it.
        folding: Which lines are written.
        waiting_max: How many lines wait.
        waiting_bytes_max: How much memory they may hold, if it is not one line alone.
        collect_s: How long lines are collected before they are written.

    Attributes:
        write: As given.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Line]], None],
        folding: Folding | None = None,
        *,
        waiting_max: int = WAITING_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
        collect_s: float = COLLECT_S,
    ) -> None:
        super().__init__()
        self.write = write
        self._folding = Folding() if folding is None else folding
        self._waiting_max = waiting_max
        self._waiting_bytes_max = waiting_bytes_max
        self._waiting_bytes = 0
        self._collect_s = collect_s
        self._changed = threading.Condition()
        self._waiting: deque[Line] = deque()
        self._unshown = 0
        self._draw: Callable[[], None] | None = None
        self._is_busy = False
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="connect-log", daemon=True)
        self._thread.start()

    # -- from any thread -------------------------------------------------------------------------------------------

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        record.connector_context = context_of(record)
        with self._changed:
            if not self._is_wanted(record):
                return
        try:
            line = Line(record.levelno, self._text(record))
        except Exception:  # logging's own rule: a line that cannot be formatted ends nothing
            self.handleError(record)
            return
        size_bytes = sys.getsizeof(line.text)
        with self._changed:
            if self._waiting and self._waiting_bytes + size_bytes > self._waiting_bytes_max:
                self._unshown += 1
                return
            self._waiting.append(line)
            self._waiting_bytes += size_bytes
            self._changed.notify()

    def show(self, draw: Callable[[], None]) -> None:
        """Have something drawn on the thread, in place of what was to be drawn and was not yet."""
        with self._changed:
            self._draw = draw
            self._changed.notify()

    def _is_wanted(self, record: logging.LogRecord) -> bool:
        if len(self._waiting) >= self._waiting_max or self._waiting_bytes > self._waiting_bytes_max:
            self._unshown += 1
            return False
        if self._folding.is_written(record, context_of(record)):
            return True
        self._changed.notify()  # a count is to be told in a while
        return False

    def _text(self, record: logging.LogRecord) -> str:
        return self.format(record).replace("\x1b", "\\x1b")

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                while not (self._waiting or self._draw or self._is_due() or self._is_closing):
                    self._changed.wait(self._folding.due_in_s)
                if self._is_closing and not (self._waiting or self._folding.due_in_s is not None or self._unshown):
                    return
                self._is_busy = True
                draw, self._draw = self._draw, None
                is_closing = self._is_closing
            if self._collect_s and not is_closing:
                time.sleep(self._collect_s)
            taken = self._take()
            # A stream that fails must not end the thread, nor be told of on that stream.
            with suppress(Exception):
                if taken:
                    self.write(taken)
            with suppress(Exception):
                if draw is not None:
                    draw()

    def _is_due(self) -> bool:
        return self._folding.due_in_s == 0

    def _take(self) -> list[Line]:
        with self._changed:
            taken = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            unshown, self._unshown = self._unshown, 0
            counts = self._folding.taken() if self._is_due() or self._is_closing else []
        if unshown:
            told = logging.LogRecord(
                __name__,
                logging.WARNING,
                __file__,
                0,
                f"{lines(unshown)} not shown: they came faster than they could be written",
                None,
                None,
            )
            told.repeated = unshown
            counts.append(told)
        return taken + [Line(record.levelno, self._text(record)) for record in counts]

    # -- the end ---------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until all is shown, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._draw or self._is_busy), FLUSH_S)

    def close(self) -> None:
        """Show what is left, counts too, and end; does not wait long."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(FLUSH_S)
        super().close()


def line_handler() -> LineHandler | None:
    """Return what writes the log's lines; None where nobody has set it up."""
    return next((found for found in logging.getLogger().handlers if isinstance(found, LineHandler)), None)


def plain(writer: DescriptorWriter) -> Callable[[Sequence[Line]], None]:
    """Return what writes lines as they are."""
    return lambda lines: (writer.write("".join(f"{line.text}\n" for line in lines)), None)[1]
