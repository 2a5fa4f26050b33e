"""What is decided about every request before its route: what it sends, what it accepts, how its path is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote

from fastapi.responses import Response

from connect.rest.errors import error_response

Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
_JSON: Final = "application/json"
#: What a request may accept: answers are JSON, and a browser is given it too.
_ANSWERS: Final = ("application/json", "*/*", "application/*", "text/html")
#: What it may beside these, of a route with other answers.
_ANSWERS_OF: Final = {
    "/metrics": ("text/plain", "text/*", "application/openmetrics-text"),
    "/v1/events": ("text/event-stream", "text/*"),
}
#: Set in the scope of a HEAD: the route is asked for GET, and one whose answer has no end needs to know.
HEAD: Final = "connect.head"
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class ContentNegotiation:
    """Middleware in plain ASGI: an answer of its own costs no more than a look at the headers.

    A body must be JSON (415), JSON must be accepted (406), a slash at the end of a path is dropped, `%2F` in a name
    stays part of the name, and HEAD is GET without the body.

    Args:
        kinds: Types that a body may have besides application/json.
        answers: Types that a request may accept besides those of JSON.
    """

    def __init__(self, app: Asgi, *, kinds: Sequence[str] = (), answers: Sequence[str] = ()) -> None:
        self._app = app
        self._kinds = (*kinds, _JSON)
        self._answers = (*answers, *_ANSWERS)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope["method"], headers, route_path(scope))
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope = {**scope, "path": route_path(scope)}
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET", HEAD: True}, _without_body(send)
        await self._app(scope, receive, send)

    def _refused(self, method: str, headers: dict[str, str], path: str) -> Response | None:
        accept = headers.get("accept", "*/*").lower()
        if not any(kind in accept for kind in (*self._answers, *_ANSWERS_OF.get(path, ()))):
            return error_response(406, f"HTTP 406 Not Acceptable: answers are {self._answers[0]}", "request.invalid")
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _WITH_BODY and has_body and kind not in self._kinds:
            return error_response(
                415,
                f"HTTP 415 Unsupported Media Type: {kind or 'none'}; {self._kinds[0]} is expected",
                "request.invalid",
            )
        return None


def _without_body(send: Any) -> Any:
    async def sending(message: Any) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


def route_path(scope: Scope) -> str:
    """Return the path with a slash inside a name (`%2F`) told apart from one between names, as the routes expect it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    if len(path) > 1:
        path = path.rstrip("/") or "/"
    parts = [part.partition(";")[0] if ";" in part else part for part in path.split("/")]
    # A route parameter stops at '/', so a slash of a name travels as a character that no name can hold.
    return "/".join(unquote(part).replace("/", SLASH) for part in parts)


#: Stands for '/' inside a name between here and `name_of`.
SLASH = "\x1f"


def name_of(part: str) -> str:
    """Return a name as it was sent."""
    return part.replace(SLASH, "/")
