"""Opening a partition's newest segment: cheaply after a clean stop, with a scan of it after any other end.

Rolled segments are on disk before the next one is begun, so only the newest can have a torn tail.
"""

from __future__ import annotations

import logging
import mmap
import os
from dataclasses import replace
from pathlib import Path

from connect.api.errors import LogError
from connect.codec.header import (
    HEADER_BYTES,
    LENGTH,
    LENGTH_OVERHEAD,
    MAGIC,
    NO_TIMESTAMP,
    BatchHeader,
    check_crc,
    read_header,
)
from connect.log.files import disk_faults
from connect.log.index import Indexes
from connect.log.segment import Segment, scan
from connect.log.topic_config import TopicConfig

log = logging.getLogger(__name__)

#: A header found behind a damaged batch counts as a batch only with this byte, which random bytes rarely have.
_MAGIC_BYTE = bytes((MAGIC,))
_MAGIC_POSITION = 16


def open_newest(directory: Path, base_offset: int, config: TopicConfig, *, was_clean: bool) -> Segment:
    """Open the segment that appends go to, with its indexes in memory.

    After a clean stop only what follows the last index entry is read. Otherwise, or where that finds anything odd,
    every batch of the segment is checked, the indexes are made again, and a torn tail is cut off and logged.
    """
    segment = Segment(directory, base_offset, config.index_interval_bytes)
    with disk_faults("open", segment.path):
        file_bytes = segment.path.stat().st_size
        if was_clean and _open_quickly(segment, file_bytes, config):
            return segment
        return _recover(directory, base_offset, file_bytes, config)


def _open_quickly(segment: Segment, file_bytes: int, config: TopicConfig) -> bool:
    indexes = Indexes.load(segment.index_path, segment.time_index_path, file_bytes)
    if indexes is None:
        return file_bytes == 0 and _start_empty(segment)
    segment.indexes = indexes
    entries = len(indexes.offsets)
    if indexes.timestamps:
        segment.max_timestamp = indexes.timestamps[-1]
        segment.max_timestamp_offset = segment.base_offset + indexes.timestamp_offsets[-1]
    try:
        if indexes.last is not None:
            last_offset, position = indexes.last
            segment.size_bytes = position
            first = next(scan(segment.path, position, file_bytes, segment.base_offset, gaps=True))
            if first.last_offset != segment.base_offset + last_offset:
                return False
            segment.next_offset = first.base_offset
        start, next_offset = segment.size_bytes, segment.next_offset
        for header in scan(segment.path, start, file_bytes, next_offset, gaps=config.is_compacted):
            segment.added(header.size_bytes, header.next_offset, header.max_timestamp)
    except LogError:
        return False
    newest = indexes.timestamps[-1] if indexes.timestamps else NO_TIMESTAMP
    if len(indexes.offsets) == entries and segment.max_timestamp <= newest:
        segment.indexes_are_saved()
    return True


def _start_empty(segment: Segment) -> bool:
    segment.indexes = Indexes()
    return True


def _recover(directory: Path, base_offset: int, file_bytes: int, config: TopicConfig) -> Segment:
    segment = Segment(directory, base_offset, config.index_interval_bytes)
    segment.indexes = Indexes()
    while segment.size_bytes < file_bytes:
        try:
            for header in scan(
                segment.path, segment.size_bytes, file_bytes, segment.next_offset, gaps=config.is_compacted
            ):
                segment.added(header.size_bytes, header.next_offset, header.max_timestamp)
        except LogError as error:
            file_bytes = _mend(segment, file_bytes, error)
    segment.save_indexes()
    return segment


def _mend(segment: Segment, file_bytes: int, error: LogError) -> int:
    """Deal with a damaged batch at the segment's end so far; return where the file ends now.

    With nothing valid behind it, it is a torn write, and is cut off. With valid batches behind it, it is damage to
    records that were once whole: it stays, reads of it report it, and the scan goes on behind it.
    """
    position = segment.size_bytes
    following = _find_batch(segment.path, position, file_bytes, segment.next_offset)
    if following is None:
        with segment.path.open("r+b") as file:
            file.truncate(position)
            os.fsync(file.fileno())
        log.warning(
            "cut a torn tail off %s/%s: %d bytes from position %d, next offset is %d (%s)",
            segment.path.parent.name, segment.path.name, file_bytes - position, position, segment.next_offset,
            error.message,
        )  # fmt: skip
        return position
    log.error(
        "%s; records at offsets %d to %d cannot be read, valid ones follow and are kept",
        error.message, segment.next_offset, following.base_offset - 1,
    )  # fmt: skip
    segment.skip_to(following.position, following.base_offset)
    return file_bytes


def _find_batch(path: Path, position: int, end: int, next_offset: int) -> BatchHeader | None:
    """Return the first valid batch behind the damaged one at `position`.

    It is where the damaged header's length says, or, since the length may be what is damaged, wherever a chain of
    valid batches begins that ends exactly with the file; a batch inside a torn record's value does not do that.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if end - position >= LENGTH_OVERHEAD:
            claimed = position + LENGTH_OVERHEAD + LENGTH.unpack_from(data, position)[1]
            if position + HEADER_BYTES <= claimed < end:
                header = _valid_batch(data, claimed, end, next_offset)
                if header is not None:
                    return header
        magic = data.find(_MAGIC_BYTE, position + 1 + _MAGIC_POSITION, end)
        while magic >= 0:
            start = magic - _MAGIC_POSITION
            header = following = _valid_batch(data, start, end, next_offset)
            while following is not None and following.end < end:
                following = _valid_batch(data, following.end, end, following.next_offset)
            if following is not None:
                return header
            magic = data.find(_MAGIC_BYTE, magic + 1, end)
    return None


def _valid_batch(data: mmap.mmap, position: int, end: int, next_offset: int) -> BatchHeader | None:
    raw = data[position : min(position + HEADER_BYTES, end)]
    try:
        header = read_header(raw)
        if header.base_offset < next_offset or position + header.size_bytes > end:
            return None
        check_crc(data[position : position + header.size_bytes], header)
    except LogError:
        return None
    return replace(header, position=position)
