"""The way to the log for commands: the data directory itself, or the worker that owns it; a cluster either way."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from connect.api import ConnectError, EnvironmentFault
from connect.cli.output import print_json

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring
    from connect.ports import Cluster, GroupInfo
    from connect.runtime.lag import GroupRow

T = TypeVar("T")

DEFAULT_DATA_DIR = "connect-data"

_META_FILE: Final = "meta.properties"


@asynccontextmanager
async def open_log(
    wiring: Wiring, data_dir: Path, url: str | None, *, may_create: bool = False
) -> AsyncIterator[Cluster]:
    """Open the log of a directory, or reach it through the worker that owns it; with `url` only the latter.

    The records of a worker on a Kafka cluster are not in the directory that it owns, and it is asked all the same.

    Raises:
        EnvironmentFault: environment.data_dir: the directory holds none, and none is to be made there: who looks for
            what is elsewhere is not told that there is nothing.
    """
    if url is None:
        if not may_create and not wiring.is_in_use(data_dir):  # the log of an owner may be elsewhere
            expect_log(data_dir)
        try:
            cluster = await wiring.open_cluster(data_dir)
        except ConnectError as error:
            # The directory is what was named: CONNECT_URL and the usual address may be another worker's.
            owner = _owner_url(data_dir) if error.code == "log.in_use" else None
            if owner is None:
                raise
            cluster = await _remote(owner)
    else:
        cluster = await _remote(url)
    try:
        yield cluster
    finally:
        await cluster.aclose()


def expect_log(data_dir: Path) -> None:
    """Refuse a directory without a log.

    Raises:
        EnvironmentFault: environment.data_dir.
    """
    # One that has lost the first file is the log's to judge.
    if not (data_dir / _META_FILE).exists() and next(data_dir.glob("*/*.log"), None) is None:
        raise EnvironmentFault(
            f"{data_dir} holds no log",
            code="environment.data_dir",
            hint="Name the directory with --data-dir, or a running worker with --url.",
        )


def _owner_url(data_dir: Path) -> str | None:
    from connect.cli.rest import owner_url

    return owner_url(data_dir)


async def _remote(url: str) -> Cluster:
    from connect.cli.remote import RemoteCluster

    return await RemoteCluster.open(url)


async def lag_of_group(log: Cluster, group: str) -> tuple[GroupInfo, Sequence[GroupRow]]:
    """Return a group, and its partitions with their lag.

    A worker counts that of its sink connectors by their configs. Where none runs, a group is its offsets alone.
    """
    from connect.cli.remote import RemoteGroups
    from connect.runtime.lag import group_rows

    if isinstance(log.groups, RemoteGroups):
        return await log.groups.rows(group)
    info = await log.groups.describe(group)
    return info, await group_rows(log.admin, info)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data-dir, --url and --json. CONNECT_URL stands in for --url where no directory is named: one that is named
    may be another worker's."""

    @functools.wraps(command)
    def run(*args: Any, url: str | None, **options: Any) -> Any:
        named = click.get_current_context().get_parameter_source("data_dir") is not ParameterSource.DEFAULT
        if url is None and not named:
            url = os.environ.get("CONNECT_URL") or None
        return command(*args, url=url, **options)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--url", help="Reach the log through the worker at this address; CONNECT_URL, unless a directory is named."
        ),
        data_dir_option,
    ):
        run = option(run)
    return run


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
