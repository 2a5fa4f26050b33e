"""`FileStreamSink`: one line a record, appended to a file.

Lines go to the file in the order in which they are put, one write a batch. `flush` returns when they are on disk, and
the name of the file, if it is new, is on disk with them. The file is created where it is missing, never emptied. A file
that does not end with a line end (a write that the death of the machine cut short) gets one first, so the next line
stands alone.

With `delivery.guarantee=exactly-once` each flush also records how long the file is and where the partitions go on
(`position.py`); what a killed task wrote past that is cut at the next start, and comes again. One task writes the file
then, and nobody beside it.

Source of the keys: Apache Kafka 4.3.1, connect/file, FileStreamSinkConnector.java and FileStreamSinkTask.java.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiofiles
import aiofiles.os

from connect.api import (
    Batch,
    Config,
    ConfigError,
    ConnectError,
    DataError,
    EnvironmentFault,
    ExactlyOnceSupport,
    FailedRecord,
    Preview,
    PreviewItem,
    Problem,
    RetriableError,
    SinkConnector,
    SinkTask,
    config_key,
    open_path,
)
from connect_file.errors import UNWRITABLE, reason
from connect_file.position import SUFFIX, At, Position, alter_position, other_writer, sync_folder
from connect_file.text import to_lines

_STDOUT: Final = 1
_fsync = aiofiles.os.wrap(os.fsync)
_ftruncate = aiofiles.os.wrap(os.ftruncate)


class FileStreamSinkConfig(Config):
    """Append the records of topics to a file."""

    file: str | None = config_key(
        "Destination filename. If not specified, the standard output will be used",
        importance="high",
        default=None,
        file="write",
    )

    @property
    def is_exactly_once(self) -> bool:
        """Whether the config asks for offsets that are kept beside the file."""
        return str(self.originals.get("delivery.guarantee") or "").strip().lower() == "exactly-once"


class FileStreamSinkTask(SinkTask[FileStreamSinkConfig]):
    """Appends to one file, or prints. `async def`: the work is whole-batch writes, which aiofiles takes off the loop.

    Several tasks of a connector may write one file: each batch is one write at the file's end, so lines never mix.
    """

    _file: Any = None  # aiofiles' AsyncFileIO
    _synced = True
    _named = True  # the folder is on disk with the file's name in it
    _position: Position | None = None  # with delivery.guarantee=exactly-once

    async def start(self) -> None:
        path = self.config.file
        if not path:
            self._file = await aiofiles.open(_STDOUT, "wb", buffering=0, closefd=False)
            self._regular = False
            return
        try:
            self._named = False  # also where it is there: whoever made it may not have synced its folder
            descriptor = await asyncio.to_thread(open_path, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            self._file = await aiofiles.open(descriptor, "ab", buffering=0)
            await self._begin(path)
        except OSError as error:
            await self.stop()
            raise self._not_writable(error) from error
        except BaseException:
            await self.stop()  # the file is locked as long as it is open
            raise

    async def _begin(self, path: str) -> None:
        status = os.fstat(self._file.fileno())
        self._regular = stat.S_ISREG(status.st_mode)
        if self._regular:
            status = await self._open_position(path, status)
        if self._regular and status.st_size and not await asyncio.to_thread(_ends_with_newline, path):
            if self._position is not None:
                await asyncio.to_thread(self._position.begin, self._file.fileno())
                self._position.written(1, {})
            await self._write(b"\n")

    async def _open_position(self, path: str, status: os.stat_result) -> os.stat_result:
        """Cut what a task before wrote past the position that it recorded; return what the file is now."""
        position = Position(path, self.context.connector)
        if not self.config.is_exactly_once:
            await asyncio.to_thread(position.forget)
            return status
        await asyncio.to_thread(position.take, self._file.fileno())
        self._position = position
        if position.cut_bytes:
            self.context.log.warning(
                "file %r: cut %d bytes that were written after the last flush; their records come again",
                path,
                position.cut_bytes,
            )
        return os.fstat(self._file.fileno())

    async def resume_offsets(self, partitions: Sequence[At]) -> Mapping[At, int] | None:
        """Return where the partitions go on, as it was recorded with the file's length."""
        if self._position is None:
            return None
        ids = {topic: self.context.topic_id(topic) or "" for topic, _ in partitions}
        return self._position.offsets_of(partitions, ids)

    async def stop(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            await file.close()

    # No `async def`: the lines of large values take a while, in which the event loop would stand.
    def preview(self, batches: Sequence[Batch]) -> Preview:
        """Return the lines that would be appended; the file is looked at, and not opened."""
        for problem in problems_of(self.config):
            raise ConfigError(problem.message, code=UNWRITABLE, config_path=problem.key)
        items, failed = list[PreviewItem](), list[FailedRecord]()
        first: DataError | None = None
        for index, value in enumerate(value for batch in batches for value in batch.values):
            try:
                line = to_lines([value]).decode("utf-8", "replace").removesuffix("\n")
                items.append(PreviewItem(line, records=(index,)))
            except DataError as error:
                first = first or error
                failed.append(FailedRecord(index, error.message))
        if first is not None:
            raise DataError(first.message, failed=failed, code=first.code, hint=first.hint)
        told = "which records the file has already is not looked at" if self.config.is_exactly_once else ""
        return Preview("lines", items, told)

    async def put_batch(self, batch: Batch) -> None:
        await self.put_batches([batch])

    async def put_batches(self, batches: Sequence[Batch]) -> None:
        """Append the batches of one fetch: all of them, or nothing.

        They are one write, since a transform may have parted the records of a partition: no offset is behind some
        batches and in front of the others.
        """
        masks = [None if self._position is None else self._position.new(batch) for batch in batches if batch.values]
        filled = [batch for batch in batches if batch.values]
        if not filled:
            return
        data = _lines_of(filled, masks)
        try:
            if self._position is not None:
                await asyncio.to_thread(self._position.begin, self._file.fileno())
            if data:
                await self._write(data)
        except OSError as error:
            raise RetriableError(
                f"file {self._name!r} cannot be written: {reason(error)}", code="environment.disk"
            ) from error
        if self._position is not None:
            self._position.written(len(data), self.context.offsets_after_put())
            self._synced = False

    async def flush(self) -> None:
        if self._position is not None and self._position.written(0, self.context.offsets_after_put()):
            self._synced = False  # records behind the last put were dropped or skipped
        if self._synced or not self._regular:
            return
        try:
            await _fsync(self._file.fileno())
            if not self._named:
                await asyncio.to_thread(sync_folder, Path(self.config.file or "").resolve().parent)
            if self._position is not None:
                await asyncio.to_thread(self._position.record, self._file.fileno())
        except OSError as error:
            # Not retriable: after a failed fsync the system may drop what it held and call the next one a success.
            raise EnvironmentFault(
                f"file {self._name!r} cannot be flushed: {reason(error)}", code="environment.disk"
            ) from error
        self._synced = self._named = True

    @property
    def _name(self) -> str:
        return self.config.file or "standard output"

    async def _write(self, data: bytes) -> None:
        """Write all of `data`, or nothing that stays."""
        self._synced = False
        written = 0
        try:
            while written < len(data):  # a disk that fills up takes a part, then refuses
                written += await self._file.write(memoryview(data)[written:] if written else data)
        except OSError:
            await self._take_back(written)
            raise

    async def _take_back(self, written_bytes: int) -> None:
        # The runtime puts the whole batch again, so a part of it must not stay. Only where it is still the file's end:
        # another task may have appended since.
        if not self._regular or not written_bytes:
            return
        end = await self._file.tell()
        if os.fstat(self._file.fileno()).st_size == end:
            await _ftruncate(self._file.fileno(), end - written_bytes)

    def _not_writable(self, error: OSError) -> ConnectError:
        path = Path(self._name)
        if error.errno == errno.ENXIO:
            return ConfigError(f"{self._name!r} is a pipe that nobody reads", code=UNWRITABLE, config_path="file")
        if error.errno == errno.ENOENT:
            return ConfigError(
                f"file {self._name!r} cannot be created: folder {str(path.parent)!r} is not there",
                code=UNWRITABLE,
                config_path="file",
            )
        return ConfigError(
            f"file {self._name!r} cannot be written: {reason(error)}", code=UNWRITABLE, config_path="file"
        )


class FileStreamSinkConnector(SinkConnector[FileStreamSinkConfig]):
    """Appends the records of topics to one file, one line a record, or prints them."""

    class_name = "org.apache.kafka.connect.file.FileStreamSinkConnector"
    version = "0.1.0"
    task_class = FileStreamSinkTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        """One task where the file's length says what is in it."""
        return super().task_configs(1 if self.config.is_exactly_once else max_tasks)  # type: ignore[return-value]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """with delivery.guarantee=exactly-once and a file, which only this connector writes"""
        path = self.config.file
        if not path or (Path(path).exists() and not Path(path).is_file()):
            return ExactlyOnceSupport.UNSUPPORTED
        if self.config.is_exactly_once and (other := other_writer(path, self.context.name)) is not None:
            raise ConfigError(
                f"file {path!r} is written exactly once by connector {other!r}",
                config_path="delivery.guarantee",
                hint=f"Give each such sink a file of its own; if {other!r} is gone for good, remove {path + SUFFIX!r}.",
            )
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Mapping[At, int | None]) -> bool:
        """Take any; those that are recorded beside the file are set there. Records that are read again are appended
        again."""
        if self.config.is_exactly_once and self.config.file:
            alter_position(self.config.file, self.context.name, offsets)
        return True

    def check(self) -> list[Problem]:
        return problems_of(self.config)


