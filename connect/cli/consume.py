"""`connect consume`: records out of a topic."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click

from connect.api import ConnectError, UnknownTopicOrPartitionError
from connect.api.config_values import whole_number
from connect.cli.decoding import Choice, converter_options, decoders
from connect.cli.formats import renderer
from connect.cli.log_access import log_options, open_log, run_async
from connect.cli.output import UsageError
from connect.cli.timestamps import parse_timestamp_ms
from connect.ports import Cluster, PartitionInfo
from connect.records import FetchedBatch, Isolation, OffsetAndMetadata, TopicPartition

#: How long a consumer that has reached the end waits before it looks again.
FOLLOW_INTERVAL_S = 0.1
_ISOLATIONS: dict[str, Isolation] = {"read_uncommitted": "read_uncommitted", "read_committed": "read_committed"}


@click.command()
@click.option("--topic", required=True, help="Topic to read.")
@click.option("--from-beginning", is_flag=True, help="Start at the first record, unless the group has an offset.")
@click.option(
    "--from-datetime", metavar="TIME", help="Start at the first record at or after this: ISO 8601, or ms since 1970."
)
@click.option("--max-messages", type=click.IntRange(min=1), help="Stop after so many records.")
@click.option("--partition", type=int, help="Read this partition only.")
@click.option(
    "--offset",
    metavar="N",
    help="Start here: an offset, earliest, latest, or -N for the last N; needs --partition, or a topic of one.",
)
@click.option("--group", help="Start at this group's offsets, and commit them at the end.")
@click.option(
    "--isolation",
    type=click.Choice(list(_ISOLATIONS)),
    default="read_uncommitted",
    show_default=True,
    help="Whether records of open and aborted transactions are shown.",
)
@click.option(
    "--timeout-ms",
    type=click.IntRange(min=0),
    help="Stop when nothing has come for so long; a failure where --max-messages asks for more.",
)
@click.option("--print-key", is_flag=True, help="Print key, a tab and the value.")
@click.option(
    "--format",
    "template",
    metavar="FORMAT",
    help="value; raw: its bytes as they are; json, pretty, or a template: %t topic, %p partition, %o offset, "
    "%T timestamp, %d date, %k key, %s value, %K and %S their sizes, %h headers, \\n, \\t.",
)
@converter_options
@log_options
@click.pass_obj
def consume(
    session: Any,
    topic: str,
    from_beginning: bool,
    from_datetime: str | None,
    max_messages: int | None,
    partition: int | None,
    offset: str | None,
    group: str | None,
    isolation: str,
    timeout_ms: int | None,
    print_key: bool,
    template: str | None,
    key_converter: str | None,
    value_converter: str | None,
    schema_registry: str | None,
    key_properties: tuple[str, ...],
    value_properties: tuple[str, ...],
    plugin_path: tuple[Path, ...],
    data_dir: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Print a topic's records, one a line, and follow it until Ctrl-C.

    Starts at the end, unless --from-beginning, --from-datetime, --offset or a group's offset says otherwise.

    With --value-converter or --key-converter it prints what they read; a record that they cannot read is told on
    standard error, and printed as it is.
    """
    since_ms = None if from_datetime is None else parse_timestamp_ms(from_datetime, "--from-datetime")
    if offset is not None and offset not in ("earliest", "latest") and whole_number(offset) is None:
        raise UsageError(f"--offset: {offset!r} is not an offset, earliest, latest or -N")
    if sum(choice is not None for choice in (offset, since_ms)) + from_beginning > 1:
        raise UsageError("--offset, --from-datetime and --from-beginning exclude one another")
    decoding = decoders(
        Choice(key_converter, key_properties),
        Choice(value_converter, value_properties),
        schema_registry,
        plugin_path,
        lambda line: click.echo(line, err=True),
    )
    render = renderer("json" if as_json else template or ("%k\\t%s\\n" if print_key else "value"), decoding)

    async def main() -> None:
        async with open_log(session.wiring, data_dir, url) as log:
            chosen = await _partitions(log, topic, partition, offset)
            positions = await _start(log, topic, chosen, offset, group, since_ms, from_beginning=from_beginning)
            out = sys.stdout.buffer
            seen, printed = 0, dict(positions)
            try:
                async for batch in _follow(log, positions, max_messages, timeout_ms, _ISOLATIONS[isolation]):
                    seen += len(batch)
                    out.write(render(batch) if decoding is None else await asyncio.to_thread(render, batch))
                    out.flush()
                    printed = dict(positions)
                printed = dict(positions)  # also past what is none of its records, at the end
            finally:
                if decoding is not None:
                    decoding.interrupt()
                if group is not None:
                    await log.groups.commit(group, {p: OffsetAndMetadata(o) for p, o in printed.items()})
            if max_messages is not None and seen < max_messages:
                raise ConnectError(
                    f"only {seen} of {max_messages} records came from topic {topic!r}, "
                    f"then nothing for {timeout_ms} ms",
                    code="timeout",
                )

    try:
        run_async(main())
    except KeyboardInterrupt:
        return  # how one ends following a topic
    finally:
        if decoding is not None:
            decoding.close()


