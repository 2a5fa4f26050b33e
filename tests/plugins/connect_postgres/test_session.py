"""A session keeps its connection alive, and has names of its own for what it prepares."""

from __future__ import annotations

import socket
import sys

import asyncpg
import pytest

from connect_postgres.session import KEEPALIVE, USER_TIMEOUT_MS, Session

from .conftest import Database

pytestmark = pytest.mark.postgres
_NAMES = "SELECT name FROM pg_prepared_statements"


async def test_a_peer_that_vanishes_is_noticed_by_tcp_and_names_are_never_given_twice(database: Database) -> None:
    sessions = [await asyncpg.connect(database.url, connection_class=Session) for _ in range(2)]
    try:
        peer = sessions[0]._transport.get_extra_info("socket")
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        if sys.platform == "linux":
            for name, value in (*KEEPALIVE.items(), ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS)):
                assert peer.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value, name
        held = [await session.prepare(query) for session in sessions for query in ("SELECT 1", "SELECT 2")]
        names = [row[0] for session in sessions for row in await session.fetch(_NAMES)]
        assert len(set(names)) == len(names) >= len(held), "a pooler gives one server session to both"
        assert all(name.startswith("__connect_") for name in names)
    finally:
        for session in sessions:
            await session.close()
