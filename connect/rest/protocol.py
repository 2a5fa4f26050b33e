"""uvicorn's HTTP/1.1 with bounds on what it leaves open: the head of a request, in bytes and in time."""

from __future__ import annotations

import asyncio
import functools
import time
from email.utils import formatdate
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from connect.rest.errors import CODE_HEADER

#: In a request's scope: ends its connection at once, whatever is left to send.
ABORT: Final = "connect.abort"
#: Request line and headers. A name of 249 characters, percent-encoded, a token and a browser's cookies fit many times.
HEAD_BYTES_MAX: Final = 64 << 10
#: From the first byte of a connection, or of a next request on it, to the end of the headers.
HEAD_S: Final = 30.0
#: Connections of one listener. Beyond, the one that is idle for longest is closed; where none is, the new one gets 503.
CONNECTIONS_MAX: Final = 1000


def _connections_max() -> int:
    """Return the bound on connections: at most half of the descriptors, which the log needs as well."""
    try:
        import resource
    except ImportError:  # no Unix
        return CONNECTIONS_MAX
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return CONNECTIONS_MAX if allowed == resource.RLIM_INFINITY else max(1, min(CONNECTIONS_MAX, allowed // 2))


@functools.lru_cache(maxsize=1)
def _date(now_s: int) -> tuple[bytes, bytes]:
    return b"date", formatdate(now_s, usegmt=True).encode()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large or too slow is refused (431, 408), text that is no HTTP gets 400.

    These refusals come before the application, in the one shape of errors all the same. Each answer has the Date of its
    request, which uvicorn would renew each second, also while nobody asks.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > _connections_max() and not self._make_room():
            self._refuse(
                503, "HTTP 503 Service Unavailable: the worker serves as many connections as it may", "request.busy"
            )
            return
        self._head_timer = self.loop.call_later(HEAD_S, self._on_slow_head)

    def _make_room(self) -> bool:
        """Close the connection that waits for a next request for longest; False where each is in the middle of one."""
        idle = [
            other
            for other in self.connections
            if other is not self and isinstance(other, BoundedProtocol) and other.timeout_keep_alive_task is not None
        ]
        if not idle:
            return False
        oldest = min(idle, key=lambda other: other._since)
        self.connections.discard(oldest)
        oldest.transport.close()
        return True

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_S, self._on_slow_head)
        super().data_received(data)
        # What came is still a head after it was parsed: no body is counted in.
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431, f"HTTP 431: the request's line and headers have more than {HEAD_BYTES_MAX} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self.server_state.default_headers = [_date(int(time.time())), *self.config.encoded_headers]
        self._stop_timer()
        self._in_head = False
        self._head_bytes = 0
        # The target as it was sent: an absolute one says for which host the request is.
        self.scope["connect.target"] = self.url  # type: ignore[typeddict-unknown-key]
        # To close waits until a client has read what is left, which one that reads nothing never does.
        self.scope[ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP. Called by the base class."""
        self._refuse(400, f"HTTP 400 Bad Request: {msg}")

    def _on_slow_head(self) -> None:
        self._head_timer = None
        if self._in_head and (self.cycle is None or self.cycle.response_complete):
            self._refuse(408, f"HTTP 408 Request Timeout: the request's headers did not arrive within {HEAD_S:.0f} s")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, message: str, code: str = "request.invalid") -> None:
        if self.transport.is_closing():
            return
        body = orjson.dumps({"error_code": status, "message": message})
        head = [
            "Content-Type: application/json",
            f"{CODE_HEADER}: {code}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        self.transport.write(STATUS_LINE[status] + "\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()
