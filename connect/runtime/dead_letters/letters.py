"""A letter as it is read: the record that failed, and what its headers tell of the failure.

Everything a header holds was written by somebody: it may be missing, no UTF-8, no number, of any length. What cannot be
read is as if it were not there, so that no letter stops the work on the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from connect.records import FetchedBatch, RawHeaders
from connect.runtime.secrets import redact
from connect.runtime.tasks.letters import PREFIX as ERRORS_PREFIX
from connect.runtime.tasks.replays import COUNT, OFFSET, PARTITION, TOPIC, number_of
from connect.runtime.tasks.replays import PREFIX as REPLAY_PREFIX

_CAUSE: Final = "cause."
#: Of a text in a header; a stack trace may be long.
_TEXT_CHARS_MAX: Final = 32_768
_OFFSET_MAX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record failed; each text is empty where nobody told.

    Attributes:
        code: Our error code.
        exception: Kafka's name of the exception's class.
        stage: Kafka's name of the step: TASK_PUT, VALUE_CONVERTER, ...
        alias: What the config calls the transform that failed.
        plugin: The class that was at work.
        details: What the plugin knew by name: sqlstate, column, table, constraint, ...
    """

    code: str = ""
    exception: str = ""
    stage: str = ""
    alias: str = ""
    plugin: str = ""
    message: str = ""
    raw_stacktrace: bytes | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether anything tells why."""
        return bool(self.code or self.exception or self.stage)

    @property
    def stacktrace(self) -> str:
        """The trace as text: long, and looked at of few letters."""
        return _text(self.raw_stacktrace)


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of a queue.

    Attributes:
        headers: The record's own: those of the failure and of replays are read and left out.
        connector, task: Who failed on it; empty where that is not told.
        topic, original_partition, original_offset: Where the record came from first, or was to go to.
        failed_ms: When it failed; else the record's own time.
        replays: How often it was replayed before.
        retry_offset: Of a letter that failed when it was replayed: its offset in the connector's replay topic.
        forms: How key and value stand in the letter of a source's record: bytes, or JSON of what was not converted.
        source: The source's own partition and offset, as JSON.
    """

    queue: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: RawHeaders
    cause: Cause
    connector: str = ""
    task: int | None = None
    topic: str = ""
    original_partition: int | None = None
    original_offset: int | None = None
    failed_ms: int = 0
    replays: int = 0
    retry_offset: int | None = None
    key_form: str = "bytes"
    value_form: str = "bytes"
    source_partition: str = ""
    source_offset: str = ""

    @property
    def address(self) -> str:
        """TOPIC-PARTITION@OFFSET, by which people name it."""
        return f"{self.queue}-{self.partition}@{self.offset}"

    @property
    def is_of_source(self) -> bool:
        """Whether a source's record failed, which lies in no topic yet."""
        return bool(self.source_partition or self.source_offset) or "json" in (self.key_form, self.value_form)

    @property
    def identity(self) -> int | None:
        """Return what two letters of one failure share; None where nothing tells that they are of one.

        A record that is read again after a crash fails again, and has a second letter.
        """
        if not self.connector or not self.topic:
            return None
        if self.original_offset is None and self.retry_offset is None and not self.source_offset:
            return None
        replay = (self.replays, self.retry_offset)
        place = (self.connector, self.topic, self.original_partition, self.original_offset, *replay)
        text = repr((*place, self.source_partition, self.source_offset)).encode("utf-8", "backslashreplace")
        digest = hashlib.blake2b(text, digest_size=8)
        for part in (self.key, self.value):
            digest.update(b"-" if part is None else b"%d:" % len(part) + part)
        return int.from_bytes(digest.digest(), "big")

    @property
    def lane(self) -> int | None:
        """Return what letters share that are to be replayed in their order: key and destination; None without a key."""
        if self.key is None:
            return None
        digest = hashlib.blake2b(repr((self.connector, self.topic)).encode("utf-8", "backslashreplace"), digest_size=8)
        digest.update(self.key)
        return int.from_bytes(digest.digest(), "big")


def letters_of(batch: FetchedBatch) -> Iterator[Letter]:
    """Yield a batch's letters, in order."""
    columns, count = batch.columns, len(batch)
    keys = columns.keys if columns.keys is not None else [None] * count
    headers = columns.headers if columns.headers is not None else [None] * count
    for offset, stamp, key, value, own in zip(
        batch.offsets, columns.stamps, keys, columns.values, headers, strict=True
    ):
        yield _letter(batch.topic, batch.partition, offset, stamp, key, value, own or [])


def _letter(
    queue: str, partition: int, offset: int, stamp: int, key: bytes | None, value: bytes | None, headers: RawHeaders
) -> Letter:
    # The last of a name counts: a record that was in another queue before has more of them.
    told = {name.removeprefix(ERRORS_PREFIX): data for name, data in headers if name.startswith(ERRORS_PREFIX)}

    def text(name: str) -> str:
        return _text(told.get(name))

    def number(name: str) -> int | None:
        return _number(told.get(name))

    details = {
        name.removeprefix(_CAUSE): _text(data)
        for name, data in told.items()
        if name.startswith(_CAUSE) and name != "cause.code"
    }
    cause = Cause(
        text("cause.code"),
        text("exception.class.name"),
        text("stage"),
        text("stage.alias"),
        text("class.name"),
        text("exception.message"),
        told.get("exception.stacktrace"),
        details,
    )
    failed_ms, value_form = number("timestamp"), text("value.form") or "bytes"
    # A record that was replayed and has failed again without context tells by these where it came from first.
    first = _last(headers, TOPIC)
    return Letter(
        queue,
        partition,
        offset,
        stamp,
        key,
        value,
        [header for header in headers if not header[0].startswith((ERRORS_PREFIX, REPLAY_PREFIX))],
        cause,
        text("connector.name"),
        number("task.id"),
        text("topic") or _text(first),
        number("partition") if "topic" in told else number_of(headers, PARTITION),
        number("offset") if "topic" in told else number_of(headers, OFFSET),
        stamp if failed_ms is None else failed_ms,
        # A letter without context has the header that the replay gave its record.
        max(number("attempts") or 0, number_of(headers, COUNT) or 0),
        number("replay.offset"),
        text("key.form") or value_form,
        value_form,
        text("source.partition"),
        text("source.offset"),
    )


def _text(data: bytes | None) -> str:
    """Return a header's text, without secrets: a letter may be of a worker that knew fewer of them."""
    return (
        ""
        if data is None
        else redact(data[: 4 * _TEXT_CHARS_MAX].decode("utf-8", "backslashreplace"))[:_TEXT_CHARS_MAX]
    )


def _last(headers: RawHeaders, name: str) -> bytes | None:
    return next((data for key, data in reversed(headers) if key == name), None)


def _number(data: bytes | None) -> int | None:
    if data is None or not data.isdigit() or len(data) > 19:
        return None
    return min(int(data), _OFFSET_MAX)
