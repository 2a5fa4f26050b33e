"""Reading a partition's segments: by offset, with or without a cursor, and by time.

Functions of what they are given.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connect.api.errors import CorruptBatchError
from connect.codec.header import BatchHeader
from connect.log.storage.segment import Segment, read_batches, scan
from connect.records import AbortedTransaction


class Cursor(NamedTuple):
    """Where a reader goes on without a look into the index: `offset` is the base offset at `position`.

    `generation` is that of the partition's files; a cursor of another one leads nowhere.
    """

    offset: int
    generation: int
    segment_base_offset: int
    position: int


class Slice(NamedTuple):
    """Stored batches: `headers` say where each lies in `data`. `cursor` follows the last of them."""

    data: bytes
    headers: list[BatchHeader]
    cursor: Cursor | None
    aborted: tuple[AbortedTransaction, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A partition's segments at one moment, to be read without its lock.

    Attributes:
        ends: Where the valid bytes of each segment end.
        limit: The offset at which reading stops: the log end offset, or the last stable one.
        gaps: Whether offsets may have gaps between batches.
    """

    name: str
    generation: int
    segments: Sequence[Segment]
    ends: Sequence[int]
    log_start_offset: int
    limit: int
    gaps: bool


def read_from(view: View, offset: int, max_bytes: int, cursor: Cursor | None) -> Slice:
    """Read batches from the one that holds `offset`, which lies before the limit."""
    first = max(0, bisect.bisect_right(view.segments, offset, key=lambda segment: segment.base_offset) - 1)
    for segment, end in zip(view.segments[first:], view.ends[first:], strict=True):
        if cursor is not None and _leads(cursor, view, segment, offset):
            position, next_offset = cursor.position, cursor.offset
        else:
            position, next_offset = segment.locate(offset)
        while position < end:
            reading = read_batches(
                segment.path, position, end, next_offset, max_bytes=max_bytes, from_offset=offset, gaps=view.gaps
            )
            start, position, next_offset = position, reading.position, reading.next_offset
            if not reading.headers:
                continue
            headers = reading.headers
            if headers[-1].next_offset > view.limit:
                headers = [header for header in headers if header.next_offset <= view.limit]
                if not headers:
                    return Slice(b"", [], None)
                position, next_offset = start + headers[-1].end, headers[-1].next_offset
            # What the disk held was checked batch by batch; these are promises of this module.
            assert headers[0].last_offset >= offset, "the first batch holds the offset, or is the next one there"
            assert headers[-1].end <= len(reading.data), "every batch is there whole"
            assert headers[-1].next_offset <= view.limit, "nothing is read behind the limit"
            assert position <= end, "nothing is read behind the valid bytes"
            return Slice(reading.data, headers, Cursor(next_offset, view.generation, segment.base_offset, position))
        if not view.gaps:
            raise CorruptBatchError(
                f"{view.name}/{segment.path.name} ends at position {end} with offset {next_offset - 1}, "
                f"expected offset {segment.next_offset - 1}"
            )
    return Slice(b"", [], None)


def _leads(cursor: Cursor, view: View, segment: Segment, offset: int) -> bool:
    return (
        cursor.generation == view.generation
        and cursor.segment_base_offset == segment.base_offset
        and cursor.offset == offset
    )


def find_time(view: View, timestamp_ms: int, from_offset: int) -> int | None:
    """Return the base offset of the first batch from `from_offset` whose max timestamp is at or after a time."""
    for segment, end in zip(view.segments, view.ends, strict=True):
        if segment.next_offset <= from_offset:
            continue
        indexes = segment.present_indexes()
        if segment is not view.segments[-1] and indexes.timestamps and indexes.timestamps[-1] < timestamp_ms:
            continue
        start = max(segment.base_offset + indexes.lookup_time(timestamp_ms), from_offset)
        position, next_offset = segment.locate(start)
        for header in scan(segment.path, position, end, next_offset, gaps=view.gaps):
            if header.next_offset > view.limit:
                return None
            if header.count and header.max_timestamp >= timestamp_ms and header.next_offset > from_offset:
                return header.base_offset
    return None
