from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from connect.rest.limits import DEPTH_MAX, Limits, depth_exceeds
from connect.rest.server import serve
from connect.runtime.worker_config import WorkerConfig
from tests.support.doors import ServedWorker, served_worker
from tests.support.plain import NO_TLS
from tests.support.worker import WorkerProcess, until

JSON = {"Content-Type": "application/json"}


def head(length: int, *more: str) -> bytes:
    lines = [
        "POST /connectors HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def assert_error(answer: httpx.Response, status: int, code: str, *mentions: str) -> None:
    assert (answer.status_code, answer.headers["x-connect-error-code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error_code", "message"}
    for mention in mentions:
        assert mention in answer.json()["message"]


async def test_a_body_that_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"rest.request.max.bytes": "2048"}) as worker:
        body = json.dumps({"name": "x", "config": {"a": "b" * 4000}}).encode()
        whole = await worker.request("POST", "/connectors", content=body, headers=JSON)
        assert_error(whole, 413, "request.too_large", "2048", str(len(body)))

        async def parts() -> Any:
            for at in range(0, len(body), 500):
                yield body[at : at + 500]

        assert_error(
            await worker.request("POST", "/connectors", content=parts(), headers=JSON), 413, "request.too_large"
        )
        assert (await worker.get("/connectors")).json() == []


async def test_a_body_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        answer = await worker.raw(head(1 << 30))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()


async def test_a_body_that_does_not_arrive_is_given_up(tmp_path: Path) -> None:
    async with served_worker(tmp_path, **{"rest.request.timeout.ms": "200"}) as worker:
        answer = await worker.raw(head(100) + b'{"name"')
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"rest.request.timeout.ms=200" in answer


async def test_an_answer_that_takes_too_long_is_kafkas_500_and_the_work_goes_on() -> None:
    finished = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2)
        finished.set()

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(Limits(slow, max_bytes=100, timeout_s=0.05)), base_url="http://w"
    )
    assert_error(await client.get("/"), 500, "timeout", "it goes on")
    await asyncio.wait_for(finished.wait(), 5)


async def test_a_request_that_is_open_when_the_server_ends_is_answered_with_a_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reached = asyncio.Event()

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    app = FastAPI()
    app.add_middleware(lambda _app: Limits(hangs, max_bytes=100, timeout_s=60))
    config = WorkerConfig.parse({"listeners": "http://127.0.0.1:0", "task.shutdown.graceful.timeout.ms": "100"})
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        async with serve(app, config) as urls:
            asking = asyncio.create_task(client.get(urls[0] + "/connectors"))
            await reached.wait()
        assert_error(await asking, 503, "request.worker_stops", "may have been done or not")
    assert not [record for record in caplog.records if record.exc_info]


async def send_part(
    worker: ServedWorker, length: int, part: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*worker.address)
    writer.write(head(length) + part)
    await writer.drain()
    return reader, writer


async def test_bodies_are_bounded_together_and_small_ones_always_get_in(tmp_path: Path) -> None:
    keys = {"rest.request.total.max.bytes": str(1 << 20), "rest.request.max.bytes": str(1 << 20)}
    async with served_worker(tmp_path, **keys) as worker:
        size = 900_000
        first = await send_part(worker, size, b" " * (size - 1))
        budget = worker.app.state.budget
        await until(lambda: budget.held_bytes > size - (128 << 10))
        refused = await worker.raw(head(size) + b" " * size)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"rest.request.total.max.bytes" in refused
        assert b"\r\nretry-after: 1\r\n" in refused.lower()
        small = await worker.request("POST", "/connectors", json={"name": "x", "config": {"a": "b" * 50_000}})
        assert small.status_code == 400  # a config like another
        first[1].write(b"{")
        assert (await first[0].readline()).startswith(b"HTTP/1.1 400 ")
        first[1].close()
        await until(lambda: budget.held_bytes == 0)
        again = await worker.request("POST", "/connectors", content=b" " * size, headers=JSON)
        assert again.status_code == 400


async def test_a_body_that_is_given_up_holds_nothing(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        budget = worker.app.state.budget
        _, writer = await send_part(worker, 1_000_000, b" " * 500_000)
        await until(lambda: budget.held_bytes > 300_000)
        writer.close()
        await until(lambda: budget.held_bytes == 0)


def resident_mib(worker: WorkerProcess) -> float:
    text = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc and given back by glibc")
def test_the_memory_of_a_burst_of_bodies_is_bounded_and_goes_back(tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "data") as worker:
        host, _, port = worker.url().partition("://")[2].partition(":")
        before = resident_mib(worker)
        size = 7_900_000
        connections = []
        for _ in range(40):
            connection = socket.create_connection((host, int(port)))
            connection.settimeout(10)
            with contextlib.suppress(OSError):  # refused, and closed, before all of it was sent
                connection.sendall(head(size) + b" " * (size - 1))
            connections.append(connection)
        assert resident_mib(worker) - before < 120  # 40 bodies have 316 MB
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + 20
        while resident_mib(worker) - before > 30:
            assert time.monotonic() < deadline, f"{before:.0f} MiB before, {resident_mib(worker):.0f} afterwards"
            time.sleep(0.05)


async def test_a_body_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    async with served_worker(tmp_path) as worker:
        for depth in (DEPTH_MAX + 1, 1000, 100_000):
            for one in ("[", '{"a":'):
                answer = await worker.request("POST", "/connectors", content=one * depth, headers=JSON)
                assert_error(answer, 400, "request.invalid", "too deep")


TREES = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(TREES, st.booleans())
def test_depth_is_what_the_value_has_whatever_its_texts_hold(value: Any, ascii_only: bool) -> None:
    body, depth = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"), depth_of(value)
    assert not depth_exceeds(body, depth)
    if depth:
        assert depth_exceeds(body, depth - 1)


@pytest.mark.parametrize("text", [b'\\"' * 500_000, b"x" * 1_000_000], ids=["escapes", "characters"])
def test_looking_for_depth_takes_no_memory_for_the_length_of_a_text(text: bytes) -> None:
    body = b'{"a": "' + text + b'"}'
    tracemalloc.start()
    try:
        assert not depth_exceeds(body, DEPTH_MAX)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20
