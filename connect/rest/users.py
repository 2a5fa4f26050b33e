"""The users of a credentials file, and how their passwords and tokens are looked at."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from base64 import b64decode
from collections import OrderedDict, defaultdict
from pathlib import Path

from connect import credentials
from connect.api import ConnectError
from connect.credentials import Entry
from connect.rest.attempts import WAIT_S, Attempts, Clock, source_of

logger = logging.getLogger(__name__)

_CACHE_COUNT_MAX = 1024
#: Passwords that are looked at or wait for it, in all and of one address: the others are told to come again.
_CHECKS_MAX = 64
_CHECKS_OF_SOURCE_MAX = 4
_BUSY_S = 1.0
#: How long a changed credentials file may go unnoticed.
_LOOK_S = 1.0


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
