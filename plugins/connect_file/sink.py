"""`FileStreamSink`: one line a record, appended to a file.

Lines go to the file in the order in which they are put, one write a batch. `flush` returns when they are on disk, and
the name of the file, if it is new, is on disk with them. The file is created where it is missing, never emptied. A file
that does not end with a line end (a write that the death of the machine cut short) gets one first, so the next line
stands alone.

Source of the keys: Apache Kafka 4.3.1, connect/file, FileStreamSinkConnector.java and FileStreamSinkTask.java.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiofiles
import aiofiles.os

from connect.api import (
    Batch,
    Config,
    ConfigError,
    ConnectError,
    EnvironmentFault,
    Problem,
    RetriableError,
    SinkConnector,
    SinkTask,
    config_key,
    open_path,
)
from connect_file.errors import UNWRITABLE, reason
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


class FileStreamSinkTask(SinkTask[FileStreamSinkConfig]):
    """Appends to one file, or prints. `async def`: the work is whole-batch writes, which aiofiles takes off the loop.

    Several tasks of a connector may write one file: each batch is one write at the file's end, so lines never mix.
    """

    _file: Any = None  # aiofiles' AsyncFileIO
    _synced = True
    _named = True  # the folder is on disk with the file's name in it

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
            status = os.fstat(self._file.fileno())
            self._regular = stat.S_ISREG(status.st_mode)
            if self._regular and status.st_size and not await asyncio.to_thread(_ends_with_newline, path):
                await self._write(b"\n")
        except OSError as error:
            raise self._not_writable(error) from error

    async def stop(self) -> None:
        if self._file is not None:
            await self._file.close()

    async def put_batch(self, batch: Batch) -> None:
        if not batch.values:
            return
        data = to_lines(batch.values)
        try:
            await self._write(data)
        except OSError as error:
            raise RetriableError(
                f"file {self._name!r} cannot be written: {reason(error)}", code="environment.disk"
            ) from error

    async def flush(self) -> None:
        if self._synced or not self._regular:
            return
        try:
            await _fsync(self._file.fileno())
            if not self._named:
                await asyncio.to_thread(_sync_folder, Path(self.config.file or "").resolve().parent)
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

    def alter_offsets(self, offsets: Mapping[tuple[str, int], int | None]) -> bool:
        """Take any: the group's offsets are all there is. Records that are read again are appended again."""
        return True

    def check(self) -> list[Problem]:
        if not self.config.file:
            return []
        path = Path(self.config.file)
        if path.is_dir():
            return [Problem("file", f"{str(path)!r} is a folder")]
        if not path.parent.is_dir():
            return [Problem("file", f"file {str(path)!r} cannot be created: folder {str(path.parent)!r} is not there")]
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            return [Problem("file", f"file {str(path)!r} cannot be written: Permission denied")]
        return []


def _ends_with_newline(path: str) -> bool:
    with open(open_path(path, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - of a descriptor
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk, where it may be opened and its file system knows how to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be written to and not be listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
