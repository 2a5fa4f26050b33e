"""A log in a temporary directory, and short ways to fill and read it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from connect.log import LogCluster
from connect.records import Columns, TopicPartition

Open = Callable[..., Awaitable[LogCluster]]


@pytest.fixture
async def open_log(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the log in `tmp_path / "data"`, and closes what was opened."""
    opened: list[LogCluster] = []

    async def open_(**options: Any) -> LogCluster:
        opened.append(await LogCluster.open(tmp_path / "data", **options))
        return opened[-1]

    yield open_
    for cluster in opened:
        await cluster.aclose()


@pytest.fixture
async def cluster(open_log: Open) -> LogCluster:
    return await open_log()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def put(cluster: LogCluster, topic: str, *values: bytes | None, **options: Any) -> None:
    """Append values to partition 0, each call as one batch."""
    producer = cluster.producer(client_id="test")
    timestamps = options.pop("timestamps", 1_700_000_000_000)
    keys = options.pop("keys", None)
    await producer.append(topic, Columns(list(values), keys, timestamps), partition=0, **options)


async def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Wait until a condition holds; fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.002)


async def values_of(cluster: LogCluster, topic: str, partition: int = 0, offset: int = 0) -> list[bytes | None]:
    """Read all values of a partition from an offset."""
    name = TopicPartition(topic, partition)
    values: list[bytes | None] = []
    while batches := await cluster.admin.fetch(name, offset):
        for batch in batches:
            assert list(batch.offsets) == list(range(offset, offset + len(batch)))
            values += batch.columns.values
            offset = batch.next_offset
    return values


@pytest.fixture
def log_file(data_dir: Path) -> Callable[[str], Path]:
    """The newest log file of a topic's partition 0."""
    return lambda topic: max((data_dir / f"{topic}-0").glob("*.log"))
