"""Reading a data directory from outside: every byte checked, nothing changed, no lock taken.

Where recovery asks how to go on, this asks what is there: it walks each segment batch by batch, and behind damage looks
for the next whole batch. While a worker writes, the end of the newest segment may be half written; that is no damage.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from connect.api.errors import EnvironmentFault, LogError, UnknownTopicOrPartitionError
from connect.codec.compression import CODECS
from connect.codec.decode import DecodedBatch, decode_records, records_of
from connect.codec.header import BatchHeader
from connect.inspection import BadRange, PartitionReport, StoredBatch
from connect.log.owner import META_FILE, is_in_use
from connect.log.storage.aborted import load_aborted
from connect.log.storage.index import Indexes, load_times
from connect.log.storage.partition import GAPLESS_FILE
from connect.log.storage.producer_state import Producers, decode_marker
from connect.log.storage.recovery import find_batch
from connect.log.storage.segment import read_batches
from connect.log.topics import TOPICS_FILE
from connect.records import Columns, FetchedBatch, TimestampType, TopicPartition

_READ_BYTES: Final = 1 << 20


@dataclass(slots=True)
class _Counts:
    batches: int = 0
    records: int = 0
    records_bytes: int = 0
    codecs: Counter[str] = field(default_factory=Counter)
    oldest: int = -1
    newest: int = -1
    next_offset: int = 0
    bad: list[BadRange] = field(default_factory=list)


class LogInspector:
    """See `connect.inspection.Inspector` for the contract.

    Args:
        partitions: For who owns the directory and cannot trust its list: what there is. Nobody writes meanwhile.
    """

    def __init__(self, data_dir: Path, partitions: Collection[TopicPartition] | None = None) -> None:
        self._data_dir = data_dir
        self._known = partitions

    def partitions(self) -> list[TopicPartition]:
        """Return every partition, sorted."""
        if self._known is not None:
            return sorted(self._known)
        return sorted(
            TopicPartition(name, n) for name, entry in self._topics().items() for n in range(entry["partitions"])
        )

    def configs(self, topic: str) -> Mapping[str, str]:
        """Return the configs that were set for a topic; none of one that is not there."""
        return dict(self._topics().get(topic, {}).get("configs", {}))

    def _topics(self) -> dict[str, dict[str, Any]]:
        path = self._data_dir / TOPICS_FILE
        if self._data_dir.is_dir() and not os.access(self._data_dir, os.R_OK | os.X_OK):
            raise EnvironmentFault(
                f"{self._data_dir} is not for this user to read",
                code="environment.data_dir",
                hint="Run this as the user of the worker.",
            )
        if not (self._data_dir / META_FILE).exists():
            raise EnvironmentFault(
                f"{self._data_dir} holds no log",
                code="environment.data_dir",
                hint="Name the directory with --data-dir.",
            )
        if not path.exists():
            return {}
        try:
            topics = orjson.loads(path.read_bytes())["topics"]
            return {
                name: {"partitions": int(entry["partitions"]), "configs": dict(entry.get("configs", {}))}
                for name, entry in topics.items()
                if not entry.get("deleting")
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EnvironmentFault(f"cannot read {path}: {error}", code="environment.data_dir") from error

    def size_bytes(self, partition: TopicPartition) -> int:
        """Return the bytes of a partition's log files."""
        return sum(path.stat().st_size for path in self._logs(partition))

    def verify(self, partition: TopicPartition, progress: Callable[[int], None] | None = None) -> PartitionReport:
        """Read a partition whole; see the port."""
        counts = _Counts()
        logs = self._logs(partition)
        producers = Producers(str(partition))
        for path in logs:
            before = len(counts.bad)
            self._verify_segment(partition, path, counts, producers, progress, is_newest=path == logs[-1])
            if len(counts.bad) == before:
                counts.bad += _bad_indexes(path)
        directory = self._directory(partition)
        others = [path for path in directory.iterdir() if path.suffix in (".index", ".timeindex", ".txnindex")]
        return PartitionReport(
            *partition,
            len(logs),
            counts.batches,
            counts.records,
            int(logs[0].stem) if logs else 0,
            counts.next_offset,
            self.size_bytes(partition),
            sum(path.stat().st_size for path in others),
            counts.records_bytes,
            dict(counts.codecs),
            counts.oldest,
            counts.newest,
            tuple(counts.bad),
        )

    def dump(self, partition: TopicPartition, offset: int = 0) -> Iterator[StoredBatch | BadRange]:
        """Yield the batches from the one that holds `offset`; see the port."""
        logs = self._logs(partition)
        for number, path in enumerate(logs):
            if number + 1 < len(logs) and int(logs[number + 1].stem) <= offset:
                continue
            for found in self.walk(partition, path, is_newest=path == logs[-1]):
                if isinstance(found, BadRange):
                    yield found
                elif found[1].next_offset > offset:
                    yield _stored(partition, path, *found)

    # -- walking -----------------------------------------------------------------------------------------------------

    def _verify_segment(
        self,
        partition: TopicPartition,
        path: Path,
        counts: _Counts,
        producers: Producers,
        progress: Callable[[int], None] | None,
        *,
        is_newest: bool,
    ) -> None:
        counts.next_offset = max(counts.next_offset, int(path.stem))
        reached = 0
        for found in self.walk(partition, path, is_newest=is_newest):
            if isinstance(found, BadRange):
                counts.bad.append(found)
                continue
            data, header, position = found
            bad = _count(counts, data, header, path, position, producers)
            if bad is not None:
                counts.bad.append(bad)
            if progress is not None and position + header.size_bytes - reached >= _READ_BYTES:
                progress(position + header.size_bytes - reached)
                reached = position + header.size_bytes
        if progress is not None:
            progress(path.stat().st_size - reached)

    def walk(
        self, partition: TopicPartition, path: Path, *, is_newest: bool
    ) -> Iterator[tuple[bytes, BatchHeader, int] | BadRange]:
        """Yield each whole batch with the bytes it lies in and its position in the file; and what is damaged."""
        end = path.stat().st_size
        gaps = not (path.parent / GAPLESS_FILE).exists()
        position, next_offset = 0, int(path.stem)
        while position < end:
            try:
                reading = read_batches(path, position, end, next_offset, max_bytes=_READ_BYTES, gaps=gaps)
            except LogError as error:
                following = find_batch(path, position, end, next_offset)
                if following is None and is_newest and self._known is None and is_in_use(self._data_dir):
                    return  # it is being written
                bad_end = end if following is None else following.position
                reason = error.message.partition(f"at position {position}: ")[2] or error.message
                yield BadRange(f"{path.parent.name}/{path.name}", position, bad_end, reason)
                if following is None:
                    return
                position, next_offset = following.position, following.base_offset
                continue
            for header in reading.headers:
                yield reading.data, header, position + header.position
            position, next_offset = reading.position, reading.next_offset

    # -- finding -----------------------------------------------------------------------------------------------------

    def _directory(self, partition: TopicPartition) -> Path:
        known = self.partitions()
        if partition not in known:
            topics = sorted({name for name, _ in known})
            if partition.topic in topics:
                count = sum(name == partition.topic for name, _ in known)
                raise UnknownTopicOrPartitionError(
                    f"topic {partition.topic!r} has no partition {partition.partition}: it has {count}, numbered from 0"
                )
            nearest = difflib.get_close_matches(partition.topic, topics, n=1)
            meant = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise UnknownTopicOrPartitionError(f"there is no topic {partition.topic!r}{meant}")
        return self._data_dir / str(partition)

    def _logs(self, partition: TopicPartition) -> list[Path]:
        return sorted(path for path in self._directory(partition).glob("*.log") if path.stem.isdigit())


