"""Records of a topic that somebody looks for: by key, by a text in them, from a time or an offset on.

A search reads a topic's partitions one after the other, and is bounded in what it reads, in what it returns and in
time; where a bound ended it, its cursor says where the next one goes on. What is read is unpacked, decoded and compared
on a thread, a piece of the log at a time.

Bytes are shown as was chosen: by the converters of a connector, by converters that are named, or by a guess:
JSON, else text, else base64. What a converter cannot read is shown by the guess, with the converter's error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson

from connect.api import Batch, ConfigError, ConnectError, UnknownTopicOrPartitionError
from connect.ports import Admin, PartitionInfo
from connect.records import Columns, FetchedBatch, Isolation, TopicPartition
from connect.runtime.clock import now_ms
from connect.runtime.connector_config import ConnectorConfig, SourceConnectorConfig
from connect.runtime.factory import make_converter, make_header_converter
from connect.runtime.plugins import PluginHost
from connect.runtime.secrets import redact
from connect.runtime.tasks.pipeline import Outcome, Pipeline
from connect.runtime.tasks.record_json import as_json, as_shown
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from connect.runtime.validation.checking import Checks
from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

#: Of one search: what it returns, what it reads, and how long it takes; the next one goes on behind it.
LIMIT_MAX: Final = 500
SHOWN_BYTES_MAX: Final = 2 << 20
SCANNED_MAX: Final = 100_000
READ_BYTES_MAX: Final = 32 << 20
SEARCH_S: Final = 3.0
#: Of a key, value or header: the rest is cut off, and `size_bytes` tells how much there is.
VALUE_BYTES_MAX: Final = 256 << 10
#: Of the text that is looked for.
TEXT_CHARS_MAX: Final = 1000
_STEP_BYTES: Final = 256 << 10
#: A number that has, or may have, more digits than a float keeps, or than 64 bits do.
_LONG: Final = re.compile(rb"[0-9.]{16}")
_CURSOR: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")
_CONVERTERS: Final = ("key.converter", "value.converter", "header.converter")


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, and where.

    Attributes:
        key: The key's whole text.
        contains: A text within key, value or a header.
        partition: None: all of them.
        from_offset: Of each partition; back from the end where it is negative. None: the log's start.
        from_timestamp: The first record at or after it, in ms since the epoch.
        cursor: Where a search before has ended.
        isolation: read_committed passes over what was aborted, and ends in front of what is still open.
    """

    topic: str
    key: str | None = None
    contains: str | None = None
    partition: int | None = None
    from_offset: int | None = None
    from_timestamp: int | None = None
    cursor: str | None = None
    limit: int = 50
    isolation: Isolation = "read_uncommitted"


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found. Key, value and those of headers are shown as `as_shown` does."""

    partition: int
    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: list[tuple[str, Any]]
    size_bytes: int
    error: str | None = None


@dataclass(slots=True)
class Found:
    """What a search has found. `next` is where to go on, None at the end of all partitions."""

    hits: list[Hit]
    scanned: int = 0
    next: str | None = None


def converter_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Return those of some keys that are about converters."""
    return {key: value for key, value in keys.items() if key.startswith(_CONVERTERS)}


