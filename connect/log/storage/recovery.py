"""Opening a partition: cheaply after a clean stop, with a scan of its newest segment after any other end.

Rolled segments are on disk before the next one is begun, so only the newest can have a torn tail. And of that one only
what lies behind the recovery point, up to which records are known to be on disk. So there are three kinds of damage:

- behind the recovery point, at the end: a write that a loss of power tore or dropped. It is cut off, and said.
- behind the recovery point, with whole batches behind it: where a part of it was never written, it is a write that the
  power took while a later one stayed. Nothing behind it was synced, since a sync takes in the whole file: it is cut
  off with all that follows, and said.
- anything else was whole once: corruption, which is never cut. Reads of it report it, and appends go on behind it.

Where records are missing, as when a file was removed or lost its end, that is said as an error. The log does not go
back: their offsets stay taken, by a batch without records, so that no offset ever names two records and no consumer
waits behind the end.
"""

from __future__ import annotations

import itertools
import logging
import mmap
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from crc32c import crc32c

from connect.api.errors import CorruptBatchError, EnvironmentFault, LogError
from connect.codec.encode import encode_gap
from connect.codec.header import (
    CHECKED_POSITION,
    HEADER_BYTES,
    LENGTH,
    LENGTH_OVERHEAD,
    MAGIC,
    NO_TIMESTAMP,
    PREFIX,
    BatchHeader,
    check_crc,
    read_header,
)
from connect.codec.index import RELATIVE_OFFSET_MAX
from connect.log.storage.files import Disk, disk_faults
from connect.log.storage.index import Indexes
from connect.log.storage.producer_state import Producers
from connect.log.storage.segment import Segment, read_marker, scan
from connect.log.storage.swap import finish_swaps
from connect.log.topic_config import TopicConfig
from connect.records import AbortedTransaction

log = logging.getLogger(__name__)

#: A header found behind a damaged batch counts as a batch only with this byte, which random bytes rarely have.
_MAGIC_BYTE = bytes((MAGIC,))
_MAGIC_POSITION = 16
#: What a disk writes whole.
_SECTOR_BYTES = 512
#: So many zeros where a sector's share of a damaged batch should be are no record's: the sector was never written.
_UNWRITTEN_BYTES_MIN = 8


class Opened(NamedTuple):
    """A partition as opening found it."""

    segments: list[Segment]
    producers: Producers


def open_partition(
    disk: Disk,
    directory: Path,
    config: TopicConfig,
    *,
    was_clean: bool,
    gaps: bool,
    start_offset: int,
    recovery_point: int | None,
) -> Opened:
    """Open a partition: finish what a compaction or a deletion left, and check the segment that appends go to.

    After a clean stop only what follows the last index entry is read, and the producers come from their snapshot.
    Otherwise, or where that finds anything odd, every batch of the newest segment is checked, its indexes are made
    again, a torn tail is cut off and logged, and the producers are replayed from the newest snapshot before it.

    Args:
        gaps: True allows gaps in the offsets between batches, which Kafka's compaction leaves.
        start_offset: Segments that end before it are removed.
        recovery_point: The offset up to which records are known to be on disk. None where that was never noted: then
            it is all after a clean stop, and otherwise what lies before the newest segment.

    Raises:
        EnvironmentFault: environment.disk; a folder that is gone has its way out in the hint.
    """
    if not directory.is_dir():
        raise EnvironmentFault(
            f"cannot open {directory}: the partition's folder is gone, and its records with it",
            code="environment.disk",
            hint=f"Bring it back from a copy; or run 'connect log repair --data-dir {directory.parent}', "
            "which makes it anew, empty.",
        )
    with disk_faults("open", directory):
        finish_swaps(disk, directory)
        segments = _find_segments(disk, directory, config, start_offset)
        end = max(recovery_point or 0, start_offset)
        if not segments:
            if not end:
                return Opened([], Producers(directory.name))
            segments = [_begin_again(disk, directory, config, end)]
        newest = segments[-1]
        file_bytes = newest.path.stat().st_size
        if was_clean:
            producers = _open_quickly(newest, file_bytes, gaps=gaps)
            if producers is not None and newest.next_offset >= end:
                return Opened(segments, producers)
        producers = _replay_rolled(segments, gaps=gaps)
        newest = segments[-1] = Segment(disk, directory, newest.base_offset, config.index_interval_bytes)
        known = None if was_clean and recovery_point is None else max(end, newest.base_offset)
        _recover(disk, newest, file_bytes, producers, known, gaps=gaps)
        if newest.next_offset < end:
            _keep_offsets(disk, newest, end)
        newest.save_indexes()
        return Opened(segments, producers)


def _begin_again(disk: Disk, directory: Path, config: TopicConfig, end: int) -> Segment:
    log.error("%s: every segment is missing; its records before offset %d are gone", directory.name, end)
    segment = Segment(disk, directory, end, config.index_interval_bytes)
    disk.create(segment.path)
    disk.sync_folder(directory)
    return segment


