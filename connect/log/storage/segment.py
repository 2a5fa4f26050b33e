"""One segment: a log file with its two index files.

A segment knows bytes, positions and offsets; when to roll and what is torn is decided in `active_end`.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from connect.api.errors import CorruptBatchError, EnvironmentFault, LogError
from connect.codec.decode import decode
from connect.codec.header import (
    HEADER_BYTES,
    LENGTH,
    LENGTH_OVERHEAD,
    NO_TIMESTAMP,
    BatchHeader,
    check_crc,
    read_header,
)
from connect.codec.index import RELATIVE_OFFSET_MAX
from connect.log.storage.aborted import load_aborted, save_aborted
from connect.log.storage.files import Disk, disk_faults
from connect.log.storage.index import Indexes, load_times
from connect.log.storage.producer_state import Marker, decode_marker
from connect.records import AbortedTransaction

log = logging.getLogger(__name__)

#: What a scan reads at a time.
SCAN_BYTES: Final = 1 << 20


class Segment:
    """The state of one segment. The partition's lock guards what changes.

    Attributes:
        size_bytes: What of the log file is valid; reads never go past it.
        next_offset: After the last batch.
        aborted: The transactions whose abort marker is in here; None until they are asked for.
    """

    def __init__(self, disk: Disk, directory: Path, base_offset: int, index_interval_bytes: int) -> None:
        self._disk = disk
        self.base_offset = base_offset
        self.path = directory / f"{base_offset:020d}.log"
        self.index_path = self.path.with_suffix(".index")
        self.time_index_path = self.path.with_suffix(".timeindex")
        self.transaction_index_path = self.path.with_suffix(".txnindex")
        self.snapshot_path = self.path.with_suffix(".snapshot")
        self.size_bytes = 0
        self.next_offset = base_offset
        self.max_timestamp = NO_TIMESTAMP
        self.max_timestamp_offset = base_offset
        self.first_timestamp: int | None = None
        self.indexes: Indexes | None = None  # in memory for the active segment only
        self._index_interval_bytes = index_interval_bytes
        self._bytes_since_entry = 0
        self._saved_bytes = -1
        self.aborted: list[AbortedTransaction] | None = None
        self._newest_timestamp: int | None = None  # once it is rolled

    def __repr__(self) -> str:
        return f"<Segment {self.path.name} {self.size_bytes} bytes>"

    def remove(self) -> None:
        """Remove the files, the log last: without it the others say nothing."""
        for path in (
            self.index_path,
            self.time_index_path,
            self.transaction_index_path,
            self.snapshot_path,
            self.path,
        ):
            self._disk.remove(path)

    def fits(self, next_offset: int) -> bool:
        """Tell whether a batch up to `next_offset` has relative offsets that an index entry holds."""
        return next_offset - 1 - self.base_offset <= RELATIVE_OFFSET_MAX

    def added(self, size_bytes: int, next_offset: int, max_timestamp: int) -> None:
        """Take note of a batch that was written, or found, at the end."""
        assert self.indexes is not None, "the active segment has its indexes in memory"
        assert next_offset > self.next_offset, "batches lie in offset order"
        assert size_bytes >= HEADER_BYTES, "a batch has a header"
        last_offset = next_offset - 1
        if not self.size_bytes:
            self.first_timestamp = max_timestamp
        if max_timestamp > self.max_timestamp:
            self.max_timestamp, self.max_timestamp_offset = max_timestamp, last_offset
        if self._bytes_since_entry > self._index_interval_bytes:
            self.indexes.append(last_offset - self.base_offset, self.size_bytes)
            self.indexes.append_time(self.max_timestamp, self.max_timestamp_offset - self.base_offset)
            self._bytes_since_entry = 0
        self._bytes_since_entry += size_bytes
        self.size_bytes += size_bytes
        self.next_offset = next_offset

    def skip_to(self, position: int, next_offset: int) -> None:
        """Go on behind damaged bytes, which stay where they are."""
        assert position > self.size_bytes
        self.size_bytes, self.next_offset = position, next_offset
        self._bytes_since_entry = self._index_interval_bytes + 1  # so that readers need not walk over the damage

    def oldest_timestamp(self) -> int | None:
        """Return the max timestamp of the first batch, by which the segment's age is reckoned; None when empty."""
        if self.first_timestamp is None and self.size_bytes:
            with self.path.open("rb", buffering=0) as file:
                self.first_timestamp = read_header(file.read(HEADER_BYTES)).max_timestamp
        return self.first_timestamp

    def save_indexes(self) -> None:
        """Write the index files unless they are up to date, with a last entry for the segment's newest timestamp."""
        assert self.indexes is not None
        if self._saved_bytes == self.size_bytes:
            return
        if self.size_bytes:
            self.indexes.append_time(self.max_timestamp, self.max_timestamp_offset - self.base_offset)
        with disk_faults("write the indexes of", self.path):
            self.indexes.save(self._disk, self.index_path, self.time_index_path)
            self._disk.sync_file(self.index_path)
            self._disk.sync_file(self.time_index_path)
        self.save_aborted()
        self._saved_bytes = self.size_bytes

    def indexes_are_saved(self) -> None:
        """Take note that the index files hold all that the indexes in memory do."""
        self._saved_bytes = self.size_bytes

    def newest_timestamp(self) -> int:
        """Return the largest timestamp; -1 where no record has one. Reads the time index of a rolled segment once.

        Raises:
            CorruptBatchError: The time index has to be made again, and the log file is damaged.
        """
        if self.indexes is not None:
            return self.max_timestamp
        if self._newest_timestamp is None:
            times = load_times(self.time_index_path)
            timestamps = times[0] if times is not None else self.rebuild_indexes().timestamps
            self._newest_timestamp = timestamps[-1] if timestamps else NO_TIMESTAMP
        return self._newest_timestamp

    def save_aborted(self) -> None:
        """Write the transaction index, durably, unless it is not known."""
        if self.aborted is not None:
            save_aborted(self._disk, self.transaction_index_path, self.aborted)

    def load_aborted(self) -> list[AbortedTransaction] | None:
        """Return the aborted transactions, None where their index is missing or damaged."""
        if self.aborted is None:
            self.aborted = load_aborted(self.transaction_index_path)
        return self.aborted

    def locate(self, offset: int) -> tuple[int, int]:
        """Return the position of a batch at or before the one that holds `offset`, and that batch's base offset.

        An entry that does not lead to the batch it names is not used.
        """
        try:
            entries = self._offset_index().around(offset - self.base_offset)
        except CorruptBatchError:
            return 0, self.base_offset  # the walk from the start tells where
        if entries:
            with self.path.open("rb", buffering=0) as file:
                for last_offset, position in entries:
                    base_offset = self._base_offset_at(file.fileno(), position, last_offset + self.base_offset)
                    if base_offset is not None and base_offset <= offset:
                        return position, base_offset
        return 0, self.base_offset

    def _base_offset_at(self, descriptor: int, position: int, last_offset: int) -> int | None:
        """Return the base offset of the batch at a position, None unless it ends at `last_offset`."""
        try:
            header = read_header(os.pread(descriptor, HEADER_BYTES, position))
        except LogError:
            return None
        return header.base_offset if header.last_offset == last_offset else None

    def _offset_index(self) -> Indexes:
        stored = self.indexes or Indexes.load_offsets(self.index_path, self.size_bytes)
        return stored or self.rebuild_indexes()

    def present_indexes(self) -> Indexes:
        """Return the indexes: from memory, from their files, or made again where those cannot be used.

        Raises:
            CorruptBatchError: They have to be made again, and the log file is damaged.
        """
        stored = self.indexes or Indexes.load(self.index_path, self.time_index_path, self.size_bytes)
        return stored or self.rebuild_indexes()

    def rebuild_indexes(self) -> Indexes:
        """Make the indexes of a rolled segment again from its log file, and write them where the disk takes them.

        Raises:
            CorruptBatchError: The log file itself is damaged.
        """
        fresh = Segment(self._disk, self.path.parent, self.base_offset, self._index_interval_bytes)
        fresh.indexes = Indexes()
        for header in scan(self.path, 0, self.size_bytes, self.base_offset, gaps=True):
            fresh.added(header.size_bytes, header.next_offset, header.max_timestamp)
        try:
            fresh.save_indexes()
        except EnvironmentFault as error:  # a full disk, or the segment is being replaced: it can be read all the same
            log.debug("%s", error.message)
            for path in (self.index_path, self.time_index_path):  # half of one would pass for a whole one
                with contextlib.suppress(OSError):
                    self._disk.remove(path)
        return fresh.indexes