class Searcher:
    """Searches topics. For the event loop, which is not blocked."""

    def __init__(self, admin: Admin, plugins: PluginHost, worker: WorkerConfig, checks: Checks) -> None:
        self._admin = admin
        self._plugins = plugins
        self._worker = worker
        self._checks = checks

    async def search(self, query: Query, converters: Mapping[str, str] | None = None) -> Found:
        """Return the records that are looked for, in the order of partitions and offsets.

        Args:
            converters: Keys of converters; None: what the bytes look like.

        Raises:
            ConfigError: The query is wrong, or a converter cannot be made.
            UnknownTopicOrPartitionError: There is no such topic or partition.
            PluginTimeoutError: A converter did not come back.
        """
        if len(query.contains or "") > TEXT_CHARS_MAX or len(query.key or "") > TEXT_CHARS_MAX:
            raise ConfigError(f"a text of at most {TEXT_CHARS_MAX} characters is looked for", code="request.invalid")
        partitions, first = await self._places(query)
        what = f"decoding records of topic {query.topic}"
        decoder = None
        if converters is not None:
            decoder = await self._checks.aside(what, lambda: self._decoder(converters))
        try:
            return await self._searched(query, partitions, first, _Look(query, decoder), what)
        finally:
            if decoder is not None:
                await self._checks.aside(what, decoder.close)

    async def _places(self, query: Query) -> tuple[list[PartitionInfo], int | None]:
        """Return the partitions that are left to look at, and the offset in the first where the cursor says one."""
        info = await self._admin.describe_topic(query.topic)
        chosen = [one for one in info.partitions if query.partition in (None, one.partition)]
        if not chosen:
            raise UnknownTopicOrPartitionError(
                f"topic {query.topic!r} has no partition {query.partition}; it has 0 to {len(info.partitions) - 1}"
            )
        if query.cursor is None:
            return chosen, None
        match = _CURSOR.fullmatch(query.cursor)
        if match is None:
            raise ConfigError(
                f"{query.cursor[:50]!r} is no place to go on; the 'next' of an answer is expected",
                code="request.invalid",
            )
        left = [one for one in chosen if one.partition >= int(match[1])]
        # An offset is one of its own partition; of another one that was asked for since, it says nothing.
        is_same = bool(left) and left[0].partition == int(match[1])
        return left, int(match[2]) if is_same else None

    async def _start(self, query: Query, info: PartitionInfo) -> int:
        at = TopicPartition(query.topic, info.partition)
        if query.from_timestamp is not None:
            found = await self._admin.offset_for_time(at, query.from_timestamp)
            return info.log_end_offset if found is None else found
        if query.from_offset is None:
            return info.log_start_offset
        offset = query.from_offset if query.from_offset >= 0 else info.log_end_offset + query.from_offset
        return max(offset, info.log_start_offset)

    async def _searched(
        self, query: Query, partitions: Sequence[PartitionInfo], first: int | None, look: _Look, what: str
    ) -> Found:
        found, left = Found([]), READ_BYTES_MAX
        ends_s = time.monotonic() + SEARCH_S
        for info in partitions:
            at = TopicPartition(query.topic, info.partition)
            offset = await self._start(query, info) if first is None else max(first, info.log_start_offset)
            first = None
            while offset < info.log_end_offset:
                if look.is_full or left <= 0 or found.scanned >= SCANNED_MAX or time.monotonic() >= ends_s:
                    found.next = f"{info.partition}:{offset}"
                    return found
                batches = await self._admin.fetch(at, offset, max_bytes=_STEP_BYTES, isolation=query.isolation)
                if not batches:
                    break
                work: Callable[[], tuple[list[Hit], int, int, int]] = _Step(look, batches)
                if look.uses_plugins:
                    hits, scanned, size_bytes, offset = await self._checks.aside(what, work)
                else:
                    hits, scanned, size_bytes, offset = await asyncio.to_thread(work)
                found.hits += hits
                found.scanned += scanned
                left -= size_bytes
        return found

    def _decoder(self, keys: Mapping[str, str]) -> _Decoder:
        config = _config(converter_keys(keys))
        return _Decoder(
            Pipeline(
                (),
                make_converter(self._plugins, self._worker, config, "key.converter"),
                make_converter(self._plugins, self._worker, config, "value.converter"),
                make_header_converter(self._plugins, self._worker, config),
                Tolerance(config, log=logger, interrupted=threading.Event()),
                now_ms,
            )
        )


