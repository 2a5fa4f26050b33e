"""What a test logged."""

from __future__ import annotations

import logging

import pytest

#: Tells for minutes of what a plugin of an earlier test has left behind in this process.
_OF_OTHERS = "connect.runtime.border.watchdog"


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.NOTSET) -> list[str]:
    """Return the lines of a level and above, without those about threads that other tests have left behind."""
    return [record.getMessage() for record in caplog.records if record.levelno >= level and record.name != _OF_OTHERS]
