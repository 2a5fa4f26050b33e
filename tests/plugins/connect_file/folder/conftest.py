"""A task of `FolderSink`, driven as the runtime drives it, over a topic that outlives it."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, Schema
from connect_file import FolderSinkConnector

At = tuple[str, int]


class FolderContext:
    """The part of a task's context that the sink needs."""

    def __init__(self, connector: str = "sink") -> None:
        self.connector = connector
        self.name = connector
        self.task = 0
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.waiting_for: str | None = None
        self.commits = 0
        self.ids: dict[str, str] = {}
        self.positions: dict[At, int] = {}

    def topic_id(self, topic: str) -> str | None:
        return self.ids.get(topic, f"id of {topic}")

    def offsets_after_put(self) -> dict[At, int]:
        return dict(self.positions)

    def request_commit(self) -> None:
        self.commits += 1


class Sink:
    """A started task, and where its group has committed."""

    def __init__(self, folder: Path, connector: str = "sink", **config: str) -> None:
        self.context = FolderContext(connector)
        self.task = FolderSinkConnector.task_class()
        self.task.context = self.context
        keys = {name.replace("_", "."): value for name, value in config.items()}
        self.task.configure(FolderSinkConnector.config_class.parse({"folder": str(folder), **keys}))
        self.task.start()

    def open(self, *partitions: At) -> dict[At, int]:
        self.task.open(partitions or [("t", 0)])
        return dict(self.task.resume_offsets(partitions or [("t", 0)]))

    def put(self, *batches: Batch) -> None:
        for batch in batches:
            assert batch.offsets is not None
            self.context.positions[batch.original_topic or "", batch.original_partition or 0] = batch.offsets[-1] + 1
        self.task.put_batches(list(batches))

    def flush(self) -> dict[At, int]:
        return dict(self.task.flush())

    def finish(self) -> dict[At, int]:
        """End as a task does that is asked to stop."""
        self.context.stopping.set()
        found = self.flush()
        self.task.close_partitions(sorted(self.task._partitions))
        self.task.stop()
        return found

    def die(self) -> None:
        """End as a task does whose process is killed: nothing is removed, and its locks open."""
        for files in self.task._partitions.values():
            files._journal.close()
        self.task._partitions.clear()


def make_batch(
    values: list[Any],
    first: int = 0,
    *,
    topic: str = "t",
    partition: int = 0,
    schema: Schema | None = None,
    timestamps: Any = 1_700_000_000_000,
    **more: Any,
) -> Batch:
    return Batch(
        topic,
        values,
        partition=partition,
        offsets=range(first, first + len(values)),
        original_topic=topic,
        original_partition=partition,
        value_schema=schema,
        timestamps=timestamps,
        **more,
    )


def finished(folder: Path) -> dict[str, bytes]:
    """Return the files that everybody sees, by their path in the folder; unpacked."""
    unpack: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.decompress,
        ".bz2": bz2.decompress,
        ".xz": lzma.decompress,
    }
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            found["/".join(parts)] = unpack.get(path.suffix, bytes)(path.read_bytes())
    return found


def hidden(folder: Path) -> list[str]:
    """Return the names of files that are not finished."""
    return sorted(path.name for path in folder.rglob("*.part"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "out"
    found.mkdir()
    return found


@pytest.fixture
def sink(folder: Path) -> Iterator[Callable[..., Sink]]:
    """Return a function that starts a task on the folder, with keys whose dots are underscores."""
    started: list[Sink] = []

    def start(connector: str = "sink", **config: str) -> Sink:
        started.append(Sink(folder, connector, **config))
        return started[-1]

    yield start
    for one in started:
        one.task.stop()


@pytest.fixture(scope="session")
def batch() -> Callable[..., Batch]:
    return make_batch


@pytest.fixture
def files(folder: Path) -> Callable[[], dict[str, bytes]]:
    """Return a function that returns the finished files."""
    return lambda: finished(folder)


@pytest.fixture
def unfinished(folder: Path) -> Callable[[], list[str]]:
    """Return a function that returns the names of hidden files."""
    return lambda: hidden(folder)


@pytest.fixture(scope="session")
def start_sink() -> type[Sink]:
    return Sink


@pytest.fixture(scope="session")
def finished_in() -> Callable[[Path], dict[str, bytes]]:
    return finished
