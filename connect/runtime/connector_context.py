"""Which connector or task the running code belongs to, for log lines: `[name|worker] ` and `[name|task-0] `."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Final

#: Kafka Connect's connector.context; empty outside any connector. Formatters read it.
connector_context: Final[ContextVar[str]] = ContextVar("connector_context", default="")

_CONTEXT: Final = re.compile(r"\[(.*)\|(?:task-(\d+)|[^|]*)\] ", re.DOTALL)


def context_text(name: str, task: int | None = None) -> str:
    """Return the context of a connector, or of one of its tasks."""
    return f"[{name}|{'worker' if task is None else f'task-{task}'}] "


def of_connector(name: str, task: int | None = None) -> dict[str, str]:
    """Return the `extra` of a log line about a connector, or one of its tasks, that is written elsewhere."""
    return {"connector_context": context_text(name, task)}


def parts_of(context: str) -> tuple[str, int | None]:
    """Return the name and the task that a `connector_context` says, None for the connector itself."""
    found = _CONTEXT.fullmatch(context)
    if found is None:
        return context.strip(), None
    return found[1], None if found[2] is None else int(found[2])
