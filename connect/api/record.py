"""Records and batches: what flows between connectors, converters and transforms.

The data plane moves `Batch`es: columns of one length, so that Python pays per call and not per record. `Record` is
the single-record form, for plugins that would rather write that; the base classes turn one into the other.

Nobody changes a column or a value in place. A transform that adds a field copies the dicts it touches, so a step that
fails half-way can be run again record by record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

from connect.api.headers import Headers
from connect.api.schema import Schema


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One record, from a source or for a sink.

    Attributes:
        topic: Where it goes, or comes from.
        value, key: Plain Python; see `connect.api.schema`.
        partition: None lets the partitioner choose.
        timestamp: Milliseconds since the epoch; None lets the producer take the present time.
        headers: None means no headers.
        key_schema, value_schema: None means schemaless.
        source_partition, source_offset: A source's own coordinates: where the record came from, and where to go on
            after it. JSON objects; an offset needs its partition.
        offset: A sink record's offset in its partition.
        original_topic, original_partition: A sink record's coordinates before transforms; `offset` belongs to them.
    """

    topic: str
    value: Any = None
    _: dataclasses.KW_ONLY
    key: Any = None
    partition: int | None = None
    timestamp: int | None = None
    headers: Headers | None = None
    key_schema: Schema | None = None
    value_schema: Schema | None = None
    source_partition: Mapping[str, Any] | None = None
    source_offset: Mapping[str, Any] | None = None
    offset: int | None = None
    original_topic: str | None = None
    original_partition: int | None = None

    def replace(self, **changes: Any) -> Record:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass(slots=True, eq=False)
class Batch:
    """n records of one topic, partition and pair of schemas, as columns.

    Attributes:
        values: n values.
        keys: n keys, or None when every key is null.
        timestamps: n (ms since the epoch, None = unknown), or one for all.
        headers: n (None = no headers), or None when no record has headers.
        source_partition: The partition of the source that all n come from.
        source_offset: Where the source goes on after the last record.
        source_offsets: Per-record offsets, for sources that need them.
        offsets: A sink batch's offsets, one a record; a `range` where they are dense.
        original_topic, original_partition: A sink batch's coordinates before transforms.
    """

    topic: str
    values: list[Any]
    _: dataclasses.KW_ONLY
    keys: list[Any] | None = None
    partition: int | None = None
    timestamps: list[int | None] | int | None = None
    headers: list[Headers | None] | None = None
    key_schema: Schema | None = None
    value_schema: Schema | None = None
    source_partition: Mapping[str, Any] | None = None
    source_offset: Mapping[str, Any] | None = None
    source_offsets: list[Mapping[str, Any] | None] | None = None
    offsets: Sequence[int] | None = None
    original_topic: str | None = None
    original_partition: int | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def base_offset(self) -> int | None:
        """The offset of the first record of a sink batch; None for a source's."""
        return self.offsets[0] if self.offsets else None

    def replace(self, **changes: Any) -> Batch:
        """Return a shallow copy with some columns or properties changed."""
        return dataclasses.replace(self, **changes)

    def timestamp_column(self) -> list[int | None]:
        """Return one timestamp a record, also where the batch holds one for all."""
        return self.timestamps if isinstance(self.timestamps, list) else [self.timestamps] * len(self.values)

    def key_column(self) -> list[Any]:
        """Return one key a record, also where every key is null."""
        return self.keys if self.keys is not None else [None] * len(self.values)

    def __getitem__(self, part: slice) -> Batch:
        """Return a slice as a batch of its own. `source_offset` is kept only by a part that holds the last record."""
        return self._columns(lambda column: column[part], last=part.indices(len(self))[1] >= len(self))

    def select(self, mask: Sequence[Any]) -> Batch:
        """Return the records whose place in `mask` is true; columns stay aligned."""
        if all(mask):
            return self
        return self._columns(lambda column: list(compress(column, mask)), last=bool(mask[-1]))

    def record(self, index: int) -> Record:
        """Return one record in the single-record form."""
        timestamps = self.timestamps
        source_offset = self.source_offsets[index] if self.source_offsets is not None else None
        if source_offset is None and index == len(self.values) - 1:
            source_offset = self.source_offset
        return Record(
            topic=self.topic,
            value=self.values[index],
            key=self.keys[index] if self.keys is not None else None,
            partition=self.partition,
            timestamp=timestamps[index] if isinstance(timestamps, list) else timestamps,
            headers=self.headers[index] if self.headers is not None else None,
            key_schema=self.key_schema,
            value_schema=self.value_schema,
            source_partition=self.source_partition,
            source_offset=source_offset,
            offset=self.offsets[index] if self.offsets is not None else None,
            original_topic=self.original_topic,
            original_partition=self.original_partition,
        )

    def records(self) -> Iterator[Record]:
        """Yield each record in the single-record form."""
        return (self.record(index) for index in range(len(self.values)))

    @classmethod
    def group(cls, records: Iterable[Record]) -> list[Batch]:
        """Make batches of records, in order: a new batch starts where topic, partition, schema or source changes."""
        batches: list[Batch] = []
        run: list[Record] = []
        for record in records:
            if run and not _alike(run[-1], record):
                batches.append(cls._of_run(run))
                run = []
            run.append(record)
        if run:
            batches.append(cls._of_run(run))
        return batches

    @classmethod
    def _of_run(cls, run: list[Record]) -> Batch:
        first, last = run[0], run[-1]
        sourced = any(r.source_offset is not None for r in run)
        return cls(
            topic=first.topic,
            values=[r.value for r in run],
            keys=[r.key for r in run] if any(r.key is not None for r in run) else None,
            partition=first.partition,
            timestamps=[r.timestamp for r in run],
            headers=[r.headers for r in run] if any(r.headers for r in run) else None,
            key_schema=first.key_schema,
            value_schema=first.value_schema,
            source_partition=first.source_partition,
            source_offset=last.source_offset,
            source_offsets=[r.source_offset for r in run] if sourced else None,
            offsets=[r.offset for r in run if r.offset is not None] or None,
            original_topic=first.original_topic,
            original_partition=first.original_partition,
        )

    def _columns(self, take: Callable[[Any], Any], *, last: bool) -> Batch:
        return self.replace(
            values=take(self.values),
            keys=None if self.keys is None else take(self.keys),
            timestamps=take(self.timestamps) if isinstance(self.timestamps, list) else self.timestamps,
            headers=None if self.headers is None else take(self.headers),
            source_offset=self.source_offset if last else None,
            source_offsets=None if self.source_offsets is None else take(self.source_offsets),
            offsets=None if self.offsets is None else take(self.offsets),
        )


def _alike(left: Record, right: Record) -> bool:
    return (
        left.topic == right.topic
        and left.partition == right.partition
        and (left.key_schema is right.key_schema or left.key_schema == right.key_schema)
        and (left.value_schema is right.value_schema or left.value_schema == right.value_schema)
        and (left.source_partition is right.source_partition or left.source_partition == right.source_partition)
        and left.original_topic == right.original_topic
        and left.original_partition == right.original_partition
    )
