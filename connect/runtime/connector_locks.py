"""Requests for one connector take turns; those for others are not held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connect.api import ConflictError
from connect.api.errors import register_code

BUSY = register_code(
    "connector.busy",
    "Another request for the connector takes its time.",
    "Look at the connector's status and try again.",
)


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0
        self.doing = ""


class Turns:
    """One lock a connector, in order of arrival. A lock is there while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def take(self, name: str, doing: str, *, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Wait for the connector's turn and hold it.

        Args:
            doing: What is done with the turn, for the message of those that wait too long.

        Raises:
            ConflictError: connector.busy: the turn did not come in time.
        """
        turn = self._turns.setdefault(name, _Turn())
        turn.wanted += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await turn.lock.acquire()
            except TimeoutError:
                raise ConflictError(
                    f"connector {name!r} is busy for more than {timeout_s:.0f} s: {turn.doing}", code=BUSY
                ) from None
            turn.doing = doing
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[name]
