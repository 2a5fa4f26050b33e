"""What a test logged."""

from __future__ import annotations

import logging
import threading

import pytest

WATCHDOG = "connect.runtime.border.watchdog"


class _OfThisTest(logging.Filter):
    """Lets through what a watchdog of the test that runs says: those of tests before tell for minutes of what a plugin
    has left behind in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.others: frozenset[int | None] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether it is to be logged."""
        return record.thread not in self.others


_of_this_test = _OfThisTest()
logging.getLogger(WATCHDOG).addFilter(_of_this_test)


def begin_test() -> None:
    """Let nothing be logged any more of what runs on from tests before."""
    _of_this_test.others = frozenset(
        thread.ident for thread in threading.enumerate() if thread.name == "connect-watchdog"
    )


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.NOTSET) -> list[str]:
    """Return the lines of a level and above."""
    return [record.getMessage() for record in caplog.records if record.levelno >= level]
