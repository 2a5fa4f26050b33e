"""Debezium's change events as rows: what they say happened is done to the table.

An insertion, an update and a row of a snapshot are the row after the change; a deletion is a tombstone of its key,
where delete.enabled asks for deletions; a TRUNCATE empties the table, where truncate.enabled does. What is not asked
for is left out, so records are counted anew: `located` says which of those that came an error is about.

Elsewhere: the same as a transform, for every sink (ExtractNewRecordState of Debezium's class names).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from connect.api import Batch, DataError, FailedRecord, Schema, SchemaType
from connect_postgres.sink_config import SinkConfig

#: What a record is: a row or a deletion, which go on together; a TRUNCATE; one that is left out; no change event.
_ROW, _TRUNCATE, _NOTHING, _OTHER = range(4)
_SUFFIX: Final = ".Envelope"


class Truncation(Batch):
    """A record that empties the table of its topic."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The batches of a put, without what is left out.

    Attributes:
        places: Of each record, its index among those that came; None: as they came.
    """

    batches: list[Batch]
    places: list[int] | None

    def located(self, error: DataError) -> DataError:
        """Return an error whose failed records are counted as those that came."""
        if self.places is not None:
            error.failed = tuple(
                FailedRecord(self.places[bad.index], bad.reason, bad.details)
                for bad in error.failed
                if isinstance(bad, FailedRecord)  # as the sink names them
            )
        return error


def unwrapped(batches: Sequence[Batch], config: SinkConfig) -> Unwrapped:
    """Return the batches with rows in the place of change events."""
    held = [config.unwraps and _may_hold(batch, config) for batch in batches]
    if True not in held:
        return Unwrapped(list(batches), None)
    found: list[Batch] = []
    places: list[int] = []
    before, changed = 0, False
    for batch, may_hold in zip(batches, held, strict=True):
        if not may_hold:
            found.append(batch)
            places += range(before, before + len(batch))
            before += len(batch)
            continue
        kinds = _kinds(batch, config)
        start = 0
        for kind, run in groupby(kinds):
            end = start + sum(1 for _ in run)
            part = batch if end - start == len(batch) else batch[start:end]
            made = _made(kind, part)
            changed = changed or made != [part]
            found += made
            places += range(before + start, before + end) if made else ()
            start = end
        before += len(batch)
    return Unwrapped(found, places) if changed else Unwrapped(list(batches), None)


def _may_hold(batch: Batch, config: SinkConfig) -> bool:
    """Whether a batch may hold something to take apart, or leave out: a quick look, as most have nothing."""
    if batch.value_schema is not None:
        return _is_envelope(batch.value_schema)
    kinds = set(map(type, batch.values))
    if type(None) in kinds and config.drops_tombstones:
        return True
    if kinds == {dict}:
        return True in ["op" in value for value in batch.values]
    return any(isinstance(value, dict) and "op" in value for value in batch.values)


def _kinds(batch: Batch, config: SinkConfig) -> list[int]:
    """Return what each record is."""
    schema = batch.value_schema
    if schema is None and not any(map(_looks_like_one, batch.values)):
        tombstone = _NOTHING if config.drops_tombstones else _OTHER
        return [tombstone if value is None else _OTHER for value in batch.values]
    return [_kind(value, schema, config) for value in batch.values]


def _kind(value: Any, schema: Schema | None, config: SinkConfig) -> int:
    if value is None:
        return _ROW if config.delete_enabled else _NOTHING
    if schema is None and not _looks_like_one(value):
        return _OTHER
    if not isinstance(value, dict):
        return _OTHER  # which is an error there
    if value.get("after") is not None:
        return _ROW
    if value.get("op") == "t":
        return _TRUNCATE if config.truncate_enabled else _NOTHING
    return _ROW if config.delete_enabled else _NOTHING


def _is_envelope(schema: Schema) -> bool:
    return (
        schema.type is SchemaType.STRUCT and (schema.name or "").endswith(_SUFFIX) and _row_schema(schema) is not None
    )


def _row_schema(schema: Schema) -> Schema | None:
    field = schema.field("after")
    return field.schema if field is not None and field.schema.type is SchemaType.STRUCT else None


def _looks_like_one(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("op"), str)
        and isinstance(value.get("source"), dict)
        and ("after" in value or "before" in value)
    )


def _made(kind: int, batch: Batch) -> list[Batch]:
    if kind == _NOTHING:
        return []
    if kind == _OTHER:
        return [batch]
    if kind == _TRUNCATE:
        return [_truncation(batch[index : index + 1]) for index in range(len(batch))]
    schema = None if batch.value_schema is None else _row_schema(batch.value_schema)
    rows = [None if value is None else value.get("after") for value in batch.values]
    return [batch.replace(values=rows, value_schema=schema)]


def _truncation(batch: Batch) -> Truncation:
    return Truncation(
        batch.topic,
        [None],
        keys=batch.keys,
        partition=batch.partition,
        timestamps=batch.timestamps,
        headers=batch.headers,
        key_schema=batch.key_schema,
        offsets=batch.offsets,
        original_topic=batch.original_topic,
        original_partition=batch.original_partition,
    )