class Reading(NamedTuple):
    """Whole, checked batches: `headers` say where in `data`. `position` and `next_offset` are where to go on."""

    data: bytes
    headers: list[BatchHeader]
    position: int
    next_offset: int


def read_batches(
    path: Path, position: int, end: int, next_offset: int, *, max_bytes: int, from_offset: int = 0, gaps: bool = False
) -> Reading:
    """Read batches from `position`, at least one whole one unless `end` is reached, up to about `max_bytes`.

    Args:
        end: Where the valid bytes of the file end.
        next_offset: The base offset to find at `position`. Offsets that do not follow one another are corruption: they
            lie outside the CRC, so this is their check.
        from_offset: Batches that end before it are walked over, their records unchecked.
        gaps: True allows gaps in the offsets, which compaction leaves.

    Raises:
        CorruptBatchError: The first batch is damaged; names file and position. Later ones wait for their turn.
    """
    headers: list[BatchHeader] = []
    with path.open("rb", buffering=0) as file:
        data = os.pread(file.fileno(), min(max(max_bytes, HEADER_BYTES), end - position), position)
        at = 0
        while position + at < end:
            try:
                size = _size_of_batch(data, at)
                if size > len(data) - at:
                    if at:
                        break  # the next reading starts there
                    if position + size > end:
                        raise CorruptBatchError(f"a record batch of {size} bytes runs past the end of the log")
                    data = os.pread(file.fileno(), size, position)
                header = read_header(data, at)
                _check_follows(header, next_offset, gaps=gaps)
                if header.next_offset > from_offset:
                    check_crc(data, header)
                    headers.append(header)
            except LogError as error:
                if gaps and headers and _steps_back(data, at, next_offset):
                    at = headers.pop().position  # where gaps are allowed, either of the two may have the wrong offset
                if headers:
                    break
                raise located(error, path, position + at) from error
            next_offset = header.next_offset
            at = header.end
    assert position + at <= end, "batches lie within the valid bytes"
    return Reading(data, headers, position + at, next_offset)


