"""What a worker that stops takes no more: changes. What is asked is answered until the listeners close.

A change that came now would be stored, and not be followed before the next start; who sends it is told to come again.
"""

from __future__ import annotations

import math
from typing import Any, Final

from fastapi import FastAPI

from connect.rest.errors import error_response
from connect.rest.negotiation import Asgi, Scope
from connect.runtime.host import Host
from connect.runtime.stopping import STOPPING

_READING: Final = ("GET", "HEAD", "OPTIONS")


def install(app: FastAPI, host: Host) -> None:
    """Put the layer before the application."""
    app.add_middleware(Stopping, host=host)


class Stopping:
    """Refuses changes while the worker stops: 503, and in Retry-After how long its stop may take, in seconds."""

    def __init__(self, app: Asgi, *, host: Host) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        base = self._host.base
        if scope["type"] != "http" or not base.is_stopping or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        refused = error_response(503, "The worker stops, and takes no changes any more", STOPPING)
        grace_s = base.config.task_shutdown_graceful_timeout_ms / 1000
        refused.headers["Retry-After"] = str(max(1, math.ceil(grace_s)))
        refused.headers["Connection"] = "close"  # the body is not read
        await refused(scope, receive, send)
