"""Serving the application on a listener, inside our own event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from connect.api import EnvironmentFault, invalid

logger = logging.getLogger(__name__)

#: How long open requests may take once the server is to stop.
GRACE_S = 5


class _Server(uvicorn.Server):
    """A server that leaves signals to the worker's command."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@asynccontextmanager
async def serve(app: Any, listener: str) -> AsyncIterator[str]:
    """Serve `app` on http://HOST:PORT; port 0 takes a free one. Gives the bound URL.

    Raises:
        ConfigError: The listener is not of that form.
        EnvironmentFault: environment.port_taken.
    """
    host, port = _address(listener)
    bound = _bind(host, port)
    url = f"http://{_shown(host)}:{bound.getsockname()[1]}"
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S, server_header=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise EnvironmentFault(f"REST does not come up on {url}", code="environment.fault")
            await asyncio.sleep(0.001)
        yield url
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=GRACE_S + 1)
        serving.cancel()
        bound.close()


def _address(listener: str) -> tuple[str, int]:
    parts = urlsplit(listener)
    try:
        port = 8083 if parts.port is None else parts.port
    except ValueError as error:
        raise invalid("listeners", listener, str(error)) from None
    if parts.scheme.lower() != "http" or parts.path not in ("", "/"):
        raise invalid("listeners", listener, "http://HOST:PORT is expected")
    return parts.hostname or "0.0.0.0", port  # noqa: S104 - an empty host means all, as in Kafka's listeners


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)
        bound.setblocking(False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentFault(
            f"REST cannot listen on {host}:{port}: {reason}", code="environment.port_taken"
        ) from error
    if not _is_loopback(address[0]):
        logger.warning("REST listens on %s, which other machines may reach, and asks for no password", host)
    return bound


def _is_loopback(address: Any) -> bool:
    return ipaddress.ip_address(str(address).partition("%")[0]).is_loopback


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