class _Decoder:
    """Converters, one record at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def decoded(self, record: FetchedBatch) -> Batch:
        """Return one record decoded. Raises what a converter raised."""
        self._pipeline.outcome = Outcome()
        batches = [one for one in self._pipeline.from_bytes([record]) if len(one)]
        if (ending := self._pipeline.outcome.ending) is not None:
            raise ending
        (batch,) = batches
        return batch

    def close(self) -> None:
        self._pipeline.close()


@dataclass(frozen=True, slots=True)
class _Step:
    """One piece of the log, gone through."""

    look: _Look
    batches: Sequence[FetchedBatch]

    def __call__(self) -> tuple[list[Hit], int, int, int]:
        """Return what was found, how many records and bytes were gone through, and where to go on."""
        hits: list[Hit] = []
        scanned = size_bytes = 0
        for batch in self.batches:
            for index, offset in enumerate(batch.offsets):
                if self.look.is_full:
                    return hits, scanned, size_bytes, offset
                raw = _Raw.of(batch, index, offset)
                scanned += 1
                size_bytes += raw.size_bytes
                if (hit := self.look.at(batch, raw)) is not None:
                    hits.append(hit)
        return hits, scanned, size_bytes, self.batches[-1].next_offset


@dataclass(frozen=True, slots=True)
class _Raw:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @classmethod
    def of(cls, batch: FetchedBatch, index: int, offset: int) -> _Raw:
        columns = batch.columns
        key = None if columns.keys is None else columns.keys[index]
        headers = None if columns.headers is None else columns.headers[index]
        return cls(offset, columns.stamps[index], key, columns.values[index], headers or ())

    @property
    def size_bytes(self) -> int:
        parts = [self.key, self.value, *(part for _, part in self.headers)]
        return sum(len(part) for part in parts if part is not None) + sum(len(name) for name, _ in self.headers)


class _Look:
    """Decides about each record, and counts what may still be returned."""

    def __init__(self, query: Query, decoder: _Decoder | None) -> None:
        self._key = query.key
        self._contains = query.contains
        self._decoder = decoder
        self._left = query.limit
        self._left_bytes = SHOWN_BYTES_MAX

    @property
    def is_full(self) -> bool:
        """Whether no more may be returned."""
        return self._left <= 0 or self._left_bytes <= 0

    @property
    def uses_plugins(self) -> bool:
        """Whether code of plugins runs, which may hang."""
        return self._decoder is not None

    def at(self, batch: FetchedBatch, raw: _Raw) -> Hit | None:
        """Return a record where it is one that is looked for."""
        if self._decoder is None and not self._matches_raw(raw):
            return None
        hit = self._shown(batch, raw)
        if self._decoder is not None and not (self._matches_raw(raw) or self._matches(hit)):
            return None
        self._left -= 1
        self._left_bytes -= min(raw.size_bytes, VALUE_BYTES_MAX * 2)
        return hit

    def _matches_raw(self, raw: _Raw) -> bool:
        if self._key is not None and raw.key != self._key.encode("utf-8", "surrogatepass"):
            return False
        if self._contains is None:
            return True
        wanted = self._contains.encode("utf-8", "surrogatepass")
        parts = [raw.key, raw.value, *(part for _, part in raw.headers)]
        return any(wanted in part for part in parts if part is not None)

    def _matches(self, hit: Hit) -> bool:
        if self._key is not None and _as_text(hit.key) != self._key:
            return False
        if self._contains is None:
            return True
        return any(self._contains in _as_text(part) for part in (hit.key, hit.value, *(v for _, v in hit.headers)))

    def _shown(self, batch: FetchedBatch, raw: _Raw) -> Hit:
        error = None
        if self._decoder is not None:
            if raw.size_bytes > 4 * VALUE_BYTES_MAX:
                error = "it is too large to be decoded here, and shown as it is"
            else:
                try:
                    return self._converted(self._decoder, batch, raw)
                except ConnectError as raised:
                    error = redact(raised.message)
                except Interrupted as raised:
                    error = redact(str(raised.__cause__ or raised))
        headers = [(name, guessed(part)) for name, part in raw.headers]
        size_bytes = raw.size_bytes
        return Hit(
            batch.partition, raw.offset, raw.timestamp, guessed(raw.key), guessed(raw.value), headers, size_bytes, error
        )

    def _converted(self, decoder: _Decoder, batch: FetchedBatch, raw: _Raw) -> Hit:
        columns = Columns([raw.value], [raw.key], raw.timestamp, [list(raw.headers) or None])
        one = FetchedBatch(batch.topic, batch.partition, range(raw.offset, raw.offset + 1), columns, raw.offset + 1)
        made = decoder.decoded(one)
        headers = [] if made.headers is None else list(_header_pairs(made.headers[0]))
        return Hit(
            batch.partition,
            raw.offset,
            raw.timestamp,
            as_shown(made.key_column()[0]),
            as_shown(made.values[0]),
            headers,
            raw.size_bytes,
        )


def _header_pairs(headers: Any) -> Iterator[tuple[str, Any]]:
    for header in headers or ():
        yield header.name, as_shown(header.value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value).decode("utf-8", "replace")


def guessed(data: bytes | None) -> Any:
    """Return bytes as they look: JSON of objects, lists and numbers, else text, else {"base64": ...}; cut where they
    are long."""
    if data is None:
        return None
    cut = data[:VALUE_BYTES_MAX]
    if len(cut) == len(data) and data[:1] in (b"{", b"["):
        with suppress(ValueError, RecursionError):
            return as_shown(_parsed(data))
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        if len(cut) == len(data) or error.start < len(cut) - 3:
            return {"base64": b64encode(cut).decode()}
        text = cut[: error.start].decode()
    # Text has line breaks and tabs; other control characters are there in bytes that are none.
    if any(char < " " and char not in "\t\n\r" for char in text):
        return {"base64": b64encode(cut).decode()}
    return text


def _parsed(data: bytes) -> Any:
    """Return what JSON says, its numbers with all of their digits."""
    parsed = orjson.loads(data)
    return json.loads(data, parse_float=_exact) if _LONG.search(data) else parsed


def _exact(text: str) -> float | Decimal:
    value = float(text)
    exact = Decimal(text)
    return value if Decimal(repr(value)) == exact else exact


def _config(keys: Mapping[str, str]) -> ConnectorConfig:
    return SourceConnectorConfig.parse({"name": "search", "connector.class": "none", **keys})
