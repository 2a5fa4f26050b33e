"""`FileStreamSource`: the lines of a file that grows, one record a line.

What happens to the file, and what follows:

| the file                             | the source                                                          |
|--------------------------------------|---------------------------------------------------------------------|
| is not there                         | says so once and waits                                              |
| grows                                | goes on; a last line without an end is held back                    |
| is shorter than what was read        | warns and starts over at 0: better some lines twice than none       |
| was moved away and another is there  | reads the old one to its end, then the new one from 0               |
| is gone and none is there            | waits for the next one                                              |

Source of the keys, offsets and line rules: Apache Kafka 4.3.1, connect/file, FileStreamSourceConnector.java and
FileStreamSourceTask.java. Shorter and moved files are beyond it: there the source stalls, or goes on mid-line.
"""

from __future__ import annotations

import io
import os
import select
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from connect.api import (
    STRING,
    Batch,
    Config,
    ConfigError,
    DataError,
    EnvironmentFault,
    Problem,
    RetriableError,
    SourceConnector,
    SourceTask,
    key,
    open_path,
)
from connect_file.errors import LINE_TOO_LONG, UNREADABLE, reason
from connect_file.lines import Lines, split_lines, whole_lines_bytes

#: One read, and so about what one poll returns.
CHUNK_BYTES: Final = 1 << 20
#: A line longer than this fails the task: such a file is not lines of text, and a held-back line is kept in memory.
LINE_BYTES_MAX: Final = 64 << 20
#: How long one poll waits for standard input; a stop waits no longer than that.
STDIN_WAIT_S: Final = 0.5
_STDIN: Final = 0


class FileStreamSourceConfig(Config):
    """Read the lines of a file into a topic."""

    file: str | None = key(
        "Source filename. If not specified, the standard input will be used",
        importance="high",
        default=None,
        file="read",
    )
    topic: str = key("The topic to publish data to", importance="high", non_empty=True)
    batch_size: int = key(
        "The maximum number of records the source task can read from the file each time it is polled",
        importance="low",
        default=2000,
    )


