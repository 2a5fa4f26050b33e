"""The set of segments of a partition, as readers see it: read, deleted from its start, replaced by compaction.

Two locks, of which a holder of both takes `writing` first. `writing` is held by the one who changes the partition, for
as long as the disk takes. `lock` guards what readers see: the segments, where their valid bytes end, where the log
begins and ends. Nobody waits for the disk with `lock` held (a rename of one name is all that it covers), so no reader
waits for what a writer writes, syncs or removes. Readers take `lock` to copy what there is into a `View`, then read
files without it. Where a file was removed or replaced meanwhile, the generation has risen, and they read again.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connect.api.errors import EnvironmentFault, LogError, OffsetOutOfRangeError, UnknownTopicOrPartitionError
from connect.log.storage.aborted import touching
from connect.log.storage.checkpoints import Checkpoint
from connect.log.storage.files import Disk, disk_faults
from connect.log.storage.producer_state import Producers
from connect.log.storage.reading import Cursor, Slice, View, find_time, read_from
from connect.log.storage.recovery import replay
from connect.log.storage.segment import Segment
from connect.log.storage.swap import begin_swap, clear_for_swap
from connect.records import AbortedTransaction, Isolation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Swap:
    """A compacted segment in use, whose file has not got its last name yet."""

    segment: Segment
    target: Path
    old: Sequence[Path]


class Segments:
    """Segments in offset order, the newest of which takes appends; none in a partition that never had a record.

    Everything here blocks and runs on the log's threads. `ActiveEnd` adds to it; see there.

    Attributes:
        writing, lock: See the module.
        newest: The segment that takes appends; None where there is none yet.
        log_start_offset: The oldest offset that is there.
        log_end_offset: The next offset to be assigned. Readable without a lock; -1 before `take`.
        last_stable_offset: Where read_committed readers stop. Readable without a lock; -1 before `take`.
        gaps: Whether the offsets may have gaps between batches, which a broker's compaction leaves.
        is_deleted: True once the topic is deleted: all further work is refused.
    """

    def __init__(self, disk: Disk, directory: Path, starts: Checkpoint) -> None:
        self._disk = disk
        self._directory = directory
        self._starts = starts
        self.name = directory.name
        self.writing = threading.RLock()
        self.lock = threading.RLock()
        self.newest: Segment | None = None
        self.log_start_offset = 0
        self.log_end_offset = -1
        self.last_stable_offset = -1
        self.gaps = False
        self.is_deleted = False
        self._all: list[Segment] = []
        self._generation = 0
        self._swap: _Swap | None = None

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._all)

    @property
    def size_bytes(self) -> int:
        """Bytes of all log files, without indexes."""
        with self.lock:
            return sum(segment.size_bytes for segment in self._all)

    def check_alive(self) -> None:
        """Raises `UnknownTopicOrPartitionError`: It was deleted; its name may be another topic's."""
        if self.is_deleted:
            raise UnknownTopicOrPartitionError(f"partition {self.name} was deleted")

    # -- what opening and the active end tell ------------------------------------------------------------------------

    def take(self, segments: Sequence[Segment], start_offset: int, *, gaps: bool) -> None:
        """Take the segments as opening found them.

        Args:
            start_offset: Where the log begins, if not with its first segment.
        """
        assert all(left.next_offset <= right.base_offset for left, right in itertools.pairwise(segments)), (
            "segments lie in offset order"
        )
        with self.lock:
            self._all = list(segments)
            self.newest = segments[-1] if segments else None
            self.gaps = gaps
            self.log_end_offset = segments[-1].next_offset if segments else 0
            self.log_start_offset = max(start_offset, segments[0].base_offset) if segments else 0

    def add(self, segment: Segment) -> None:
        """Let a new segment, whose files are on disk, take the appends from now on."""
        assert segment.base_offset == self.log_end_offset, "a segment begins where the log ends"
        with self.lock:
            if self.newest is not None:
                self.newest.indexes = None
            self._all = [*self._all, segment]
            self.newest = segment

    # -- reading -----------------------------------------------------------------------------------------------------

    def view(self, isolation: Isolation = "read_uncommitted") -> View:
        """Return the segments as they are now, for reading without the lock.

        Raises:
            UnknownTopicOrPartitionError: It was deleted.
        """
        with self.lock:
            self.check_alive()
            segments = tuple(self._all)
            limit = self.log_end_offset if isolation == "read_uncommitted" else self.last_stable_offset
            ends = [segment.size_bytes for segment in segments]
            return View(self.name, self._generation, segments, ends, self.log_start_offset, limit, self.gaps)

    def read(self, offset: int, max_bytes: int, cursor: Cursor | None, isolation: Isolation) -> Slice:
        """Read stored batches; see `Partition.read`."""

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

    def find_time(self, timestamp_ms: int, from_offset: int, isolation: Isolation) -> Slice | None:
        """Return the first batch at or after a time; see `Partition.find_time`."""

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
                with self.lock:  # under which a file gets its last name, a moment before the generation says so
                    is_replaced = self._generation != view.generation
                if is_replaced:
                    continue
                self.check_alive()
                if isinstance(error, FileNotFoundError):
                    raise missing(self.name, str(error.filename or self._directory)) from error
                if isinstance(error, OSError):
                    raise EnvironmentFault(
                        f"cannot read {self._directory}: {error}", code="environment.disk"
                    ) from error
                raise
            if self._generation == view.generation:
                return result

    def _aborted_in(self, view: View, from_offset: int, to_offset: int) -> tuple[AbortedTransaction, ...]:
        behind = [segment for segment in view.segments if segment.next_offset > from_offset]
        return touching((tuple(self.aborted_of(segment)) for segment in behind), from_offset, to_offset)

    def aborted_of(self, segment: Segment) -> list[AbortedTransaction]:
        """Return a segment's aborted transactions; where they are not known, all of the log is read for them."""
        found = segment.load_aborted()
        if found is None:
            with self.writing:
                producers = Producers(self.name)
                for other in self._all:
                    aborted = replay(other, producers, gaps=self.gaps)
                    if other.load_aborted() is None:
                        other.aborted = aborted
                        if other.indexes is None:
                            other.save_aborted()
            found = segment.aborted or []
        return found

    # -- deleting ----------------------------------------------------------------------------------------------------

    def begin_at(self, offset: int) -> None:
        """Let the log begin at an offset, durably, and remove the segments that lie before it, but never the newest.

        Raises:
            EnvironmentFault: environment.disk. Once the offset is stored the log begins there, whatever could not be
                removed: the next opening does it.
        """
        assert 0 <= offset <= self.log_end_offset, "a log begins no later than it ends"
        with self.writing:
            self._finish_swap()
            self._starts.set(self.name, offset)
            with self.lock:
                self.log_start_offset = offset
                gone = [segment for segment in self._all[:-1] if segment.next_offset <= offset]
                if gone:
                    self._all = self._all[len(gone) :]
                    self._generation += 1
            with disk_faults("remove segments of", self._directory):
                for segment in gone:
                    segment.remove()

    # -- replacing ---------------------------------------------------------------------------------------------------

    def replace(
        self, old: Sequence[Segment], cleaned: Path, aborted: list[AbortedTransaction], index_interval_bytes: int
    ) -> bool:
        """Put one compacted segment in the place of `old`; False, and nothing done, where those are gone meanwhile.

        Readers go over to the new one as soon as its name lasts, before the old files go. Where the disk breaks off
        behind that, they stay with it, and the next change of the set does the rest first.

        Args:
            cleaned: Written and synced; its name begins with the base offset of the first of `old`.

        Raises:
            EnvironmentFault: environment.disk.
        """
        with self.writing:
            if self.is_deleted:
                return False
            self._finish_swap()
            if any(segment not in self._all for segment in old):
                return False
            first = self._all.index(old[0])
            assert self._all[first : first + len(old)] == list(old), "the old ones are neighbours"
            assert old[-1] is not self.newest, "the newest segment takes appends and is never replaced"
            segment = Segment(self._disk, self._directory, old[0].base_offset, index_interval_bytes)
            segment.size_bytes = cleaned.stat().st_size
            segment.next_offset = old[-1].next_offset
            segment.aborted = aborted
            swap = _Swap(segment, segment.path, [other.path for other in old])
            with disk_faults("replace segments of", self._directory):
                segment.path = begin_swap(self._disk, cleaned)
            with self.lock:
                self._all = [*self._all[:first], segment, *self._all[first + len(old) :]]
                self._generation += 1
                self._swap = swap
            self._finish_swap()
            segment.save_aborted()
            return True

    def _finish_swap(self) -> None:
        """Remove what a compacted segment has replaced, and give it its last name; nothing where none waits for it."""
        swap = self._swap
        if swap is None:
            return
        with disk_faults("replace segments of", self._directory):
            clear_for_swap(self._disk, swap.segment.path, swap.old)
            with self.lock:  # for one rename, so that a reader opens the one name or the other
                self._disk.rename(swap.segment.path, swap.target)
                swap.segment.path = swap.target
                self._generation += 1
            self._swap = None
            self._disk.sync_folder(self._directory)  # without it, opening gives the name again


def missing(name: str, path: str) -> EnvironmentFault:
    """Return what is said where a segment's file is not there: somebody removed it."""
    return EnvironmentFault(
        f"cannot read {path}: it is not there; a file of partition {name} was removed", code="log.segment_missing"
    )