def problems_of(config: FileStreamSinkConfig) -> list[Problem]:
    """Return what keeps the file from being written, as far as a look tells. Blocks."""
    if not config.file:
        return []
    path = Path(config.file)
    if path.is_dir():
        return [Problem("file", f"{str(path)!r} is a folder")]
    if not path.parent.is_dir():
        return [Problem("file", f"file {str(path)!r} cannot be created: folder {str(path.parent)!r} is not there")]
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return [Problem("file", f"file {str(path)!r} cannot be written: Permission denied")]
    return []


def _lines_of(batches: Sequence[Batch], masks: Sequence[Sequence[bool] | None]) -> bytes:
    """Return the lines of batches, without those records that a mask leaves out.

    Raises:
        DataError: Names each record whose value has no text form, counted over all batches.
    """
    lists = [
        batch.values if mask is None else list(itertools.compress(batch.values, mask))
        for batch, mask in zip(batches, masks, strict=True)
    ]
    try:
        return b"".join(to_lines(values) for values in lists if values)
    except DataError as error:
        failed = []
        flat = (
            (value, mask is None or mask[row])
            for batch, mask in zip(batches, masks, strict=True)
            for row, value in enumerate(batch.values)
        )
        for index, (value, is_new) in enumerate(flat):
            try:
                to_lines([value] if is_new else [""])
            except DataError as own:
                failed.append(FailedRecord(index, own.message))
        raise DataError(error.message, failed=failed, code=error.code, hint=error.hint) from error


def _ends_with_newline(path: str) -> bool:
    with open(open_path(path, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - of a descriptor
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
