"""The transforms of a task, each with its condition, and how batches are joined between steps.

Order is kept everywhere: what a transform leaves alone stays between what it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import not_
from typing import Any

from connect.api import Batch, DataError, Predicate, Schema, StructColumn, Transform
from connect.api.contract import batches_of, failed_of, refuse


@dataclass(frozen=True, slots=True)
class Stage:
    """A transform with the condition under which it applies."""

    alias: str
    transform: Transform
    predicate: Predicate | None = None
    negate: bool = False

    def chosen(self, batch: Batch) -> list[bool] | None:
        """Return of each record whether it is to be transformed; None: there is no condition, so all are."""
        if self.predicate is None:
            return None
        verdict = self.predicate.test_batch(batch)
        if isinstance(verdict, bool):
            verdict = [verdict] * len(batch)
        if isinstance(verdict, str | bytes) or not isinstance(verdict, Sequence) or len(verdict) != len(batch):
            refuse(
                self.predicate, "test_batch", verdict, f"True, False, or one of them for each of {len(batch)} records"
            )
        return list(map(not_, verdict)) if self.negate else [bool(v) for v in verdict]

    def apply(self, batch: Batch) -> list[Batch]:
        """Transform the records that meet the condition, and pass the others on; order is kept."""
        return self.apply_to(batch, self.chosen(batch))

    def apply_to(self, batch: Batch, chosen: Sequence[bool] | None) -> list[Batch]:
        """As `apply`, for who has asked the condition before."""
        if chosen is None:
            return self._transformed(batch)
        if all(chosen):
            return self._transformed(batch)
        if not any(chosen):
            return [batch]
        if type(self.transform).apply_batch is Transform.apply_batch or getattr(self.transform, "is_single", False):
            # It goes record by record anyway, and may count them: each is given once, whatever it makes of others.
            return self._apply_runs(batch, chosen)
        changed = self._transformed(batch.select(chosen), [n for n, is_chosen in enumerate(chosen) if is_chosen])
        if not changed:
            return [batch.select(list(map(not_, chosen)))]
        if len(changed) == 1 and len(changed[0]) == sum(chosen) and _same_shape(changed[0], batch):
            return [_merged(batch, changed[0], chosen)]
        # Records went to other topics or schemas, or are gone: only calls of their own tell where each belongs.
        return self._apply_runs(batch, chosen)

    def _apply_runs(self, batch: Batch, chosen: Sequence[bool]) -> list[Batch]:
        """Take the batch apart where the answer changes."""
        return coalesce(part for run in _runs(chosen) for part in self._apply_run(batch, run, chosen[run.start]))

    def _apply_run(self, batch: Batch, run: slice, chosen: bool) -> list[Batch]:
        return self._transformed(batch[run], range(run.start, run.stop)) if chosen else [batch[run]]

    def _transformed(self, batch: Batch, places: Sequence[int] | None = None) -> list[Batch]:
        """Transform a batch, or the records of one at these places, by which what the transform names is moved."""
        transform = self.transform
        try:
            return batches_of(transform, "apply_batch", transform.apply_batch(batch), given=batch)
        except DataError as error:
            if places is not None:
                own = failed_of(transform, "apply_batch", error, len(batch))
                error.failed = tuple(replace(bad, index=places[bad.index]) for bad in own)
            raise


def coalesce(batches: Iterable[Batch]) -> list[Batch]:
    """Join neighbours that differ in nothing but their records, so that later steps see few, long batches.

    Structs that come as columns stay by themselves: to make dicts of them would cost more than joining saves.
    """
    joined: list[list[Batch]] = []
    for batch in batches:
        if joined and _same_shape(joined[-1][-1], batch) and joined[-1][-1].source_partition == batch.source_partition:
            joined[-1].append(batch)
        else:
            joined.append([batch])
    return [group[0] if len(group) == 1 else _concatenated(group) for group in joined]


def with_dicts(batch: Batch) -> Batch:
    """Return the batch with lists of values and keys, as transforms may count on."""
    values, keys = batch.values, batch.keys
    if isinstance(values, StructColumn) or isinstance(keys, StructColumn):
        return batch.replace(values=list(values), keys=None if keys is None else list(keys))
    return batch


def _same_shape(left: Batch, right: Batch) -> bool:
    return (
        left.topic == right.topic
        and left.partition == right.partition
        and _same_schema(left.key_schema, right.key_schema)
        and _same_schema(left.value_schema, right.value_schema)
        and left.original_topic == right.original_topic
        and left.original_partition == right.original_partition
        and (left.offsets is None) == (right.offsets is None)
        and not isinstance(left.values, StructColumn)
        and not isinstance(right.values, StructColumn)
    )


def _same_schema(left: Schema | None, right: Schema | None) -> bool:
    return left is right or left == right


def _concatenated(group: list[Batch]) -> Batch:
    first, last = group[0], group[-1]
    timestamps: list[int | None] | int | None = first.timestamps
    if isinstance(timestamps, list) or any(b.timestamps != timestamps for b in group):
        timestamps = [t for b in group for t in b.timestamp_column()]
    offsets: Sequence[int] | None = None
    if first.offsets is not None:
        offsets = [o for b in group if b.offsets is not None for o in b.offsets]
    # Also where only the batches have offsets: each one's stays with its last record.
    sourced = any(b.source_offsets is not None or b.source_offset is not None for b in group)
    return first.replace(
        values=[v for b in group for v in b.values],
        keys=[k for b in group for k in b.key_column()] if any(b.keys is not None for b in group) else None,
        timestamps=timestamps,
        headers=[h for b in group for h in b.headers or [None] * len(b)] if any(b.headers for b in group) else None,
        source_offset=last.source_offset,
        source_offsets=[o for b in group for o in b.source_offsets or _end_alone(b)] if sourced else None,
        offsets=offsets,
    )


def _end_alone(batch: Batch) -> list[Mapping[str, Any] | None]:
    offsets: list[Mapping[str, Any] | None] = [None] * len(batch)
    if offsets:
        offsets[-1] = batch.source_offset
    return offsets


def _merged(batch: Batch, changed: Batch, chosen: Sequence[bool]) -> Batch:
    """Put transformed records back between the untouched ones."""

    def merge(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        replacements = iter(new)
        return [next(replacements) if take else kept for kept, take in zip(old, chosen, strict=True)]

    keys = None
    if batch.keys is not None or changed.keys is not None:
        keys = merge(batch.key_column(), changed.key_column())
    headers = None
    if batch.headers is not None or changed.headers is not None:
        headers = merge(batch.headers or [None] * len(batch), changed.headers or [None] * len(changed))
    timestamps = batch.timestamps
    if changed.timestamps is not timestamps:
        timestamps = merge(batch.timestamp_column(), changed.timestamp_column())
    return batch.replace(values=merge(batch.values, changed.values), keys=keys, headers=headers, timestamps=timestamps)


def _runs(flags: Sequence[bool]) -> Iterable[slice]:
    start = 0
    for index in range(1, len(flags) + 1):
        if index == len(flags) or flags[index] != flags[start]:
            yield slice(start, index)
            start = index
