"""A log in a temporary directory, or one partition by itself, and short ways to fill and read them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.codec.decode import decode_records
from connect.codec.encode import EncodedBatch, encode
from connect.log import LogCluster
from connect.log.storage.checkpoints import LOG_START, RECOVERY_POINT, Checkpoint
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.partition import GAPLESS_FILE, Partition
from connect.log.topic_config import TopicConfig
from connect.records import Columns, TopicPartition
from tests.support.disk import FaultyDisk

Open = Callable[..., Awaitable[LogCluster]]
Make = Callable[..., Partition]

NOW = 1_700_000_000_000


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


# -- one partition by itself -------------------------------------------------------------------------------------------


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def make_partition(tmp_path: Path, disk: FaultyDisk) -> Iterator[Make]:
    """Opens the partition `t-0` of `tmp_path` with a topic's configs; made where it is not there."""
    made: list[Partition] = []

    def make(was_clean: bool = True, files: OpenFiles | None = None, name: str = "t-0", **configs: str) -> Partition:
        directory = tmp_path / name
        if not directory.exists():
            directory.mkdir()
            (directory / GAPLESS_FILE).touch()
        config = TopicConfig.parse({key.replace("_", "."): value for key, value in configs.items()})
        starts, points = (Checkpoint(tmp_path / name, disk) for name in (LOG_START, RECOVERY_POINT))
        made.append(
            Partition(disk, directory, config, files or OpenFiles(), starts, points, was_clean=was_clean).open()
        )
        return made[-1]

    yield make
    for partition in made:
        partition.delete()  # lets go of its file


def batch_of(*values: bytes, timestamp: int = NOW, keys: list[bytes] | None = None) -> EncodedBatch:
    return encode(Columns(list(values), keys, timestamp))


def values_in(partition: Partition, offset: int | None = None) -> list[bytes | None]:
    """All values from an offset, or from the start."""
    values: list[bytes | None] = []
    at = partition.log_start_offset if offset is None else offset
    while (found := partition.read(at, max_bytes=1 << 20)).headers:
        for header in found.headers:
            values += decode_records(found.data, header).columns.values
        at = found.headers[-1].next_offset
    return values
