"""`connect produce`: lines into a topic."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from connect.api import ConfigError, UnknownTopicOrPartitionError
from connect.cli.door import door_options, open_door, run_async, say
from connect.cli.output import UsageError
from connect.ports import Acks, Columns, RawHeaders

CHUNK_BYTES = 1 << 20
#: Kafka's words for acks, and ours.
ACKS: dict[str, Acks] = {
    "0": "none", "none": "none", "1": "written", "written": "written", "all": "durable", "-1": "durable", "durable": "durable",
}  # fmt: skip


@click.command()
@click.option("--topic", required=True, help="Topic to append to; it must exist.")
@click.option("--key-separator", metavar="TEXT", help="Each line is a key, this separator and a value.")
@click.option("--parse-key", is_flag=True, help="The same with a tab as the separator, unless --key-separator names another.")  # fmt: skip
@click.option("--headers", metavar="NAME=VALUE,...", help="Headers of every record.")
@click.option("--null-marker", metavar="TEXT", help="A key or value that is this text is null: a tombstone.")
@click.option("--partition", type=int, help="Append to this partition, whatever the key.")
@click.option("--compression", metavar="CODEC", default="none", show_default=True, help="none, gzip, snappy, lz4 or zstd; with a level as zstd:9.")  # fmt: skip
@click.option("--acks", type=click.Choice(list(ACKS)), default="written", show_default=True, help="When an append counts as done: none (0), written (1: survives the process) or durable (all: survives the machine).")  # fmt: skip
@click.option("--transactional", "transactional_id", metavar="ID", help="Append all lines in one transaction of this transactional id.")  # fmt: skip
@click.argument("file", required=False, type=click.Path(path_type=Path))
@door_options
@click.pass_obj
def produce(session: Any, topic: str, key_separator: str | None, parse_key: bool, headers: str | None, null_marker: str | None,
            partition: int | None, compression: str, acks: str, transactional_id: str | None, file: Path | None,
            data_dir: Path, url: str | None, as_json: bool) -> None:  # fmt: skip
    """Append the lines of FILE, or of standard input, to a topic: one record a line."""
    separator = key_separator if key_separator is not None else "\t" if parse_key else None
    if separator == "":
        raise UsageError("--key-separator is empty; a text of at least one character is expected")
    lines = _Lines(separator, None if null_marker is None else null_marker.encode(), _headers(headers))
    configs = producer_configs(compression, transactional_id)

    async def main() -> int:
        async with open_door(session.wiring, data_dir, url) as log:
            count = len((await log.describe_topic(topic)).partitions)
            if partition is not None and not 0 <= partition < count:
                raise UnknownTopicOrPartitionError(f"topic {topic!r} has no partition {partition}; it has 0 to {count - 1}")  # fmt: skip
            producer = log.appender(configs)
            try:
                if transactional_id is not None:
                    await producer.init_transactions()
                    await producer.begin_transaction()
                for chunk in _line_chunks(file):
                    await producer.append(topic, lines.columns(chunk), partition=partition, acks=ACKS[acks])
                if transactional_id is not None:
                    await producer.commit_transaction()
            finally:  # aborts a transaction that is still open
                await producer.aclose()
            return lines.count

    appended = run_async(main())
    say(as_json, {"appended": appended, "topic": topic}, f"appended {appended} record(s) to {topic}")


def producer_configs(compression: str, transactional_id: str | None) -> dict[str, str]:
    """Return Kafka's producer keys for the options; the compression may have a level as `zstd:9`."""
    name, _, level = compression.partition(":")
    configs = {"compression.type": name}
    if level:
        configs[f"compression.{name}.level"] = level
    if transactional_id is not None:
        configs["transactional.id"] = transactional_id
    return configs


def _headers(text: str | None) -> RawHeaders | None:
    if not text:
        return None
    headers: RawHeaders = []
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--headers: {pair!r} is not NAME=VALUE")
        headers.append((name, value.encode()))
    return headers


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


class _Lines:
    """Lines as records. `count` is how many were taken so far."""

    def __init__(self, separator: str | None, null_marker: bytes | None, headers: RawHeaders | None) -> None:
        self._separator = separator
        self._null_marker = null_marker
        self._headers = headers
        self.count = 0

    def columns(self, lines: list[bytes]) -> Columns:
        """Return the records of some lines. Raises `ConfigError`: A line has no separator; names the line."""
        now_ms = time.time_ns() // 1_000_000
        values: list[bytes | None] = list(lines)
        keys: list[bytes | None] | None = None
        if self._separator is not None:
            keys, values = self._split(lines)
        if self._null_marker is not None:
            values = [None if value == self._null_marker else value for value in values]
            keys = keys and [None if key == self._null_marker else key for key in keys]
        self.count += len(lines)
        return Columns(values, keys, now_ms, None if self._headers is None else [self._headers] * len(lines))

    def _split(self, lines: list[bytes]) -> tuple[list[bytes | None], list[bytes | None]]:
        assert self._separator is not None
        raw = self._separator.encode()
        pairs = [line.split(raw, 1) for line in lines]
        for number, pair in enumerate(pairs, self.count + 1):
            if len(pair) != 2:
                raise ConfigError(f"line {number} has no key separator {self._separator!r}; each line must be KEY{self._separator}VALUE", hint="Leave --parse-key out, or mend the line. The lines before it may have been appended.")  # fmt: skip
        return [key for key, _ in pairs], [value for _, value in pairs]
