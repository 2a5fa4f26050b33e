"""Records that failed: what is known of each, and where it is, in words for people and for observers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connect.api import Batch, ConnectError, DataError, FailedRecord, Plugin
from connect.records import Columns, TopicPartition
from connect.runtime.clock import now_ms
from connect.runtime.contracts.discarding import DiscardedError
from connect.runtime.secrets import redact

#: A logged record's key and value are cut after so many characters.
LOGGED_CHARS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """One record that failed.

    Attributes:
        error: What was raised about it.
        stage: What was done, for people.
        batch: As the step that failed was given it; `index` is the record's place in it.
        step: Kafka's name of the stage: KEY_CONVERTER, VALUE_CONVERTER, HEADER_CONVERTER, TRANSFORMATION, TASK_PUT,
            KAFKA_PRODUCE.
        plugin: Who was at work; None where that was the log.
        details: What is known of the cause by name.
        failed_ms: When it failed.
        columns: Of a record that was bytes already: these, one record.
    """

    error: Exception
    stage: str
    batch: Batch
    index: int
    step: str
    plugin: Plugin | None
    details: Mapping[str, str] = field(default_factory=dict)
    failed_ms: int = field(default_factory=now_ms)
    columns: Columns | None = None

    @property
    def where(self) -> str:
        """Where the record is, in words."""
        return coordinates(self.batch, self.index)

    @property
    def reason(self) -> str:
        """What went wrong, in words."""
        return reason_of(self.error)

    @property
    def place(self) -> tuple[TopicPartition, int] | None:
        """Where a sink's record is in the log; None for a source's, and for one that a transform has made."""
        batch = self.batch
        if batch.offsets is None or batch.original_topic is None or batch.original_partition is None:
            return None
        return TopicPartition(batch.original_topic, batch.original_partition), batch.offsets[self.index]


def reason_of(error: Exception) -> str:
    """Return what went wrong, in words: of what is none of our errors also its class."""
    return error.message if isinstance(error, ConnectError) else f"{type(error).__name__}: {error}"


def named(error: DataError, bad: FailedRecord) -> DataError:
    """Return the error of one record, of those that an error names."""
    details = {**(error.details or {}), **(bad.details or {})}
    kind = DiscardedError if isinstance(error, DiscardedError) else DataError
    one = kind(bad.reason, details=details, code=error.code, hint=error.hint)
    one.__cause__ = error
    return one


def before(failures: Iterable[Failure], not_put: Mapping[TopicPartition, int]) -> list[Failure]:
    """Return those of a sink's records that lie before what is not put, and so do not come again."""
    kept = []
    for failure in failures:
        place = failure.place
        if place is None or place[1] < not_put.get(place[0], place[1] + 1):
            kept.append(failure)
    return kept


def first_places(failures: Iterable[Failure]) -> dict[TopicPartition, int] | None:
    """Return the offset of the first of a sink's records in each partition; None where one has no place."""
    found: dict[TopicPartition, int] = {}
    for failure in failures:
        if (place := failure.place) is None:
            return None
        found[place[0]] = min(place[1], found.get(place[0], place[1]))
    return found


def told_to_observers(error: Exception, stage: str, batch: Batch, index: int) -> dict[str, Any]:
    """Return what observers are told of a record that failed; see `connect_record_failed`."""
    return {
        "stage": stage,
        "topic": batch.original_topic or batch.topic,
        "partition": batch.original_partition if batch.original_partition is not None else batch.partition,
        "offset": batch.offsets[index] if batch.offsets is not None else None,
        "source_partition": _plain(batch.source_partition),
        "source_offset": _plain(source_offset(batch, index)),
        "error_class": type(error).__name__,
        "message": redact(error.message if isinstance(error, ConnectError) else str(error)),
    }


def source_offset(batch: Batch, index: int) -> Mapping[str, Any] | None:
    """Return the source offset of one record: its own, or the batch's where it is the last; else it is not known."""
    own = batch.source_offsets[index] if batch.source_offsets is not None else None
    last = batch.source_offset if index == len(batch) - 1 else None
    return own if own is not None else last


def _plain(mapping: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mapping is None else dict(mapping)


def coordinates(batch: Batch, index: int) -> str:
    """Return where a record is, or where it goes, in words; see `place_of`."""
    return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in place_of(batch, index).items())


def place_of(batch: Batch, index: int) -> dict[str, str]:
    """Return where a record is, or where it goes: topic, partition and offset, or source partition and offset."""
    place = {"topic": batch.original_topic or batch.topic}
    partition = batch.original_partition if batch.original_partition is not None else batch.partition
    if partition is not None:
        place["partition"] = str(partition)
    if batch.offsets is not None:
        place["offset"] = str(batch.offsets[index])
    elif batch.source_partition is not None:
        place["source_partition"] = str(dict(batch.source_partition))
        if (known := source_offset(batch, index)) is not None:
            place["source_offset"] = str(dict(known))
        elif batch.source_offset is not None:
            place["record"] = f"{index + 1} of {len(batch)} up to source offset {dict(batch.source_offset)}"
    return place


def contents(batch: Batch, index: int) -> str:
    """Return what a log line says of a record beside its place: as Kafka, a source's contents, which nothing else
    keeps; a sink's are in the log.
    """
    if batch.offsets is not None:
        timestamps = batch.timestamps
        return f", timestamp {timestamps[index] if isinstance(timestamps, list) else timestamps}"
    key = batch.keys[index] if batch.keys is not None else None
    return f", key {_shown(key)}, value {_shown(batch.values[index])}"


def _shown(value: Any) -> str:
    text = redact(repr(value[: LOGGED_CHARS_MAX + 1] if isinstance(value, str | bytes) else value))
    return text if len(text) <= LOGGED_CHARS_MAX else f"{text[:LOGGED_CHARS_MAX]}…"
