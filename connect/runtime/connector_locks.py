"""One lock a connector: requests for it are handled one after the other, and those for others are not held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connect.api import ConflictError
from connect.api.error_codes import register_code

BUSY = register_code(
    "connector.busy",
    "Another request for the connector takes its time.",
    "Look at the connector's status and try again.",
)


class _Lock:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0
        self.doing = ""


class ConnectorLocks:
    """The locks, by connector. One is there while somebody holds it or waits for it. For the event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    @asynccontextmanager
    async def take(self, name: str, doing: str, *, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Wait for the connector's lock, in order of arrival, and hold it. A cancelled wait leaves nothing behind.

        Args:
            doing: What is done meanwhile, for the message of those that wait too long.
            timeout_s: How long to wait, in seconds; None: for as long as it takes.

        Raises:
            ConflictError: connector.busy: it was not free in time.
        """
        lock = self._locks.setdefault(name, _Lock())
        lock.wanted += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await lock.lock.acquire()
            except TimeoutError:
                raise ConflictError(
                    f"connector {name!r} is busy for more than {timeout_s:.0f} s: {lock.doing}", code=BUSY
                ) from None
            lock.doing = doing
            try:
                yield
            finally:
                lock.lock.release()
        finally:
            lock.wanted -= 1
            if not lock.wanted:
                del self._locks[name]
