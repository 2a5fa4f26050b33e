"""Which record goes to which file, and what is written for it. Computes: what it refuses has left no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from connect.api import Batch, ConfigError, DataError, FailedRecord
from connect_file.folder.encoding import Encoder, Layout
from connect_file.folder.journal import At
from connect_file.folder.templates import Group, Template
from connect_file.folder.times import Times


@dataclass(frozen=True, slots=True)
class Rolling:
    """When a file is full.

    Attributes:
        records: Once it has so many; a record of the same offset goes with it.
        interval_ms: At the first record whose time is so much behind that of its first one; None for never.
    """

    records: int
    interval_ms: int | None = None


class Segment(NamedTuple):
    """Records that go to one file, in order.

    Attributes:
        at: Their partition.
        identity: Of the file: each partition has one open of each.
        texts, layout: See `PartFile`.
        is_new: Whether they begin a file.
        first_ms: The time of the first one, where files roll by that.
    """

    at: At
    identity: str
    texts: tuple[str, ...]
    layout: Layout
    is_new: bool
    chunk: Any
    records: int
    first_offset: int
    end_offset: int
    first_ms: int | None


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file is as far as that decides which records it takes."""

    texts: tuple[str, ...]
    layout: Layout
    records: int
    end_offset: int
    first_ms: int | None


#: Tells what file of a partition is open under an identity.
Open = Callable[[At, str], FileState | None]
#: Tells where the next file of an identity begins, as a start found it.
Ends = Callable[[At, str], int]


class Planner:
    """Plans puts.

    Args:
        nulls: What becomes of null values: fail, ignore or write.
    """

    def __init__(self, encoder: Encoder, template: Template, times: Times, rolling: Rolling, *, nulls: str) -> None:
        self._encoder, self._template, self._times = encoder, template, times
        self._rolling, self._nulls = rolling, nulls

    def plan(self, batches: Sequence[Batch], opened: Open, ends: Ends) -> list[Segment]:
        """Return what is to be written for the batches of one put, in order.

        Raises:
            DataError: Names the records at fault, counted over all batches.
            ConfigError: Records have no place in the log.
        """
        try:
            return list(self._segments(batches, opened, ends))
        except DataError as error:
            failed = list(self._failed(batches, opened, ends))
            if not failed:
                raise
            raise DataError(failed[0].reason, failed=failed, code=error.code, hint=error.hint) from error

    def _failed(self, batches: Sequence[Batch], opened: Open, ends: Ends) -> Iterator[FailedRecord]:
        index = 0
        for batch in batches:
            for row in range(len(batch)):
                try:
                    list(self._segments([batch[row : row + 1]], opened, ends))
                except DataError as error:
                    yield FailedRecord(index, error.message)
                index += 1

    def _segments(self, batches: Sequence[Batch], opened: Open, ends: Ends) -> Iterator[Segment]:
        states: dict[tuple[At, str], FileState | None] = {}
        for given in batches:
            batch = self._without_nulls(given)
            if not batch.values:
                continue
            at = _at(batch)
            layout_name = self._encoder.layout_name(batch)
            for group in self._template.groups(batch):
                identity = f"{group.identity}#{layout_name}" if layout_name else group.identity
                part = _part(batch, group, ends(at, identity))
                if not part.values:
                    continue
                key = (at, identity)
                state = states[key] if key in states else opened(at, identity)
                for segment in self._cut(part, group, at, identity, state):
                    before = None if segment.is_new else states.get(key) or state
                    states[key] = _after(segment, before)
                    yield segment

    def _cut(self, part: Batch, group: Group, at: At, identity: str, state: FileState | None) -> Iterator[Segment]:
        """Cut the records of one name where a file is full."""
        moments = self._times.of(part) if self._rolling.interval_ms is not None else None
        offsets = part.offsets
        assert offsets is not None
        layout = self._encoder.layout(part, part.values, None if state is None else state.layout)
        if state is not None and (state.texts != group.texts or state.layout != layout):
            state = None
        begin = 0
        while begin < len(offsets):
            end = self._full_at(begin, offsets, moments, state)
            is_new = end == begin
            first_ms = None if state is None else state.first_ms
            if is_new:
                first_ms = None if moments is None else moments if isinstance(moments, int) else moments[begin]
                fresh = FileState(group.texts, layout, 0, offsets[begin], first_ms)
                end = self._full_at(begin, offsets, moments, fresh)
            yield Segment(
                at,
                identity,
                group.texts,
                layout,
                is_new,
                self._encoder.chunk(part.values[begin:end], layout),
                end - begin,
                offsets[begin],
                offsets[end - 1] + 1,
                first_ms,
            )
            begin, state = end, None

    def _full_at(
        self, begin: int, offsets: Sequence[int], moments: list[int] | int | None, state: FileState | None
    ) -> int:
        """Return which records from `begin` on a file takes: up to where."""
        if state is None:
            return begin
        is_one_each = self._encoder.is_one_each
        end = min(len(offsets), begin + max((1 if is_one_each else self._rolling.records) - state.records, 0))
        interval_ms = self._rolling.interval_ms
        if interval_ms is not None and moments is not None and state.first_ms is not None:
            until = state.first_ms + interval_ms
            if isinstance(moments, int):
                end = end if moments < until else begin
            else:
                end = next((row for row in range(begin, end) if moments[row] >= until), end)
        if not is_one_each:  # one offset in two files could not be told by a start
            last = offsets[end - 1] if end > begin else state.end_offset - 1
            while end < len(offsets) and offsets[end] == last:
                end += 1
        return end

    def _without_nulls(self, batch: Batch) -> Batch:
        if self._nulls == "write" or None not in batch.values:
            return batch
        if self._nulls == "ignore":
            return batch.select([value is not None for value in batch.values])
        raise DataError(
            "the value of the record is null, and nothing says what that is in a file",
            hint="Set behavior.on.null.values to ignore, or with lines and JSON to write.",
        )


def _at(batch: Batch) -> At:
    if batch.original_topic is None or batch.original_partition is None or batch.offsets is None:
        raise ConfigError(
            f"records of topic {batch.topic} were made by a transform that does not say of which record, so their file "
            "has no name",
            config_path="transforms",
            hint="Leave the transform out.",
        )
    return batch.original_topic, batch.original_partition


def _part(batch: Batch, group: Group, first: int) -> Batch:
    """Return the records of a group that are in no file yet."""
    offsets = batch.offsets
    assert offsets is not None
    if group.rows is None and offsets[0] >= first:
        return batch
    rows = range(len(batch)) if group.rows is None else group.rows
    chosen = [False] * len(batch)
    for row in rows:
        chosen[row] = offsets[row] >= first
    return batch.select(chosen)


def _after(segment: Segment, before: FileState | None) -> FileState:
    state = FileState(segment.texts, segment.layout, segment.records, segment.end_offset, segment.first_ms)
    return state if before is None else replace(state, records=before.records + segment.records)
