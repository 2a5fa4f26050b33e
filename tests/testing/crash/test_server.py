"""The queue server deletes what was acknowledged, and nothing else."""

from __future__ import annotations

import json
import socket
from typing import Any

from connect.testing.crash import PruningServer, Seen


def ask(server: PruningServer, **request: Any) -> Any:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            return json.loads(lines.readline())


def numbers(server: PruningServer, partition: int, after: int = -1, most: int = 100) -> list[int]:
    return [n for n, _ in ask(server, do="take", partition=partition, after=after, max=most)["records"]]


def test_records_are_shared_out_and_taken_in_order() -> None:
    with PruningServer(partitions=2) as server:
        server.write(5)
        assert numbers(server, 0) == [0, 1, 2]
        assert numbers(server, 0, after=0, most=1) == [1]
        assert sorted(server.written()) == [Seen("p0", 0), Seen("p0", 1), Seen("p0", 2), Seen("p1", 0), Seen("p1", 1)]


def test_what_was_acknowledged_is_gone_for_good_and_still_in_the_model() -> None:
    with PruningServer(partitions=1) as server:
        server.write(6)
        ask(server, do="acknowledge", partition=0, up_to=1)
        ask(server, do="acknowledge", partition=0, numbers=[3, 3])
        assert numbers(server, 0) == [2, 4, 5]
        assert (server.waiting(), server.acknowledged, len(server.written())) == (3, 3, 6)


def test_a_request_that_is_cut_short_was_not_made() -> None:
    with PruningServer(partitions=1) as server:
        server.write(1)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(b'{"do": "acknowledge", "partition": 0, "up_to": 0}')
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(10) == b""
        assert server.waiting() == 1
