"""Requests that only the leader of a group can answer, handed on to it: any worker of the group answers for all.

The user was asked for here, and is by the leader again, so the workers of a group share a credentials file. What a
worker tells of itself it tells itself.

httpx is imported with the first request that is handed on: a worker that is alone starts without.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from fastapi import FastAPI
from fastapi.responses import Response

from connect.api import ConnectError
from connect.rest.authors import CLIENT, FORWARDED, address_of
from connect.rest.errors import error_response
from connect.rest.negotiation import Asgi, Scope, route_path
from connect.rest.security import REGISTRY
from connect.rest.tls import client_context
from connect.runtime.host import Host
from connect.stores.fenced import REBALANCING

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

#: What is about the worker that was asked.
_OWN: Final = (
    "/", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/v1/worker", "/v1/workers",
    "/v1/worker/info", "/v1/plugins/refresh", "/v1/me", REGISTRY,
)  # fmt: skip
#: Its part of what the group knows of a connector; the schema registry that runs in this process.
_OWN_PARTS: Final = ("/v1/worker/connectors/", f"{REGISTRY}/")
_LOGGERS: Final = "/admin/loggers"
#: Headers of one connection, and what the client for the leader makes itself.
_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
_NOT_SENT: Final = _HOP | {b"host", b"content-length", b"origin", b"expect", b"accept-encoding", FORWARDED, CLIENT}
#: A leader that does not take a connection within so long is gone.
_CONNECT_S: Final = 5.0
#: How long nothing is said again of a leader that does not answer.
_SILENCE_S: Final = 30.0
#: What has no end: it is asked for here, and says that it goes on more often than this.
_EVENTS: Final = "/v1/events"
_STREAM: Final = "text/event-stream"
_STREAM_S: Final = 20.0
#: How often is looked whether it still leads.
_LOOK_S: Final = 0.5


def install(app: FastAPI, host: Host) -> None:
    """Put the layer before the application; who serves it closes `app.state.leader`."""
    app.state.leader = LeaderClient(host)
    app.add_middleware(Forwarding, host=host, client=app.state.leader)


class LeaderClient:
    """The connections to the leader, made when the first request is handed on."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._made: httpx.AsyncClient | None = None

    def get(self) -> httpx.AsyncClient:
        """Return the client.

        Raises:
            ConfigError: The files of this worker's https listener cannot be used.
        """
        import httpx

        if self._made is None:
            config = self._host.base.config
            timeout = httpx.Timeout(config.rest_request_timeout_ms / 1000, connect=_CONNECT_S)
            # No proxy of the environment: the workers of a group reach each other.
            self._made = httpx.AsyncClient(verify=client_context(config), timeout=timeout, trust_env=False)
        return self._made

    async def aclose(self) -> None:
        """End the connections; safe to call twice."""
        made, self._made = self._made, None
        if made is not None:
            await made.aclose()


