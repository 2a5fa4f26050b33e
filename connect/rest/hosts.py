"""Which names the worker answers to: the `Host` of a request, or the authority of its absolute target.

A web page can have its own name resolve to 127.0.0.1, or to any address of the reader's network ("DNS rebinding"); for
the browser the worker is then of the page's own origin, and no rule about origins holds it back. What the page cannot
do is to have the browser send another name than its own. So only names that no stranger can own are taken:

- `localhost`, the names below it, loopback addresses, and the address that the connection came to;
- the hosts of `listeners`, `rest.advertised.host.name`, and what `rest.allowed.hosts` lists;
- where a listener is open to other machines: this machine's name, and any address written as numbers, since no name
  server is asked about those (probes, port mappings and load balancers use them).

The port is not looked at: whoever forwards a port (ssh, containers) sends the forwarded one, and it proves nothing.

Source: RFC 9112, 3.2 and 3.3; RFC 9110, 7.2, 7.4 and 15.5.20 (421).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi.responses import Response

from connect.api.error_codes import register_code
from connect.rest.errors import error_response
from connect.rest.negotiation import Asgi, Scope
from connect.runtime.addresses import is_loopback, parse_address
from connect.runtime.worker_config import WorkerConfig, listener_host

MISDIRECTED: Final = register_code(
    "request.misdirected",
    "The request names a host that the worker does not answer to.",
    "Use the worker's own address, or list the name in rest.allowed.hosts of the worker's config.",
)
ALLOWED: Final = "rest.allowed.hosts"
_SHOWN_CHARS: Final = 100
# RFC 3986: an IP literal, or a registered name (of which an IPv4 address is one); a zone as RFC 6874 writes it.
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::(?P<port>[0-9]*))?",
    re.ASCII,
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/?#]*)")
_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class Authority:
    """A host in lower case, without the dot that may end a name, and the port where one is given."""

    host: str
    port: int | None


def parse_authority(text: str) -> Authority | None:
    """Read `uri-host [":" port]`; None where it is none: empty, with userinfo, of other signs, a port out of range."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    host, port = match["host"].lower(), match["port"]
    if host.startswith("[") and parse_address(host) is None:
        return None
    if port and (len(port) > 5 or int(port) > _PORT_MAX):
        return None
    name = host.removesuffix(".")
    return Authority(name, int(port) if port else None) if name else None


class Names:
    """The hosts that are the worker's own."""

    def __init__(self, *, listeners: Iterable[str], more: Iterable[str] = (), own_name: str = "") -> None:
        hosts = [host.lower().removesuffix(".") for host in listeners]
        listed = [_listed(name) for name in more]
        self._all = "*" in listed
        self._suffixes = tuple(name[1:] for name in listed if name.startswith("*."))
        self._open = not all(map(is_loopback, hosts))
        self._names = {_plain(name) for name in (*hosts, *listed) if name}
        if self._open and own_name:
            self._names |= {own_name.lower(), own_name.lower().partition(".")[0]}

    def holds(self, host: str) -> bool:
        """Say whether a host, as `parse_authority` gives it, is one of them."""
        if self._all or is_loopback(host) or _plain(host) in self._names:
            return True
        address = parse_address(host)
        if address is not None:
            return self._open and not address.is_unspecified
        return host.endswith(self._suffixes)


def _listed(text: str) -> str:
    # Whoever lists a name with its port means the name.
    authority = parse_authority(text.strip())
    return text.strip().lower() if authority is None else authority.host


def _plain(host: str) -> str:
    address = parse_address(host)
    return host if address is None else str(address)


def names_of(config: WorkerConfig, addresses: Sequence[str] | None = None) -> Names:
    """Return the names of a worker's listeners, or of other addresses."""
    return Names(
        listeners=[listener_host(text) for text in (config.addresses if addresses is None else addresses)],
        more=[config.rest_advertised_host_name or "", *config.rest_allowed_hosts],
        own_name=socket.gethostname(),
    )


class Hosts:
    """Refuses requests for another host: 421, and 400 where the request does not say rightly for which it is.

    The application behind it sees one Host header, which is the one that counts: with an absolute target that is the
    target's. HTTP/1.0 knows requests without any; browsers do not send them.
    """

    def __init__(self, app: Asgi, *, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        refused = self._refused(scope, given)
        if refused is not None:
            # The body is not read: the connection cannot be used for a next request.
            refused.headers["Connection"] = "close"
            await refused(scope, receive, send)
            return
        target = _target_authority(scope)
        if target is not None:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {**scope, "headers": [(b"host", target.encode("latin-1")), *others]}
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope, given: list[str]) -> Response | None:
        if len(given) > 1:
            return _bad("it has more than one Host header")
        if not given and scope["http_version"] != "1.0":
            return _bad("it has no Host header")
        texts = [*given, *filter(None, [_target_authority(scope)])]
        for text in texts:
            authority = parse_authority(text)
            if authority is None:
                return _bad(f"its host {_cut(text)!r} is none; HOST or HOST:PORT is expected")
        # An absolute target counts and its Host does not; both have to be well formed.
        if texts and authority is not None and not self._is_own(authority.host, scope):
            return error_response(
                421,
                f"HTTP 421 Misdirected Request: this worker does not answer to the host {_cut(authority.host)!r}; "
                f"{ALLOWED} lists further names",
                MISDIRECTED,
            )
        return None

    def _is_own(self, host: str, scope: Scope) -> bool:
        # The address that the connection came to is the worker's own by its nature.
        came_to = (scope.get("server") or ("",))[0]
        return self._names.holds(host) or host.strip("[]") == came_to


def _target_authority(scope: Scope) -> str | None:
    match = _ABSOLUTE.match(scope.get("connect.target", b"").decode("latin-1"))
    return None if match is None else match["authority"]


def _bad(what: str) -> Response:
    return error_response(
        400, f"HTTP 400 Bad Request: the request cannot be told to be for this worker: {what}", "request.invalid"
    )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
