from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from connect.rest import protocol
from tests.support.doors import ServedWorker, served_worker
from tests.support.plain import NO_TLS


def head(length: int, *more: str) -> bytes:
    lines = [
        "POST /connectors HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_a_head_that_is_too_large_or_no_http_gets_the_one_shape_of_errors(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for text, status in [
            (b"GET / HTTP/1.1\r\nX: " + b"a" * (protocol.HEAD_BYTES_MAX + 1), 431),
            (b"\x16\x03\x01 hello\r\n\r\n", 400),
        ]:
            top, _, body = (await worker.raw(text)).partition(b"\r\n\r\n")
            assert top.startswith(f"HTTP/1.1 {status} ".encode())
            assert set(json.loads(body)) == {"error_code", "message"}


async def test_a_slow_head_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    async with served_worker(tmp_path) as worker:
        assert (await worker.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n")).startswith(b"HTTP/1.1 408 ")


async def send_part(
    worker: ServedWorker, length: int, part: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(head(length) + part)
    await writer.drain()
    return reader, writer


async def test_connections_are_bounded_and_an_idle_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 3)
    async with served_worker(tmp_path) as worker:
        opened = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*worker.address)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            opened.append((reader, writer))
        assert (await worker.get("/health")).status_code == 200
        await asyncio.wait_for(opened[0][0].read(), 5)  # the one that was idle for longest was closed
        busy = [await send_part(worker, 100, b"{") for _ in range(3)]
        refused = await worker.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"request.busy" in refused
        for _, writer in [*opened, *busy]:
            writer.close()


async def test_several_requests_on_one_connection_count_apart(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker, httpx.AsyncClient(base_url=worker.urls[0], verify=NO_TLS) as client:
        large = {"name": "x", "config": {"connector.class": "No", "filler": "b" * protocol.HEAD_BYTES_MAX}}
        for _ in range(3):
            assert (await client.post("/connectors", json=large)).status_code == 400
            assert (await client.get("/connectors", headers={"X-Long": "a" * 30_000})).status_code == 200
