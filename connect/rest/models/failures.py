"""The last failures of a connector."""

from __future__ import annotations

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.events import NextRestart


class Failure(TypedDict):
    """A failure of a connector (`task` null), or of one of its tasks.

    `details`: what the error says of itself by name, where it failed on the worker that leads. `java_trace`: class and
    message, each cause below its effect, as Java writes them; `python_trace`: Python's frames. `restarted`: it was
    started anew since, at `restarted_at`, by `itself` or as somebody asked (`request`); null where a new config did it,
    or that is not known.
    """

    at: int
    task: int | None
    worker_id: str
    code: str
    message: str
    hint: str
    details: dict[str, str]
    java_trace: str
    python_trace: str
    restarted: bool
    restarted_at: int | None
    restarted_by: str | None


@example(
    {
        "failures": [
            {
                "at": 1767225600000,
                "task": 0,
                "worker_id": "127.0.0.1:8083",
                "code": "environment.unreachable",
                "message": "orders.example:5432 cannot be reached",
                "hint": "Start the server, or correct its address.",
                "details": {},
                "java_trace": "connect.api.errors.EnvironmentFault: orders.example:5432 cannot be reached\n"
                "Caused by: ConnectionRefusedError: [Errno 111] Connection refused",
                "python_trace": "Traceback (most recent call last):\n ...",
                "restarted": True,
                "restarted_at": 1767225601000,
                "restarted_by": "itself",
            }
        ],
        "next_restart": None,
    }
)
class Failures(TypedDict):
    """The last 20 failures, the newest first, and the next restart by itself."""

    failures: list[Failure]
    next_restart: NextRestart | None
