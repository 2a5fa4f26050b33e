"""The task of `FolderSink`: takes what is put into memory, writes it, and finishes files. Plain code, so that encoding
and the disk keep nobody waiting."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connect.api import Batch, Preview, RetriableError, SinkTask
from connect_file.delimited import delimiter_of
from connect_file.errors import reason
from connect_file.folder.config import FolderSinkConfig
from connect_file.folder.encoding import (
    BytesEncoder,
    CsvDialect,
    CsvEncoder,
    Encoder,
    JsonEncoder,
    LinesEncoder,
    WholeEncoder,
)
from connect_file.folder.journal import At, Journal
from connect_file.folder.packing import EXTENSIONS, packed_body
from connect_file.folder.part_file import PartFile
from connect_file.folder.partition import PartitionFiles
from connect_file.folder.placing import prepare
from connect_file.folder.planning import FileState, Planner, Rolling
from connect_file.folder.previews import preview
from connect_file.folder.times import schedule_slot

#: What formats hold back for all files of a task together.
HELD_BYTES_MAX: Final = 64 << 20
#: Identities that a journal names, which is written anew with each file: the oldest open one keeps them there.
AHEAD_MAX: Final = 10_000


class FolderSinkTask(SinkTask[FolderSinkConfig]):
    """Writes its partitions to files.

    A put is kept in memory or refused as a whole, and written then. What cannot be written waits: the next put and the
    next flush are refused until it is, so one put is in memory at most.
    """

    _partitions: dict[At, PartitionFiles]
    _used = 0
    _is_stuck = False

    def start(self) -> None:
        self._partitions = {}
        self._set_up(encoder_of(self.config))
        self._syncs = self.config.fsync_policy == "always"
        prepare(self.config.folder, self.context.connector)

    def preview(self, batches: Sequence[Batch]) -> Preview:
        """Return the files that would be written, with what they would hold."""
        encoder = encoder_of(self.config, "none")
        self._set_up(encoder)
        return preview(batches, self.config, self._planner, self._template, encoder)

    def _set_up(self, encoder: Encoder) -> None:
        config, self._encoder = self.config, encoder
        times = config.times()
        extension = (config.file_extension or self._encoder.extension) + EXTENSIONS[config.compression_type]
        self._template = config.template(times, extension)
        interval_ms = config.rotate_interval_ms
        rolling = Rolling(config.flush_size, interval_ms if interval_ms >= 0 else None)
        self._planner = Planner(self._encoder, self._template, times, rolling, nulls=config.behavior_on_null_values)

    def open(self, partitions: Sequence[At]) -> None:
        opened: dict[At, PartitionFiles] = {}
        try:
            for at in map(_at, partitions):
                if at not in self._partitions:
                    opened[at] = self._opened(at)
        except BaseException:
            for files in opened.values():
                files.discard()
            raise
        self._partitions |= opened

    def _opened(self, at: At) -> PartitionFiles:
        journal = Journal(self.config.folder, self.context.connector, at, syncs=self._syncs)
        if journal.removed:
            self.context.log.info(
                "removed %d unfinished files of topic %s, partition %d; their records come again",
                journal.removed,
                *at,
            )
        return PartitionFiles(journal, self._template, self._encoder.body, syncs=self._syncs)

    def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int]:
        """Return where the partitions go on, as it was recorded with the files."""
        found = {at: self._partitions[at].resume(self.context.topic_id(at[0]) or "") for at in map(_at, partitions)}
        return {at: offset for at, offset in found.items() if offset is not None}

    def put_batch(self, batch: Batch) -> None:
        self.put_batches([batch])

    def put_batches(self, batches: Sequence[Batch]) -> None:
        """Take the batches of one fetch, all or none."""
        self._finish()
        self._end_due()
        for segment in self._planner.plan(batches, self._state_of, self._end_of):
            self._used += 1
            file = self._partitions[segment.at].take(segment, now=time.time(), used=self._used)
            if self._is_full(file):
                self._partitions[segment.at].end(file)
        self._take_positions()
        self._keep_within_bounds()
        with self._told_once():
            self._finish()

    def flush(self) -> dict[At, int]:
        """Finish what is due; at the end of the task all of it. Return how far finished files go."""
        self._take_positions()
        if self.context.stopping.is_set():
            self._end_all()
        else:
            self._end_due()
        self._finish()
        with self._retried():
            for files in self._partitions.values():
                files.keep_position()
        return {at: files.durable for at, files in self._partitions.items() if files.durable is not None}

    def close_partitions(self, partitions: Sequence[At]) -> None:
        """Finish the files of what is taken away, and let others have it."""
        gone = [at for at in map(_at, partitions) if at in self._partitions]
        for at in gone:
            self._partitions[at].end_all()
        self._finish()
        for at in gone:
            self._partitions.pop(at).discard()

    def stop(self) -> None:
        partitions, self._partitions = getattr(self, "_partitions", {}), {}
        for files in partitions.values():
            files.discard()

    # -- rolling -----------------------------------------------------------------------------------------------------

    def _is_full(self, file: PartFile) -> bool:
        if self._encoder.is_one_each or file.records >= self.config.flush_size:
            return True
        return 0 < self.config.rotate_bytes <= file.size_bytes

    def _end_due(self) -> None:
        """End the files that were begun before the schedule's last time."""
        interval_ms = self.config.rotate_schedule_interval_ms
        if interval_ms <= 0:
            return
        now = schedule_slot(time.time(), interval_ms, self.config.timezone)
        for files in self._partitions.values():
            for file in list(files.open_files.values()):
                if schedule_slot(file.begun_at, interval_ms, self.config.timezone) != now:
                    files.end(file)

    def _end_all(self) -> None:
        for files in self._partitions.values():
            files.end_all()

    def _keep_within_bounds(self) -> None:
        """Keep the number of open files, what they hold back, and what is finished ahead of them, within bounds."""
        for files in self._partitions.values():
            if files.finished_ahead > AHEAD_MAX:
                files.end_all()
        opened = [(file, files) for files in self._partitions.values() for file in files.open_files.values()]
        opened.sort(key=lambda one: one[0].used)
        for file, files in opened[: max(len(opened) - self.config.open_files_max, 0)]:
            files.end(file)
        held_bytes = sum(file.held_bytes for file, _ in opened)
        for file, _ in sorted(opened, key=lambda one: -one[0].held_bytes):
            if held_bytes <= HELD_BYTES_MAX:
                break
            held_bytes -= file.held_bytes
            file.release()

    # -- finishing ---------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        placed = []
        with self._retried():
            for files in self._partitions.values():
                placed += files.finish()
        if placed:
            self.context.request_commit()
        self._is_stuck = False

    @contextlib.contextmanager
    def _retried(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = f", at {error.filename!r}" if error.filename else ""
            raise RetriableError(
                f"folder {self.config.folder!r} cannot be written: {reason(error)}{where}", code="environment.disk"
            ) from error

    @contextlib.contextmanager
    def _told_once(self) -> Iterator[None]:
        """Go on after what can be tried again: the next put or flush does, and is refused while it does not work."""
        try:
            yield
        except RetriableError as error:
            if not self._is_stuck:
                self.context.log.warning("%s; what was put is kept in memory, and written by the next try", error)
            self._is_stuck = True

    def _take_positions(self) -> None:
        for at, offset in self.context.offsets_after_put().items():
            if (files := self._partitions.get(_at(at))) is not None:
                files.position = max(offset, files.position or 0)

    def _state_of(self, at: At, identity: str) -> FileState | None:
        return self._partitions[at].state_of(identity)

    def _end_of(self, at: At, identity: str) -> int:
        return self._partitions[at].end_of(identity)


def encoder_of(config: FolderSinkConfig, compression: str | None = None) -> Encoder:
    """Return the format of files.

    Args:
        compression: In place of the config's.

    Raises:
        ConfigError: What it needs is not installed.
    """
    if config.format == "parquet":
        from connect_file.folder.parquet import ParquetEncoder

        return ParquetEncoder(config.parquet_codec)
    body = packed_body(compression or config.compression_type)
    if config.format == "csv":
        return CsvEncoder(
            body,
            CsvDialect(delimiter_of(config.csv_delimiter), config.csv_quote, config.csv_null, config.csv_header),
        )
    plain: dict[str, type[BytesEncoder]] = {"json": JsonEncoder, "lines": LinesEncoder, "whole": WholeEncoder}
    return plain[config.format](body)


def _at(partition: At) -> At:
    topic, number = partition
    return topic, number