def _keep_offsets(disk: Disk, segment: Segment, end: int) -> None:
    """Let a batch without records stand for the offsets up to `end`, whose records are gone."""
    log.error(
        "%s: records at offsets %d to %d were on disk and are gone: "
        "a file was removed, cut or replaced by an older one",
        segment.path.parent.name,
        segment.next_offset,
        end - 1,
    )
    if not segment.fits(end):
        return  # farther than a segment reaches: the log goes back after all
    gap = encode_gap(segment.next_offset, end - 1)
    descriptor = disk.open(segment.path)
    try:
        disk.write_at(segment.path, descriptor, [gap], segment.size_bytes)
    finally:
        os.close(descriptor)
    disk.sync_file(segment.path)
    segment.added(len(gap), end, NO_TIMESTAMP)


def _find_segments(disk: Disk, directory: Path, config: TopicConfig, start_offset: int) -> list[Segment]:
    bases = sorted(int(path.stem) for path in directory.glob("*.log") if path.stem.isdigit())
    segments = [Segment(disk, directory, base, config.index_interval_bytes) for base in bases]
    for segment in segments:
        segment.size_bytes = segment.path.stat().st_size
    # Beside others an empty one says nothing; it comes from a roll that a crash or the disk broke off.
    held = [segment for segment in segments if segment.size_bytes] or segments[-1:]
    for segment, following in itertools.pairwise(held):
        segment.next_offset = following.base_offset
    # A deletion that a crash broke off: the last one always stays, since its name is the log end offset.
    held = [segment for segment in held[:-1] if segment.next_offset > start_offset] + held[-1:]
    for segment in segments:
        if segment not in held:
            segment.remove()
    return held


def _open_quickly(segment: Segment, file_bytes: int, *, gaps: bool) -> Producers | None:
    """Open without a look at every batch; None where that does not work out."""
    segment.size_bytes = 0
    if file_bytes == 0:
        segment.indexes = Indexes()
        segment.load_aborted()
        return _snapshot(segment.path.parent, segment.base_offset) or Producers(segment.path.parent.name)
    indexes = Indexes.load(segment.index_path, segment.time_index_path, file_bytes)
    if indexes is None:
        return None
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
                return None
            segment.next_offset = first.base_offset
        start, next_offset = segment.size_bytes, segment.next_offset
        for header in scan(segment.path, start, file_bytes, next_offset, gaps=gaps):
            segment.added(header.size_bytes, header.next_offset, header.max_timestamp)
    except LogError:
        return None
    newest = indexes.timestamps[-1] if indexes.timestamps else NO_TIMESTAMP
    if len(indexes.offsets) == entries and segment.max_timestamp <= newest:
        segment.indexes_are_saved()
    segment.load_aborted()
    # A clean stop leaves no snapshot where there were no producers.
    return _snapshot(segment.path.parent, segment.next_offset) or Producers(segment.path.parent.name)


def _snapshot(directory: Path, offset: int) -> Producers | None:
    try:
        return Producers.decode(directory.name, (directory / f"{offset:020d}.snapshot").read_bytes())
    except FileNotFoundError:
        return None
    except CorruptBatchError as error:
        log.warning("%s; the producers' state is made again from the log", error.message)
        return None


def _replay_rolled(segments: list[Segment], *, gaps: bool) -> Producers:
    """Return the producers as they were when the newest segment was begun."""
    directory, newest = segments[0].path.parent, segments[-1].base_offset
    offsets = [int(path.stem) for path in directory.glob("*.snapshot") if path.stem.isdigit()]
    producers, start = Producers(directory.name), segments[0].base_offset
    for offset in sorted((offset for offset in offsets if offset <= newest), reverse=True):
        found = _snapshot(directory, offset)
        if found is not None:
            producers, start = found, offset
            break
    for segment in segments[:-1]:
        if segment.next_offset > start:
            replay(segment, producers, gaps=gaps, from_offset=start)
    return producers


def replay(segment: Segment, producers: Producers, *, gaps: bool, from_offset: int = 0) -> list[AbortedTransaction]:
    """Take note of a segment's batches; return the transactions that are aborted in it. Damage ends it, logged."""
    aborted = []
    try:
        for header in scan(segment.path, 0, segment.size_bytes, segment.base_offset, gaps=gaps):
            if header.base_offset >= from_offset:
                aborted.append(producers.replayed(header, read_marker(segment.path, header)))
    except LogError as error:
        log.error("%s; what its producers did behind it is not known", error.message)
    return [transaction for transaction in aborted if transaction is not None]


