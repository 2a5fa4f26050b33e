"""Authentication (basic and bearer, with roles), and which web pages may ask (CORS).

Outermost of the application's layers: a request that is refused here has cost nothing. Without
`rest.authentication.file` everyone who reaches the listener may do everything, as in Kafka Connect.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import math
import re
import secrets
import time
from base64 import b64decode
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from connect import credentials
from connect.api import ConnectError
from connect.credentials import AUTH_DENIED, AUTH_HELD_BACK, AUTH_REQUIRED, Entry, Role
from connect.rest.attempts import WAIT_S, Attempts, Clock, source_of
from connect.rest.budget import Budget
from connect.rest.errors import error_response
from connect.rest.hosts import Hosts, names_of, parse_authority
from connect.rest.limits import Limits
from connect.rest.negotiation import Asgi, ContentNegotiation, Scope, route_path
from connect.runtime.config import WorkerConfig

logger = logging.getLogger(__name__)

_READING = ("GET", "HEAD", "OPTIONS")
#: For probes, which carry no password: says nothing but whether the worker can serve.
_OPEN_PATHS = ("/health",)
_CHALLENGE = 'Basic realm="Connect", charset="UTF-8", Bearer realm="Connect"'
_CORS_HEADERS = "Authorization,Content-Type,Accept,Origin,X-Requested-With"
_CORS_METHODS = ("GET", "POST", "HEAD")
_PREFLIGHT_S = 1800
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN_CHARS = 100
_CACHE_COUNT_MAX = 1024
#: Passwords that are looked at or wait for it, in all and of one address: the others are told to come again.
_CHECKS_MAX = 64
_CHECKS_OF_SOURCE_MAX = 4
_BUSY_S = 1.0
#: How long a changed credentials file may go unnoticed.
_LOOK_S = 1.0


def install(app: FastAPI, config: WorkerConfig) -> None:
    """Put the layers before the application: hosts, origins, users, limits, content negotiation.

    Raises:
        ConfigError: The credentials file cannot be read, or is wrong.
    """
    app.add_middleware(ContentNegotiation)
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
        app.add_middleware(Guard, users=users, secret_topic=config.config_storage_topic)
    app.add_middleware(
        Origins,
        allowed=_listed(config.access_control_allow_origin),
        methods=_listed(config.access_control_allow_methods),
    )
    app.add_middleware(Hosts, names=names_of(config))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


# -- users ---------------------------------------------------------------------------------------------------------


class HeldBackError(Exception):
    """A guess is not looked at now; after `retry_after_s` it may be."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class Users:
    """The entries of a credentials file; a changed file is read again, and a broken one leaves the old entries.

    A password that was right is known again by a keyed digest for as long as its entry stands, so that only the first
    request of a client costs what `check_password` does. The cache holds the last `_CACHE_COUNT_MAX` clients. Known
    clients, and right tokens, are never held back: what strangers do cannot shut them out.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, path: Path, *, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._stamp = _stamp(path)
        self._entries = credentials.read(path)
        self._looked = clock()
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, Entry] = OrderedDict()
        # Each check takes 16 MiB and a thread: strangers may not take more than two.
        self._checking = asyncio.Semaphore(2)
        self._under_way: dict[bytes, asyncio.Task[Entry | None]] = {}
        self._waiting: defaultdict[str, int] = defaultdict(int)
        self._attempts = Attempts(clock)
        self._nobody = credentials.hash_password(secrets.token_hex())

    async def find(self, authorization: str, address: str = "") -> Entry | None:
        """Return the entry that an Authorization header proves, or None.

        Args:
            address: Where the request comes from.

        Raises:
            HeldBackError: There were too many wrong guesses from there, or there are too many at once.
        """
        self._look()
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        match scheme.lower():
            case "bearer":
                return self._by_token(given, source_of(address))
            case "basic":
                return await self._by_password(given, source_of(address))
        return None

    def _by_token(self, token: str, source: str) -> Entry | None:
        hashed = credentials.hash_token(token)
        found = None
        for entry in self._entries.values():
            if entry.is_token and hmac.compare_digest(entry.hash, hashed):
                found = entry
        if found is None:
            self._hold_back((source, None))
            self._failed((source, None))
        return found

    async def _by_password(self, given: str, source: str) -> Entry | None:
        digest = hmac.digest(self._secret, given.encode("utf-8", "replace"), hashlib.sha256)
        if (known := self._known.get(digest)) is not None:
            self._known.move_to_end(digest)
            return known
        try:
            name, colon, password = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return None
        if not colon:
            return None
        # By a digest, since a name may be long.
        who = (source, hashlib.sha256(name.encode()).digest())
        self._hold_back(who)
        checking = self._under_way.get(digest)
        if checking is None:
            if self._waiting[source] >= _CHECKS_OF_SOURCE_MAX or len(self._under_way) >= _CHECKS_MAX:
                raise HeldBackError(_BUSY_S)
            checking = self._under_way[digest] = asyncio.create_task(self._check(name, password, digest, who))
            self._waiting[source] += 1
            checking.add_done_callback(lambda done: self._checked(done, digest, source))
        # Several requests with the same password are one guess; one that is given up leaves it to the others.
        return await asyncio.shield(checking)

    async def _check(self, name: str, password: str, digest: bytes, who: tuple[str, bytes]) -> Entry | None:
        entry = self._entries.get(name)
        usable = entry is not None and not entry.is_token
        # An unknown name takes as long as a wrong password, so that names cannot be found out.
        hashed = entry.hash if entry is not None and usable else self._nobody
        async with self._checking:
            # Others who waited with this one may have used up what is free.
            self._hold_back(who)
            right = await asyncio.to_thread(credentials.check_password, password, hashed)
        if not (right and usable and entry is not None and self._entries.get(name) is entry):
            self._failed(who)
            return None
        self._attempts.succeeded(who)
        self._known[digest] = entry
        if len(self._known) > _CACHE_COUNT_MAX:
            self._known.popitem(last=False)
        return entry

    def _checked(self, done: asyncio.Task[Entry | None], digest: bytes, source: str) -> None:
        if not done.cancelled():
            done.exception()  # whoever waited for it was told; nobody may be left
        self._under_way.pop(digest, None)
        self._waiting[source] -= 1
        if not self._waiting[source]:
            del self._waiting[source]

    def _hold_back(self, who: tuple[str, bytes | None]) -> None:
        if wait_s := self._attempts.wait_s(who):
            raise HeldBackError(wait_s)

    def _failed(self, who: tuple[str, bytes | None]) -> None:
        if self._attempts.failed(who) == WAIT_S:
            what = "tokens" if who[1] is None else "passwords of one user"
            logger.warning("too many wrong %s from %s: its next ones have to wait", what, who[0])

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = credentials.read(self._path)
        except ConnectError as error:
            logger.error("%s; the users stay as they were", error.message)
            return
        self._known.clear()
        logger.info("users were read again from %s", self._path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Guard:
    """Asks for a user: 401 without one, 403 for a change by a role that may only read.

    Args:
        secret_topic: A topic with the configs as they were given, secrets in clear: its records are for the role write.
    """

    def __init__(self, app: Asgi, *, users: Users, secret_topic: str) -> None:
        self._app = app
        self._users = users
        self._secret_paths = f"/v1/topics/{secret_topic}/"

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or (route_path(scope) in _OPEN_PATHS and scope["method"] in _READING):
            await self._app(scope, receive, send)
            return
        refused = await self._refused(scope)
        await (refused or self._app)(scope, receive, send)

    async def _refused(self, scope: Scope) -> Response | None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        address = (scope.get("client") or ("",))[0]
        try:
            entry = None if given is None else await self._users.find(given.decode("latin-1"), address)
        except HeldBackError as held_back:
            return _held_back(held_back.retry_after_s)
        if entry is None:
            what = "no user is given" if given is None else "the user, password or token is not right"
            response = error_response(401, f"HTTP 401 Unauthorized: {what}", AUTH_REQUIRED)
            response.headers["WWW-Authenticate"] = _CHALLENGE
            # The body is not read: the connection cannot be used for a next request.
            response.headers["Connection"] = "close"
            return response
        if entry.role is Role.READ and self._needs_write(scope):
            what = f"{scope['method']} {route_path(scope)}"
            return error_response(
                403, f"HTTP 403 Forbidden: user {entry.name!r} has the role read; {what} needs write", AUTH_DENIED
            )
        return None

    def _needs_write(self, scope: Scope) -> bool:
        return scope["method"] not in _READING or route_path(scope).startswith(self._secret_paths)


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


# -- origins -------------------------------------------------------------------------------------------------------


class Origins:
    """CORS, in the keys of Kafka Connect; and a web page of another origin changes nothing unless its origin is listed.

    Browsers send some requests without asking first (a POST without body, such as a restart), and say whose page it is
    by `Origin`, by `Sec-Fetch-Site`, or, the older ones, by `Referer`. A change for which any of these names another
    origin is refused, or any page could control a worker on its reader's machine; a request without all three is no
    browser's. Whether the host is the worker's own was decided before: here it says what the own origin is.
    """

    def __init__(self, app: Asgi, *, allowed: Sequence[str], methods: Sequence[str]) -> None:
        self._app = app
        self._allowed = _origin_pattern(allowed)
        self._methods = tuple(method.upper() for method in methods if method) or _CORS_METHODS

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origins = _values(scope, b"origin")
        allowed = len(origins) == 1 and self._allowed is not None and self._allowed.fullmatch(origins[0]) is not None
        if allowed and scope["method"] == "OPTIONS" and _values(scope, b"access-control-request-method"):
            await self._preflight(origins[0], scope)(scope, receive, send)
        elif allowed:
            await self._app(scope, receive, _with_headers(send, _allowing(origins[0])))
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

    def _preflight(self, origin: str, scope: Scope) -> Response:
        headers = {
            **_allowing(origin),
            "Access-Control-Allow-Methods": ",".join(self._methods),
            "Access-Control-Allow-Headers": _CORS_HEADERS,
            "Access-Control-Max-Age": str(_PREFLIGHT_S),
        }
        if _values(scope, b"access-control-request-private-network") == ["true"]:
            headers["Access-Control-Allow-Private-Network"] = "true"
        return Response(status_code=200, headers=headers)


def _origin_pattern(allowed: Sequence[str]) -> re.Pattern[str] | None:
    """Return what matches the listed origins: in any case, '*' for a part of a host, and '*' alone for every origin.

    `null`, the origin of sandboxed pages and local files, is anybody's: it has to be listed as it is.
    """
    texts = [r"(?!null$).*" if text == "*" else re.escape(text).replace(r"\*", r"[^/\s]*") for text in allowed]
    return re.compile("|".join(f"(?:{text})" for text in texts), re.IGNORECASE) if texts else None


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


def _allowing(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _with_headers(send: Any, extra: dict[str, str]) -> Any:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in extra.items()]

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *pairs]}
        await send(message)

    return sending
