"""One partition: segments in offset order, the newest of which takes appends.

Everything here blocks and runs on the log's threads. Two locks: `_lock` guards the segments and the end of the log,
and is held while a batch is written; `_sync_lock` makes those who want data on disk share one fsync. Readers take the
lock only to copy where the valid bytes end, then read files without it.
"""

from __future__ import annotations

import bisect
import itertools
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connect.api.errors import CorruptBatchError, EnvironmentFault, OffsetOutOfRangeError, UnknownTopicOrPartitionError
from connect.codec.encode import EncodedBatch
from connect.codec.header import BatchHeader
from connect.codec.index import OFFSET_ENTRY
from connect.log.files import disk_faults, sync_directory, sync_file, write_all
from connect.log.index import Indexes
from connect.log.open_files import OpenFiles
from connect.log.recovery import open_newest
from connect.log.segment import Segment, read_batches, scan
from connect.log.topic_config import TopicConfig

#: One node and no elections: the leader never changes.
LEADER_EPOCH: Final = 0


class Cursor(NamedTuple):
    """Where a reader goes on without a look into the index: `offset` is the base offset at `position`."""

    offset: int
    segment_base_offset: int
    position: int


class Slice(NamedTuple):
    """Stored batches: `headers` say where each lies in `data`. `cursor` follows the last of them."""

    data: bytes
    headers: list[BatchHeader]
    cursor: Cursor | None