async def _partitions(log: Cluster, topic: str, partition: int | None, offset: str | None) -> list[PartitionInfo]:
    info = await log.admin.describe_topic(topic)
    chosen = [p for p in info.partitions if partition is None or p.partition == partition]
    if not chosen:
        raise UnknownTopicOrPartitionError(
            f"topic {topic!r} has no partition {partition}; it has 0 to {len(info.partitions) - 1}"
        )
    if offset is not None and len(chosen) > 1:
        raise UsageError(f"--offset needs --partition, since topic {topic!r} has {len(info.partitions)} partitions")
    return chosen


async def _start(
    log: Cluster,
    topic: str,
    chosen: list[PartitionInfo],
    offset: str | None,
    group: str | None,
    since_ms: int | None,
    *,
    from_beginning: bool,
) -> dict[TopicPartition, int]:
    committed = dict((await log.groups.describe(group)).offsets) if group is not None else {}
    positions = {}
    for p in chosen:
        at = TopicPartition(topic, p.partition)
        if offset is not None:
            positions[at] = _offset(offset, p)
        elif since_ms is not None:
            found = await log.admin.offset_for_time(at, since_ms)
            positions[at] = p.log_end_offset if found is None else found
        elif at in committed:
            positions[at] = committed[at].offset
        else:
            positions[at] = p.log_start_offset if from_beginning else p.log_end_offset
    return positions


def _offset(text: str, info: PartitionInfo) -> int:
    if text == "earliest":
        return info.log_start_offset
    if text == "latest":
        return info.log_end_offset
    if text.startswith("-"):
        return max(info.log_start_offset, info.log_end_offset + int(text))
    return int(text)


async def _follow(
    log: Cluster, positions: dict[TopicPartition, int], left: int | None, timeout_ms: int | None, isolation: Isolation
) -> AsyncIterator[FetchedBatch]:
    """Yield batches, moving the positions past what was yielded."""
    quiet_since = time.monotonic()
    while left is None or left > 0:
        came = False
        for partition in list(positions):
            for batch in await log.admin.fetch(partition, positions[partition], isolation=isolation):
                batch = batch if left is None else _first(batch, left)
                left = None if left is None else left - len(batch)
                came = came or positions[partition] != batch.next_offset
                positions[partition] = batch.next_offset
                if len(batch):
                    yield batch
                if left == 0:
                    return
        if came:
            quiet_since = time.monotonic()
        elif timeout_ms is not None and (time.monotonic() - quiet_since) * 1000 >= timeout_ms:
            return
        else:
            await asyncio.sleep(FOLLOW_INTERVAL_S)


def _first(batch: FetchedBatch, count: int) -> FetchedBatch:
    if len(batch) <= count:
        return batch
    offsets = batch.offsets[:count]
    return FetchedBatch(
        batch.topic, batch.partition, offsets, batch.columns.cut(0, count), offsets[-1] + 1, batch.timestamp_type
    )