def _recover(
    disk: Disk, segment: Segment, file_bytes: int, producers: Producers, known: int | None, *, gaps: bool
) -> None:
    """Check every batch of the newest segment.

    Args:
        known: Up to which offset records are known to be on disk; None means all of them.
    """
    segment.indexes, segment.aborted = Indexes(), []
    while segment.size_bytes < file_bytes:
        try:
            for header in scan(segment.path, segment.size_bytes, file_bytes, segment.next_offset, gaps=gaps):
                aborted = producers.replayed(header, read_marker(segment.path, header))
                if aborted is not None:
                    segment.aborted.append(aborted)
                segment.added(header.size_bytes, header.next_offset, header.max_timestamp)
        except LogError as error:
            file_bytes = _mend(disk, segment, file_bytes, known, error)
    assert segment.size_bytes == file_bytes, "each byte of the file is a batch's, or known to be damaged"


def _mend(disk: Disk, segment: Segment, file_bytes: int, known: int | None, error: LogError) -> int:
    """Deal with a damaged batch at the segment's end so far, see the module; return where the file ends now."""
    position = segment.size_bytes
    following = find_batch(segment.path, position, file_bytes, segment.next_offset)
    may_be_torn = known is not None and segment.next_offset >= known
    if may_be_torn and (following is None or _is_unwritten(segment.path, position, following.position)):
        lost = 0 if following is None else _count_records(segment.path, following, file_bytes)
        disk.truncate(segment.path, position)
        disk.sync_file(segment.path)
        log.warning(
            "cut a torn tail off %s/%s: %d bytes from position %d, with %d whole record(s) behind the torn write, "
            "none of"
            " them ever synced; next offset is %d (%s)",
            segment.path.parent.name,
            segment.path.name,
            file_bytes - position,
            position,
            lost,
            segment.next_offset,
            error.message,
        )
        return position
    if following is None and _is_cut_short(segment.path, position, file_bytes):
        disk.truncate(segment.path, position)
        disk.sync_file(segment.path)
        log.error("%s; the rest of it is missing, and is cut off", error.message)
        return position
    if following is None:
        end = max(known or 0, _claimed_end(segment.path, position, segment.next_offset), segment.next_offset + 1)
        log.error(
            "%s; records at offsets %d to %d cannot be read. They were whole once: nothing is cut",
            error.message,
            segment.next_offset,
            end - 1,
        )
        segment.skip_to(file_bytes, end)
        return file_bytes
    log.error(
        "%s; records at offsets %d to %d cannot be read, valid ones follow and are kept",
        error.message,
        segment.next_offset,
        following.base_offset - 1,
    )
    segment.skip_to(following.position, following.base_offset)
    return file_bytes


def _is_unwritten(path: Path, start: int, end: int) -> bool:
    """Tell whether a batch at `start`, damaged, was never written whole. The next valid one is at `end`.

    Then all of its header is zeros, or the share of one sector in it, or in what lies up to the next. No flipped bit
    makes that of a batch.
    """
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(end - start)
    if not any(data[: _MAGIC_POSITION + 1]):
        return True
    claimed = LENGTH.unpack_from(data)[1] + LENGTH_OVERHEAD
    own = data[:claimed] if HEADER_BYTES <= claimed < len(data) else data
    return _lacks_sector(own, start) or _lacks_sector(data, start)


def _lacks_sector(data: bytes, start: int) -> bool:
    at = 0
    while at < len(data):
        share = data[at : at + _SECTOR_BYTES - (start + at) % _SECTOR_BYTES]
        if len(share) >= _UNWRITTEN_BYTES_MIN and not any(share):
            return True
        at += len(share)
    return False


def _is_cut_short(path: Path, position: int, end: int) -> bool:
    """Tell whether a batch, damaged at the end of a file, lacks its own end. Else a length that is wrong says so."""
    with path.open("rb") as file:
        file.seek(position)
        data = file.read(end - position)
    if len(data) < HEADER_BYTES:
        return True
    claimed = LENGTH.unpack_from(data)[1] + LENGTH_OVERHEAD
    return bool(claimed > len(data) and crc32c(data[CHECKED_POSITION:]) != PREFIX.unpack_from(data)[-1])


def _count_records(path: Path, first: BatchHeader, end: int) -> int:
    try:
        return sum(header.count for header in scan(path, first.position, end, first.base_offset, gaps=True))
    except LogError:
        return first.count


def _claimed_end(path: Path, position: int, next_offset: int) -> int:
    """Return the offset behind a damaged batch as its header says it, 0 where its fields do not agree."""
    with path.open("rb") as file:
        file.seek(position)
        try:
            header = read_header(file.read(HEADER_BYTES))
        except LogError:
            return 0
    return next_offset + header.count if 0 < header.count == header.last_offset_delta + 1 <= RELATIVE_OFFSET_MAX else 0


def find_batch(path: Path, position: int, end: int, next_offset: int) -> BatchHeader | None:
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
