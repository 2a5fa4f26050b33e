"""Which source offsets may be committed: each source partition's newest, and those of a poll that failed half-way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from connect.api import Batch
from connect.records import Columns
from connect.runtime.tasks.outgoing import Outgoing

SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any]]


class PendingOffsets:
    """The newest offset of each source partition, on its way from one step to the next."""

    def __init__(self) -> None:
        self._offsets: dict[bytes, SourceOffset] = {}

    def __bool__(self) -> bool:
        return bool(self._offsets)

    def add(self, offsets: Sequence[SourceOffset]) -> None:
        """Take newer offsets."""
        for partition, offset in offsets:
            self._offsets[_key(partition)] = (partition, offset)

    def take(self) -> list[SourceOffset]:
        """Return what is there, and hold nothing any more."""
        offsets, self._offsets = self._offsets, {}
        return list(offsets.values())

    def put_back(self, offsets: Sequence[SourceOffset]) -> None:
        """Take offsets that went no further; newer ones that came since stay."""
        self._offsets = {_key(partition): (partition, offset) for partition, offset in offsets} | self._offsets


def offsets_of(polled: Iterable[Batch]) -> list[SourceOffset]:
    """Return where the source goes on after all of a poll's batches."""
    return [
        (batch.source_partition, batch.source_offset)
        for batch in polled
        if batch.source_partition is not None and batch.source_offset is not None
    ]


def offsets_before(
    polled: Sequence[Batch], appended: Sequence[Outgoing], left: Sequence[Outgoing], *, in_order: bool
) -> list[SourceOffset]:
    """Return the offsets that a poll has reached whose append failed half-way: before the first record that is left.

    A record is known by its source offset, as the very object that the source gave, since offsets mean nothing to
    anyone else, and transforms may drop records and part them. Where a record that is left has none of its own, only
    the order can tell, if nothing could change it.

    Args:
        polled: What the source returned, in order.
        appended: What came out of the pipeline and is in the log.
        left: What is not. A batch that failed as a whole is cut before, so that this begins with what failed.
        in_order: Whether `appended` and `left` are in the order of `polled`.
    """
    reached: list[SourceOffset] = []
    remaining, sources = _by_partition(left), _batches_by_partition(polled)
    if any(out.source_partition is None for out in left) or not remaining.keys() <= sources.keys():
        return reached  # a transform made records of its own: nobody knows which ones are left
    for key, batches in sources.items():
        partition = batches[0].source_partition
        assert partition is not None
        offset: Mapping[str, Any] | None
        if key not in remaining:
            offset = next((b.source_offset for b in reversed(batches) if b.source_offset is not None), None)
        elif (unsafe := _known(remaining[key])) is not None:
            offset = _last_before(batches, unsafe) if unsafe <= _own(batches) else None
        elif in_order:
            offset = _last_known(_by_partition(appended).get(key, ()))
        else:
            offset = None
        if offset is not None:
            reached.append((partition, offset))
    return reached


def half_way(
    polled: Sequence[Batch], appended: Sequence[Outgoing], left: Sequence[Outgoing]
) -> list[tuple[Batch, int]]:
    """Return the batches within which the append failed, and how many of its records each has in the log.

    For what came out of the pipeline in the order of `polled`, and for batches without offsets of their records; the
    source can tell where it is in those. Where a record was dropped on the way, counting them tells nothing.
    """
    done, remaining, sources = _by_partition(appended), _by_partition(left), _batches_by_partition(polled)
    if any(out.source_partition is None for out in left):
        return []
    found: list[tuple[Batch, int]] = []
    for key in remaining.keys() & sources.keys():
        count, batches = sum(map(len, done.get(key, ()))), sources[key]
        if count + sum(map(len, remaining[key])) != sum(map(len, batches)):
            continue
        for batch in batches:
            if 0 < count < len(batch) and batch.source_offsets is None:
                found.append((batch, count))
            count -= len(batch)
    return found


def can_end_before(left: Sequence[Outgoing], *, can_tell: bool) -> bool:
    """Whether the offset in front of what is left is known exactly, where no record was dropped.

    Args:
        can_tell: The source can tell where it is within a batch.
    """
    if any(out.source_partition is None for out in left):
        return False
    if _known(left) is not None:
        return True
    return can_tell and all(out.is_in_order and out.source_offsets is None for out in left)


def shells(batches: Iterable[Batch]) -> list[Outgoing]:
    """Return records that were not converted as what `offsets_before` and `half_way` take: without their contents."""
    return [
        Outgoing(
            batch.topic,
            batch.partition,
            Columns([None] * len(batch)),
            batch.source_partition,
            batch.source_offset,
            batch.source_offsets,
        )
        for batch in batches
    ]


def _by_partition(outgoing: Iterable[Outgoing]) -> dict[bytes, list[Outgoing]]:
    found: dict[bytes, list[Outgoing]] = {}
    for out in outgoing:
        if out.source_partition is not None:
            found.setdefault(_key(out.source_partition), []).append(out)
    return found


def _batches_by_partition(polled: Iterable[Batch]) -> dict[bytes, list[Batch]]:
    found: dict[bytes, list[Batch]] = {}
    for batch in polled:
        if batch.source_partition is not None:
            found.setdefault(_key(batch.source_partition), []).append(batch)
    return found


def _known(outgoing: Iterable[Outgoing]) -> set[int] | None:
    """Return which records these are, by the identity of their offsets; None where one has none of its own."""
    known: set[int] = set()
    for out in outgoing:
        if out.source_offsets is None or any(offset is None for offset in out.source_offsets):
            return None
        known.update(map(id, out.source_offsets))
    return known


def _own(batches: Iterable[Batch]) -> set[int]:
    return {id(offset) for batch in batches for offset in batch.source_offsets or ()}


def _last_before(batches: Iterable[Batch], unsafe: set[int]) -> Mapping[str, Any] | None:
    last: Mapping[str, Any] | None = None
    for batch in batches:
        for offset in batch.source_offsets or ():
            if id(offset) in unsafe:
                return last
            last = offset if offset is not None else last
        last = batch.source_offset if batch.source_offset is not None else last
    return last


def _last_known(outgoing: Sequence[Outgoing]) -> Mapping[str, Any] | None:
    last: Mapping[str, Any] | None = None
    for out in outgoing:
        last = next((offset for offset in reversed(out.source_offsets or ()) if offset is not None), last)
        last = out.source_offset if out.source_offset is not None else last
    return last


def _key(partition: Mapping[str, Any]) -> bytes:
    # Copied, since orjson's own result keeps up to 4 KiB of memory, and a task may have many partitions.
    return bytes(memoryview(orjson.dumps(dict(partition), option=orjson.OPT_SORT_KEYS)))
