"""Every answer that a test's worker gives is held against what its route declares: other members fail the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError

from connect.rest.app import ROUTES, make_app
from connect.rest.models.errors import Error
from connect.rest.negotiation import route_path
from connect.rest.operations import Declared, declared, media_of
from connect.runtime.host import Host

DECLARED = list(declared(ROUTES))


@contextmanager
def checked_app(host: Host) -> Iterator[FastAPI]:
    """Give the application with a layer around it that looks at what it answers; fails at the end."""
    app, undeclared = make_app(host), list[str]()
    app.add_middleware(Checked, undeclared=undeclared)
    yield app
    assert undeclared == []


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def find(method: str, path: str) -> Declared | None:
    """Return what is declared for a request, None where no route takes it."""
    wanted = "GET" if method == "HEAD" else method
    found = (one for one in DECLARED if one.method == wanted and one.route.path_regex.match(path))
    return next(found, None)


def what_is_undeclared(method: str, path: str, status: int, body: bytes) -> str | None:
    """Return how an answer differs from what is declared, None where it does not."""
    one = find(method, path)
    kind = Error if one is None and status >= 400 else None if one is None else one.answered(status)
    # An answer from before the route, or of a route that failed, is an error even where the route may answer so.
    if status >= 400 and kind is not Error and body and set(orjson.loads(body)) == {"error_code", "message"}:
        kind = Error
    if method in ("HEAD", "OPTIONS") or (one is None and kind is None):
        return None
    if kind is None:
        return f"{method} {path}: {status} has a body: {body[:200]!r}" if body else None
    if status < 400 and media_of(one.route.endpoint) == "text/event-stream":
        return next(
            filter(None, (_undeclared(method, path, status, kind, each) for each in bodies_of_events(body))), None
        )
    return _undeclared(method, path, status, kind, body)


def bodies_of_events(text: bytes) -> Iterator[bytes]:
    """Yield the events of a stream, each as an object of its name and its data; one that was cut off is left out."""
    for each in text.split(b"\n\n")[:-1]:
        name, _, data = each.removeprefix(b"event: ").partition(b"\ndata: ")
        yield b'{"%b":%b}' % (name, data)


def _undeclared(method: str, path: str, status: int, kind: Any, body: bytes) -> str | None:
    try:
        adapter(kind).validate_json(body, strict=True, extra="forbid")
    except ValidationError as error:
        return f"{method} {path}: {status}: {error}"
    return None


class Checked:
    """Middleware in plain ASGI."""

    def __init__(self, app: Any, *, undeclared: list[str]) -> None:
        self._app = app
        self._undeclared = undeclared

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts: list[bytes] = []
        status = 0

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    found = what_is_undeclared(scope["method"], route_path(scope), status, b"".join(parts))
                    self._undeclared.extend([] if found is None else [found])
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
