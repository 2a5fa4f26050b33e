"""Which connector or task the running code belongs to, for log lines: `[name|worker] ` and `[name|task-0] `."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

#: Kafka Connect's connector.context; empty outside any connector. Formatters read it.
connector_context: Final[ContextVar[str]] = ContextVar("connector_context", default="")
