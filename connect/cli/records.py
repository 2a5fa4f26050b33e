"""`connect produce` and `connect consume`: lines into a topic, records out of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import click
import orjson

from connect.api import ConfigError, UnknownTopicOrPartitionError
from connect.cli.door import LogDoor, door_options, open_door, run_async, say
from connect.ports import Columns, FetchedBatch, OffsetAndMetadata, TopicPartition

CHUNK_BYTES = 1 << 20
#: How long a consumer that has reached the end waits before it looks again.
FOLLOW_INTERVAL_S = 0.1


# -- produce -------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--topic", required=True, help="Topic to append to; it must exist.")
@click.option("--key-separator", metavar="TEXT", help="Each line is a key, this separator and a value.")
@click.option(
    "--parse-key", is_flag=True, help="The same with a tab as the separator, unless --key-separator names another."
)
@click.option("--partition", type=int, help="Append to this partition, whatever the key.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@door_options
@click.pass_obj
def produce(session: Any, topic: str, key_separator: str | None, parse_key: bool, partition: int | None, file: Path | None,
            data_dir: Path, url: str | None, as_json: bool) -> None:  # fmt: skip
    """Append the lines of FILE, or of standard input, to a topic: one record a line."""
    separator = key_separator if key_separator is not None else "\t" if parse_key else None
    if separator == "":
        raise ConfigError("--key-separator is empty; a text of at least one character is expected")

    async def main() -> int:
        async with open_door(session.wiring, data_dir, url) as log:
            count = len((await log.describe_topic(topic)).partitions)
            if partition is not None and not 0 <= partition < count:
                raise UnknownTopicOrPartitionError(
                    f"topic {topic!r} has no partition {partition}; it has 0 to {count - 1}"
                )
            appended = 0
            for lines in _line_chunks(file):
                columns = _columns(lines, separator, appended)
                await log.append(topic, columns, partition=partition)
                appended += len(lines)
            await log.flush()
            return appended

    appended = run_async(main())
    say(as_json, {"appended": appended, "topic": topic}, f"appended {appended} record(s) to {topic}")


def _line_chunks(file: Path | None) -> Iterator[list[bytes]]:
    """Yield lists of whole lines, about a MiB each; a last line without an end counts."""
    try:
        stream: IO[bytes] = sys.stdin.buffer if file is None else file.open("rb")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", code="config.unreadable") from error
    with stream:
        rest = b""
        # read1 returns what is there, so lines typed at a terminal go out at once.
        while chunk := stream.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield [line.removesuffix(b"\r") for line in lines]
        if rest:
            yield [rest]


def _columns(lines: list[bytes], separator: str | None, before: int) -> Columns:
    now_ms = time.time_ns() // 1_000_000
    if separator is None:
        return Columns(lines, timestamps=now_ms)
    raw = separator.encode()
    pairs = [line.split(raw, 1) for line in lines]
    for number, pair in enumerate(pairs, before + 1):
        if len(pair) != 2:
            raise ConfigError(f"line {number} has no key separator {separator!r}; each line must be KEY{separator}VALUE", hint="Leave --parse-key out, or mend the line. The lines before it may have been appended.")  # fmt: skip
    return Columns([value for _, value in pairs], [key for key, _ in pairs], now_ms)


# -- consume -------------------------------------------------------------------------------------------------------


@click.command()
@click.option("--topic", required=True, help="Topic to read.")
@click.option("--from-beginning", is_flag=True, help="Start at the first record, unless the group has an offset.")
@click.option("--max-messages", type=click.IntRange(min=1), help="Stop after so many records.")
@click.option("--partition", type=int, help="Read this partition only.")
@click.option("--offset", type=int, help="Start here; needs --partition, or a topic of one.")
@click.option("--group", help="Start at this group's offsets, and commit them at the end.")
@click.option("--timeout-ms", type=click.IntRange(min=0), help="Stop when nothing has come for so long.")
@click.option("--print-key", is_flag=True, help="Print key, a tab and the value.")
@door_options
@click.pass_obj
def consume(session: Any, topic: str, from_beginning: bool, max_messages: int | None, partition: int | None, offset: int | None,
            group: str | None, timeout_ms: int | None, print_key: bool, data_dir: Path, url: str | None, as_json: bool) -> None:  # fmt: skip
    """Print a topic's records, one a line, and follow it until Ctrl-C.

    Starts at the end, unless --from-beginning, --offset or a group's offset says otherwise.
    """

    async def main() -> None:
        async with open_door(session.wiring, data_dir, url) as log:
            positions = await _start(log, topic, partition, offset, group, from_beginning=from_beginning)
            out = sys.stdout.buffer
            try:
                async for batch in _follow(log, positions, max_messages, timeout_ms):
                    out.write(_json_lines(batch) if as_json else _lines(batch, print_key=print_key))
                    out.flush()
            finally:
                if group is not None:
                    await log.commit(group, {p: OffsetAndMetadata(o) for p, o in positions.items()})

    try:
        run_async(main())
    except KeyboardInterrupt:
        return  # how one ends following a topic


async def _start(log: LogDoor, topic: str, partition: int | None, offset: int | None, group: str | None, *, from_beginning: bool) -> dict[TopicPartition, int]:  # fmt: skip
    info = await log.describe_topic(topic)
    chosen = [p for p in info.partitions if partition is None or p.partition == partition]
    if not chosen:
        raise UnknownTopicOrPartitionError(
            f"topic {topic!r} has no partition {partition}; it has 0 to {len(info.partitions) - 1}"
        )
    if offset is not None and len(chosen) > 1:
        raise ConfigError(f"--offset needs --partition, since topic {topic!r} has {len(info.partitions)} partitions")
    committed = await log.offsets(group) if group is not None else {}
    positions = {}
    for p in chosen:
        at = TopicPartition(topic, p.partition)
        plain = p.log_start_offset if from_beginning else p.log_end_offset
        positions[at] = offset if offset is not None else committed[at].offset if at in committed else plain
    return positions


async def _follow(log: LogDoor, positions: dict[TopicPartition, int], left: int | None, timeout_ms: int | None) -> Any:
    """Yield batches, moving the positions past what was yielded."""
    quiet_since = time.monotonic()
    while left is None or left > 0:
        came = False
        for partition in list(positions):
            for batch in await log.fetch(partition, positions[partition]):
                batch = batch if left is None else _first(batch, left)
                left = None if left is None else left - len(batch)
                positions[partition] = batch.next_offset
                came = True
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
    columns, offsets = batch.columns, batch.offsets[:count]
    timestamps = columns.timestamps if isinstance(columns.timestamps, int) else columns.timestamps[:count]
    part = Columns(
        columns.values[:count],
        None if columns.keys is None else columns.keys[:count],
        timestamps,
        None if columns.headers is None else columns.headers[:count],
    )
    return FetchedBatch(batch.topic, batch.partition, offsets, part, offsets[-1] + 1, batch.timestamp_type)


def _lines(batch: FetchedBatch, *, print_key: bool) -> bytes:
    values = [_shown(value) for value in batch.columns.values]
    if print_key:
        keys: Sequence[bytes | None] = batch.columns.keys or [None] * len(batch)
        values = [_shown(key) + b"\t" + value for key, value in zip(keys, values, strict=True)]
    return b"\n".join(values) + b"\n"


def _shown(data: bytes | None) -> bytes:
    if data is None:
        return b"null"
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace").encode()
    return data


def _json_lines(batch: FetchedBatch) -> bytes:
    columns, count = batch.columns, len(batch)
    timestamps = [columns.timestamps] * count if isinstance(columns.timestamps, int) else columns.timestamps
    keys = columns.keys or [None] * count
    headers = columns.headers or [None] * count
    return b"".join(
        orjson.dumps(
            {
                "topic": batch.topic, "partition": batch.partition, "offset": offset, "timestamp": timestamp,
                "key": _json_text(key), "headers": [[name, _json_text(v)] for name, v in header or ()], "value": _json_text(value),
            }
        )
        + b"\n"
        for offset, timestamp, key, header, value in zip(batch.offsets, timestamps, keys, headers, columns.values, strict=True)
    )  # fmt: skip


def _json_text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="backslashreplace")
