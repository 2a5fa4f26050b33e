"""One partition: segments in offset order, the newest of which takes appends.

Everything here blocks and runs on the log's threads. Three locks, taken in this order: `_writing` is held by the one
who changes the partition, for as long as the disk takes; `_syncing` makes those who want data on disk share one fsync;
`_lock` guards what readers see of the segments, the producers and the end of the log. Nobody waits for a write or an
fsync with `_lock` held, so readers never wait for the disk of a writer. They take it to copy where the valid bytes end,
then read files without it. Where files were removed or replaced meanwhile, the generation has risen, and they read
again.

A failed fsync is final: nothing more is taken, and nothing is said to be on disk, until the log is opened anew. What is
there can be read.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from connect.api.errors import (
    EnvironmentFault,
    LogError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from connect.codec.encode import EncodedBatch, encode
from connect.codec.header import CONTROL, TRANSACTIONAL
from connect.codec.index import OFFSET_ENTRY
from connect.log.storage.aborted import touching
from connect.log.storage.checkpoints import Checkpoint
from connect.log.storage.files import Disk, SyncError, disk_faults
from connect.log.storage.index import Indexes
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.producer_state import Marker, Producers, encode_marker, next_sequence, sequenced
from connect.log.storage.reading import Cursor, Slice, View, find_time, read_from
from connect.log.storage.recovery import open_partition, replay
from connect.log.storage.segment import Segment
from connect.log.storage.swap import commit_swap, is_swapped
from connect.log.topic_config import TopicConfig
from connect.log.upkeep.retention import expired_count
from connect.records import AbortedTransaction, Columns, Isolation

T = TypeVar("T")

#: One node and no elections: the leader never changes.
LEADER_EPOCH: Final = 0
#: In the directory of a partition that this log wrote from its first record on: its batches follow one another without
#: gaps, also after compaction, so that a damaged base offset, which no checksum covers, shows. Segments that a broker
#: compacted have gaps; whoever brings such a directory here brings it whole, without this file.
GAPLESS_FILE: Final = ".gapless"
#: How often an append looks whether the file that it writes to still has its name.
_PRESENCE_S: Final = 1.0


class Partition:
    """The log of one partition, opened at first use.

    Args:
        starts: The log start offsets of the data directory.
        points: Its recovery points.
        was_clean: Whether the directory was left clean; if not, opening scans the newest segment.
    """

    def __init__(
        self,
        disk: Disk,
        directory: Path,
        config: TopicConfig,
        files: OpenFiles,
        starts: Checkpoint,
        points: Checkpoint,
        *,
        was_clean: bool,
    ) -> None:
        self.disk = disk
        self.directory = directory
        self.name = directory.name
        #: Replaced whole when the topic's configs are altered.
        self.config = config
        self._files = files
        self._starts = starts
        self._points = points
        self._was_clean = was_clean
        self._writing = threading.RLock()
        self._syncing = threading.Lock()
        self._lock = threading.RLock()
        self._segments: list[Segment] = []
        self._producers = Producers(self.name)
        self._generation = 0
        self._gaps = False
        self._start_offset = 0
        self._append_file: int | None = None
        self._append_identity: tuple[int, int] | None = None  # device and inode
        self._presence_due = 0.0
        self._is_torn = False
        self._synced_offset = -1
        self._failure: _Failure | None = None
        self._is_open = False
        self._is_deleted = False
        #: The next offset to be assigned. Readable without the lock; -1 before `open`.
        self.log_end_offset = -1
        #: Where read_committed readers stop. Readable without the lock; -1 before `open`.
        self.last_stable_offset = -1

    # -- opening and closing -----------------------------------------------------------------------------------------

    def open(self) -> Partition:
        """Find the segments and check the newest one's tail; does nothing the second time.

        Raises:
            UnknownTopicOrPartitionError: It was deleted before; its name may be another topic's.
            EnvironmentFault: environment.disk.
        """
        if self._is_open:
            return self
        with self._writing:
            if self._is_open:
                return self
            self._check_alive()
            start_offset, recovery_point = self._starts.get(self.name) or 0, self._points.get(self.name)
            self._gaps = not (self.directory / GAPLESS_FILE).exists()
            opened = open_partition(
                self.disk,
                self.directory,
                self.config,
                was_clean=self._was_clean,
                gaps=self._gaps,
                start_offset=start_offset,
                recovery_point=recovery_point,
            )
            segments = self._segments = opened.segments
            self._producers = opened.producers
            self.log_end_offset = segments[-1].next_offset if segments else 0
            self._start_offset = max(start_offset, segments[0].base_offset) if segments else 0
            if self._was_clean or not segments:
                self._synced_offset = self.log_end_offset
            elif recovery_point is not None:  # it must not go back: damage before it is no torn write
                self._synced_offset = min(recovery_point, self.log_end_offset)
            self._settle()
            self._is_open = True
        return self

    def close(self) -> None:
        """Bring everything to disk, indexes and producers too, and release the files.

        Raises:
            EnvironmentFault: Something is not on disk; log.sync_failed, log.segment_missing, environment.disk.
        """
        with self._writing:
            if not self._is_open or self._is_deleted:
                return
            if self._segments:
                self._check_present("close", self._segments[-1])
                self._cut_torn_write(self._segments[-1])
            self.sync()
            if self._segments:
                self._segments[-1].save_indexes()
                self._save_producers()
            self.release()

    def delete(self) -> None:
        """Refuse all further work; the caller removes the directory."""
        with self._writing:
            self._is_deleted = True
            self.release()

    def release(self) -> None:
        """Close the append file; the next append opens it again."""
        with self._writing:
            if self._append_file is not None:
                os.close(self._append_file)
                self._append_file = None
                self._files.forget(self)

    def try_release(self) -> bool:
        """Close the append file unless an append is going on."""
        if not self._writing.acquire(blocking=False):
            return False
        try:
            self.release()
            return True
        finally:
            self._writing.release()

    def _check_alive(self) -> None:
        if self._is_deleted:
            raise UnknownTopicOrPartitionError(f"partition {self.name} was deleted")

    def _check_writable(self) -> None:
        self._check_alive()
        if self._failure is not None:
            raise self._failure.error()

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def log_start_offset(self) -> int:
        """The oldest offset that is there."""
        return self.open()._start_offset

    @property
    def segment_count(self) -> int:
        """How many segments there are; a partition that never had a record has none."""
        return len(self.open()._segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all log files, without indexes."""
        self.open()
        with self._lock:
            return sum(segment.size_bytes for segment in self._segments)

    @property
    def open_transactions(self) -> dict[int, int]:
        """The first offset of each open transaction, by producer id."""
        self.open()
        with self._lock:
            return self._producers.open_transactions

    @property
    def is_synced(self) -> bool:
        """True where all that was appended is on disk. Any thread may ask, without a lock."""
        return self._failure is None and self._synced_offset >= self.log_end_offset

    def is_synced_to(self, offset: int) -> bool:
        """Tell whether what lies before an offset is on disk. Any thread may ask, without a lock."""
        return self._synced_offset >= offset

    @property
    def is_deleted(self) -> bool:
        """True once its topic is deleted."""
        return self._is_deleted

    @property
    def recovery_point(self) -> int | None:
        """The offset up to which everything is on disk; None where nobody looked, so that what was noted stays."""
        with self._lock:
            if not self._is_open or not self._segments:
                return None
            return max(self._synced_offset, self._segments[-1].base_offset)

    @property
    def is_flush_due(self) -> bool:
        """True where `flush.messages` asks that what was appended be on disk before anyone is told."""
        return self.log_end_offset - self._synced_offset >= self.config.flush_messages

    def view(self, isolation: Isolation = "read_uncommitted") -> View:
        """Return the segments as they are now, for reading without the lock."""
        self.open()
        with self._lock:
            self._check_alive()
            segments = tuple(self._segments)
            limit = self.log_end_offset if isolation == "read_uncommitted" else self.last_stable_offset
            ends = [segment.size_bytes for segment in segments]
            return View(self.name, self._generation, segments, ends, self._start_offset, limit, self._gaps)

    # -- appending ---------------------------------------------------------------------------------------------------

    def append(self, batches: Sequence[EncodedBatch]) -> int:
        """Append batches, with one write where no segment is rolled between them; return the first base offset.

        Batches with a producer id are checked one after another: a duplicate is left out, and its offset returned.

        Raises:
            OutOfOrderSequenceError, ProducerFencedError, TransactionStateError: The batches before it are appended.
            EnvironmentFault: environment.disk, log.segment_missing, each batch is there whole or not at all;
                log.sync_failed, the partition takes nothing more.
        """
        assert batches, "an append has batches"
        with self._writing:
            self._check_writable()
            self.open()
            base_offset = self.log_end_offset
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
        """Append the marker that ends a transaction. One that ends nothing here is written all the same.

        Raises:
            ProducerFencedError: The epoch is not the newest.
        """
        key, value = encode_marker(Marker(is_commit, LEADER_EPOCH))
        batch = encode(
            Columns([value], [key], timestamp),
            attributes=CONTROL | TRANSACTIONAL,
            producer_id=producer_id,
            producer_epoch=epoch,
        )
        with self._writing:
            self._check_writable()
            self.open()._producers.check_marker(producer_id, epoch)
            offset = self.log_end_offset
            try:
                self._append_plain([batch])
            except OSError as error:
                raise self._refused(error) from error
            with self._lock:
                aborted = self._producers.ended(
                    producer_id, epoch, offset, timestamp, is_commit=is_commit, coordinator_epoch=LEADER_EPOCH
                )
            if aborted is not None:
                self.aborted_of(self._segments[-1]).append(aborted)
            self._settle()

    def _refused(self, error: OSError) -> EnvironmentFault:
        """Return what a file that cannot be used says."""
        if isinstance(error, FileNotFoundError):
            return _missing(self.name, str(error.filename or self.directory))
        return EnvironmentFault(
            f"cannot append to {self.directory}: {error.strerror or error}", code="environment.disk"
        )

    def _append_sequenced(self, batch: EncodedBatch) -> int:
        if not batch.is_sequenced:
            base_offset = self.log_end_offset
            self._append_plain([batch])
            return base_offset
        sequence = sequenced(batch.header)
        present = self._producers.check(sequence)
        if present is not None:
            return present
        base_offset = self.log_end_offset
        self._append_plain([batch])
        with self._lock:
            self._producers.appended(sequence, base_offset, base_offset + batch.count - 1)
        return base_offset

    def _append_plain(self, batches: Sequence[EncodedBatch]) -> None:
        pending: list[EncodedBatch] = []
        pending_bytes, next_offset = 0, self.log_end_offset
        for batch in batches:
            if self._must_roll(batch, pending_bytes, next_offset):
                self._write(pending)
                self._roll()
                pending, pending_bytes = [], 0
            pending.append(batch)
            pending_bytes += batch.size_bytes
            next_offset += batch.count
        self._write(pending)

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
        """Begin a new segment; the one before is on disk first, so that only the newest can ever be torn.

        The caller holds `_writing` alone: readers go on while the disk is at work.
        """
        if self._segments:
            self._check_present("append to", self._segments[-1])
            self.sync()
            self._segments[-1].save_indexes()
        self.release()
        segment = Segment(self.disk, self.directory, self.log_end_offset, self.config.index_interval_bytes)
        segment.indexes, segment.aborted = Indexes(), []
        with disk_faults("create", segment.path):
            try:
                self._save_producers()
                for path in (segment.path, segment.index_path, segment.time_index_path, segment.transaction_index_path):
                    self.disk.create(path)
                self.disk.sync_folder(self.directory)
            except (OSError, EnvironmentFault):
                with contextlib.suppress(OSError):
                    segment.remove()
                raise
        with self._lock:
            if self._segments:
                self._segments[-1].indexes = None
            self._segments = [*self._segments, segment]
            self._append_identity = None

    def _save_producers(self) -> None:
        """Write the producers' state under the log end offset; remove those snapshots that opening never needs."""
        path = self.directory / f"{self.log_end_offset:020d}.snapshot"
        with disk_faults("write", path):
            if len(self._producers):
                self.disk.replace(path, self._producers.encode())
            elif self._segments and self._segments[-1].size_bytes:
                self.disk.write(path, self._producers.encode())
            needed = {path.stem, *(f"{segment.base_offset:020d}" for segment in self._segments[-1:])}
            for old in self.directory.glob("*.snapshot"):
                if old.stem not in needed:
                    self.disk.remove(old)

    def _write(self, batches: list[EncodedBatch]) -> None:
        if not batches:
            return
        segment = self._segments[-1]
        self._cut_torn_write(segment)
        pieces: list[bytes | memoryview] = []
        next_offset = self.log_end_offset
        for batch in batches:
            pieces += (batch.head(next_offset, LEADER_EPOCH), batch.payload)
            next_offset += batch.count
        with disk_faults("append to", segment.path):
            descriptor = self._append_descriptor(segment)
            self._is_torn = True
            try:
                self.disk.write_at(segment.path, descriptor, pieces, segment.size_bytes)
            except OSError:
                self._cut_torn_write(segment)
                raise
            self._is_torn = False
        with self._lock:
            for batch in batches:
                next_offset = segment.next_offset + batch.count
                segment.added(batch.size_bytes, next_offset, batch.max_timestamp)
            self.log_end_offset = segment.next_offset

    def _append_descriptor(self, segment: Segment) -> int:
        """Return the open append file. Now and then it is checked that it still has its name: else it is no log."""
        if self._append_file is None:
            try:
                self._append_file = self.disk.open(segment.path)
            except FileNotFoundError:
                raise self._missing("append to", segment) from None
            status = os.fstat(self._append_file)
            if self._append_identity is None:
                self._append_identity = status.st_dev, status.st_ino
            self._check_present("append to", segment)
            self._files.opened(self)
        elif (now := time.monotonic()) >= self._presence_due:
            self._check_present("append to", segment)
            self._presence_due = now + _PRESENCE_S
        return self._append_file

    def _check_present(self, doing: str, segment: Segment) -> None:
        """Check that the name of the newest segment leads to the file that was appended to."""
        if segment is not self._segments[-1]:
            return
        try:
            status = segment.path.stat()
        except FileNotFoundError:
            status = None
        known = self._append_identity
        if status is None or (known is not None and (status.st_dev, status.st_ino) != known):
            raise self._missing(doing, segment)

    def _missing(self, doing: str, segment: Segment) -> EnvironmentFault:
        """Return what is said while the newest segment is not there. Brought back, it is used again."""
        self._note_point()
        self._presence_due = 0.0
        return EnvironmentFault(
            f"cannot {doing} {segment.path}: this newest segment of partition {self.name} was removed or "
            "replaced while "
            f"the log was open",
            code="log.segment_missing",
        )

    def _note_point(self) -> None:
        """Note what is on disk, so that the next opening can say what is gone."""
        point = self.recovery_point
        if point is not None:
            with contextlib.suppress(EnvironmentFault):
                # A deleted topic's would be taken for that of the next one of its name.
                self._points.set(self.name, point, unless=lambda: self._is_deleted)

    def _cut_torn_write(self, segment: Segment) -> None:
        """Take a failed write back. Where even that fails, the next append tries again before it writes."""
        if self._is_torn:
            with disk_faults("truncate", segment.path):
                self.disk.truncate(segment.path, segment.size_bytes)
            self._is_torn = False

    def _settle(self) -> None:
        unstable = self._producers.first_unstable_offset
        self.last_stable_offset = self.log_end_offset if unstable is None else unstable

    # -- syncing -----------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Return when every record appended before the call is on disk. Callers at the same time share one fsync.

        Raises:
            EnvironmentFault: log.sync_failed, then on every call until the log is opened again: after a failed fsync
                the kernel forgets which pages it could not write, so that a later success would mean nothing.
                log.segment_missing, environment.disk: the file could not be opened.
        """
        target = self.open().log_end_offset
        with self._syncing:
            if self._is_deleted:
                return
            if self._failure is not None:
                raise self._failure.error()
            with self._lock:
                # A roll syncs the segment that it leaves, so what is not on disk yet is in the newest.
                end, segment = self.log_end_offset, self._segments[-1] if self._segments else None
                if segment is None or self._synced_offset >= target:
                    return
            self._sync_segment(segment)
            with self._lock:
                self._synced_offset = max(end, self._synced_offset)

    def _sync_segment(self, segment: Segment) -> None:
        try:
            with disk_faults("sync", segment.path):
                self.disk.sync_file(segment.path)
                self._check_present("sync", segment)  # else another file was synced
        except EnvironmentFault as error:
            if self._is_deleted:
                return
            cause = error.__cause__
            if isinstance(cause, SyncError):
                self._failure = _sync_failed(self.name, segment.path, self._synced_offset, cause)
                self._note_point()
                raise self._failure.error() from cause
            if isinstance(cause, FileNotFoundError):
                raise self._missing("sync", segment) from cause
            raise

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(
        self,
        offset: int,
        *,
        max_bytes: int,
        cursor: Cursor | None = None,
        isolation: Isolation = "read_uncommitted",
    ) -> Slice:
        """Read stored batches from the one that holds `offset`; no headers at the end of what may be read.

        Raises:
            OffsetOutOfRangeError: With the valid range.
            CorruptBatchError: The batch at `offset` is damaged.
        """

        def read(view: View) -> Slice:
            if not view.log_start_offset <= offset <= self.log_end_offset:
                raise OffsetOutOfRangeError(
                    f"offset {offset} of {self.name} is out of range: "
                    f"it holds {view.log_start_offset} to {self.log_end_offset}"
                )
            if offset >= view.limit:
                return Slice(b"", [], cursor)
            found = read_from(view, offset, max_bytes, cursor)
            if isolation == "read_uncommitted" or not found.headers:
                return found
            return found._replace(aborted=self._aborted_in(view, offset, found.headers[-1].next_offset))

        return self._undisturbed(read, isolation)

    def find_time(
        self, timestamp_ms: int, from_offset: int = 0, *, isolation: Isolation = "read_uncommitted"
    ) -> Slice | None:
        """Return the first batch from `from_offset` whose max timestamp is at or after a time, None if there is none.

        A batch that was compacted may have lost the record of its max timestamp; then the caller asks again behind it.
        """

        def find(view: View) -> Slice | None:
            offset = find_time(view, timestamp_ms, from_offset)
            return None if offset is None else read_from(view, max(offset, from_offset), 1, None)

        return self._undisturbed(find, isolation)

    def _undisturbed(self, read: Callable[[View], T], isolation: Isolation) -> T:
        """Call with a view of the segments; again where one of their files was removed or replaced meanwhile."""
        while True:
            view = self.view(isolation)
            try:
                result = read(view)
            except (OSError, LogError) as error:
                if self._generation != view.generation:
                    continue
                self._check_alive()
                if isinstance(error, FileNotFoundError):
                    raise _missing(self.name, str(error.filename or self.directory)) from error
                if isinstance(error, OSError):
                    raise EnvironmentFault(f"cannot read {self.directory}: {error}", code="environment.disk") from error
                raise
            if self._generation == view.generation:
                return result

    # -- transactions ------------------------------------------------------------------------------------------------

    def _aborted_in(self, view: View, from_offset: int, to_offset: int) -> tuple[AbortedTransaction, ...]:
        behind = [segment for segment in view.segments if segment.next_offset > from_offset]
        return touching((tuple(self.aborted_of(segment)) for segment in behind), from_offset, to_offset)

    def aborted_of(self, segment: Segment) -> list[AbortedTransaction]:
        """Return a segment's aborted transactions; where they are not known, all of the log is read for them."""
        found = segment.load_aborted()
        if found is None:
            with self._writing:
                producers = Producers(self.name)
                for other in self._segments:
                    aborted = replay(other, producers, gaps=self._gaps)
                    if other.load_aborted() is None:
                        other.aborted = aborted
                        if other.indexes is None:
                            other.save_aborted()
            found = segment.aborted or []
        return found

    def next_sequence(self, producer_id: int, epoch: int) -> int:
        """Return the sequence number that a producer's next batch must have."""
        self.open()
        with self._lock:
            known = self._producers.get(producer_id)
            return 0 if known is None or known.epoch != epoch else next_sequence(known.last_sequence)

    def producer_epoch(self, producer_id: int) -> int:
        """Return a producer's newest epoch, -1 for one that is not known."""
        self.open()
        with self._lock:
            known = self._producers.get(producer_id)
            return -1 if known is None else known.epoch

    def last_offset_of(self, producer_id: int) -> int | None:
        """Return the last offset of a producer's newest batch."""
        self.open()
        with self._lock:
            known = self._producers.get(producer_id)
            return known.batches[-1].last_offset if known is not None and known.batches else None

    def expire_producers(self, before_ms: int) -> None:
        """Forget producers that were not heard of since."""
        with self._writing, self._lock:
            if self._is_open:
                self._producers.expire(before_ms)

    # -- deleting and replacing --------------------------------------------------------------------------------------

    def delete_records(self, before_offset: int) -> int:
        """Delete the records before an offset, -1 for all; return the log start offset.

        Raises:
            OffsetOutOfRangeError: The offset lies behind the log end offset.
        """
        with self._writing:
            self._check_writable()
            end = self.open().log_end_offset
            target = end if before_offset == -1 else before_offset
            if not 0 <= target <= end:
                raise OffsetOutOfRangeError(
                    f"records of {self.name} can be deleted up to offset {end}, not {before_offset}"
                )
            if target > self._start_offset:
                self.sync()  # else the log could begin behind its end after a loss of power
                self._raise_start(target)
            return self._start_offset

    def apply_retention(self, now_ms: int) -> int:
        """Remove segments that are older or more than the configs allow; return how many."""
        with self._writing:
            if self._is_deleted or self._failure is not None or not self.open()._segments:
                return 0
            count = expired_count(self._segments, self.config, now_ms)
            if not count:
                return 0
            if count == len(self._segments):
                if not self._segments[-1].size_bytes:
                    count -= 1
                else:
                    self._roll()
            if count:
                self._raise_start(self._segments[count].base_offset)
            return count

    def _raise_start(self, offset: int) -> None:
        """Let the log begin at an offset, durably, and remove the segments that lie before it."""
        self._starts.set(self.name, offset)
        with self._lock:
            self._start_offset = offset
            self._remove_before(offset)

    def _remove_before(self, offset: int) -> None:
        gone = [segment for segment in self._segments[:-1] if segment.next_offset <= offset]
        if gone:
            self._segments = self._segments[len(gone) :]
            self._generation += 1
            with disk_faults("remove segments of", self.directory):
                for segment in gone:
                    segment.remove()

    def replace_segments(self, old: Sequence[Segment], cleaned: Path, aborted: list[AbortedTransaction]) -> bool:
        """Put one compacted segment in the place of `old`; False, and nothing done, where those are gone meanwhile.

        Args:
            cleaned: Written and synced; its name begins with the base offset of the first of `old`.
        """
        with self._writing, self._lock:
            if self._is_deleted or any(segment not in self._segments for segment in old):
                return False
            first = self._segments.index(old[0])
            segment = Segment(self.disk, self.directory, old[0].base_offset, self.config.index_interval_bytes)
            segment.size_bytes = cleaned.stat().st_size
            segment.next_offset = old[-1].next_offset
            segment.aborted = aborted
            with disk_faults("replace segments of", self.directory):
                # From here on readers of the old segments read again.
                self._generation += 1
                try:
                    commit_swap(self.disk, cleaned, [other.path for other in old])
                finally:  # also where only that the new name lasts is not sure: opening gives it again
                    if is_swapped(cleaned):
                        self._segments = [*self._segments[:first], segment, *self._segments[first + len(old) :]]
                segment.save_aborted()
            return True

    def is_due(self, before_ms: int) -> bool:
        """Tell whether the newest segment began before a time, by its first record."""
        with self._writing:
            if not self.open()._segments or not self._segments[-1].size_bytes:
                return False
            oldest = self._segments[-1].oldest_timestamp()
            return oldest is not None and 0 <= oldest < before_ms

    def roll(self) -> None:
        """Begin a new segment unless the newest is empty, so that the records so far can be compacted."""
        with self._writing:
            self._check_writable()
            if self.open()._segments and self._segments[-1].size_bytes:
                self._roll()


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


def _missing(name: str, path: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"cannot read {path}: it is not there; a file of partition {name} was removed", code="log.segment_missing"
    )
