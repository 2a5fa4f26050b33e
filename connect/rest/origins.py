"""Which web pages may ask, and which of them may change something: CORS, and a rule for what CORS lets through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from connect.credentials import AUTH_DENIED
from connect.rest.errors import error_response
from connect.rest.hosts import parse_authority
from connect.rest.negotiation import Scope

_READING = ("GET", "HEAD", "OPTIONS")
_CORS_HEADERS = ("Authorization", "Content-Type", "Accept", "Origin", "X-Requested-With")
_CORS_METHODS = ("GET", "POST", "HEAD")
_PREFLIGHT_S = 1800
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN_CHARS = 100


class Origins:
    """CORS in the keys of Kafka Connect, by Starlette's middleware; and a page of another origin changes nothing.

    Browsers send some requests without asking first (a POST without body, such as a restart), and say whose page it is
    by `Origin`, by `Sec-Fetch-Site`, or, the older ones, by `Referer`. A change for which any of these names another
    origin is refused unless it is listed, or any page could steer a worker on its reader's machine; a request without
    all three is no browser's. Whether the host is the worker's own was decided before: here it says what the own origin
    is. An origin that is not listed is told nothing of CORS.
    """

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str], methods: Sequence[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origin_regex=_origin_pattern(allowed),
            allow_methods=tuple(method.upper() for method in methods if method) or _CORS_METHODS,
            allow_headers=_CORS_HEADERS,
            allow_private_network=True,
            max_age=_PREFLIGHT_S,
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origins = _values(scope, b"origin")
        if len(origins) == 1 and self._cors.is_allowed_origin(origins[0]):
            await self._cors(scope, receive, send)
        elif scope["method"] not in _READING and (page := _foreign_page(scope, origins)) is not None:
            message = (
                f"HTTP 403 Forbidden: a web page of {page} may change nothing here; "
                "access.control.allow.origin lists the origins that may"
            )
            response = error_response(403, message, AUTH_DENIED)
            response.headers["Connection"] = "close"  # the body is not read
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _origin_pattern(allowed: Sequence[str]) -> str | None:
    """Return what matches the listed origins: in any case, '*' for a part of a host, and '*' alone for every origin.

    `null`, the origin of sandboxed pages and local files, is anybody's: it has to be listed as it is.
    """
    texts = [r"(?!null$).*" if text == "*" else re.escape(text).replace(r"\*", r"[^/\s]*") for text in allowed]
    return f"(?i:{'|'.join(texts)})" if texts else None


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _foreign_page(scope: Scope, origins: list[str]) -> str | None:
    """Return of which other origin a browser's request is, None where it is of the own one, or no browser's."""
    host = next(iter(_values(scope, b"host")), "")
    for origin in origins:
        if len(origins) > 1 or not _is_own(origin, host, scope["scheme"]):
            return repr(origin[:_SHOWN_CHARS]) if origin else "no origin"
    # 'none' is the reader's own doing: an address that was typed, a bookmark.
    if any(site not in ("same-origin", "none") for site in _values(scope, b"sec-fetch-site")):
        return "another origin"
    if not origins and not all(_is_own(page, host, scope["scheme"]) for page in _values(scope, b"referer") if page):
        return "another origin"
    return None


def _is_own(url: str, host: str, scheme: str) -> bool:
    """Say whether an origin, or the URL of a page, is of the origin that the request is for.

    A page that came over https by way of a proxy is the own one for a listener of http too; never the other way round.
    """
    parts = _ORIGIN.match(url)
    if parts is None or (scheme == "https" and parts["scheme"].lower() != "https"):
        return False
    page, own = parse_authority(parts["authority"]), parse_authority(host)
    if page is None or own is None or page.host != own.host:
        return False
    default = _DEFAULT_PORTS[parts["scheme"].lower()]
    # A Host without a port is of the page's own scheme: the one that the reader's browser spoke.
    return (page.port or default) == (own.port or default)
