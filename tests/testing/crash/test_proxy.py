"""The proxy hands on, cuts, half-closes, delays and refuses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from connect.testing.crash import Proxy, PruningServer
from tests.support.logs import logged

REQUEST = b'{"do": "take", "partition": 0, "after": -1, "max": 5}\n'


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with PruningServer(partitions=1) as server, Proxy("127.0.0.1", server.port) as proxy:
        server.write(2)
        yield proxy


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def asked(connection: socket.socket) -> bytes:
    connection.sendall(REQUEST)
    with connection.makefile("rb") as lines:
        return lines.readline()


def keep_asking(connection: socket.socket, deadline: float) -> None:
    while time.monotonic() < deadline:
        connection.sendall(REQUEST)


def assert_hung_up(proxy: Proxy) -> None:
    """The connection is reset: while it is made, or at the first read."""
    with socket.socket() as connection:
        connection.settimeout(5)
        with pytest.raises(ConnectionError):
            read_once(connection, proxy.port)


def read_once(connection: socket.socket, port: int) -> bytes:
    connection.connect(("127.0.0.1", port))
    return connection.recv(10)


def test_what_is_said_is_handed_on_either_way(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert asked(connection) == asked(connection)
        assert b"p0 0000000001" in asked(connection)
    assert proxy.connections == 1


def test_a_cut_breaks_what_is_open_and_lets_the_next_one_in(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert asked(connection)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            asked(connection)
    with connected(proxy) as connection:
        assert asked(connection)


def test_a_cut_after_some_bytes_comes_in_the_middle_of_an_answer(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.cut_after(len(REQUEST) + 10)
        connection.sendall(REQUEST)
        assert len(connection.recv(100)) == 10
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    with connected(proxy) as connection:
        assert asked(connection)


def test_a_half_close_ends_what_the_server_says(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert asked(connection)
        proxy.half_close()
        assert connection.recv(10) == b""


def test_an_answer_behind_a_half_close_breaks_the_connection_and_is_no_fault_of_the_proxy(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(proxy) as connection:
        assert asked(connection)
        proxy.half_close()
        with pytest.raises(ConnectionError):
            keep_asking(connection, time.monotonic() + 5)
    with connected(proxy) as connection:
        assert asked(connection)
    assert logged(caplog) == []


def test_what_is_delayed_comes_later(proxy: Proxy) -> None:
    proxy.delay_s = 0.05
    with connected(proxy) as connection:
        began = time.monotonic()
        assert asked(connection)
        assert time.monotonic() - began >= 0.1, "the request waits, and so does the answer"


def test_a_connection_is_refused_while_it_is_to_be(proxy: Proxy) -> None:
    proxy.refuses = True
    assert_hung_up(proxy)
    proxy.refuses = False
    with connected(proxy) as connection:
        assert asked(connection)


def test_a_server_that_is_away_is_away_behind_the_proxy_too() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Proxy("127.0.0.1", port) as proxy:
        assert_hung_up(proxy)
