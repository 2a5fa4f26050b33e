"""The active end of a partition: where batches are appended and synced, segments rolled, torn writes taken back.

All that changes here happens under `Segments.writing`; what readers see of it is told to `Segments` under its `lock`.
`_syncing`, taken between the two, makes those who want data on disk share one fsync. A roll syncs the segment that it
leaves before it begins the next, so what is not on disk yet is always in the newest segment alone.

A failed fsync is final: nothing more is taken, and nothing is said to be on disk, until the log is opened anew. What is
there can be read.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connect.api.errors import EnvironmentFault
from connect.codec.encode import EncodedBatch, encode
from connect.codec.header import CONTROL, TRANSACTIONAL
from connect.codec.index import OFFSET_ENTRY
from connect.log.storage.checkpoints import Checkpoint
from connect.log.storage.files import Disk, SyncError, disk_faults
from connect.log.storage.index import Indexes
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.producer_state import Marker, Producers, encode_marker, sequenced
from connect.log.storage.segment import Segment
from connect.log.storage.segments import Segments, missing
from connect.log.topic_config import TopicConfig
from connect.records import Columns

#: One node and no elections: the leader never changes.
LEADER_EPOCH: Final = 0
#: How often an append looks whether the file that it writes to still has its name.
_PRESENCE_S: Final = 1.0


class ActiveEnd:
    """The writer of a partition's newest segment. Everything blocks; callers of what changes hold `Segments.writing`.

    Attributes:
        config: Replaced whole when the topic's configs are altered.
        producers: Sequence numbers and open transactions as of the log end offset; `Segments.lock` guards them.
        synced_offset: What lies before it is on disk; -1 where nobody looked. Readable without a lock.
    """

    def __init__(
        self, disk: Disk, directory: Path, config: TopicConfig, files: OpenFiles, points: Checkpoint, segments: Segments
    ) -> None:
        self._disk = disk
        self._directory = directory
        self.config = config
        self._files = files
        self._points = points
        self._segments = segments
        self._syncing = threading.Lock()
        self.producers = Producers(segments.name)
        self.synced_offset = -1
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the newest segment's file
        self._presence_due = 0.0
        self._is_torn = False
        self._failure: _Failure | None = None

    def take(self, producers: Producers, synced_offset: int) -> None:
        """Take the producers, and what is on disk, as opening found them."""
        assert synced_offset <= self._segments.log_end_offset, "what is on disk is in the log"
        self.producers, self.synced_offset = producers, synced_offset
        self._settle()

    def check_writable(self) -> None:
        """Raises what an append would: `UnknownTopicOrPartitionError`, or log.sync_failed."""
        self._segments.check_alive()
        if self._failure is not None:
            raise self._failure.error()

    @property
    def has_failed(self) -> bool:
        """Whether an fsync failed, so that nothing more is taken."""
        return self._failure is not None

    @property
    def recovery_point(self) -> int | None:
        """The offset up to which everything is on disk; None where there is no segment."""
        with self._segments.lock:
            newest = self._segments.newest
            return None if newest is None else max(self.synced_offset, newest.base_offset)

    # -- appending ---------------------------------------------------------------------------------------------------

    def append(self, batches: Sequence[EncodedBatch]) -> int:
        """Append batches; see `Partition.append`."""
        base_offset = self._segments.log_end_offset
        try:
            if any(batch.is_sequenced for batch in batches):
                base_offset, *_ = [self._append_sequenced(batch) for batch in batches]
            else:
                self._append_plain(batches)
        except OSError as error:
            raise self._refused(error) from error
        finally:
            self._settle()
        return base_offset

    def append_marker(self, producer_id: int, epoch: int, timestamp: int, *, is_commit: bool) -> None:
        """Append the marker that ends a transaction; see `Partition.append_marker`."""
        key, value = encode_marker(Marker(is_commit, LEADER_EPOCH))
        batch = encode(
            Columns([value], [key], timestamp),
            attributes=CONTROL | TRANSACTIONAL,
            producer_id=producer_id,
            producer_epoch=epoch,
        )
        self.producers.check_marker(producer_id, epoch)
        offset = self._segments.log_end_offset
        try:
            self._append_plain([batch])
        except OSError as error:
            raise self._refused(error) from error
        with self._segments.lock:
            aborted = self.producers.ended(
                producer_id, epoch, offset, timestamp, is_commit=is_commit, coordinator_epoch=LEADER_EPOCH
            )
        if aborted is not None:
            self._segments.aborted_of(self._newest()).append(aborted)
        self._settle()

    def _refused(self, error: OSError) -> EnvironmentFault:
        """Return what a file that cannot be used says."""
        if isinstance(error, FileNotFoundError):
            return missing(self._segments.name, str(error.filename or self._directory))
        return EnvironmentFault(
            f"cannot append to {self._directory}: {error.strerror or error}", code="environment.disk"
        )

    def _append_sequenced(self, batch: EncodedBatch) -> int:
        base_offset = self._segments.log_end_offset
        if not batch.is_sequenced:
            self._append_plain([batch])
            return base_offset
        sequence = sequenced(batch.header)
        present = self.producers.check(sequence)
        if present is not None:
            return present
        self._append_plain([batch])
        with self._segments.lock:
            self.producers.appended(sequence, base_offset, base_offset + batch.count - 1)
        known = self.producers.get(sequence.producer_id)
        assert known is not None, "a producer that appends is known"
        assert known.epoch == sequence.epoch, "an append is of its producer's newest epoch"
        return base_offset

    def _append_plain(self, batches: Sequence[EncodedBatch]) -> None:
        pending: list[EncodedBatch] = []
        pending_bytes, next_offset = 0, self._segments.log_end_offset
        for batch in batches:
            if self._must_roll(batch, pending_bytes, next_offset):
                self._write(pending)
                self.roll()
                pending, pending_bytes = [], 0
            pending.append(batch)
            pending_bytes += batch.size_bytes
            next_offset += batch.count
        self._write(pending)

    def _write(self, batches: list[EncodedBatch]) -> None:
        """Write batches with one call; each is there whole, or none is."""
        if not batches:
            return
        segment = self._newest()
        self._cut_torn_write(segment)
        begin = next_offset = self._segments.log_end_offset
        position = segment.size_bytes
        assert segment.next_offset == begin, "the newest segment ends where the log does"
        pieces: list[bytes | memoryview] = []
        for batch in batches:
            assert batch.count > 0, "what is appended takes an offset"
            pieces += (batch.head(next_offset, LEADER_EPOCH), batch.payload)
            next_offset += batch.count
        assert segment.fits(next_offset), "its index can name every offset of a segment"
        with disk_faults("append to", segment.path):
            descriptor = self._descriptor(segment)
            self._is_torn = True
            try:
                self._disk.write_at(segment.path, descriptor, pieces, position)
            except OSError:
                self._cut_torn_write(segment)
                raise
            self._is_torn = False
        with self._segments.lock:
            for batch in batches:
                segment.added(batch.size_bytes, segment.next_offset + batch.count, batch.max_timestamp)
            self._segments.log_end_offset = segment.next_offset
        assert segment.next_offset == next_offset, "what was noted has the offsets that were written"
        assert segment.size_bytes == position + sum(map(len, pieces)), "what was noted has the bytes that were written"

    def _newest(self) -> Segment:
        newest = self._segments.newest
        assert newest is not None, "a roll made the first segment"
        return newest

    def _settle(self) -> None:
        unstable = self.producers.first_unstable_offset
        end = self._segments.log_end_offset
        self._segments.last_stable_offset = end if unstable is None else unstable

    # -- the file that takes the appends -----------------------------------------------------------------------------

    def _descriptor(self, segment: Segment) -> int:
        """Return the open append file. Now and then it is checked that it still has its name: else it is no log."""
        if self._file is None:
            try:
                self._file = self._disk.open(segment.path)
            except FileNotFoundError:
                raise self._missing("append to", segment) from None
            status = os.fstat(self._file)
            if self._identity is None:
                self._identity = status.st_dev, status.st_ino
            self._check_present("append to", segment)
            self._files.opened(self)
        elif (now := time.monotonic()) >= self._presence_due:
            self._check_present("append to", segment)
            self._presence_due = now + _PRESENCE_S
        return self._file

    def _check_present(self, doing: str, segment: Segment) -> None:
        """Check that the name of the newest segment leads to the file that was appended to."""
        if segment is not self._segments.newest:
            return
        try:
            status = segment.path.stat()
        except FileNotFoundError:
            status = None
        if status is None or (self._identity is not None and (status.st_dev, status.st_ino) != self._identity):
            raise self._missing(doing, segment)

    def _missing(self, doing: str, segment: Segment) -> EnvironmentFault:
        """Return what is said while the newest segment is not there. Brought back, it is used again."""
        self._note_point()
        self._presence_due = 0.0
        return EnvironmentFault(
            f"cannot {doing} {segment.path}: this newest segment of partition {self._segments.name} was removed or "
            f"replaced while the log was open",
            code="log.segment_missing",
        )

    def _note_point(self) -> None:
        """Note what is on disk, so that the next opening can say what is gone."""
        point = self.recovery_point
        if point is not None:
            with contextlib.suppress(EnvironmentFault):
                # A deleted topic's would be taken for that of the next one of its name.
                self._points.set(self._segments.name, point, unless=lambda: self._segments.is_deleted)

    def _cut_torn_write(self, segment: Segment) -> None:
        """Take a failed write back. Where even that fails, the next append tries again before it writes."""
        if self._is_torn:
            with disk_faults("truncate", segment.path):
                self._disk.truncate(segment.path, segment.size_bytes)
            self._is_torn = False

    def release(self) -> None:
        """Close the append file; the next append opens it again."""
        with self._segments.writing:
            if self._file is not None:
                os.close(self._file)
                self._file = None
                self._files.forget(self)

    def try_release(self) -> bool:
        """Close the append file unless an append is going on."""
        if not self._segments.writing.acquire(blocking=False):
            return False
        try:
            self.release()
            return True
        finally:
            self._segments.writing.release()

    # -- rolling -----------------------------------------------------------------------------------------------------

    def _must_roll(self, batch: EncodedBatch, pending_bytes: int, next_offset: int) -> bool:
        segment, config = self._segments.newest, self.config
        if segment is None:
            return True
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

    def roll(self) -> None:
        """Begin a new segment; the one before is on disk first, so that only the newest can ever be torn.

        Readers go on while the disk is at work.

        Raises:
            EnvironmentFault: environment.disk, log.sync_failed, log.segment_missing; the newest segment stays.
        """
        newest = self._segments.newest
        if newest is not None:
            self._check_present("append to", newest)
            self.sync()
            assert self.synced_offset >= newest.next_offset, "a segment that is left is on disk"
            newest.save_indexes()
        self.release()
        end = self._segments.log_end_offset
        segment = Segment(self._disk, self._directory, end, self.config.index_interval_bytes)
        segment.indexes, segment.aborted = Indexes(), []
        with disk_faults("create", segment.path):
            try:
                self._save_producers()
                for path in (segment.path, segment.index_path, segment.time_index_path, segment.transaction_index_path):
                    self._disk.create(path)
                self._disk.sync_folder(self._directory)
            except (OSError, EnvironmentFault):
                with contextlib.suppress(OSError):
                    segment.remove()
                raise
        self._segments.add(segment)
        self._identity = None

    def _save_producers(self) -> None:
        """Write the producers' state under the log end offset; remove those snapshots that opening never needs."""
        newest = self._segments.newest
        path = self._directory / f"{self._segments.log_end_offset:020d}.snapshot"
        with disk_faults("write", path):
            if len(self.producers):
                self._disk.replace(path, self.producers.encode())
            elif newest is not None and newest.size_bytes:
                self._disk.write(path, self.producers.encode())
            needed = {path.stem, *([f"{newest.base_offset:020d}"] if newest is not None else [])}
            for old in self._directory.glob("*.snapshot"):
                if old.stem not in needed:
                    self._disk.remove(old)

    def save(self) -> None:
        """Bring everything to disk, indexes and producers too, as a clean stop leaves it.

        Raises:
            EnvironmentFault: log.sync_failed, log.segment_missing, environment.disk: something is not on disk.
        """
        newest = self._segments.newest
        if newest is not None:
            self._check_present("close", newest)
            self._cut_torn_write(newest)
        self.sync()
        if newest is not None:
            newest.save_indexes()
            self._save_producers()

    # -- syncing -----------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Return when every record appended before the call is on disk; see `Partition.sync`. Needs no lock held."""
        target = self._segments.log_end_offset
        with self._syncing:
            if self._segments.is_deleted:
                return
            if self._failure is not None:
                raise self._failure.error()
            with self._segments.lock:
                end, newest = self._segments.log_end_offset, self._segments.newest
                if newest is None or self.synced_offset >= target:
                    return
            self._sync_segment(newest)
            with self._segments.lock:
                self.synced_offset = max(end, self.synced_offset)

    def _sync_segment(self, segment: Segment) -> None:
        try:
            with disk_faults("sync", segment.path):
                self._disk.sync_file(segment.path)
                self._check_present("sync", segment)  # else another file was synced
        except EnvironmentFault as error:
            if self._segments.is_deleted:
                return
            cause = error.__cause__
            if isinstance(cause, SyncError):
                self._failure = _sync_failed(self._segments.name, segment.path, self.synced_offset, cause)
                self._note_point()
                raise self._failure.error() from cause
            if isinstance(cause, FileNotFoundError):
                raise self._missing("sync", segment) from cause
            raise


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a partition takes nothing more."""

    message: str
    code: str
    cause: BaseException | None = None

    def error(self) -> EnvironmentFault:
        """Return a fresh error, since each one collects its own trace."""
        error = EnvironmentFault(self.message, code=self.code)
        error.__cause__ = self.cause
        return error


def _sync_failed(name: str, path: Path, synced_offset: int, cause: OSError) -> _Failure:
    since = f"from offset {synced_offset} on " if synced_offset >= 0 else ""
    return _Failure(
        f"cannot sync {path}: {cause.strerror or cause}; nobody can tell which records {since}are on disk, so "
        f"partition {name} takes nothing more until the log is opened again",
        "log.sync_failed",
        cause,
    )
