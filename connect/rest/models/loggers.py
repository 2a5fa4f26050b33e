"""Loggers and their levels (KIP-495, KIP-976)."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from connect.rest.models.base import Body, example


class SetLevel(Body, json_schema_extra={"examples": [{"level": "DEBUG"}]}):
    """The level that a logger is to have."""

    level: str | None = Field(
        default=None,
        description="text",
        json_schema_extra={"enum": ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"]},
    )


@example({"level": "INFO", "last_modified": None})
class LoggerLevel(TypedDict):
    """A logger's level, and when REST changed it: ms since the epoch."""

    level: str
    last_modified: int | None
