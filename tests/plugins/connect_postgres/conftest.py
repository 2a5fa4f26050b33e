"""A database of its own for each test, with short ways to look into it, and tasks that are stopped by themselves."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from connect.api import Batch
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector
from tests.support.tasks import poll, sink_task, source_task, stop

DEADLINE_S = 10.0
Start = Callable[..., Awaitable[Any]]


class Database:
    """A fresh database."""

    def __init__(self, url: str, connection: asyncpg.Connection) -> None:
        self.url = url
        self.connection = connection

    async def execute(self, *statements: str) -> None:
        for statement in statements:
            await self.connection.execute(statement)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.connection.fetch(query)]

    async def another(self) -> asyncpg.Connection:
        """A second session, which the caller closes."""
        return await asyncpg.connect(self.url)

    async def disconnect_others(self) -> None:
        await self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(postgres_url)
    yield Database(postgres_url, connection)
    await connection.close()


@pytest.fixture
async def source(database: Database) -> AsyncIterator[Start]:
    """Start a source task on table orders; keyword `topic_prefix` stands for the key topic.prefix."""
    started: list[Any] = []

    async def start(offsets: Any = (), **keys: str) -> Any:
        config = {
            "connection.url": database.url,
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "topic.prefix": "pg-",
            "poll.interval.ms": "1",
            "tables": "public.orders",
            **_dotted(keys),
        }
        task = await source_task(JdbcSourceConnector, config, offsets)
        started.append(task)
        return task

    yield start
    for task in started:
        await stop(task)


@pytest.fixture
async def sink(database: Database) -> AsyncIterator[Start]:
    """Start a sink task."""
    started: list[Any] = []

    async def start(**keys: str) -> Any:
        config = {"connection.url": database.url, "topics": "orders", **_dotted(keys)}
        task = await sink_task(JdbcSinkConnector, config)
        started.append(task)
        return task

    yield start
    for task in started:
        await stop(task)


class Proxy:
    """A port that leads to the server while it is open, and can cut what goes through it."""

    def __init__(self, url: str, port: int) -> None:
        at = urlsplit(url)
        self._host, self._to = at.hostname or "", at.port or 0
        self._port = port
        self.url = url.replace(f":{self._to}/", f":{port}/")
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        #: Answers of the server to let through yet; None lets all through. Then the client is cut off.
        self.answers: int | None = None

    @classmethod
    @asynccontextmanager
    async def closed(cls, url: str) -> AsyncIterator[Proxy]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            proxy = cls(url, probe.getsockname()[1])
        try:
            yield proxy
        finally:
            await proxy.close()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._to)
        self._writers += [writer, back]
        await asyncio.gather(
            self._pump(reader, back, cut=False), self._pump(there, writer, cut=True), return_exceptions=True
        )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, cut: bool) -> None:
        while data := await reader.read(65536):
            if cut and self.answers is not None and b"COMMIT\0" in data:
                self.answers -= 1
                if self.answers < 0:
                    self.answers = None
                    break  # committed, and the client is not told
            writer.write(data)
            await writer.drain()
        writer.close()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def drain(task: Any, count: int) -> list[Batch]:
    """Poll until `count` rows have come."""
    batches: list[Batch] = []
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} rows of {count}"
        batches += await poll(task)
        await asyncio.sleep(0)
    return batches


async def ids(task: Any, count: int) -> list[int]:
    """Poll until `count` rows have come, and return their ids in order."""
    return [value["id"] for batch in await drain(task, count) for value in batch.values]


async def polls_nothing(task: Any, *, times: int = 5) -> bool:
    """Poll a few times, with the runtime's least pause in between; return whether nothing came."""
    came = 0
    for _ in range(times):
        came += len(await poll(task))
        await asyncio.sleep(task.context.poll_wait_s)
    return not came


def _dotted(keys: dict[str, str]) -> dict[str, str]:
    return {key.replace("_", "."): value for key, value in keys.items()}
