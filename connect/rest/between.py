"""What REST answers while a worker has lost its place in its group and joins it again: it knows of nothing then.

Who asks the group is told to ask again, as where nobody leads, and who looks whether the worker lives is told that it
starts: refused connections would say that it is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.responses import Response

from connect.rest.answers import Answer
from connect.rest.errors import error_response
from connect.runtime.health import ALIVE

_Message = MutableMapping[str, Any]

JOINING: Final = "Worker has lost its place in its group, and joins it again."


async def between_lives(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    """Answer one request; an ASGI application."""
    answer: Response
    path = scope["path"].rstrip("/")
    if path == "/health/live":
        answer = Answer({"status": ALIVE, "message": JOINING})
    elif path in ("/health", "/health/ready"):
        answer = Answer({"status": "starting", "message": JOINING}, 503)
    else:
        answer = error_response(409, JOINING, "worker.rebalancing", "Send the request again in a few seconds.")
    await answer(scope, receive, send)