class FileStreamSourceTask(SourceTask):
    """Tails one file, or reads standard input. Plain `def`: one hop to the task's thread a poll."""

    config: FileStreamSourceConfig
    _stream: io.FileIO | None = None

    def start(self) -> None:
        self._partition: dict[str, Any] | None = None
        self._position = 0  # of the next line; everything before it was returned
        self._held = b""  # read from there on, but not a whole line yet
        self._waiting = False
        self._moved = False
        self._warned_undecodable = False
        if self.config.file:
            self._partition = {"filename": self.config.file}
            self._position = _position_of(self.context.offset(self._partition), self.config.file)
            self._open()
        else:
            self._stream = io.FileIO(_STDIN, closefd=False)

    def stop(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def poll_batch(self) -> list[Batch]:
        if self._partition is None:
            return self._poll_stdin()
        if self._stream is None and not self._open():
            return []
        assert self._stream is not None
        try:
            # A long line that is still held back is read in ever larger pieces, so joining them stays linear.
            data = self._stream.read(max(CHUNK_BYTES, len(self._held)))
            return self._take(data) if data else self._at_end()
        except OSError as error:
            self._reopen_at(self._position)
            raise RetriableError(
                f"file {self.config.file!r} cannot be read at position {self._position}: {reason(error)}",
                code=UNREADABLE,
            ) from error

    # -- the file --------------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Open the file at the position; False when it is not there."""
        path = self.config.file
        assert path
        try:
            # A pipe opens at once, and is refused below.
            descriptor = open_path(path, os.O_RDONLY)
        except FileNotFoundError:
            if not self._waiting:
                self.context.log.warning("file %r is not there; waiting for it", path)
            self._waiting = True
            self.context.waiting_for = f"file {path!r} is not there"
            return False
        except OSError as error:
            raise EnvironmentFault(f"file {path!r} cannot be read: {reason(error)}", code=UNREADABLE) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise ConfigError(
                f"{path!r} is not a regular file",
                hint="Name a file; to read a pipe, leave 'file' out and connect it to standard input.",
                config_path="file",
            )
        self._stream = io.FileIO(descriptor)
        self._waiting = self._moved = False
        self.context.waiting_for = None
        if status.st_size < self._position:
            self._start_over(status.st_size)
        self._stream.seek(self._position)
        return True

    def _reopen_at(self, position: int) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._held, self._position, self._moved = None, b"", position, False

    def _start_over(self, size_bytes: int) -> None:
        self.context.log.warning(
            "file %r has %d bytes, fewer than the %d that were read; it was truncated or replaced: starting over at 0",
            self.config.file, size_bytes, self._position + len(self._held),
        )  # fmt: skip
        self._position, self._held = 0, b""

    def _at_end(self) -> list[Batch]:
        """See, at the end of the file, whether it is still the file that the path names."""
        assert self._stream is not None
        assert self.config.file
        status = os.fstat(self._stream.fileno())
        if status.st_size < self._position + len(self._held):
            self._start_over(status.st_size)
            self._stream.seek(0)
            return []
        try:
            named = os.stat(self.config.file)  # noqa: PTH116 - beside fstat, the same thing by name
        except FileNotFoundError:
            return []
        if (named.st_dev, named.st_ino) == (status.st_dev, status.st_ino):
            return []
        if not self._moved:
            # Whoever moved it may still hold it open and end a line: look once more before leaving it.
            self._moved = True
            return []
        self.context.log.info("file %r was moved and is read to its end; going on with the new one", self.config.file)
        last = self._held
        self._reopen_at(0)
        return self._batches(split_lines(last + b"\n", 1)) if last else []

    # -- lines -----------------------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> list[Batch]:
        self._moved = False
        if self._held:
            data = self._held + data
        whole_bytes = whole_lines_bytes(data)
        self._held = data[whole_bytes:]
        if len(self._held) > LINE_BYTES_MAX:
            raise DataError(
                f"file {self.config.file or 'standard input'!r} has a line of more than {LINE_BYTES_MAX >> 20} MiB "
                f"at position {self._position + whole_bytes}",
                code=LINE_TOO_LONG,
            )
        batches = []
        for lines in split_lines(data[:whole_bytes], max(self.config.batch_size, 1)):
            self._position += lines.size_bytes
            batches += self._batches([lines])
        return batches

    def _batches(self, groups: list[Lines]) -> list[Batch]:
        """Make batches whose offset is the present position."""
        now_ms = time.time_ns() // 1_000_000
        for lines in groups:
            if lines.undecodable and not self._warned_undecodable:
                self._warned_undecodable = True
                self.context.log.warning(
                    "file %r is not all UTF-8: before position %d and maybe later, bytes that are not become U+FFFD",
                    self.config.file or "standard input", self._position,
                )  # fmt: skip
        return [
            Batch(
                self.config.topic,
                lines.values,
                timestamps=now_ms,
                value_schema=STRING,
                source_partition=self._partition,
                source_offset=None if self._partition is None else {"position": self._position},
            )
            for lines in groups
        ]

    def _poll_stdin(self) -> list[Batch]:
        if self._stream is None:
            self.context.stopping.wait(STDIN_WAIT_S)
            return []
        if not select.select([self._stream], [], [], STDIN_WAIT_S)[0]:
            return []
        data = self._stream.read(CHUNK_BYTES)
        if data:
            return self._take(data)
        self.context.log.info("standard input has ended")
        last, self._held, self._stream = self._held, b"", None
        return self._batches(split_lines(last.removesuffix(b"\r") + b"\n", 1)) if last else []


class FileStreamSourceConnector(SourceConnector):
    """Reads the lines of one file, or of standard input, into a topic. One task, whatever `tasks.max` says."""

    class_name = "org.apache.kafka.connect.file.FileStreamSourceConnector"
    version = "0.1.0"
    config_class = FileStreamSourceConfig
    task_class = FileStreamSourceTask

    config: FileStreamSourceConfig

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each is a position in a file. Other files than the config's are taken, as Kafka does."""
        if not self.config.file:
            raise ConfigError(
                "the offsets of a connector that reads standard input cannot be altered: key 'file' is not set",
                hint="Standard input cannot be read again; nothing needs to be reset.",
                config_path="file",
            )
        for partition, offset in offsets:
            if offset is None:
                continue  # whatever is stored can be forgotten
            if not isinstance(partition.get("filename"), str):
                raise ConfigError(f"partition {dict(partition)} has no key 'filename' with the path of a file")
            _position_of(dict(offset), partition["filename"], what="offset")
        return True

    def check(self) -> list[Problem]:
        path = self.config.file
        if not path:
            return []
        if not Path(path).exists():
            return [Problem("file", f"file {path!r} is not there; the source waits for it")]
        if not Path(path).is_file():
            return [Problem("file", f"{path!r} is not a regular file")]
        return [] if os.access(path, os.R_OK) else [Problem("file", f"file {path!r} cannot be read: Permission denied")]


def _position_of(offset: dict[str, Any] | None, path: str, *, what: str = "stored source offset") -> int:
    if offset is None:
        return 0
    position = offset.get("position")
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise ConfigError(
            f"the {what} of file {path!r} is {offset!r}; expected a 'position' of 0 or more bytes, a whole number",
            hint="Alter or reset the connector's offsets.",
        )
    return position
