"""A session as the driver has it, with names of its own and TCP keepalive. Imports asyncpg: import it late."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Any, Final

import asyncpg

#: A peer that has vanished without a word is noticed within about two minutes: idle, interval and count of TCP
#: keepalive.
KEEPALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
#: What was sent and not acknowledged for so long ends the connection, in ms.
USER_TIMEOUT_MS: Final = 120_000


class Session(asyncpg.Connection):
    """A connection."""

    __slots__ = ()
    #: A pooler hands one server session to many clients, so names of prepared statements are unlike any other worker's.
    _names = itertools.count(1)
    _token = os.urandom(6).hex()

    def __init__(self, protocol: Any, transport: Any, *args: Any) -> None:
        super().__init__(protocol, transport, *args)
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            _keep_alive(peer)

    def transport(self) -> tuple[Any, Any]:
        """Return the transport, and the driver's protocol on it, for who speaks to the server in the driver's place."""
        return self._transport, self._protocol  # type: ignore[attr-defined] # the stubs do not have them

    def _get_unique_id(self, prefix: str) -> str:
        return f"__connect_{prefix}_{self._token}_{next(self._names):x}"


def _keep_alive(peer: Any) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (*KEEPALIVE.items(), ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS)):
        if (option := getattr(socket, name, None)) is not None:  # not every system has each
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
