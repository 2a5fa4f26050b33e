"""Who asks: what the history of configs is told of each request."""

from __future__ import annotations

from typing import Any, Final

from connect.rest.negotiation import Asgi, Scope
from connect.stores.history import Author, asked_by

#: Of a request that was handed on: where it came from.
CLIENT: Final = b"x-connect-forwarded-for"
#: Says by which worker it was handed on.
FORWARDED: Final = b"x-connect-forwarded"
#: Where in a request's scope the user is that it was let through as.
USER: Final = "connect.user"
#: The same user's role.
ROLE: Final = "connect.role"
#: Of REST without users.
ANONYMOUS: Final = "anonymous"
_ADDRESS_CHARS_MAX: Final = 64


class Authors:
    """Middleware in plain ASGI, inside the layer that asks for a user."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with asked_by(author_of(scope)):
            await self._app(scope, receive, send)


def author_of(scope: Scope) -> Author:
    """Return who asks. What another worker says of a client's address is believed, and that it says it is told."""
    user, address = scope.get(USER, ANONYMOUS), address_of(scope)
    headers = dict(scope["headers"])
    if FORWARDED in headers and (client := headers.get(CLIENT, b"").decode("latin-1")[:_ADDRESS_CHARS_MAX]):
        return Author(user, client, via=address)
    return Author(user, address)


def address_of(scope: Scope) -> str:
    """Return the address that a request's connection comes from; empty where that is no network."""
    return str((scope.get("client") or ("",))[0])
