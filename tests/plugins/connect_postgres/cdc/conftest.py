"""Tasks of change data capture on a database of the test's own, each with a slot that is dropped in the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from connect.api import Batch
from connect_postgres import PostgresCdcSource
from tests.support.tasks import poll, source_task, stop

from ..conftest import DEADLINE_S, Database

Start = Callable[..., Awaitable[Any]]


def keys_of(url: str, **keys: str) -> dict[str, str]:
    """Return a config for a database; its slot has the database's name."""
    at = urlsplit(url)
    return {
        "database.hostname": at.hostname or "",
        "database.port": str(at.port),
        "database.user": at.username or "",
        "database.dbname": at.path.lstrip("/"),
        "topic.prefix": "p",
        "slot.name": at.path.lstrip("/"),
        "publication.name": "pub",
        **{key.replace("_", "."): value for key, value in keys.items()},
    }


@pytest.fixture
async def slot(database: Database) -> AsyncIterator[str]:
    """The name of the test's slot, which is dropped in the end if it was made."""
    name = urlsplit(database.url).path.lstrip("/")
    yield name
    await drop_slot(database, name)


async def drop_slot(database: Database, name: str) -> None:
    await database.execute(
        f"SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = '{name}'",
        f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'",
    )


@pytest.fixture
async def cdc(database: Database, slot: str) -> AsyncIterator[Start]:
    """Start a task; `offsets` as `source_task` takes them."""
    started: list[Any] = []

    async def start(offsets: Any = (), **keys: str) -> Any:
        task = await source_task(PostgresCdcSource, keys_of(database.url, **keys), offsets)
        started.append(task)
        return task

    yield start
    for task in started:
        await stop(task)


async def drain(task: Any, count: int) -> list[Batch]:
    """Poll until `count` records have come, and commit them."""
    batches: list[Batch] = []
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, batches)) < count:
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} records of {count}"
        batches += await poll(task)
    assert sum(map(len, batches)) == count
    return batches


async def records(task: Any, count: int) -> list[tuple[str, Any, Any]]:
    """Poll until `count` records have come; return topic, key and value of each."""
    return [
        (batch.topic, key, value)
        for batch in await drain(task, count)
        for key, value in zip(batch.key_column(), batch.values, strict=True)
    ]


async def changes(task: Any, count: int) -> list[tuple[str, Any, Any]]:
    """Poll until `count` records have come; return operation, before and after of each that is not null."""
    return [(v["op"], v["before"], v["after"]) for _, _, v in await records(task, count) if v is not None]


def offset_of(task: Any) -> list[tuple[Any, Any]]:
    """Return what a task that goes on behind what was polled of this one begins with."""
    return [(task._partition, task._offset)]


async def batches_until(task: Any, holds: Callable[[], bool]) -> list[Batch]:
    """Poll until a condition holds, with a deadline; return what came."""
    found: list[Batch] = []
    by = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < by, f"not within {DEADLINE_S} s"
        found += await poll(task) or []
    return found
