"""A partition by itself, without a cluster around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connect.codec.decode import decode_records
from connect.codec.encode import EncodedBatch, encode
from connect.log.storage.checkpoints import LOG_START, RECOVERY_POINT, Checkpoint
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.partition import GAPLESS_FILE, Partition
from connect.log.topic_config import TopicConfig
from connect.records import Columns
from tests.support.disk import FaultyDisk

Make = Callable[..., Partition]

NOW = 1_700_000_000_000


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
