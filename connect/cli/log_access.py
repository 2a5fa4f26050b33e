"""The way to the log for commands: the data directory itself, or the worker that owns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from connect.api import ConnectError
from connect.cli.output import print_json
from connect.cli.remote import RemoteLog
from connect.cli.rest import worker_url
from connect.cli.wiring import Wiring
from connect.ports import Acks, Cluster, GroupInfo, TopicConfigEntry, TopicInfo
from connect.records import Columns, FetchedBatch, Isolation, OffsetAndMetadata, TopicPartition
from connect.runtime.lag import GroupRow, group_rows

T = TypeVar("T")

DEFAULT_DATA_DIR = "connect-data"


class LogDoor(Protocol):
    """What the commands need of a log; the words are those of `connect.ports`."""

    async def list_topics(self) -> list[str]: ...
    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo: ...
    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo: ...
    async def add_partitions(self, name: str, total: int) -> TopicInfo: ...
    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]: ...
    async def describe_topic(self, name: str) -> TopicInfo: ...
    async def delete_topic(self, name: str) -> None: ...
    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int: ...
    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None: ...
    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]: ...
    def appender(self, configs: Mapping[str, str]) -> Appender:
        """Make a producer. `configs` takes Kafka's producer keys."""

    async def groups(self) -> list[str]: ...
    async def describe_group(self, group: str) -> GroupInfo: ...
    async def group_rows(self, group: str) -> tuple[GroupInfo, list[GroupRow]]:
        """Return a group, and its partitions with their lag; those of a sink connector's group as the worker counts."""

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None: ...
    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None: ...
    async def aclose(self) -> None: ...


class Appender(Protocol):
    """What `connect produce` needs of a producer."""

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> None: ...
    async def init_transactions(self) -> None: ...
    async def begin_transaction(self) -> None: ...
    async def commit_transaction(self) -> None: ...
    async def abort_transaction(self) -> None: ...
    async def aclose(self) -> None: ...


class LocalLog:
    """A data directory that no worker owns, opened for one command."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        admin, groups = cluster.admin, cluster.groups
        self.list_topics = admin.list_topics
        self.create_topic = admin.create_topic
        self.alter_topic = admin.alter_topic
        self.add_partitions = admin.add_partitions
        self.topic_configs = admin.topic_configs
        self.describe_topic = admin.describe_topic
        self.delete_topic = admin.delete_topic
        self.delete_records = admin.delete_records
        self.offset_for_time = admin.offset_for_time
        self.fetch = admin.fetch
        self.groups = groups.list
        self.describe_group = groups.describe
        self.commit = groups.commit
        self.delete_offsets = groups.delete_offsets

    async def group_rows(self, group: str) -> tuple[GroupInfo, list[GroupRow]]:
        """Return a group, and its partitions with their lag. No worker runs, so a group is its offsets alone."""
        info = await self.describe_group(group)
        return info, await group_rows(self._cluster.admin, info)

    def appender(self, configs: Mapping[str, str]) -> Appender:
        """Make a producer."""
        return self._cluster.producer(client_id="connect-cli", configs=configs)

    async def aclose(self) -> None:
        """Close the directory."""
        await self._cluster.aclose()


@asynccontextmanager
async def open_log(wiring: Wiring, data_dir: Path, url: str | None) -> AsyncIterator[LogDoor]:
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


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data-dir, --url and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--url", help="Reach the log through the worker at this address."),
        data_dir_option,
    ):
        command = option(command)
    return command


data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATA_DIR,
    envvar="CONNECT_DATA_DIR",
    show_default=True,
    help="Directory of the log; a running worker that owns it is asked instead.",
)


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end."""
    return asyncio.run(main)


def say(as_json: bool, body: Any, text: str) -> None:
    """Print a result for a program or for a person."""
    print_json(body) if as_json else click.echo(text)
