"""`connect produce`: lines into a topic."""

from __future__ import annotations

import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import click
import orjson

from connect.api import ConfigError, UnknownTopicOrPartitionError
from connect.cli.formats import BASE64
from connect.cli.log_access import log_options, open_log, run_async, say
from connect.cli.output import UsageError
from connect.ports import Acks
from connect.records import COMPRESSION_TYPES, Columns, RawHeaders

CHUNK_BYTES = 1 << 20
COMPRESSION_HELP = f"{', '.join(COMPRESSION_TYPES[:-1])} or {COMPRESSION_TYPES[-1]}; with a level as zstd:9."
#: Kafka's words for acks, and ours.
ACKS: dict[str, Acks] = {
    "0": "none",
    "none": "none",
    "1": "written",
    "written": "written",
    "all": "durable",
    "-1": "durable",
    "durable": "durable",
}


@click.command()
@click.option("--topic", required=True, help="Topic to append to; it must exist.")
@click.option("--key-separator", metavar="TEXT", help="Each line is a key, this separator and a value.")
@click.option(
    "--parse-key", is_flag=True, help="The same with a tab as the separator, unless --key-separator names another."
)
@click.option("--headers", metavar="NAME=VALUE,...", help="Headers of every record.")
@click.option("--null-marker", metavar="TEXT", help="A key or value that is this text is null: a tombstone.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "raw", "json"]),
    default="text",
    show_default=True,
    help="text: lines, a carriage return at their end taken off; raw: lines, every byte kept; "
    "json: objects as 'consume --json' prints them, of which key, value, headers and timestamp are taken.",
)
@click.option("--partition", type=int, help="Append to this partition, whatever the key.")
@click.option(
    "--compression",
    metavar="CODEC",
    default="none",
    show_default=True,
    help=COMPRESSION_HELP,
)
@click.option(
    "--acks",
    type=click.Choice(list(ACKS)),
    default="written",
    show_default=True,
    help="When an append counts as done: none (0), written (1: survives the process) or durable "
    "(all: survives the machine).",
)
@click.option(
    "--transactional",
    "transactional_id",
    metavar="ID",
    help="Append all lines in one transaction of this transactional id.",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@log_options
@click.pass_obj
def produce(
    session: Any,
    topic: str,
    key_separator: str | None,
    parse_key: bool,
    headers: str | None,
    null_marker: str | None,
    form: str,
    partition: int | None,
    compression: str,
    acks: str,
    transactional_id: str | None,
    file: Path | None,
    data_dir: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Append the lines of FILE, or of standard input, to a topic: one record a line."""
    separator = key_separator if key_separator is not None else "\t" if parse_key else None
    if separator == "":
        raise UsageError("--key-separator is empty; a text of at least one character is expected")
    lines: Lines = _Lines(separator, None if null_marker is None else null_marker.encode(), _headers(headers))
    if form == "json":
        if separator is not None or null_marker is not None or headers is not None:
            raise UsageError(
                "--format json goes without --parse-key, --key-separator, --headers and --null-marker: "
                "the objects hold all of it"
            )
        lines = _Objects()
    configs = producer_configs(compression, transactional_id)

    async def main() -> int:
        async with open_log(session.wiring, data_dir, url) as log:
            partitions, count = len((await log.admin.describe_topic(topic)).partitions), 0
            if partition is not None and not 0 <= partition < partitions:
                raise UnknownTopicOrPartitionError(
                    f"topic {topic!r} has no partition {partition}; it has 0 to {partitions - 1}"
                )
            producer = log.producer(client_id="connect-cli", configs=configs)
            try:
                if transactional_id is not None:
                    await producer.init_transactions()
                    await producer.begin_transaction()
                for chunk in _line_chunks(file, keep=form == "raw"):
                    columns = lines.columns(chunk)
                    count += len(columns)
                    await producer.append(topic, columns, partition=partition, acks=ACKS[acks])
                if transactional_id is not None:
                    await producer.commit_transaction()
            finally:  # aborts a transaction that is still open
                await producer.aclose()
            return count

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


def _line_chunks(file: Path | None, *, keep: bool) -> Iterator[list[bytes]]:
    """Yield lists of whole lines, about a MiB each; a last line without an end counts.

    Args:
        keep: A carriage return before the line's end belongs to the line.
    """
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
                yield lines if keep else [line.removesuffix(b"\r") for line in lines]
        if rest:
            yield [rest]


class Lines(Protocol):
    """What makes records of lines. `count` is how many were taken so far."""

    count: int

    def columns(self, lines: list[bytes]) -> Columns:
        """Return the records of some lines. Raises `ConfigError`, which names the line."""


class _Objects:
    """JSON objects, one a line, as records: `consume --json` written back."""

    def __init__(self) -> None:
        self.count = 0

    def columns(self, lines: list[bytes]) -> Columns:
        """Return the records of some lines; empty ones are passed over. Raises `ConfigError`, which names the line."""
        now_ms = time.time_ns() // 1_000_000
        keys, values, stamps = [], [], []
        headers: list[RawHeaders | None] = []
        for number, line in enumerate(lines, self.count + 1):
            if not line.strip():
                continue
            try:
                body = orjson.loads(line)
                keys.append(_bytes(body.get("key")))
                values.append(_bytes(body["value"]))
                headers.append([(str(name), _bytes(value)) for name, value in body.get("headers") or ()] or None)
                stamps.append(int(body.get("timestamp", now_ms)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ConfigError(
                    f"line {number} is no record: {type(error).__name__}: {error}",
                    code="config.unreadable",
                    hint="Each line is an object as 'consume --json' prints it: "
                    '{"key", "value", "headers"}, of text, null or {"base64"}. '
                    "The lines before it may have been appended.",
                ) from None
        self.count += len(lines)
        return Columns(values, keys, stamps, headers)


def _bytes(given: Any) -> bytes | None:
    if given is None or isinstance(given, str):
        return None if given is None else given.encode()
    if isinstance(given, dict) and given.keys() == {BASE64}:
        return b64decode(given[BASE64], validate=True)
    raise TypeError(f"{type(given).__name__} is neither text, null nor {{{BASE64!r}: ...}}")


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
                raise ConfigError(
                    f"line {number} has no key separator {self._separator!r}; "
                    f"each line must be KEY{self._separator}VALUE",
                    hint="Leave --parse-key out, or mend the line. The lines before it may have been appended.",
                )
        return [key for key, _ in pairs], [value for _, value in pairs]
