"""`connect connector ... --offline`: what is wanted of connectors, changed in a data directory that no worker owns.

For a worker that does not come up, or not for long enough: whatever a connector does to it, it can be paused, stopped
or deleted before the next start.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click

from connect.api import ConnectError, NotFoundError
from connect.cli.log_access import expect_log
from connect.cli.output import print_json, print_table
from connect.cli.wiring import Wiring
from connect.stores import history
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, StoredTarget, problem_of
from connect.stores.history import ConfigHistory

_DONE: Final = {"delete": "deleted", "pause": "paused", "resume": "resumed", "stop": "stopped"}
#: How many versions of a connector the history keeps is the worker's to say, and it drops what is too much.
_VERSIONS: Final = 1000
_TARGETS: Final[dict[str, StoredTarget]] = {"pause": "PAUSED", "resume": "STARTED", "stop": "STOPPED"}


def add_to(group: click.Group) -> None:
    """Give the commands list, delete, pause, resume and stop their --offline."""
    for name in ("list", *_DONE):
        _add(name, group.commands[name])


def _add(name: str, command: click.Command) -> None:
    online = command.callback
    assert online is not None, "it is a command that does something"

    def run(*, is_offline: bool, config_topic: str, **options: Any) -> Any:
        if not is_offline:
            return online(**options)
        if options.get("url") or options.get("context"):
            raise click.UsageError("--offline is about a data directory: --url and --context do not go with it")
        data_dir = options["data_dir"] or Path("connect-data")
        wiring: Wiring = click.get_current_context().obj.wiring
        work = _listed if name == "list" else _changer(name, options["connectors"])
        told = asyncio.run(_run(wiring, data_dir, config_topic, work))
        _say(name, told, as_json=options["as_json"])
        return 0

    command.callback = run
    command.params += [
        click.Option(
            ["--offline", "is_offline"],
            is_flag=True,
            help="In the data directory itself, while no worker owns it: for a worker that does not start.",
        ),
        click.Option(
            ["--config-topic"],
            default="connect-configs",
            show_default=True,
            envvar="CONNECT_CONFIG_STORAGE_TOPIC",
            help="With --offline: the worker's config.storage.topic.",
        ),
    ]


def _say(name: str, told: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(told[0] if name != "list" and len(told) == 1 else told)
    elif name == "list":
        print_table(["name", "wanted", "class"], [(row["name"], row["target"], row["class"]) for row in told])
    else:
        for row in told:
            click.echo(f"{row['done']} {row['name']}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


Work = Callable[[ConfigStore], Any]


async def _run(wiring: Wiring, data_dir: Path, topic: str, work: Work) -> list[dict[str, Any]]:
    async with _opened(wiring, data_dir, topic) as store:
        told: list[dict[str, Any]] = await work(store)
        return told


async def _listed(store: ConfigStore) -> list[dict[str, Any]]:
    return [
        {"name": name, "target": store.target(name), "class": (store.config(name) or {}).get("connector.class", "")}
        for name in store.connectors()
    ]


def _changer(command: str, names: Sequence[str]) -> Work:
    async def change(store: ConfigStore) -> list[dict[str, Any]]:
        for name in names:  # all are known before the first is changed
            if store.config(name) is None:
                near = difflib.get_close_matches(name, store.connectors(), n=1)
                raise NotFoundError(
                    f"Connector {name} not found",
                    code="connector.not_found",
                    hint=f"Did you mean {near[0]!r}?" if near else "List them with 'connect connector list --offline'.",
                )
        for name in names:
            if command == "delete":
                await store.delete(name)
            else:
                await store.put_target(name, _TARGETS[command])
        return [{"name": name, "done": _DONE[command]} for name in names]

    return change


@asynccontextmanager
async def _opened(wiring: Wiring, data_dir: Path, topic: str) -> AsyncIterator[ConfigStore]:
    expect_log(data_dir)
    try:
        cluster = await wiring.open_cluster(data_dir)
    except ConnectError as error:
        if error.code == "log.in_use":
            error.hint = "Leave --offline out, so that the worker is asked; or stop it first."
        raise
    try:
        if await cluster.admin.partitions(topic) is None:
            raise NotFoundError(
                f"{data_dir} has no topic {topic!r} with connectors",
                code="log.unknown_topic_or_partition",
                hint="Name the worker's config.storage.topic with --config-topic.",
            )
        compacted = CompactedTopic(cluster, topic, problem=problem_of, remembers_deletions=True)
        kept = CompactedTopic(cluster, f"{topic}-history", problem=history.problem_of)
        await compacted.open()
        keeps = await cluster.admin.partitions(kept.topic) is not None
        if keeps:
            await kept.open()
        with history.asked_by(history.Author("offline")):
            yield ConfigStore(compacted, _now_ms, ConfigHistory(kept, _now_ms, versions=_VERSIONS) if keeps else None)
        await kept.aclose()
        await compacted.aclose()
    finally:
        await cluster.aclose()