class Forwarding:
    """Hands requests on while another worker leads; 409 while nobody does."""

    def __init__(self, app: Asgi, *, host: Host, client: LeaderClient) -> None:
        self._app = app
        self._host = host
        self._client = client
        self._warned, self._warned_at = "", 0.0

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or _is_own(scope) or (leader := self._host.leader_url) is None:
            await self._app(scope, receive, send)
            return
        if any(name == FORWARDED for name, _ in scope["headers"]):
            refused: Response = _rebalancing("the worker that the request was handed on to does not lead any more")
            await refused(scope, receive, send)
            return
        import httpx

        begun: list[bool] = []
        try:
            await self._forward(leader, scope, receive, send, begun)
        except ConnectError as error:  # this worker's certificates
            refused = error_response(error.status, error.message, error.code, error.hint)
            await refused(scope, receive, send)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if begun:  # a part of the answer is out: the connection ends within it
                raise
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL):
                why = (
                    f"the leader is not reached at {leader}, where its rest.advertised.host.name and what goes with it "
                    f"say that it is: {str(error) or type(error).__name__}"
                )
            else:
                why = f"the leader at {leader} does not answer; it may have done what was asked"
            self._warn(f"{why} ({type(error).__name__})")
            refused = _rebalancing(why)
            await refused(scope, receive, send)

    def _warn(self, why: str) -> None:
        """Log it, once in a while: clients ask again and again while nobody leads."""
        now = time.monotonic()
        if why != self._warned or now - self._warned_at >= _SILENCE_S:
            self._warned, self._warned_at = why, now
            logger.warning("%s", why)

    async def _forward(self, leader: str, scope: Scope, receive: Any, send: Any, begun: list[bool]) -> None:
        import httpx

        client = self._client.get()
        body = await _body_of(receive)
        query = scope.get("query_string", b"")
        # The path as it was written: `%2F` in a name stays part of it.
        path = scope.get("raw_path") or scope["path"].encode()
        url = httpx.URL(leader).copy_with(raw_path=path + (b"?" + query if query else b""))
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _NOT_SENT]
        request = client.build_request(
            scope["method"],
            url,
            content=body,
            timeout=httpx.Timeout(_STREAM_S, connect=_CONNECT_S) if route_path(scope) == _EVENTS else client.timeout,
            headers=[
                *headers,
                # That it was handed on, and is not to be again.
                (FORWARDED, self._host.base.worker_id.encode()),
                (CLIENT, address_of(scope).encode()),
            ],
        )
        answer = await self._answered(client.send(request, stream=True), leader)
        try:
            kept = [
                _as_here(name.lower(), value, leader, scope) for name, value in answer.headers.raw if _is_kept(name)
            ]
            begun.append(True)
            await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
            if answer.headers.get("content-type", "").startswith(_STREAM):
                await self._pass_on(answer, receive, send)
                return
            async for piece in answer.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.aclose()

    async def _pass_on(self, answer: httpx.Response, receive: Any, send: Any) -> None:
        """Hand on an answer without an end, until the leader or the client is gone, or this worker stops."""
        works = [
            asyncio.create_task(_hand_on(answer, send)),
            asyncio.create_task(until_gone(receive)),
            asyncio.create_task(_until(self._host.base.stopping)),
            asyncio.create_task(_until(self._host.lost)),
        ]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            ends = await asyncio.gather(*works, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                logger.info("a stream of events ended: %s: %s", type(end).__name__, end)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answered(self, sending: Coroutine[Any, Any, httpx.Response], leader: str) -> httpx.Response:
        """Return the answer of a leader, as long as it leads: one that stands still does not say so."""
        import httpx

        asked = asyncio.ensure_future(sending)
        try:
            while not (await asyncio.wait({asked}, timeout=_LOOK_S))[0]:
                if self._host.leader_url != leader:
                    raise httpx.ReadTimeout("another worker leads by now")
            return asked.result()
        finally:
            asked.cancel()


async def _hand_on(answer: httpx.Response, send: Any) -> None:
    async for piece in answer.aiter_raw():
        async with asyncio.timeout(_STREAM_S):  # a client that takes nothing
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _until(told: asyncio.Event) -> None:
    await told.wait()


async def until_gone(receive: Any) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_kept(name: bytes) -> bool:
    return name.lower() not in _HOP and name.lower() != b"date"  # the server tells its own


def _as_here(name: bytes, value: bytes, leader: str, scope: Scope) -> tuple[bytes, bytes]:
    """Return a header of the leader's answer as this worker gives it: a client may reach this one alone."""
    if name == b"location" and value.startswith(leader.encode() + b"/"):
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        value = scope["scheme"].encode() + b"://" + host + value[len(leader) :]
    return name, value


def _is_own(scope: Scope) -> bool:
    path = route_path(scope)
    if path == _LOGGERS or path.startswith(_LOGGERS + "/"):
        return "cluster" not in parse_qs(scope.get("query_string", b"").decode("latin-1").lower()).get("scope", [])
    return path in _OWN or path.startswith(_OWN_PARTS)


async def _body_of(receive: Callable[[], Any]) -> bytes:
    """Return the body, which the layers before have bounded."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


def _rebalancing(why: str) -> Response:
    return error_response(
        409,
        "Cannot complete request momentarily due to stale configuration, likely because a rebalance was underway: "
        f"{why}",
        REBALANCING,
        "Send the request again in a few seconds.",
    )
