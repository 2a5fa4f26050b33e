"""Compaction: of each key the newest record is kept, with its offset and timestamp; the rest goes.

    log start ── clean ──> first dirty offset ── dirty ──> active segment, or the first open transaction

One round reads the dirty part into a map from key to newest offset, as far as its memory goes, then writes every
segment up to there anew without the records that the map says are outdated. A round that could not hold all keys is
followed by another. Tombstones, and the markers of transactions whose records are all gone, stay for
`delete.retention.ms` from the round that first met them, written into their batch as its delete horizon. The records
of aborted transactions go at once.

Where whole batches go, one batch without records stands for their offsets. So the offsets of a compacted log have no
gaps from batch to batch, and a damaged base offset shows, which no checksum covers. For Kafka these are what it leaves
itself for a producer's last sequence number.

Everything here blocks and runs on one of the log's threads. A crash at any point leaves a segment as it was or done:
see `connect.log.storage.swap`.

Source: Kafka, LogCleaner.java, Cleaner.java, MemoryRecords.java (filterTo), CleanedTransactionMetadata.java.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from connect.api.errors import CorruptBatchError
from connect.codec.compression import codec_of_number
from connect.codec.decode import decode_keys, decode_records, record_bounds, records_of
from connect.codec.encode import encode_gap, encode_kept, encode_retained
from connect.codec.header import BatchHeader
from connect.codec.index import RELATIVE_OFFSET_MAX
from connect.log.storage.aborted import touching
from connect.log.storage.files import Writer, disk_faults
from connect.log.storage.partition import Partition
from connect.log.storage.producer_state import decode_marker
from connect.log.storage.segment import SCAN_BYTES, Segment, read_batches
from connect.log.storage.swap import CLEANED_SUFFIX
from connect.records import AbortedTransaction, Columns

#: What a key in the map takes beside its own bytes: the table's share while it grows, the key's object, the offset.
_ENTRY_BYTES: Final = 175


class Stopped(Exception):
    """The log is being closed, or the segments are gone; what was not finished is done at another time."""


@dataclass(slots=True)
class CompactionResult:
    """What one partition's compaction did.

    Sizes in bytes of log files; `cleaned_offset` is the new first dirty offset.
    """

    rounds: int = 0
    before_bytes: int = 0
    after_bytes: int = 0
    cleaned_offset: int = 0


@dataclass(frozen=True, slots=True)
class Dirt:
    """How much there is to compact. `since_ms` is the oldest dirty segment's newest timestamp, -1 for none."""

    first_offset: int
    end_offset: int
    clean_bytes: int
    dirty_bytes: int
    since_ms: int

    @property
    def ratio(self) -> float:
        """The dirty share of what can be compacted."""
        total = self.clean_bytes + self.dirty_bytes
        return self.dirty_bytes / total if total else 0.0


def measure_dirt(part: Partition, cleaned_offset: int | None, now_ms: int) -> Dirt:
    """Return what can be compacted: no active segment, no open transaction, nothing younger than the configs allow."""
    view = part.view("read_committed")
    if not view.segments:
        return Dirt(0, 0, 0, 0, -1)
    first = min(max(cleaned_offset or 0, view.log_start_offset), part.log_end_offset)
    end = min(view.limit, view.segments[-1].base_offset)
    clean_bytes, dirty_bytes, since_ms = 0, 0, -1
    for segment in view.segments[:-1]:
        if segment.next_offset <= first:
            clean_bytes += segment.size_bytes
            continue
        newest = segment.newest_timestamp()
        lag_ms = part.config.min_compaction_lag_ms
        if segment.next_offset > end or (lag_ms > 0 and now_ms - newest < lag_ms):
            end = min(end, max(segment.base_offset, first))
            break
        dirty_bytes += segment.size_bytes
        since_ms = newest if since_ms < 0 else since_ms
    return Dirt(first, max(end, first), clean_bytes, dirty_bytes, since_ms)


def compact(
    part: Partition, dirt: Dirt, *, now_ms: int, buffer_bytes: int, stopping: threading.Event
) -> Iterator[CompactionResult]:
    """Compact a partition round after round; yield the result so far after each, whose offset is to be stored.

    Args:
        buffer_bytes: About what the map of keys may take.

    Raises:
        CorruptBatchError: A segment is damaged; it and those behind it stay as they are.
        EnvironmentFault: environment.disk; what was not finished stays as it is.
        Stopped: `stopping` was set.
    """
    result = CompactionResult(cleaned_offset=dirt.first_offset)
    first = dirt.first_offset
    while first < dirt.end_offset:
        cleaning = _Round(part, first, dirt.end_offset, now_ms, buffer_bytes, stopping, result)
        if not cleaning.run():
            return
        first = result.cleaned_offset
        yield result


