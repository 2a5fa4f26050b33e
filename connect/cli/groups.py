"""`connect group`: consumer groups, their offsets and how far behind they are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from connect.api import NotFoundError, UnknownTopicOrPartitionError
from connect.api.config_values import whole_number
from connect.cli.log_access import lag_of_group, log_options, open_log, run_async, say
from connect.cli.output import UsageError, confirm, print_json, print_table, yes_option
from connect.cli.rewinding import target_of, target_options
from connect.cli.timestamps import timestamp_text
from connect.ports import Cluster, GroupInfo, PartitionInfo
from connect.records import OffsetAndMetadata, TopicPartition
from connect.runtime.lag import GroupRow
from connect.runtime.rewinds import Target, offset_of


@click.group()
def group() -> None:
    """List, describe, reset and delete consumer groups. A sink connector's group is connect-NAME."""


@group.command("list")
@log_options
@click.pass_obj
def list_groups(session: Any, data_dir: Path, url: str | None, as_json: bool) -> None:
    """List groups with their state and their lag over all partitions."""

    async def main() -> list[tuple[GroupInfo, Sequence[GroupRow]]]:
        async with open_log(session.wiring, data_dir, url) as log:
            return [await lag_of_group(log, name) for name in await log.groups.list()]

    found = run_async(main())
    rows = [(i.name, i.state, len(i.members), len(rows), sum(r.lag or 0 for r in rows)) for i, rows in found]
    names = ["group", "state", "members", "partitions", "lag"]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(names, rows)


@group.command()
@click.argument("name")
@log_options
@click.pass_obj
def describe(session: Any, name: str, data_dir: Path, url: str | None, as_json: bool) -> None:
    """Show a group's members, offsets and lag."""

    async def main() -> tuple[GroupInfo, Sequence[GroupRow]]:
        async with open_log(session.wiring, data_dir, url) as log:
            return await _known(log, name)

    info, rows = run_async(main())
    if as_json:
        members = list(info.members)
        print_json({"name": info.name, "state": info.state, "members": members, "offsets": [asdict(r) for r in rows]})
        return
    click.echo(f"{info.name}  {info.state}  {', '.join(info.members) or 'no members'}")
    print_table(
        ["topic", "partition", "offset", "log end offset", "lag", "committed", "metadata"],
        [
            (
                r.topic,
                r.partition,
                _shown(r.offset),
                _shown(r.log_end_offset),
                _shown(r.lag),
                timestamp_text(r.commit_timestamp),
                r.metadata,
            )
            for r in rows
        ],
    )


