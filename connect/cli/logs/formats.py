"""Forms of log lines: text, as Kafka Connect's operators know it, and JSON, one object a line, for machines.

    [2026-11-28 10:16:00,123] WARN [orders|task-0] the server is away (connect.runtime.tasks.task)
    {"timestamp":"2026-11-28T10:16:00.123Z","level":"WARN","logger":"connect.runtime.tasks.task",
     "connector":"orders","task":0,"message":"the server is away"}

Neither shows a secret that is known of, nor signs that steer a terminal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import orjson

from connect.cli.output import visible
from connect.runtime.connector_context import connector_context, parts_of

TEXT: Final = "[%(asctime)s] %(kafka_level)s %(connector_context)s%(message)s (%(name)s)"


def level_word(record: logging.LogRecord) -> str:
    """Return Kafka's word for the level of a line."""
    return "WARN" if record.levelno == logging.WARNING else record.levelname


def context_of(record: logging.LogRecord) -> str:
    """Return which connector or task a line is of, as `connector_context` has it; '' outside any."""
    given: str = getattr(record, "connector_context", None) or connector_context.get()
    return given


class TextFormatter(logging.Formatter):
    """Makes lines for people. A message, or a trace, may have several lines of its own."""

    default_msec_format = "%s,%03d"

    def __init__(self, text: str, redact: Callable[[str], str]) -> None:
        super().__init__(text)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the level's Kafka word and where it came from, if from a connector."""
        record.kafka_level = level_word(record)
        record.connector_context = context_of(record)
        return visible(self._redact(super().format(record)))


class JsonFormatter(logging.Formatter):
    """Makes one JSON object a line: `timestamp` (UTC), `level`, `logger`, `message`; `connector` and `task` (null for
    the connector's own) where it is of one; `exception` (`type`, `message`, `stack`) where there is one; `repeated`
    where the line stands for so many that were not written."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, object] = {
            "timestamp": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z",
            "level": level_word(record),
            "logger": record.name,
        }
        if context := context_of(record):
            told["connector"], told["task"] = parts_of(context)
        told["message"] = self._redact(record.getMessage())
        if (repeated := getattr(record, "repeated", None)) is not None:
            told["repeated"] = repeated
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            told["exception"] = {
                "type": f"{type(error).__module__}.{type(error).__qualname__}",
                "message": self._redact(_text_of(error)),
                "stack": self._redact(self.formatException(record.exc_info)),
            }
        if record.stack_info:
            told["stack"] = self._redact(self.formatStack(record.stack_info))
        return _json(told)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # of a plugin's own exception
        return f"its text cannot be had: {type(broken).__name__}"


def _json(told: dict[str, object]) -> str:
    try:
        return orjson.dumps(told).decode()
    except TypeError:  # half of a pair of surrogates, which is no text: bytes of foreign names come so
        return orjson.dumps(_encodable(told)).decode()


def _encodable(value: object) -> object:
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def formatter(text: str = TEXT, *, form: str = "text") -> logging.Formatter:
    """Return a formatter whose lines show no secret.

    Args:
        text: A pattern of `logging`, for the form `text`.
        form: text or json.
    """
    from connect.runtime.secrets import redact  # not needed by commands that only talk to a worker

    return JsonFormatter(redact) if form == "json" else TextFormatter(text, redact)