def scan(path: Path, position: int, end: int, next_offset: int, *, gaps: bool) -> Iterator[BatchHeader]:
    """Yield the header of every batch up to `end`, each with its CRC checked; positions are in the file.

    Raises:
        CorruptBatchError: At the first damaged batch.
    """
    while position < end:
        reading = read_batches(path, position, end, next_offset, max_bytes=SCAN_BYTES, gaps=gaps)
        for header in reading.headers:
            yield replace(header, position=position + header.position)
        assert reading.position > position, "a reading moves on or raises"
        position, next_offset = reading.position, reading.next_offset


def read_marker(path: Path, header: BatchHeader) -> Marker | None:
    """Return the marker in a control batch that `scan` found, None where the batch is another one.

    Raises:
        CorruptBatchError: It is damaged.
    """
    if not header.is_control or not header.count:
        return None
    with path.open("rb", buffering=0) as file:
        columns = decode(os.pread(file.fileno(), header.size_bytes, header.position)).columns
    return decode_marker(columns.keys[0] if columns.keys is not None else None, columns.values[0])


def located(error: LogError, path: Path, position: int) -> LogError:
    """Return the error with file and position in its message."""
    message = f"{path.parent.name}/{path.name} at position {position}: {error.message}"
    return type(error)(message, code=error.code, hint=error.hint)


def _size_of_batch(data: bytes, at: int) -> int:
    """Return the bytes that the batch at `at` claims; those of a header where not even the length is there."""
    if len(data) - at < LENGTH_OVERHEAD:
        return HEADER_BYTES
    _, length = LENGTH.unpack_from(data, at)
    return max(int(length) + LENGTH_OVERHEAD, HEADER_BYTES)


def _steps_back(data: bytes, at: int, next_offset: int) -> bool:
    return len(data) - at >= LENGTH_OVERHEAD and LENGTH.unpack_from(data, at)[0] < next_offset


def _check_follows(header: BatchHeader, next_offset: int, *, gaps: bool) -> None:
    if header.base_offset == next_offset or (gaps and header.base_offset > next_offset):
        return
    raise CorruptBatchError(f"a record batch has base offset {header.base_offset}, expected {next_offset}")
