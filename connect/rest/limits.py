"""How large, how deep and how slow a request may be. Everything beyond gets a clear answer before any route runs.

A body is read as a whole before its route, so that a slow or endless one costs this connection and nothing else; what
all bodies hold together is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from connect.api.config_values import whole_number
from connect.api.error_codes import register_code
from connect.json_depth import depth_exceeds
from connect.rest.budget import Budget, Share
from connect.rest.errors import error_response
from connect.rest.negotiation import Asgi, Scope

logger = logging.getLogger(__name__)

TOO_LARGE: Final = register_code(
    "request.too_large",
    "The body of a request has more bytes than rest.request.max.bytes.",
    "Send less at once, or raise rest.request.max.bytes.",
)
BUSY: Final = register_code(
    "request.busy",
    "The worker serves as many connections, or holds as many bytes of bodies, as it may.",
    "Send the request again a little later, fewer large ones at once.",
)
STOPPING: Final = register_code(
    "request.worker_stops",
    "The worker stopped, or began anew in its group, before it had answered; the request may have been carried out.",
    "Look at the state once a worker answers, then send the request again.",
)
#: Objects and arrays inside each other. A config has two; what is deeper is a mistake or an attack on recursion.
DEPTH_MAX: Final = 64
#: What is still read of a body that is too large, so that the client gets to read the answer.
_DRAIN_BYTES_MAX = 64 << 20
_DRAIN_S = 5.0
#: A larger body is looked through in a thread.
_ON_LOOP_BYTES_MAX = 64 << 10


class Limits:
    """Middleware in plain ASGI.

    Args:
        max_bytes: The largest body that is taken; beyond, 413.
        budget: What all bodies that are here may hold together; beyond, 503.
        timeout_s: How long a body may take to arrive (beyond, 408), and how long its answer (beyond, Kafka Connect's
            500).
    """

    def __init__(self, app: Asgi, *, max_bytes: int, timeout_s: float, budget: Budget | None = None) -> None:
        self._app = app
        self._budget = budget or Budget(max_bytes)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, share = dict(scope["headers"]), self._budget.share()
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            body: Any = None
            try:
                body = await self._body(headers, receive, share)
            finally:
                if not isinstance(body, bytes):
                    share.release()
            if not isinstance(body, bytes):
                await body(scope, receive, send)
                return
            receive = _replayed(body, receive)
            del body
        await self._answered(scope, receive, send, share)

    async def _body(self, headers: dict[bytes, bytes], receive: Any, share: Share) -> Any:
        """Return the body, or the answer that refuses it."""
        declared = headers.get(b"content-length", b"")
        length = whole_number(declared.decode("latin-1")) or 0
        if length > self._max_bytes:
            return await self._too_large(receive, length)
        parts, count = [], 0
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return _closing(400, "the request ended before its body", "request.invalid")
                    parts.append(message.get("body", b""))
                    count += len(parts[-1])
                    if count > self._max_bytes:
                        return await self._too_large(receive, None)
                    if not share.grow(len(parts[-1])):
                        parts.clear()
                        share.release()  # before the rest is read, to be thrown away: others may come in
                        await _drain(receive)
                        return self._busy()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            return _closing(
                408,
                "HTTP 408 Request Timeout: the body did not arrive within "
                f"rest.request.timeout.ms={self._timeout_s * 1000:.0f}",
                "timeout",
            )
        body = b"".join(parts)
        if await _is_deep(body):
            return error_response(
                400,
                f"the body is nested too deep: more than {DEPTH_MAX} objects and arrays inside each other",
                "request.invalid",
            )
        return body

    async def _too_large(self, receive: Any, declared: int | None) -> Any:
        if declared is None or declared <= _DRAIN_BYTES_MAX:
            await _drain(receive)
        size = "more" if declared is None else f"{declared} bytes"
        return _closing(
            413,
            f"HTTP 413 Content Too Large: the body has {size}; rest.request.max.bytes={self._max_bytes} are taken",
            TOO_LARGE,
        )

    def _busy(self) -> Any:
        response = _closing(
            503,
            "HTTP 503 Service Unavailable: the bodies of all requests together have more than "
            f"{self._budget.max_bytes} bytes (rest.request.total.max.bytes); send it again",
            BUSY,
        )
        response.headers["Retry-After"] = "1"
        return response

    async def _answered(self, scope: Scope, receive: Any, send: Any, share: Share) -> None:
        # The work is never cancelled: what a request has begun is finished, and the status shows it.
        answer = _Answer(send)
        work = asyncio.create_task(_run(self._app, scope, receive, answer))
        work.add_done_callback(lambda _: share.release())
        try:
            done, _ = await asyncio.wait([work], timeout=self._timeout_s)
        except asyncio.CancelledError:
            work.cancel()
            if answer.started:
                raise
            answer.closed = True
            why = "HTTP 503 Service Unavailable: the worker stops; what was asked may have been done or not"
            await _closing(503, why, STOPPING)(scope, receive, send)  # the server's grace for open requests is over
            return
        if done or answer.started:
            await work
            return
        answer.closed = True
        self._late.add(work)
        work.add_done_callback(self._ended_late)
        late = (
            f"the worker is still busy with the request after rest.request.timeout.ms={self._timeout_s * 1000:.0f}; "
            "it goes on, look at the status"
        )
        await error_response(500, late, "timeout")(scope, receive, send)

    def _ended_late(self, work: asyncio.Task[None]) -> None:
        self._late.discard(work)
        if not work.cancelled() and (error := work.exception()) is not None:
            logger.error("a request that had timed out failed: %s", error, exc_info=error)


async def _run(app: Asgi, scope: Scope, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


class _Answer:
    """Passes an answer on, until the request has been answered for it."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self.started = False
        self.closed = False

    async def __call__(self, message: Any) -> None:
        if not self.closed:
            self.started = True
            await self._send(message)


def _closing(status: int, message: str, code: str) -> Any:
    """Return an answer after which the connection ends: what is left of the body cannot be told from a next request."""
    response = error_response(status, message, code)
    response.headers["Connection"] = "close"
    return response


async def _drain(receive: Any) -> None:
    count = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            while count <= _DRAIN_BYTES_MAX:
                message = await receive()
                count += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _replayed(body: bytes, receive: Any) -> Any:
    given = False

    async def replay() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _is_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return False
    if len(body) <= _ON_LOOP_BYTES_MAX:
        return depth_exceeds(body, DEPTH_MAX)
    return await asyncio.to_thread(depth_exceeds, body, DEPTH_MAX)