def _count(
    counts: _Counts, data: bytes, header: BatchHeader, path: Path, position: int, producers: Producers
) -> BadRange | None:
    counts.batches += 1
    counts.next_offset = header.next_offset
    counts.codecs[CODECS[header.codec_number].name if header.codec_number in CODECS else str(header.codec_number)] += 1
    try:
        decoded = decode_records(data, header)
        records = records_of(data, header)
        columns = decoded.columns
        marker = (
            decode_marker(columns.keys[0] if columns.keys else None, columns.values[0])
            if header.is_control and header.count
            else None
        )
    except LogError as error:
        return BadRange(f"{path.parent.name}/{path.name}", position, position + header.size_bytes, error.message)
    producers.replayed(header, marker)
    counts.records_bytes += records.end - records.start
    if header.count and not header.is_control:
        counts.records += header.count
        stamps = columns.timestamps
        oldest, newest = (stamps, stamps) if isinstance(stamps, int) else (min(stamps), max(stamps))
        counts.oldest = oldest if counts.oldest < 0 else min(counts.oldest, oldest)
        counts.newest = max(counts.newest, newest)
    return None


def _bad_indexes(path: Path) -> Iterator[BadRange]:
    """Yield the indexes of a segment that are there and cannot be right. They cost time alone: they are made again."""
    name = f"{path.parent.name}/{path.stem}"
    index, times, transactions = (path.with_suffix(suffix) for suffix in (".index", ".timeindex", ".txnindex"))
    if index.exists() and Indexes.load_offsets(index, path.stat().st_size) is None:
        yield BadRange(
            f"{name}.index",
            0,
            index.stat().st_size,
            "the offset index cannot be right; it is made again at its next use",
        )
    if times.exists() and load_times(times) is None:
        yield BadRange(
            f"{name}.timeindex",
            0,
            times.stat().st_size,
            "the time index cannot be right; it is made again at its next use",
        )
    if transactions.exists() and load_aborted(transactions) is None:
        yield BadRange(
            f"{name}.txnindex",
            0,
            transactions.stat().st_size,
            "the transaction index cannot be right; it is made again at its next use",
        )


def _stored(partition: TopicPartition, path: Path, data: bytes, header: BatchHeader, position: int) -> StoredBatch:
    records, marker = None, None
    decoded: DecodedBatch | None
    try:
        decoded = decode_records(data, header)
    except LogError:
        decoded = None
    if decoded is not None:
        columns: Columns = decoded.columns
        kind = TimestampType.LOG_APPEND_TIME if header.is_log_append_time else TimestampType.CREATE_TIME
        records = FetchedBatch(*partition, decoded.offsets, columns, header.next_offset, kind)
        if header.is_control and header.count:
            found = decode_marker(columns.keys[0] if columns.keys else None, columns.values[0])
            marker = None if found is None else "COMMIT" if found.is_commit else "ABORT"
    flags = {
        "transactional": header.is_transactional,
        "control": header.is_control,
        "delete horizon": header.has_delete_horizon,
        "log append time": header.is_log_append_time,
    }
    codec = CODECS.get(header.codec_number)
    return StoredBatch(
        f"{path.parent.name}/{path.name}",
        position,
        header.size_bytes,
        header.base_offset,
        header.last_offset,
        header.count,
        codec.name if codec else str(header.codec_number),
        header.base_timestamp,
        header.max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        tuple(name for name, is_set in flags.items() if is_set),
        marker,
        records,
    )