@dataclass(slots=True)
class _Transactions:
    """Which transactional batches are aborted, and which markers are still needed, as batches are read in order."""

    aborted: Sequence[AbortedTransaction]
    _next: int = 0
    _aborting: dict[int, tuple[AbortedTransaction, bool]] = field(default_factory=dict)  # with: a batch was seen
    _committing: set[int] = field(default_factory=set)

    def drops(self, header: BatchHeader) -> bool:
        """Tell whether a batch is part of an aborted transaction."""
        self._advance(header)
        if not header.is_transactional:
            return False
        found = self._aborting.get(header.producer_id)
        if found is None or found[0].last_offset < header.base_offset:  # its marker was not asked about
            self._aborting.pop(header.producer_id, None)
            self._committing.add(header.producer_id)
            return False
        self._aborting[header.producer_id] = (found[0], True)
        return True

    def needs(self, header: BatchHeader, *, is_commit: bool) -> tuple[bool, AbortedTransaction | None]:
        """Tell whether batches of a marker's transaction were seen, and which transaction it aborts."""
        self._advance(header)
        if is_commit:
            is_needed = header.producer_id in self._committing
            self._committing.discard(header.producer_id)
            return is_needed, None
        transaction, was_seen = self._aborting.pop(header.producer_id, (None, False))
        return was_seen, transaction if was_seen else None

    def _advance(self, header: BatchHeader) -> None:
        while self._next < len(self.aborted) and self.aborted[self._next].first_offset <= header.last_offset:
            transaction = self.aborted[self._next]
            if transaction.last_offset >= header.base_offset:  # else it was over before the first batch that is read
                self._aborting[transaction.producer_id] = (transaction, False)
            self._next += 1


