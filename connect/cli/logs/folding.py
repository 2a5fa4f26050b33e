"""Which log lines are written, and which only counted: a failure that comes with every record is one thing to tell.

Lines of one kind come from one place in the code, at one level, for one connector or task. Of a kind `alike_max` are
written in each window of a second, and so many of one speaker, whatever they say, as `from_one_max` allows; of the
others the count is told at the end of the window. Nothing vanishes silently.
"""

from __future__ import annotations

import logging
import time
from typing import Final

#: Lines of one kind, and of one logger, level and task, that are written within a window, where nothing else is said.
ALIKE_MAX: Final = 10
FROM_ONE_MAX: Final = 50
WINDOW_S: Final = 1.0

_Key = tuple[object, ...]


class Folding:
    """Says of each line whether it is written, and keeps the counts of those that are not. Not for several threads.

    Args:
        alike_max: Lines of a kind in a window; 0 for all.
        from_one_max: Lines of a speaker in a window; 0 for all.
        below: Levels below this are always written: who sets DEBUG wants every line.
    """

    def __init__(self, alike_max: int = ALIKE_MAX, from_one_max: int = FROM_ONE_MAX, *, below: int = 0) -> None:
        self._alike_max = alike_max
        self._from_one_max = from_one_max
        self._below = below
        self._counts: dict[_Key, int] = {}
        self._folded: dict[_Key, tuple[int, logging.LogRecord]] = {}
        self._window_end_s = 0.0

    @property
    def due_in_s(self) -> float | None:
        """When counts are to be told; None where there are none."""
        return max(0.0, self._window_end_s - time.monotonic()) if self._folded else None

    def is_written(self, record: logging.LogRecord, context: str) -> bool:
        """Say whether a line is written, and count it where it is not."""
        if record.levelno < self._below:
            return True
        now_s = time.monotonic()
        if now_s >= self._window_end_s and not self._folded:
            self._counts.clear()
            self._window_end_s = now_s + WINDOW_S
        source = (record.name, record.levelno, context)
        # Of a long text its hash is kept: a plugin may log another one each time.
        kind = (*source, hash(record.msg) if isinstance(record.msg, str) else type(record.msg))
        keys = [(kind, self._alike_max), (source, self._from_one_max)]
        if kind not in self._counts and self._counts.get(source, 0) > self._from_one_max > 0:
            # No kind is remembered of a speaker who has said enough: who writes the counts may stand still for hours.
            del keys[0]
        for key, most in keys:
            if not most:
                continue
            count = self._counts[key] = self._counts.get(key, 0) + 1
            if count > most:
                self._folded[key] = (self._folded.get(key, (0, record))[0] + 1, record)
                return False
        return True

    def taken(self) -> list[logging.LogRecord]:
        """Return a line for each count, told from now on anew."""
        folded, self._folded = self._folded, {}
        return [_told(count, record) for count, record in folded.values()]


def lines(count: int, before: str = "", after: str = "") -> str:
    """Return '1 line was' or '2,000 more lines like this were'."""
    return f"{count:,} {before}line{'s' * (count != 1)} {after}{'was' if count == 1 else 'were'}"


def _told(count: int, record: logging.LogRecord) -> logging.LogRecord:
    try:
        message = record.getMessage()
    except Exception:  # of a plugin's own arguments
        message = str(record.msg)
    told = logging.LogRecord(
        record.name,
        record.levelno,
        record.pathname,
        record.lineno,
        f"{lines(count, 'more ', 'like this ')} not shown: {message}",
        None,
        None,
    )
    told.created, told.msecs = record.created, record.msecs
    told.connector_context = getattr(record, "connector_context", "")
    told.repeated = count
    return told
