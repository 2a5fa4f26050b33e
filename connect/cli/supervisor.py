"""What systemd is told where it started the worker (`Type=notify`): ready, alive, stopping. Nothing where it did not.

Source: systemd, sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

logger = logging.getLogger(__name__)

#: How often it is told that the event loop goes on.
EACH_S: Final = 1.0
_ALIVE: Final = "WATCHDOG=1"


class Supervisor:
    """Tells whoever started this process how it does. Never raises, and never waits.

    Args:
        environment: Where NOTIFY_SOCKET and WATCHDOG_USEC stand.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_watched = bool(environment.get("WATCHDOG_USEC"))
        #: What a full socket did not take.
        self._unsaid: list[str] = []

    def ready(self, status: str) -> None:
        """The worker serves; `status` is for people, one line."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """The event loop goes on; to be told at least twice in the time that WatchdogSec gives."""
        unsaid, self._unsaid = self._unsaid, []
        for text in unsaid:
            self._tell(text)
        if self._is_watched:
            self._tell(_ALIVE)

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Tell that the event loop goes on, while the context is open: whether a worker serves just then, or waits for
        brokers to join its group again."""
        if not self._address:  # an idle worker is not woken each second to tell nobody
            yield
            return
        telling = asyncio.create_task(self._tell_forever(), name="telling the supervisor")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell_forever(self) -> None:
        while True:
            self.alive()
            await asyncio.sleep(EACH_S)

    def stopping(self) -> None:
        """The worker begins to stop."""
        self._tell("STOPPING=1\nSTATUS=stopping")

    def _tell(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.sendto(text.encode(), self._address)
        except BlockingIOError:  # the supervisor is slow just now
            if text != _ALIVE:
                self._unsaid.append(text)
        except OSError as error:
            logger.warning("NOTIFY_SOCKET cannot be told %s: %s", text.partition("\n")[0], error)
            self._address = ""  # once is enough