@group.command()
@click.argument("name")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC[:P,...]",
    help="Only this topic, or these partitions of it; all that the group has when left out.",
)
@target_options
@click.option("--to-offset", type=click.IntRange(min=0), help="To this offset.")
@click.option("--dry-run", is_flag=True, help="Show what would be set, and set nothing.")
@log_options
@click.pass_obj
def reset(
    session: Any,
    name: str,
    topics: tuple[str, ...],
    to_earliest: bool,
    to_latest: bool,
    to_offset: int | None,
    shift_by: int | None,
    to_datetime: str | None,
    dry_run: bool,
    data_dir: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Set a group's offsets. Refused while consumers read for the group; offsets out of range are moved into it."""
    targets = target_of(to_earliest, to_latest, shift_by, to_datetime)
    if to_offset is not None:
        targets.append(Target("offset", to_offset))
    if len(targets) != 1:
        raise UsageError("give exactly one of --to-earliest, --to-latest, --to-offset, --shift-by, --to-datetime")
    to = targets[0]

    async def target(log: Cluster, at: TopicPartition, info: PartitionInfo, committed: int | None) -> int:
        if to.kind == "by" and committed is None:
            raise UsageError(
                f"--shift-by: group {name!r} has no offset for {at} to shift",
                hint="Set one with --to-offset, --to-earliest or --to-latest.",
            )
        return await offset_of(log.admin, at, info, committed or 0, to)

    async def main() -> list[dict[str, Any]]:
        async with open_log(session.wiring, data_dir, url) as log:
            info = await log.groups.describe(name)
            chosen = await _chosen(log, info, topics)
            before = {at: info.offsets[at].offset if at in info.offsets else None for at in chosen}
            after = {at: await target(log, at, partition, before[at]) for at, partition in chosen.items()}
            if not dry_run:
                await log.groups.commit(name, {at: OffsetAndMetadata(offset) for at, offset in after.items()})
            return [
                {"topic": at.topic, "partition": at.partition, "from": before[at], "to": after[at]} for at in chosen
            ]

    rows = run_async(main())
    if as_json:
        print_json({"group": name, "dry_run": dry_run, "offsets": rows})
        return
    print_table(
        ["topic", "partition", "from", "to"], [(r["topic"], r["partition"], _shown(r["from"]), r["to"]) for r in rows]
    )
    if dry_run:
        click.echo("nothing was set: --dry-run")


@group.command()
@click.argument("name")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC[:P,...]",
    help="Only the offsets of this topic, or of these partitions.",
)
@yes_option
@log_options
@click.pass_obj
def delete(
    session: Any, name: str, topics: tuple[str, ...], yes: bool, data_dir: Path, url: str | None, as_json: bool
) -> None:
    """Delete a group's offsets. Refused while consumers read for the group."""
    confirm(f"Delete the offsets of group {name}?", yes=yes)

    async def main() -> int:
        async with open_log(session.wiring, data_dir, url) as log:
            info, _ = await _known(log, name)
            gone = [at for at in info.offsets if not topics or _matches(at, topics)]
            await log.groups.delete_offsets(name, gone if topics else None)
            return len(gone)

    count = run_async(main())
    say(as_json, {"group": name, "deleted": count}, f"deleted {count} offset(s) of {name}")


# -- shared --------------------------------------------------------------------------------------------------------


async def _known(log: Cluster, name: str) -> tuple[GroupInfo, Sequence[GroupRow]]:
    info, rows = await lag_of_group(log, name)
    if not rows and not info.members:
        names = await log.groups.list()
        if name in names:  # a Kafka cluster knows one for a while whose members have gone and have committed nothing
            return info, rows
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {nearest[0]!r}?" if nearest else "List groups with 'connect group list'."
        raise NotFoundError(f"there is no group {name!r}", hint=hint)
    return info, rows


async def _chosen(log: Cluster, info: GroupInfo, topics: tuple[str, ...]) -> dict[TopicPartition, PartitionInfo]:
    """Return the partitions to set: those named, or all that the group has."""
    names = {text.partition(":")[0] for text in topics} or {at.topic for at in info.offsets}
    if not names:
        raise UsageError(
            f"group {info.name!r} has no offsets yet", hint="Name the topics to set offsets for with --topic."
        )
    chosen = {}
    for name in sorted(names):
        described = await log.admin.describe_topic(name)
        for partition in described.partitions:
            at = TopicPartition(name, partition.partition)
            if _matches(at, topics) if topics else at in info.offsets:
                chosen[at] = partition
        for number in sorted(_numbers(name, topics) - {p.partition for p in described.partitions}):
            raise UnknownTopicOrPartitionError(
                f"topic {name!r} has no partition {number}; it has 0 to {len(described.partitions) - 1}"
            )
    return chosen


def _matches(at: TopicPartition, topics: tuple[str, ...]) -> bool:
    return any(
        text.partition(":")[0] == at.topic and (":" not in text or at.partition in _numbers(at.topic, (text,)))
        for text in topics
    )


def _numbers(topic: str, topics: tuple[str, ...]) -> set[int]:
    numbers = set()
    for text in topics:
        name, colon, listed = text.partition(":")
        if name == topic and colon:
            for part in listed.split(","):
                number = whole_number(part)
                if number is None or number < 0:
                    raise UsageError(f"--topic {text!r}: {part!r} is not a partition; TOPIC or TOPIC:0,1 is expected")
                numbers.add(number)
    return numbers


def _shown(value: object) -> object:
    return "-" if value is None else value
