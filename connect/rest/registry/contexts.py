"""A context in front of a path: `/contexts/.test/subjects/orders` is `/subjects/:.test:orders`.

So a client that knows nothing of contexts is given one by the url of its registry.

Source: Confluent's documentation, "Schema contexts": "Specify a context name for clients".
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.types import ASGIApp, Receive, Send

from connect.rest.negotiation import Scope

_QUALIFIED: Final = (":.", ":*:")
#: Where the subject stands below each route.
_SUBJECT_AT: Final = {"subjects": 1, "compatibility": 2, "config": 1, "mode": 1}


class Contexts:
    """Says in a request's names what is said in front of its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = _named(scope)
        await self._app(scope, receive, send)


def _named(scope: Scope) -> Scope:
    """Return a request in which the names have the context; one without a context in front as it is."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    parts = raw.partition(b"?")[0].decode("latin-1").split("/")
    if len(parts) < 4 or parts[1] != "contexts" or parts[3] not in (*_SUBJECT_AT, "schemas"):
        return scope
    context, path = unquote(parts[2]), parts[3:]
    if not context or ":" in context:
        return scope
    prefix = f":{context}:" if context.startswith(".") else f":.{context}:"
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    at = _SUBJECT_AT.get(path[0])
    if at is not None and len(path) > at and path[at]:
        path[at] = quote(_within(prefix, unquote(path[at])), safe="")
    elif path[0] in ("config", "mode"):
        path[1:] = [quote(prefix, safe="")]
    elif len(path) == 1 or path[1] == "":
        query = _with(query, "subjectPrefix", prefix)
    elif path[1] == "ids":
        query = _with(query, "subject", prefix)
    named = "/" + "/".join(path)
    return {
        **scope,
        "path": unquote(named),
        "raw_path": named.encode("latin-1"),
        "query_string": urlencode(query).encode("latin-1"),
    }


def _within(prefix: str, name: str) -> str:
    return name if name.startswith(_QUALIFIED) else prefix + name


def _with(query: list[tuple[str, Any]], key: str, prefix: str) -> list[tuple[str, Any]]:
    """Return a query in which the value of a key, or none, has the context."""
    given = next((value for name, value in query if name == key), "")
    return [(name, value) for name, value in query if name != key] + [(key, _within(prefix, given))]
