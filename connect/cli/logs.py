"""Log lines in the form that Kafka Connect's operators know: `[time] LEVEL [connector|task-0] message (logger)`."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import TextIO

from connect.runtime.context import connector_context

#: What would steer a terminal or turn the reading order around: control characters but for tabs and line ends, and those
#: of Unicode's bidirectional algorithm. Names of connectors may hold the latter.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_LEVELS = {"TRACE": logging.DEBUG, "WARN": logging.WARNING}


class _Formatter(logging.Formatter):
    default_msec_format = "%s,%03d"

    def __init__(self, text: str, redact: Callable[[str], str]) -> None:
        super().__init__(text)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        # The level's Kafka word, and where the line came from, if from a connector.
        record.kafka_level = "WARN" if record.levelno == logging.WARNING else record.levelname
        record.connector_context = connector_context.get()
        return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], self._redact(super().format(record)))


def formatter(text: str) -> logging.Formatter:
    """Return a formatter whose lines show no secret."""
    from connect.runtime.secrets import redact  # not needed by commands that only talk to a worker

    return _Formatter(text, redact)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send log lines to a stream (standard error by default)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter("[%(asctime)s] %(kafka_level)s %(connector_context)s%(message)s (%(name)s)"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, level))
    for noisy in ("asyncio", "httpx", "httpcore", "faker", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
