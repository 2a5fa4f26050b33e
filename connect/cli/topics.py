"""`connect topic`: lists, creates, describes, alters and deletes topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from connect.cli.log_access import log_options, open_log, run_async, say
from connect.cli.output import UsageError, confirm, print_json, print_table, yes_option
from connect.ports import TopicConfigEntry, TopicInfo
from connect.records import TopicPartition


@click.group()
def topic() -> None:
    """List, create, describe, alter and delete topics."""


def _body(info: TopicInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "topic_id": info.topic_id,
        "internal": info.internal,
        "configs": dict(info.configs),
        "partitions": [
            {
                "partition": p.partition,
                "log_start_offset": p.log_start_offset,
                "log_end_offset": p.log_end_offset,
                "last_stable_offset": p.last_stable_offset,
                "segments": p.segments,
                "size_bytes": p.size_bytes,
            }
            for p in info.partitions
        ],
    }


def _size_bytes(info: TopicInfo) -> int:
    """Return a topic's size; -1 where that of a partition is not known, as on a Kafka cluster."""
    sizes = [partition.size_bytes for partition in info.partitions]
    return -1 if -1 in sizes else sum(sizes)


def _settings(settings: tuple[str, ...]) -> dict[str, str]:
    for setting in settings:
        if "=" not in setting:
            raise UsageError(f"--config {setting!r}: KEY=VALUE is expected")
    return dict(setting.split("=", 1) for setting in settings)


@topic.command("list")
@log_options
@click.pass_obj
def list_topics(session: Any, data_dir: Path, url: str | None, as_json: bool) -> None:
    """List topics with their partitions, records and sizes."""

    async def main() -> list[TopicInfo]:
        async with open_log(session.wiring, data_dir, url) as log:
            found = await log.admin.describe_topics(await log.admin.list_topics())
            return sorted(found.values(), key=lambda info: info.name)

    infos = run_async(main())
    if as_json:
        print_json([_body(info) for info in infos])
        return
    print_table(
        ["topic", "partitions", "records", "bytes"],
        [
            (
                i.name,
                len(i.partitions),
                sum(p.log_end_offset - p.log_start_offset for p in i.partitions),
                _size_bytes(i),
            )
            for i in infos
        ],
    )


@topic.command()
@click.argument("name")
@click.option("--partitions", type=int, default=1, show_default=True, help="How many partitions.")
@click.option("--config", "settings", multiple=True, metavar="KEY=VALUE", help="A topic config in Kafka's keys.")
@log_options
@click.pass_obj
def create(
    session: Any, name: str, partitions: int, settings: tuple[str, ...], data_dir: Path, url: str | None, as_json: bool
) -> None:
    """Create a topic."""
    configs = _settings(settings)

    async def main() -> TopicInfo:
        async with open_log(session.wiring, data_dir, url, may_create=True) as log:
            return await log.admin.create_topic(name, partitions=partitions, configs=configs)

    info = run_async(main())
    say(as_json, _body(info), f"created {info.name} with {len(info.partitions)} partition(s), id {info.topic_id}")


@topic.command()
@click.argument("name")
@click.option("--configs", "with_configs", is_flag=True, help="Also every config in force, with its default and doc.")
@log_options
@click.pass_obj
def describe(session: Any, name: str, with_configs: bool, data_dir: Path, url: str | None, as_json: bool) -> None:
    """Show a topic's partitions, offsets and configs."""

    async def main() -> tuple[TopicInfo, tuple[TopicConfigEntry, ...]]:
        async with open_log(session.wiring, data_dir, url) as log:
            return await log.admin.describe_topic(name), await log.admin.topic_configs(name) if with_configs else ()

    info, entries = run_async(main())
    if as_json:
        body = _body(info)
        if with_configs:
            body["configs_in_force"] = {e.name: {"value": e.value, "source": e.source} for e in entries}
        print_json(body)
        return
    click.echo(f"{info.name}  id {info.topic_id}{'  internal' if info.internal else ''}")
    for key, value in sorted(info.configs.items()):
        click.echo(f"  {key}={value}")
    print_table(
        ["partition", "log start offset", "last stable offset", "log end offset", "segments", "bytes"],
        [
            (p.partition, p.log_start_offset, p.last_stable_offset, p.log_end_offset, p.segments, p.size_bytes)
            for p in info.partitions
        ],
    )
    if entries:
        click.echo()
        print_table(["config", "value", "set by", ""], [(e.name, e.value, e.source, e.doc) for e in entries])


@topic.command()
@click.argument("name")
@click.option("--config", "settings", multiple=True, metavar="KEY=VALUE", help="Set a config, in force at once.")
@click.option("--delete-config", "unset", multiple=True, metavar="KEY", help="Take a config back to its default.")
@click.option("--partitions", type=int, help="Raise the number of partitions to this; keys then go elsewhere.")
@click.option(
    "--delete-records-before",
    "before",
    type=int,
    metavar="OFFSET",
    help="Delete older records, -1 for all; needs --partition or a topic of one.",
)
@click.option("--partition", type=int, help="The partition whose records are deleted.")
@log_options
@click.pass_obj
def alter(
    session: Any,
    name: str,
    settings: tuple[str, ...],
    unset: tuple[str, ...],
    partitions: int | None,
    before: int | None,
    partition: int | None,
    data_dir: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Change a topic: configs, partitions, where its records begin."""
    configs: dict[str, str | None] = {**_settings(settings), **dict.fromkeys(unset)}
    if not configs and partitions is None and before is None:
        raise UsageError("nothing to alter: give --config, --delete-config, --partitions or --delete-records-before")

    async def main() -> TopicInfo:
        async with open_log(session.wiring, data_dir, url) as log:
            info = await log.admin.describe_topic(name)
            if before is not None and partition is None and len(info.partitions) > 1:
                raise UsageError(
                    f"--delete-records-before needs --partition, since topic {name!r} has {len(info.partitions)} "
                    "partitions"
                )
            if configs:
                await log.admin.alter_topic(name, configs)
            if partitions is not None:
                await log.admin.add_partitions(name, partitions)
            if before is not None:
                await log.admin.delete_records(TopicPartition(name, partition or 0), before)
            return await log.admin.describe_topic(name)

    info = run_async(main())
    say(as_json, _body(info), f"altered {info.name}")


@topic.command()
@click.argument("name")
@yes_option
@log_options
@click.pass_obj
def delete(session: Any, name: str, yes: bool, data_dir: Path, url: str | None, as_json: bool) -> None:
    """Delete a topic with all of its records."""
    confirm(f"Delete topic {name} with all of its records?", yes=yes)

    async def main() -> None:
        async with open_log(session.wiring, data_dir, url) as log:
            await log.admin.delete_topic(name)

    run_async(main())
    say(as_json, {"deleted": name}, f"deleted {name}")
