"""Serving the application on its listeners, inside our own event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import uvicorn

from connect.api import ConfigError, EnvironmentFault, InvalidConfigError, invalid_value
from connect.rest.protocol import BoundedProtocol
from connect.rest.tls import PREFIX, Renewing, tls_config
from connect.runtime import secrets
from connect.runtime.addresses import is_loopback
from connect.runtime.worker_config import WorkerConfig, listener_host

logger = logging.getLogger(__name__)

#: How long a connection may stay open unused. Short times close it under clients that are about to use it again.
KEEP_ALIVE_S = 75
#: As in Kafka Connect, for both schemes.
DEFAULT_PORT = 8083
LISTENERS: Final = "listeners"
REGISTRY_LISTENERS: Final = "registry.listeners"


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that REST listens on."""

    scheme: str
    host: str
    port: int

    def url(self, port: int) -> str:
        """Return the listener's URL with the port that was bound."""
        return f"{self.scheme}://[{self.host}]:{port}" if ":" in self.host else f"{self.scheme}://{self.host}:{port}"


class _Server(uvicorn.Server):
    """A server that leaves signals to the worker's command, and ends at once when it is told to.

    uvicorn's own looks ten times a second whether it is to end, which is most of what an idle worker does, and which
    Date it is; here a request asks for that.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        await self._ending.wait()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@asynccontextmanager
async def serve(
    app: Any,
    config: WorkerConfig,
    addresses: Sequence[str] | None = None,
    *,
    key: str = LISTENERS,
    default_port: int = DEFAULT_PORT,
    warns: bool | None = None,
) -> AsyncIterator[list[str]]:
    """Serve `app` on every address of `listeners`; port 0 takes a free one. Gives the bound URLs in their order.

    Args:
        addresses: Where to serve, in place of `listeners`.
        key: The key that these are of.
        default_port: That of an address without one.
        warns: Whether it is told what is risky about an address; where left out, of `listeners` alone.

    Raises:
        ConfigError: A listener is no http:// or https:// address, or its TLS keys are wrong.
        EnvironmentFault: environment.port_taken.
    """
    listeners = [parse_listener(text, key, default_port) for text in addresses or config.addresses]
    warns = addresses is None if warns is None else warns
    context = None
    if any(listener.scheme == "https" for listener in listeners):
        tls = tls_config(config.originals)
        own = (tls.ssl_keystore_key, tls.ssl_key_password, tls.ssl_keystore_password)
        secrets.add(secret.get_secret_value() for secret in own if secret is not None)
        context = (await asyncio.to_thread(Renewing, tls)).context
    async with AsyncExitStack() as stack:
        # All are bound before one serves: a taken port ends the start before anyone was answered.
        bound = [stack.enter_context(_bind(listener, _WHO[key])) for listener in listeners]
        urls = []
        for listener, one in zip(listeners, bound, strict=True):
            if warns and (risk := exposure(listener, one.getsockname()[0], config, key=key)) is not None:
                logger.warning("%s", risk)
            url = listener.url(one.getsockname()[1])
            tls_of = context if listener.scheme == "https" else None
            await stack.enter_async_context(_serving(app, one, url, tls_of, config.rest_grace_s))
            urls.append(url)
        yield urls


@asynccontextmanager
async def _serving(
    app: Any, bound: socket.socket, url: str, tls: ssl.SSLContext | None, grace_s: float
) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
        server_header=False,
        proxy_headers=False,
    )
    config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]  # handed on to asyncio: fractions are fine
    config.load()
    config.ssl = tls
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise EnvironmentFault(f"REST does not come up on {url}", code="environment.fault")
            await asyncio.sleep(0.001)
        yield
    finally:
        server.end()
        await asyncio.wait([serving], timeout=grace_s + 0.5)
        serving.cancel()


def parse_listener(text: str, key: str = LISTENERS, default_port: int = DEFAULT_PORT) -> Listener:
    """Read one address of `listeners`, or of another key. An empty host means all interfaces, as in Kafka.

    Raises:
        ConfigError: It is no http:// or https:// address.
    """
    try:
        parts = urlsplit(text)
        port = default_port if parts.port is None else parts.port
    except ValueError as error:
        raise invalid_value(key, text, str(error)) from None
    if parts.scheme not in ("http", "https") or parts.path not in ("", "/") or parts.username or parts.query:
        raise invalid_value(key, text, "http://HOST:PORT or https://HOST:PORT is expected")
    return Listener(parts.scheme, parts.hostname or "0.0.0.0", port)  # noqa: S104 - asked for by an empty host


def listener_problems(config: WorkerConfig) -> list[tuple[str, str]]:
    """Return what would keep the listeners from being made, as key and message. Files of certificates are not read."""
    found, schemes = [], set()
    for text in config.addresses:
        try:
            schemes.add(parse_listener(text).scheme)
        except ConfigError as error:
            found.append((LISTENERS, error.message))
    for text in config.registry_addresses:
        try:
            schemes.add(parse_listener(text, REGISTRY_LISTENERS).scheme)
        except ConfigError as error:
            found.append((REGISTRY_LISTENERS, error.message))
    if "https" in schemes:
        try:
            tls_config(config.originals)
        except InvalidConfigError as error:
            names = [problem.key.removeprefix(PREFIX) for problem in error.problems]
            keys = [PREFIX + name if PREFIX + name in config.originals else name for name in names]
            found += [(key, problem.message) for key, problem in zip(keys, error.problems, strict=True)]
    return found


#: What this process listens on. A child made by fork would keep the port taken, long after its worker is gone.
_listening: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def _listen_no_more() -> None:
    for bound in list(_listening):
        if bound.fileno() >= 0:
            os.close(bound.detach())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_listen_no_more)


def _bind(listener: Listener, who: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(1024)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentFault(
            f"{who} cannot listen on {listener.host}:{listener.port}: {reason}", code="environment.port_taken"
        ) from error
    _listening.add(bound)
    return bound


def asks_nobody(listener: str, config: WorkerConfig) -> bool:
    """Say whether other machines may reach a listener and use REST, without a password or a certificate."""
    if config.rest_authentication_file or is_loopback(listener_host(listener)):
        return False
    return parse_listener(listener).scheme != "https" or tls_config(config.originals).ssl_client_auth != "required"


#: Who listens, by the key of the addresses.
_WHO: Final = {LISTENERS: "REST", REGISTRY_LISTENERS: "the schema registry"}


def exposure(listener: Listener, address: str, config: WorkerConfig, *, key: str = LISTENERS) -> str | None:
    """Say what is risky about a listener, if anything is: who can reach it, and what protects it.

    Args:
        key: That the listener is of.
    """
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return None
    where = f"{_WHO[key]} listens on {listener.scheme}://{listener.host}, which other machines may reach"
    if listener.scheme == "https" and tls_config(config.originals).ssl_client_auth == "required":
        return None
    if not config.rest_authentication_file:
        return f"{where}, and asks for no password; set rest.authentication.file"
    if listener.scheme == "http":
        return f"{where}, and passwords travel readable for all in between; use an https listener"
    return None
