"""One partition: the thin face of its set of segments (`segments`: read, delete, replace) and of its active end
(`active_end`: append, roll, sync), opened at first use.

Everything here blocks and runs on the log's threads. Three locks, taken in this order: `Segments.writing` is held by
the one who changes the partition, for as long as the disk takes; the active end's makes those who want data on disk
share one fsync; `Segments.lock` guards what readers see. So readers never wait for the disk of a writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from connect.api.errors import OffsetOutOfRangeError
from connect.codec.encode import EncodedBatch
from connect.log.storage.active_end import ActiveEnd
from connect.log.storage.checkpoints import Checkpoint
from connect.log.storage.files import Disk
from connect.log.storage.open_files import OpenFiles
from connect.log.storage.producer_state import next_sequence
from connect.log.storage.reading import Cursor, Slice, View
from connect.log.storage.recovery import open_partition
from connect.log.storage.segment import Segment
from connect.log.storage.segments import Segments
from connect.log.topic_config import TopicConfig
from connect.records import AbortedTransaction, Isolation

#: In the directory of a partition that this log wrote from its first record on: its batches follow one another without
#: gaps, also after compaction, so that a damaged base offset, which no checksum covers, shows. Segments that a broker
#: compacted have gaps; whoever brings such a directory here brings it whole, without this file.
GAPLESS_FILE: Final = ".gapless"


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
        self._starts = starts
        self._points = points
        self._was_clean = was_clean
        self._segments = Segments(disk, directory, starts)
        self._end = ActiveEnd(disk, directory, config, files, points, self._segments)
        self._is_open = False

    # -- opening and closing -----------------------------------------------------------------------------------------

    def open(self) -> Partition:
        """Find the segments and check the newest one's tail; does nothing the second time.

        Raises:
            UnknownTopicOrPartitionError: It was deleted before; its name may be another topic's.
            EnvironmentFault: environment.disk.
        """
        if self._is_open:
            return self
        with self._segments.writing:
            if self._is_open:
                return self
            self._segments.check_alive()
            start_offset, recovery_point = self._starts.get(self.name) or 0, self._points.get(self.name)
            gaps = not (self.directory / GAPLESS_FILE).exists()
            opened = open_partition(
                self.disk,
                self.directory,
                self.config,
                was_clean=self._was_clean,
                gaps=gaps,
                start_offset=start_offset,
                recovery_point=recovery_point,
            )
            self._segments.take(opened.segments, start_offset, gaps=gaps)
            synced_offset = -1
            if self._was_clean or not opened.segments:
                synced_offset = self.log_end_offset
            elif recovery_point is not None:  # it must not go back: damage before it is no torn write
                synced_offset = min(recovery_point, self.log_end_offset)
            self._end.take(opened.producers, synced_offset)
            self._is_open = True
        return self

    def close(self) -> None:
        """Bring everything to disk, indexes and producers too, and release the files.

        Raises:
            EnvironmentFault: Something is not on disk; log.sync_failed, log.segment_missing, environment.disk.
        """
        with self._segments.writing:
            if self._is_open and not self.is_deleted:
                self._end.save()
                self._end.release()

    def delete(self) -> None:
        """Refuse all further work; the caller removes the directory."""
        with self._segments.writing:
            self._segments.is_deleted = True
            self._end.release()

    def release(self) -> None:
        """Close the append file; the next append opens it again."""
        self._end.release()

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def config(self) -> TopicConfig:
        """The topic's configs; replaced whole when they are altered."""
        return self._end.config

    @config.setter
    def config(self, config: TopicConfig) -> None:
        self._end.config = config

    @property
    def log_start_offset(self) -> int:
        """The oldest offset that is there."""
        self.open()
        return self._segments.log_start_offset

    @property
    def log_end_offset(self) -> int:
        """The next offset to be assigned. Readable without the lock; -1 before `open`."""
        return self._segments.log_end_offset

    @property
    def last_stable_offset(self) -> int:
        """Where read_committed readers stop. Readable without the lock; -1 before `open`."""
        return self._segments.last_stable_offset

    @property
    def segment_count(self) -> int:
        """How many segments there are; a partition that never had a record has none."""
        self.open()
        return len(self._segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all log files, without indexes."""
        self.open()
        return self._segments.size_bytes

    @property
    def open_transactions(self) -> dict[int, int]:
        """The first offset of each open transaction, by producer id."""
        self.open()
        with self._segments.lock:
            return self._end.producers.open_transactions

    @property
    def is_synced(self) -> bool:
        """True where all that was appended is on disk. Any thread may ask, without a lock."""
        return not self._end.has_failed and self._end.synced_offset >= self._segments.log_end_offset

    def is_synced_to(self, offset: int) -> bool:
        """Tell whether what lies before an offset is on disk. Any thread may ask, without a lock."""
        return self._end.synced_offset >= offset

    @property
    def is_deleted(self) -> bool:
        """True once its topic is deleted."""
        return self._segments.is_deleted

    @property
    def recovery_point(self) -> int | None:
        """The offset up to which everything is on disk; None where nobody looked, so that what was noted stays."""
        return self._end.recovery_point if self._is_open else None

    @property
    def is_flush_due(self) -> bool:
        """True where `flush.messages` asks that what was appended be on disk before anyone is told."""
        return self._segments.log_end_offset - self._end.synced_offset >= self.config.flush_messages

    def view(self, isolation: Isolation = "read_uncommitted") -> View:
        """Return the segments as they are now, for reading without the lock."""
        self.open()
        return self._segments.view(isolation)

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
        with self._segments.writing:
            self._end.check_writable()
            self.open()
            return self._end.append(batches)

    def append_marker(self, producer_id: int, epoch: int, timestamp: int, *, is_commit: bool) -> None:
        """Append the marker that ends a transaction. One that ends nothing here is written all the same.

        Raises:
            ProducerFencedError: The epoch is not the newest.
        """
        with self._segments.writing:
            self._end.check_writable()
            self.open()
            self._end.append_marker(producer_id, epoch, timestamp, is_commit=is_commit)

    def roll(self) -> None:
        """Begin a new segment unless the newest is empty, so that the records so far can be compacted."""
        with self._segments.writing:
            self._end.check_writable()
            self.open()
            newest = self._segments.newest
            if newest is not None and newest.size_bytes:
                self._end.roll()

    def sync(self) -> None:
        """Return when every record appended before the call is on disk. Callers at the same time share one fsync.

        Raises:
            EnvironmentFault: log.sync_failed, then on every call until the log is opened again: after a failed fsync
                the kernel forgets which pages it could not write, so that a later success would mean nothing.
                log.segment_missing, environment.disk: the file could not be opened.
        """
        self.open()
        self._end.sync()

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
        self.open()
        return self._segments.read(offset, max_bytes, cursor, isolation)

    def find_time(
        self, timestamp_ms: int, from_offset: int = 0, *, isolation: Isolation = "read_uncommitted"
    ) -> Slice | None:
        """Return the first batch from `from_offset` whose max timestamp is at or after a time, None if there is none.

        A batch that was compacted may have lost the record of its max timestamp; then the caller asks again behind it.
        """
        self.open()
        return self._segments.find_time(timestamp_ms, from_offset, isolation)

    # -- producers and transactions ----------------------------------------------------------------------------------

    def aborted_of(self, segment: Segment) -> list[AbortedTransaction]:
        """Return a segment's aborted transactions; where they are not known, all of the log is read for them."""
        return self._segments.aborted_of(segment)

    def next_sequence(self, producer_id: int, epoch: int) -> int:
        """Return the sequence number that a producer's next batch must have."""
        self.open()
        with self._segments.lock:
            known = self._end.producers.get(producer_id)
            return 0 if known is None or known.epoch != epoch else next_sequence(known.last_sequence)

    def producer_epoch(self, producer_id: int) -> int:
        """Return a producer's newest epoch, -1 for one that is not known."""
        self.open()
        with self._segments.lock:
            known = self._end.producers.get(producer_id)
            return -1 if known is None else known.epoch

    def last_offset_of(self, producer_id: int) -> int | None:
        """Return the last offset of a producer's newest batch."""
        self.open()
        with self._segments.lock:
            known = self._end.producers.get(producer_id)
            return known.batches[-1].last_offset if known is not None and known.batches else None

    def expire_producers(self, before_ms: int) -> None:
        """Forget producers that were not heard of since."""
        with self._segments.writing, self._segments.lock:
            if self._is_open:
                self._end.producers.expire(before_ms)

    # -- deleting and replacing --------------------------------------------------------------------------------------

    def delete_records(self, before_offset: int) -> int:
        """Delete the records before an offset, -1 for all; return the log start offset.

        Raises:
            OffsetOutOfRangeError: The offset lies behind the log end offset.
        """
        with self._segments.writing:
            self._end.check_writable()
            end = self.open().log_end_offset
            target = end if before_offset == -1 else before_offset
            if not 0 <= target <= end:
                raise OffsetOutOfRangeError(
                    f"records of {self.name} can be deleted up to offset {end}, not {before_offset}"
                )
            if target > self._segments.log_start_offset:
                self.sync()  # else the log could begin behind its end after a loss of power
                self._segments.begin_at(target)
            return self._segments.log_start_offset

    def remove_oldest(self, expired: Callable[[Sequence[Segment], TopicConfig], int]) -> int:
        """Remove segments from the oldest on; return how many.

        Args:
            expired: Says how many, given all of them and the topic's config; called with the partition held.
        """
        with self._segments.writing:
            if self.is_deleted or self._end.has_failed or not self.open().segment_count:
                return 0
            segments = list(self._segments)
            count = expired(segments, self.config)
            if count == len(segments):
                if not segments[-1].size_bytes:
                    count -= 1
                else:
                    self._end.roll()
            if count:
                self._segments.begin_at(list(self._segments)[count].base_offset)
            return count

    def replace_segments(self, old: Sequence[Segment], cleaned: Path, aborted: list[AbortedTransaction]) -> bool:
        """Put one compacted segment in the place of `old`; False, and nothing done, where those are gone meanwhile.

        Args:
            cleaned: Written and synced; its name begins with the base offset of the first of `old`.
        """
        return self._segments.replace(old, cleaned, aborted, self.config.index_interval_bytes)

    def is_due(self, before_ms: int) -> bool:
        """Tell whether the newest segment began before a time, by its first record."""
        with self._segments.writing:
            self.open()
            newest = self._segments.newest
            oldest = newest.oldest_timestamp() if newest is not None else None
            return oldest is not None and 0 <= oldest < before_ms