class Partition:
    """The log of one partition, opened at first use.

    Args:
        was_clean: Whether the directory was left clean; if not, opening scans the newest segment.
    """

    def __init__(self, directory: Path, config: TopicConfig, files: OpenFiles, *, was_clean: bool) -> None:
        self.directory = directory
        self.name = directory.name
        self.config = config
        self._files = files
        self._was_clean = was_clean
        self._lock = threading.RLock()
        self._sync_lock = threading.Lock()
        self._segments: list[Segment] = []
        self._append_file: int | None = None
        self._is_torn = False
        self._synced_offset = -1
        self._sync_failure: EnvironmentFault | None = None
        self._is_open = False
        self._is_deleted = False
        #: The next offset to be assigned. Readable without the lock; -1 before `open`.
        self.log_end_offset = -1

    # -- opening and closing -----------------------------------------------------------------------------------------

    def open(self) -> Partition:
        """Find the segments and check the newest one's tail; does nothing the second time."""
        if self._is_open:
            return self
        with self._lock:
            if self._is_open:
                return self
            with disk_faults("open", self.directory):
                segments = self._find_segments()
            if segments:
                newest = segments[-1].base_offset
                segments[-1] = open_newest(self.directory, newest, self.config, was_clean=self._was_clean)
            self._segments = segments
            self.log_end_offset = segments[-1].next_offset if segments else 0
            self._synced_offset = self.log_end_offset if self._was_clean or not segments else -1
            self._is_open = True
        return self

    def _find_segments(self) -> list[Segment]:
        bases = sorted(int(path.stem) for path in self.directory.glob("*.log") if path.stem.isdigit())
        segments = [Segment(self.directory, base, self.config.index_interval_bytes) for base in bases]
        for segment in segments:
            segment.size_bytes = segment.path.stat().st_size
        # Beside others an empty one says nothing; it comes from a roll that a crash or the disk broke off.
        held = [segment for segment in segments if segment.size_bytes] or segments[-1:]
        for segment in segments:
            if segment not in held:
                segment.remove()
        for segment, following in itertools.pairwise(held):
            segment.next_offset = following.base_offset
        return held

    def close(self) -> None:
        """Bring everything to disk, indexes too, and release the files."""
        with self._lock:
            if not self._is_open or self._is_deleted:
                return
            self.sync()
            if self._segments:
                self._cut_torn_write(self._segments[-1])
                self._segments[-1].save_indexes()
            self.release()

    def delete(self) -> None:
        """Refuse all further work; the caller removes the directory."""
        with self._lock:
            self._is_deleted = True
            self.release()

    def release(self) -> None:
        """Close the append file; the next append opens it again."""
        with self._lock:
            if self._append_file is not None:
                os.close(self._append_file)
                self._append_file = None
                self._files.forget(self)

    def try_release(self) -> bool:
        """Close the append file unless an append is going on."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.release()
            return True
        finally:
            self._lock.release()

    def _check_alive(self) -> None:
        if self._is_deleted:
            raise UnknownTopicOrPartitionError(f"partition {self.name} was deleted")

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def log_start_offset(self) -> int:
        """The oldest offset that is there."""
        return self.open()._segments[0].base_offset if self.open()._segments else 0

    @property
    def segment_count(self) -> int:
        """How many segments there are; a partition that never had a record has none."""
        return len(self.open()._segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all log files, without indexes."""
        with self._lock:
            return sum(segment.size_bytes for segment in self.open()._segments)

    # -- appending ---------------------------------------------------------------------------------------------------

    def append(self, batches: Sequence[EncodedBatch]) -> int:
        """Append batches, with one write where no segment is rolled between them; return the first base offset.

        Raises:
            EnvironmentFault: environment.disk. Each batch is there whole or not at all.
        """
        assert batches, "an append has batches"
        with self._lock:
            self._check_alive()
            self.open()
            base_offset = self.log_end_offset
            pending: list[EncodedBatch] = []
            pending_bytes, next_offset = 0, base_offset
            for batch in batches:
                if self._must_roll(batch, pending_bytes, next_offset):
                    self._write(pending)
                    self._roll()
                    pending, pending_bytes = [], 0
                pending.append(batch)
                pending_bytes += batch.size_bytes
                next_offset += batch.count
            self._write(pending)
            unsynced = self.log_end_offset - self._synced_offset
        if unsynced >= self.config.flush_messages:
            self.sync()
        return base_offset

    def _must_roll(self, batch: EncodedBatch, pending_bytes: int, next_offset: int) -> bool:
        if not self._segments:
            return True
        segment, config = self._segments[-1], self.config
        size_bytes = segment.size_bytes + pending_bytes
        if not size_bytes:
            return False
        oldest = segment.oldest_timestamp()
        age_ms = batch.max_timestamp - oldest if oldest is not None and oldest >= 0 else 0
        assert segment.indexes is not None
        return (
            size_bytes + batch.size_bytes > config.segment_bytes
            or age_ms > config.segment_ms
            or (len(segment.indexes.offsets) + 1) * OFFSET_ENTRY.size > config.segment_index_bytes
            or not segment.fits(next_offset + batch.count)
        )

    def _roll(self) -> None:
        """Begin a new segment; the one before is on disk first, so that only the newest can ever be torn."""
        if self._segments:
            self._sync_segment(self._segments[-1])
            self._segments[-1].save_indexes()
        self.release()
        segment = Segment(self.directory, self.log_end_offset, self.config.index_interval_bytes)
        segment.indexes = Indexes()
        with disk_faults("create", segment.path):
            try:
                for path in (segment.path, segment.index_path, segment.time_index_path):
                    path.touch()
                sync_directory(self.directory)
            except OSError:
                segment.remove()
                raise
        if self._segments:
            self._segments[-1].indexes = None
        self._segments.append(segment)

    def _write(self, batches: list[EncodedBatch]) -> None:
        if not batches:
            return
        segment = self._segments[-1]
        self._cut_torn_write(segment)
        pieces: list[bytes] = []
        next_offset = self.log_end_offset
        for batch in batches:
            pieces += (batch.head(next_offset, LEADER_EPOCH), batch.payload)
            next_offset += batch.count
        with disk_faults("append to", segment.path):
            if self._append_file is None:
                self._append_file = os.open(segment.path, os.O_WRONLY | os.O_CLOEXEC)
                self._files.opened(self)
            self._is_torn = True
            try:
                write_all(self._append_file, b"".join(pieces), segment.size_bytes)
            except OSError:
                self._cut_torn_write(segment)
                raise
            self._is_torn = False
        for batch in batches:
            next_offset = segment.next_offset + batch.count
            segment.added(batch.size_bytes, next_offset, batch.max_timestamp)
        self.log_end_offset = segment.next_offset

    def _cut_torn_write(self, segment: Segment) -> None:
        """Take a failed write back. Where even that fails, the next append tries again before it writes."""
        if self._is_torn:
            with disk_faults("truncate", segment.path):
                os.truncate(segment.path, segment.size_bytes)
            self._is_torn = False

    # -- syncing -----------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Return when every record appended before the call is on disk. Callers at the same time share one fsync.

        Raises:
            EnvironmentFault: environment.disk, then on every call until the log is opened again: after a failed fsync
                the kernel forgets which pages it could not write, so that a later success would mean nothing.
        """
        target = self.open().log_end_offset
        with self._sync_lock:
            if self._sync_failure is not None:
                raise self._sync_failure
            if self._synced_offset >= target or not self._segments or self._is_deleted:
                return
            # In this order: a roll in between syncs the segment that it leaves.
            end = self.log_end_offset
            segment = self._segments[-1]
            self._sync_segment(segment)
            self._synced_offset = max(end, self._synced_offset)

    def _sync_segment(self, segment: Segment) -> None:
        try:
            with disk_faults("sync", segment.path):
                sync_file(segment.path)
        except EnvironmentFault as error:
            if self._is_deleted:
                return
            self._sync_failure = error
            raise

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, offset: int, *, max_bytes: int, cursor: Cursor | None = None) -> Slice:
        """Read stored batches from the one that holds `offset`; no headers at the log end offset.

        Raises:
            OffsetOutOfRangeError: With the valid range.
            CorruptBatchError: The batch at `offset` is damaged.
        """
        with self._lock:
            self._check_alive()
            segments = list(self.open()._segments)
            ends = [segment.size_bytes for segment in segments]
            log_end_offset = self.log_end_offset
        start = segments[0].base_offset if segments else 0
        if not start <= offset <= log_end_offset:
            raise OffsetOutOfRangeError(
                f"offset {offset} of {self.name} is out of range: it holds {start} to {log_end_offset}"
            )
        if offset == log_end_offset:
            return Slice(b"", [], cursor)
        try:
            return self._read_from(segments, ends, offset, max_bytes, cursor)
        except OSError as error:
            self._check_alive()
            raise EnvironmentFault(f"cannot read {self.directory}: {error}", code="environment.disk") from error

    def _read_from(
        self, segments: list[Segment], ends: list[int], offset: int, max_bytes: int, cursor: Cursor | None
    ) -> Slice:
        first = max(0, bisect.bisect_right(segments, offset, key=lambda segment: segment.base_offset) - 1)
        for segment, end in zip(segments[first:], ends[first:], strict=True):
            if cursor is not None and cursor.segment_base_offset == segment.base_offset and cursor.offset == offset:
                position, next_offset = cursor.position, cursor.offset
            else:
                position, next_offset = segment.locate(offset)
            while position < end:
                reading = read_batches(
                    segment.path, position, end, next_offset,
                    max_bytes=max_bytes, from_offset=offset, gaps=self.config.is_compacted,
                )  # fmt: skip
                position, next_offset = reading.position, reading.next_offset
                if reading.headers:
                    return Slice(reading.data, reading.headers, Cursor(next_offset, segment.base_offset, position))
            if not self.config.is_compacted:
                raise CorruptBatchError(
                    f"{self.name}/{segment.path.name} ends at position {end} with offset {next_offset - 1}, "
                    f"expected offset {segment.next_offset - 1}"
                )
        return Slice(b"", [], None)

    def find_time(self, timestamp_ms: int, from_offset: int = 0) -> Slice | None:
        """Return the first batch from `from_offset` whose max timestamp is at or after a time, None if there is none.

        A batch that was compacted may have lost the record of its max timestamp; then the caller asks again behind it.
        """
        with self._lock:
            self._check_alive()
            segments = list(self.open()._segments)
            ends = [segment.size_bytes for segment in segments]
        with disk_faults("read", self.directory):
            for segment, end in zip(segments, ends, strict=True):
                if segment.next_offset <= from_offset:
                    continue
                indexes = segment.present_indexes()
                if segment is not segments[-1] and indexes.timestamps and indexes.timestamps[-1] < timestamp_ms:
                    continue
                start = max(segment.base_offset + indexes.lookup_time(timestamp_ms), from_offset)
                position, next_offset = segment.locate(start)
                for header in scan(segment.path, position, end, next_offset, gaps=self.config.is_compacted):
                    if header.count and header.max_timestamp >= timestamp_ms and header.base_offset >= from_offset:
                        return self.read(header.base_offset, max_bytes=1)
        return None