class _Round:
    """One map of keys, and the rewriting that follows from it."""

    def __init__(
        self,
        part: Partition,
        first: int,
        end: int,
        now_ms: int,
        buffer_bytes: int,
        stopping: threading.Event,
        result: CompactionResult,
    ) -> None:
        self._part = part
        self._first = first
        self._end = end
        self._now_ms = now_ms
        self._buffer_bytes = buffer_bytes
        self._stopping = stopping
        self._result = result
        view = part.view()
        self._gaps = view.gaps
        self._segments = [segment for segment in view.segments[:-1] if segment.base_offset < end]
        self._start = view.log_start_offset
        indexes = [part.aborted_of(segment) for segment in self._segments]
        self._aborted = touching(indexes, self._start, end)
        self._newest: dict[bytes, int] = {}
        self._kept: list[int] = []  # the dirty offsets that stay, rising
        self._with_tombstones: set[int] = set()  # base offsets

    def run(self) -> bool:
        """Return False where the segments went away meanwhile."""
        if not self._segments:
            return False
        self._map_keys()
        self._kept = sorted(self._newest.values())
        self._result.rounds += 1
        transactions = _Transactions(self._aborted)
        segments = [segment for segment in self._segments if segment.base_offset < self._end]
        for group in _groups(segments, self._part.config.segment_bytes):
            if not self._rewrite(group, transactions):
                return False
        self._result.cleaned_offset = self._end
        return True

    # -- reading -----------------------------------------------------------------------------------------------------

    def _batches(self, segment: Segment) -> Iterator[tuple[bytes, BatchHeader]]:
        position, next_offset = 0, segment.base_offset
        while position < segment.size_bytes:
            if self._stopping.is_set():
                raise Stopped
            try:
                reading = read_batches(
                    segment.path, position, segment.size_bytes, next_offset, max_bytes=SCAN_BYTES, gaps=self._gaps
                )
            except FileNotFoundError:  # its records were deleted meanwhile
                raise Stopped from None
            for header in reading.headers:
                yield reading.data, header
            position, next_offset = reading.position, reading.next_offset

    def _map_keys(self) -> None:
        """Fill the map from the dirty part; where it is full, the round ends there."""
        transactions = _Transactions(self._aborted)
        newest, used_bytes = self._newest, 0
        for segment in self._segments:
            if segment.next_offset <= self._first:
                continue
            for data, header in self._batches(segment):
                if (
                    header.is_control
                    or transactions.drops(header)
                    or header.next_offset <= self._first
                    or not header.count
                ):
                    continue
                keys, offsets, has_tombstones = _keys(data, header)
                if has_tombstones:
                    self._with_tombstones.add(header.base_offset)
                before = len(newest)
                if None in keys:
                    pairs = zip(keys, offsets, strict=True)
                    newest.update((key, offset) for key, offset in pairs if key is not None)
                else:
                    newest.update(zip(keys, offsets, strict=True))  # type: ignore[arg-type]
                added = len(newest) - before
                if added:
                    key_bytes = sum(len(key) for key in keys if key is not None)
                    used_bytes += added * (_ENTRY_BYTES + key_bytes // len(keys))
                    if used_bytes > self._buffer_bytes:
                        self._end = min(self._end, header.next_offset)
                        return

    # -- writing -----------------------------------------------------------------------------------------------------

    def _rewrite(self, group: Sequence[Segment], transactions: _Transactions) -> bool:
        """Write a group of segments as one. Where that changes nothing, they stay."""
        disk = self._part.disk
        cleaned = group[0].path.with_suffix(".log" + CLEANED_SUFFIX)
        try:
            with disk_faults("write", cleaned):
                disk.write(cleaned, b"")
            with disk_faults("write", cleaned), disk.writer(cleaned) as writer:
                output = _Output(writer, group[0].base_offset)
                for segment in group:
                    for data, header in self._batches(segment):
                        self._keep(data, header, output, transactions)
                output.end_at(group[-1].next_offset)
            with disk_faults("write", cleaned):
                found_bytes = cleaned.stat().st_size
            if found_bytes != output.size_bytes:
                raise CorruptBatchError(f"{cleaned} has {found_bytes} bytes, {output.size_bytes} were written")
            self._result.before_bytes += sum(segment.size_bytes for segment in group)
            self._result.after_bytes += output.size_bytes
            if not output.is_changed and len(group) == 1:
                disk.remove(cleaned)
                return True
            with disk_faults("sync", cleaned):
                disk.sync_file(cleaned)
            if self._part.replace_segments(group, cleaned, output.aborted):
                return True
            disk.remove(cleaned)
            return False
        except BaseException:
            with contextlib.suppress(OSError):
                disk.remove(cleaned)
            raise

    def _keep(self, data: bytes, header: BatchHeader, output: _Output, transactions: _Transactions) -> None:
        """Write what stays of a batch."""
        raw = memoryview(data)[header.position : header.end]
        if header.is_control:
            self._keep_marker(data, header, raw, output, transactions)
            return
        if transactions.drops(header):
            output.drop(header, is_last=self._is_last(header))
            return
        if header.next_offset <= self._start or (not header.count and not self._is_last(header)):
            output.drop(header, is_last=False)
            return
        if not header.count or header.base_offset >= self._end:
            output.copy(header, raw)
            return
        if header.base_offset >= self._first:
            low = bisect.bisect_left(self._kept, header.base_offset)
            high = bisect.bisect_left(self._kept, header.next_offset, low)
            if low == high:
                output.drop(header, is_last=self._is_last(header))
                return
            if header.base_offset not in self._with_tombstones and header.count == header.last_offset_delta + 1:
                self._keep_offsets(data, header, raw, self._kept[low:high], output)
                return
        self._keep_some(data, header, raw, output)

    def _keep_offsets(
        self, data: bytes, header: BatchHeader, raw: memoryview, offsets: list[int], output: _Output
    ) -> None:
        """Keep these records of a dirty batch that has them all, without taking them apart."""
        if len(offsets) == header.count:
            output.copy(header, raw)
            return
        records = records_of(data, header)
        bounds = record_bounds(records, header.count)
        buffer, base = records.buffer, header.base_offset
        pieces = [buffer[bounds[offset - base] : bounds[offset - base + 1]] for offset in offsets]
        output.write(header, encode_kept(header, pieces, codec_of_number(header.codec_number)))

    def _keep_some(self, data: bytes, header: BatchHeader, raw: memoryview, output: _Output) -> None:
        decoded = decode_records(data, header)
        columns = decoded.columns
        has_tombstones = None in columns.values
        keys = columns.keys
        horizon = header.base_timestamp if header.has_delete_horizon else None
        expires = horizon is not None and horizon <= self._now_ms
        if keys is None:
            stays = [False] * header.count
        elif (
            not has_tombstones
            and header.base_offset < self._first
            and header.next_offset <= self._first
            and self._newest.keys().isdisjoint(keys)
            and header.base_offset >= self._start
        ):
            output.copy(header, raw)
            return
        else:
            newest = self._newest.get
            stays = [
                key is not None
                and offset >= newest(key, -1)
                and offset >= self._start
                and not (expires and value is None)
                for key, value, offset in zip(keys, columns.values, decoded.offsets, strict=True)
            ]
        tombstone_stays = has_tombstones and any(
            stay and value is None for stay, value in zip(stays, columns.values, strict=True)
        )
        if all(stays) and (not tombstone_stays or horizon is not None):
            output.copy(header, raw)
            return
        offsets = list(itertools.compress(decoded.offsets, stays))
        if not offsets:
            output.drop(header, is_last=self._is_last(header))
            return
        if tombstone_stays and horizon is None:
            horizon = self._now_ms + self._part.config.delete_retention_ms
        codec = codec_of_number(header.codec_number)
        new_horizon = horizon if tombstone_stays else None
        output.write(header, encode_retained(header, offsets, _selected(columns, stays), codec, new_horizon))

    def _keep_marker(
        self, data: bytes, header: BatchHeader, raw: memoryview, output: _Output, transactions: _Transactions
    ) -> None:
        if not header.count:
            output.drop(header, is_last=False)
            return
        decoded = decode_records(data, header)
        keys = decoded.columns.keys
        marker = decode_marker(keys[0] if keys else None, decoded.columns.values[0])
        if marker is None:
            output.copy(header, raw)
            return
        is_needed, aborted = transactions.needs(header, is_commit=marker.is_commit)
        if aborted is not None:
            output.aborted.append(aborted)
        if is_needed:
            output.copy(header, raw)
        elif not header.has_delete_horizon:
            horizon = self._now_ms + self._part.config.delete_retention_ms
            codec = codec_of_number(header.codec_number)
            output.write(header, encode_retained(header, decoded.offsets, decoded.columns, codec, horizon))
        elif header.base_timestamp <= self._now_ms:
            output.drop(header, is_last=False)
        else:
            output.copy(header, raw)

    def _is_last(self, header: BatchHeader) -> bool:
        """Tell whether a batch is its producer's last: its sequence number must not be forgotten."""
        return header.producer_id >= 0 and self._part.last_offset_of(header.producer_id) == header.last_offset


class _Output:
    """A segment that is written, without gaps from batch to batch."""

    def __init__(self, file: Writer, base_offset: int) -> None:
        self._file = file
        self._next_offset = base_offset
        self.size_bytes = 0
        self.is_changed = False
        self.aborted: list[AbortedTransaction] = []

    def copy(self, header: BatchHeader, raw: bytes | memoryview) -> None:
        """Write a batch as it is.

        Raises:
            CorruptBatchError: It begins before the last one ended, which only damage does.
        """
        if header.base_offset < self._next_offset:
            raise CorruptBatchError(
                f"a record batch has base offset {header.base_offset}, expected {self._next_offset} or more"
            )
        self.fill(header.base_offset)
        self._write(raw)
        self._next_offset = header.next_offset

    def write(self, header: BatchHeader, raw: bytes) -> None:
        """Write a batch anew."""
        self.is_changed = True
        self.copy(header, raw)

    def drop(self, header: BatchHeader, *, is_last: bool) -> None:
        """Leave a batch out; of its producer's last one the header stays."""
        if is_last and header.count:
            self.write(header, encode_retained(header, (), Columns([]), codec_of_number(0), None))
        elif header.count or header.producer_id >= 0:
            self.is_changed = True

    def end_at(self, next_offset: int) -> None:
        """Let the segment end at an offset.

        Raises:
            CorruptBatchError: The last batch reaches behind it, which only damage does.
        """
        if self._next_offset > next_offset:
            raise CorruptBatchError(f"a segment's batches end at offset {self._next_offset}, expected {next_offset}")
        self.fill(next_offset)

    def fill(self, next_offset: int) -> None:
        """Let a batch without records stand for the offsets up to `next_offset` that are not there."""
        while self._next_offset < next_offset:
            last = min(next_offset - 1, self._next_offset + RELATIVE_OFFSET_MAX)
            self._write(encode_gap(self._next_offset, last))
            self._next_offset = last + 1

    def _write(self, raw: bytes | memoryview) -> None:
        self._file.write(raw)
        self.size_bytes += len(raw)


def _keys(data: bytes, header: BatchHeader) -> tuple[list[bytes | None], Sequence[int], bool]:
    """Return keys and offsets of a batch, and whether it has tombstones."""
    if header.count == header.last_offset_delta + 1:
        keys, has_tombstones = decode_keys(records_of(data, header), header.count)
        return keys, range(header.base_offset, header.next_offset), has_tombstones
    decoded = decode_records(data, header)
    columns = decoded.columns
    return list(columns.keys or [None] * header.count), decoded.offsets, None in columns.values


def _groups(segments: Sequence[Segment], segment_bytes: int) -> Iterator[list[Segment]]:
    """Yield neighbours that fit one segment, by what they hold now."""
    group: list[Segment] = []
    for segment in segments:
        size_bytes = sum(other.size_bytes for other in group)
        if group and (
            size_bytes + segment.size_bytes > segment_bytes
            or segment.next_offset - 1 - group[0].base_offset > RELATIVE_OFFSET_MAX
        ):
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def _selected(columns: Columns, stays: list[bool]) -> Columns:
    timestamps = columns.timestamps
    return Columns(
        list(itertools.compress(columns.values, stays)),
        None if columns.keys is None else list(itertools.compress(columns.keys, stays)),
        timestamps if isinstance(timestamps, int) else list(itertools.compress(timestamps, stays)),
        None if columns.headers is None else list(itertools.compress(columns.headers, stays)),
    )
