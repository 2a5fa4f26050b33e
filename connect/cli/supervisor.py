"""What systemd is told where it started the worker (`Type=notify`): ready, alive, stopping. Nothing where it did not.

Source: systemd, sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Supervisor:
    """Tells whoever started this process how it does. Never raises, and never waits.

    Args:
        environment: Where NOTIFY_SOCKET and WATCHDOG_USEC stand.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_watched = bool(environment.get("WATCHDOG_USEC"))

    def ready(self, status: str) -> None:
        """The worker serves; `status` is for people, one line."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """The event loop goes on; to be told at least twice in the time that WatchdogSec gives."""
        if self._is_watched:
            self._tell("WATCHDOG=1")

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
        except OSError as error:
            logger.warning("NOTIFY_SOCKET cannot be told %s: %s", text.partition("\n")[0], error)
            self._address = ""  # once is enough
