"""The way to the log for commands: the data directory itself, or the worker that owns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from connect.api import ConnectError
from connect.cli.connectors import worker_url
from connect.cli.output import print_json
from connect.cli.remote import RemoteLog
from connect.cli.wiring import Wiring
from connect.ports import Acks, Cluster, Columns, FetchedBatch, OffsetAndMetadata, TopicInfo, TopicPartition

T = TypeVar("T")

DEFAULT_DATA_DIR = "connect-data"


class LogDoor(Protocol):
    """What the commands need of a log; the words are those of `connect.ports`."""

    async def list_topics(self) -> list[str]: ...
    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo: ...
    async def describe_topic(self, name: str) -> TopicInfo: ...
    async def delete_topic(self, name: str) -> None: ...
    async def fetch(
        self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20
    ) -> list[FetchedBatch]: ...
    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None: ...
    async def flush(self) -> None: ...
    async def offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]: ...
    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None: ...
    async def aclose(self) -> None: ...


class LocalLog:
    """A data directory that no worker owns, opened for one command."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._producer = cluster.producer(client_id="connect-cli")
        self.list_topics = cluster.admin.list_topics
        self.create_topic = cluster.admin.create_topic
        self.describe_topic = cluster.admin.describe_topic
        self.delete_topic = cluster.admin.delete_topic
        self.fetch = cluster.admin.fetch
        self.append = self._producer.append
        self.flush = self._producer.flush
        self.offsets = cluster.groups.offsets
        self.commit = cluster.groups.commit

    async def aclose(self) -> None:
        await self._producer.aclose()
        await self._cluster.aclose()


@asynccontextmanager
async def open_door(wiring: Wiring, data_dir: Path, url: str | None) -> AsyncIterator[LogDoor]:
    """Open the log of a directory, or reach it through the worker that owns it; with `url` only the latter."""
    log: LogDoor
    if url is not None:
        log = RemoteLog(url)
    else:
        try:
            log = LocalLog(await wiring.open_cluster(data_dir))
        except ConnectError as error:
            if error.code != "log.in_use":
                raise
            log = RemoteLog(worker_url(None, data_dir))
    try:
        yield log
    finally:
        await log.aclose()


def door_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data-dir, --url and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--url", help="Reach the log through the worker at this address."),
        click.option("--data-dir", type=click.Path(path_type=Path), default=DEFAULT_DATA_DIR, envvar="CONNECT_DATA_DIR", show_default=True,
                     help="Directory of the log; a running worker that owns it is asked instead."),
    ):  # fmt: skip
        command = option(command)
    return command


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(main)


def say(as_json: bool, body: Any, text: str) -> None:
    """Print a result for a program or for a person."""
    print_json(body) if as_json else click.echo(text)
