"""The last log lines of a connector."""

from __future__ import annotations

from typing_extensions import TypedDict

from connect.rest.models.base import example


class LogLine(TypedDict):
    """One line of a connector (`task` null) or of one of its tasks; `trace`: of what it tells of was raised."""

    at: int
    level: str
    logger: str
    task: int | None
    text: str
    trace: str | None


@example(
    {
        "lines": [
            {
                "at": 1767225600000,
                "level": "WARN",
                "logger": "connect.runtime.tasks.task",
                "task": 0,
                "text": "try 1 failed, next in 1000 ms: the server is away",
                "trace": None,
            }
        ],
        "dropped": 0,
    }
)
class Logs(TypedDict):
    """The last lines, the oldest first, and how many there were before them, or too fast, that are not kept."""

    lines: list[LogLine]
    dropped: int
