"""Who may ask: the layers before the routes, and the one that asks for a user.

Outermost of the application's layers: a request that is refused here has cost nothing. Without
`rest.authentication.file` everyone who reaches the listener may do everything, as in Kafka Connect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.responses import Response

from connect.credentials import AUTH_DENIED, AUTH_HELD_BACK, AUTH_REQUIRED, Role
from connect.rest.authors import ROLE, USER, Authors
from connect.rest.budget import Budget
from connect.rest.errors import error_response
from connect.rest.hosts import Hosts, names_of
from connect.rest.limits import Limits
from connect.rest.negotiation import Asgi, ContentNegotiation, Scope, route_path
from connect.rest.origins import Origins
from connect.rest.registry.reads import is_read
from connect.rest.users import HeldBackError, Users
from connect.runtime.worker_config import WorkerConfig

_READING = ("GET", "HEAD", "OPTIONS")
#: For probes, which carry no password: they say how the worker does, and not what there is.
_OPEN_PATHS = ("/health", "/health/live", "/health/ready")
#: Says that a user is needed, and who asks: answered without a user too, but not with one that is wrong.
_ME = "/v1/me"
#: The web page, which asks for the user itself; its files are the same on every worker.
_PAGE = "/ui"
#: Where the schema registry's own API is among the worker's.
REGISTRY = "/v1/registry"
#: The parameter of /health that asks for names.
_NAMING = "connectors"
_BEARER = 'Bearer realm="Connect"'
_CHALLENGE = f'Basic realm="Connect", charset="UTF-8", {_BEARER}'
#: By this a script says that it is one, and asks its user itself: the browser, which would at the word Basic, does not.
_SCRIPT = (b"x-requested-with", b"xmlhttprequest")


@dataclass(frozen=True, slots=True)
class Face:
    """What of the layers is not the same for the worker's own REST and for another one in its process.

    Attributes:
        kinds, answers: See `ContentNegotiation`.
        is_open: Whether a request is answered without a user.
        is_read: Whether the role read may send a request; of the worker's own that is said by its method and topics.
        addresses: What it listens on, where that is not `listeners`.
    """

    kinds: Sequence[str] = ()
    answers: Sequence[str] = ()
    is_open: Callable[[Scope], bool] | None = None
    is_read: Callable[[Scope], bool] | None = None
    addresses: Sequence[str] | None = None


def install(app: FastAPI, config: WorkerConfig, face: Face | None = None) -> None:
    """Put the layers before the application: hosts, origins, users, limits, content negotiation, and who asks.

    Args:
        face: That of the worker's own REST where left out.

    Raises:
        ConfigError: The credentials file cannot be read, or is wrong.
    """
    face = face or Face()
    app.add_middleware(Authors)
    app.add_middleware(ContentNegotiation, kinds=face.kinds, answers=face.answers)
    # One body of the largest size always has room.
    budget = Budget(max(config.rest_request_total_max_bytes, config.rest_request_max_bytes))
    app.state.budget = budget
    app.add_middleware(
        Limits,
        max_bytes=config.rest_request_max_bytes,
        timeout_s=config.rest_request_timeout_ms / 1000,
        budget=budget,
    )
    if config.rest_authentication_file:
        users = Users(Path(config.rest_authentication_file))
        secret = (config.config_storage_topic, config.history_topic)
        is_open, is_read = face.is_open or _is_open, face.is_read or partial(_is_read, secret)
        app.add_middleware(Guard, users=users, is_open=is_open, is_read=is_read)
    app.add_middleware(
        Origins,
        allowed=_listed(config.access_control_allow_origin),
        methods=_listed(config.access_control_allow_methods),
    )
    app.add_middleware(Hosts, names=names_of(config, face.addresses))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


class Guard:
    """Asks for a user: 401 without one, 403 for a change by a role that may only read.

    Args:
        is_open, is_read: See `Face`.
    """

    def __init__(
        self, app: Asgi, *, users: Users, is_open: Callable[[Scope], bool], is_read: Callable[[Scope], bool]
    ) -> None:
        self._app = app
        self._users = users
        self._is_open = is_open
        self._is_read = is_read

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        refused = await self._refused(scope)
        await (refused or self._app)(scope, receive, send)

    async def _refused(self, scope: Scope) -> Response | None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if given is None and scope["method"] in _READING and route_path(scope) == _ME:
            return None
        address = (scope.get("client") or ("",))[0]
        try:
            entry = None if given is None else await self._users.find(given.decode("latin-1"), address)
        except HeldBackError as held_back:
            return _held_back(held_back.retry_after_s)
        if entry is None:
            what = "no user is given" if given is None else "the user, password or token is not right"
            response = error_response(401, f"HTTP 401 Unauthorized: {what}", AUTH_REQUIRED)
            is_script = any((name, value.lower()) == _SCRIPT for name, value in scope["headers"])
            response.headers["WWW-Authenticate"] = _BEARER if is_script else _CHALLENGE
            # The body is not read: the connection cannot be used for a next request.
            response.headers["Connection"] = "close"
            return response
        if entry.role is Role.READ and not self._is_read(scope):
            what = f"{scope['method']} {route_path(scope)}"
            return error_response(
                403, f"HTTP 403 Forbidden: user {entry.name!r} has the role read; {what} needs write", AUTH_DENIED
            )
        scope[USER], scope[ROLE] = entry.name, entry.role
        return None


def _is_read(secret_topics: Sequence[str], scope: Scope) -> bool:
    """Say whether a request changes nothing, is not for topics with configs as they were given, which have secrets in
    clear, and has the worker reach nothing of the asker's choice."""
    secret_paths = tuple(f"/v1/topics/{topic}/" for topic in secret_topics)
    path = route_path(scope)
    if path.startswith(f"{REGISTRY}/"):
        return is_read(scope["method"], path.removeprefix(REGISTRY))
    return (
        scope["method"] in _READING
        and not path.startswith(secret_paths)
        and not (path.startswith("/v1/topics/") and _configures_converters(scope))
    )


def _configures_converters(scope: Scope) -> bool:
    """Say whether converters are given keys: these may name servers, such as a registry's, and files."""
    return any(
        name.startswith(("key.converter.", "value.converter.")) and not name.endswith(".converter.schemas.enable")
        for name, _ in _query(scope)
    )


def _is_open(scope: Scope) -> bool:
    path = route_path(scope)
    if scope["method"] in _READING and (path == _PAGE or path.startswith(f"{_PAGE}/")):
        return True
    if scope["method"] not in _READING or path not in _OPEN_PATHS:
        return False
    # Read as the routes do it: what is no name here is none there.
    return all(name != _NAMING for name, _ in _query(scope))


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _held_back(retry_after_s: float) -> Response:
    seconds = math.ceil(retry_after_s)
    message = (
        "HTTP 429 Too Many Requests: too many passwords or tokens that are not right came from this address; "
        f"the next one is looked at in {seconds} s"
    )
    response = error_response(429, message, AUTH_HELD_BACK)
    response.headers["Retry-After"] = str(seconds)
    response.headers["Connection"] = "close"
    return response
