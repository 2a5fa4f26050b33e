"""One file that grows, as Kafka's keys name it: what happens to it, and what follows.

| the file                             | the source                                                          |
|--------------------------------------|---------------------------------------------------------------------|
| is not there                         | says so once and waits; the system tells, as below, when it comes   |
| grows                                | goes on; a last line without an end is held back. The system tells  |
|                                      | when (`connect_file.growth`); where it does not, polls find out     |
| is shorter than what was read, or    | warns and starts over at 0: better some lines twice than none       |
| is not the one that was read         |                                                                     |
| was moved away and another is there  | reads the old one to its end, then those that had its name          |
|                                      | meanwhile, then the new one from 0                                  |
| was moved while the task was stopped | the same where the old one can be told by its beginning; else it    |
|                                      | names the file whose lines may be lost                              |
| is gone and none is there            | waits for the next one                                              |

Source of the keys, offsets and line rules: Apache Kafka 4.3.1, connect/file, FileStreamSourceTask.java. Shorter and
moved files are beyond it: there the source stalls, or goes on mid-line. How a file is told from another:
`connect_file.rotation`.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from connect.api import Batch, ConfigError, EnvironmentFault, RetriableError, SourceTaskContext, open_path
from connect_file.errors import UNREADABLE, reason
from connect_file.growth import Watch, is_local
from connect_file.line_batches import LineBatches
from connect_file.lines import CHUNK_BYTES, NotInCharset, split_lines
from connect_file.offsets import position_of
from connect_file.rotation import HEAD_BYTES, Seen, Sibling, fingerprint_of, fits, head_of, seen, seen_open, siblings_of
from connect_file.source_config import FileStreamSourceConfig

#: How long the next poll may wait where the system tells of each change: for what it does not tell, as writes through a
#: memory map.
WATCHED_WAIT_S: Final = 10.0
#: How long a poll waits that was woken by another name in the folder: where many come, they shall not cost a poll each.
VAIN_WAIT_S: Final = 1.0

#: The figure that says how much of the file is still to be read.
BYTES_LEFT: Final = "bytes.left"


class OneFile:
    """The file of one task. At its end the system is asked to tell when it changes, which wakes the next poll. All
    calls block, and are for the task's thread."""

    def __init__(self, config: FileStreamSourceConfig, context: SourceTaskContext) -> None:
        assert config.file
        self._path, self._charset = config.file, config.charset
        self._context, self._log = context, context.log
        partition = {"filename": self._path}
        self._lines = LineBatches(config, context.log, self._path, partition, self._offset_at)
        self._stream: io.FileIO | None = None
        self._waiting = False
        self._moved = False
        self._at_end_since_read = False
        self._awaited_at = float("-inf")  # when its folder was last watched for it
        self._head = b""
        self._is_local = False  # whether the system sees all that is written to it
        self._later: list[Sibling] = []  # files that had the name after it, and before the one that has it now
        self._seen: dict[tuple[int, int], Seen] | None = None  # what was beside it then, or was read
        self._watch = Watch(context.wakeup)
        stored = context.offset(partition)
        self._lines.position = position_of(stored, self._path)
        self._fingerprint = _fingerprint_of(stored)  # of the file that is read
        self._open()

    def close(self) -> None:
        self._watch.close()
        if self._stream is not None:
            self._stream.close()

    def poll(self) -> list[Batch]:
        """Return the next batches; empty at the end, and the context's `poll_wait_s` says when to ask again."""
        self._context.poll_wait_s = None  # unless the file is at its end, and tells when it is not
        if self._lines.failure is not None:
            raise self._lines.failure
        if self._stream is None and not self._open():
            return []
        assert self._stream is not None
        try:
            # A long line that is still held back is read in ever larger pieces, so joining them stays linear.
            data = self._stream.read(max(CHUNK_BYTES, len(self._lines.held)))
            if not data:
                self._context.gauges[BYTES_LEFT] = 0.0
                return self._at_end()
            if self._at_end_since_read and not self._is_the_same():
                return []
            self._moved = False
            batches = self._lines.take(data)
            if self._fingerprint is None and self._lines.position > len(self._head):
                self._remember(head_of(self._stream.fileno()))
            size_bytes = os.fstat(self._stream.fileno()).st_size
            self._context.gauges[BYTES_LEFT] = float(max(size_bytes - self._lines.position - len(self._lines.held), 0))
            return batches
        except OSError as error:
            self._reopen_at(self._lines.position)
            raise RetriableError(
                f"file {self._path!r} cannot be read at position {self._lines.position}: {reason(error)}",
                code=UNREADABLE,
            ) from error

    def take_news(self) -> bool:
        """Whether another file was begun: none that its offset would have to tell from others."""
        return False

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable, on which nothing hangs."""

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Look into the file again for the end of a line within a batch: positions of lines are not kept."""
        if self._stream is None or batch.source_offset is None:
            return None
        end, charset = batch.source_offset["position"], self._charset
        bytes_max = sum(len(line.encode(charset or "utf-8", "replace")) + len("\r\n") for line in batch.values)
        begin = max(0, end - bytes_max)
        try:
            data = os.pread(self._stream.fileno(), end - begin, begin)
            lines = data.splitlines(keepends=True)[-len(batch) :]
            again = split_lines(b"".join(lines), len(batch), charset)
        except (OSError, NotInCharset):
            return None
        if [lines.values for lines in again] != [batch.values]:
            return None  # another file by now, or written anew
        return self._offset_at(end - sum(map(len, lines[count:])))

    # -- the file --------------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        """Open the file at the position; False when it is not there."""
        path = self._path_of_next()
        try:
            # A pipe opens at once, and is refused below.
            descriptor = open_path(path, os.O_RDONLY)
        except FileNotFoundError:
            if self._later:
                self._log.warning("file %r was deleted before it was read: its lines are lost", self._later.pop(0).path)
            elif not self._waiting:
                self._log.warning("file %r is not there; waiting for it%s", path, looks_odd(path))
                self._waiting = True
            self._context.waiting_for = f"file {path!r} is not there"
            if not self._later:
                self._await_name()
            return False
        except ConfigError as error:
            if not self._later:
                raise
            # The config names no such file: a link that somebody put beside it must not fail the task.
            self._log.warning("%s; it is passed over", error.message)
            self._later.pop(0)
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
        self._waiting = self._moved = self._at_end_since_read = False
        if self._later:
            self._later.pop(0)
        self._lines.named, self._is_local = path, is_local(path)
        if not fits(descriptor, self._lines.position, self._fingerprint):
            descriptor = self._find_the_old(descriptor, status.st_size)
        self._stream = io.FileIO(descriptor)
        self._context.waiting_for = None
        self._stream.seek(self._lines.position)
        self._remember(head_of(descriptor))
        # Beside a file that was moved while nobody looked, those written to after it had its name since.
        moved = self._lines.named != path
        last_ns = os.fstat(descriptor).st_mtime_ns
        if self._seen is None or moved:
            beside = siblings_of(self._path)
            self._seen = {other.inode: seen(other) for other in beside if not moved or other.modified_ns <= last_ns}
        return True

    def _await_name(self) -> None:
        """Have the next poll wait until the file is there, where the system tells of that."""
        now = time.monotonic()
        if now - self._awaited_at < VAIN_WAIT_S:
            self._context.poll_wait_s = VAIN_WAIT_S
            return
        self._awaited_at = now
        path = os.path.abspath(self._path)  # noqa: PTH100 - of the text, as in is_local
        if not is_local(path) or not self._watch.set_folder(os.path.dirname(path)):  # noqa: PTH120
            return
        if os.path.lexists(path):
            self._context.wakeup()
        else:
            self._context.poll_wait_s = WATCHED_WAIT_S

    def _path_of_next(self) -> str:
        """Return the path of the file to open: the next that had the name, wherever it was moved, or the name's own."""
        beside: dict[tuple[int, int], str] = {}
        if self._later:
            beside = {sibling.inode: sibling.path for sibling in siblings_of(self._path)}
            with contextlib.suppress(OSError):
                named = os.stat(self._path)  # noqa: PTH116 - as in _at_end
                beside[named.st_dev, named.st_ino] = self._path
        while self._later:
            path = beside.get(self._later[0].inode)
            if path is not None:
                return path
            gone = self._later.pop(0)
            self._log.warning("file %r was deleted before it was read: its lines are lost", gone.path)
        return self._path

    def _remember(self, head: bytes) -> None:
        self._head, self._fingerprint = head, fingerprint_of(head)

    def _find_the_old(self, descriptor: int, size_bytes: int) -> int:
        """Return an open file for one that is not the one that was read: that one by another name, or itself from 0."""
        path = self._lines.named
        for sibling in reversed(siblings_of(path)):
            if sibling.size_bytes < self._lines.position:
                continue
            try:
                other = open_path(sibling.path, os.O_RDONLY)
            except (OSError, ConfigError):  # gone, not to be read, or not to be read by connectors
                continue
            if fits(other, self._lines.position, self._fingerprint):
                if self._fingerprint is not None:
                    self._log.info(
                        "file %r was moved to %r, which is read to its end from position %d",
                        path,
                        sibling.path,
                        self._lines.position,
                    )
                    os.close(descriptor)
                    self._lines.named = sibling.path
                    return other
                os.close(other)
                if sibling.size_bytes > self._lines.position:
                    self._log.warning(
                        "file %r is not the one that was read up to position %d. If that one is %r now, the lines from "
                        "position %d on in it were not read and may be lost",
                        path,
                        self._lines.position,
                        sibling.path,
                        self._lines.position,
                    )
                break
            os.close(other)
        self._start_over(size_bytes)
        return descriptor

    def _is_the_same(self) -> bool:
        """See, as there is something to read after the end was reached, whether the file was not written anew."""
        assert self._stream is not None
        descriptor = self._stream.fileno()
        head = head_of(descriptor)
        ends_a_line = not self._lines.position or os.pread(descriptor, 1, self._lines.position - 1) in (b"\n", b"\r")
        self._at_end_since_read = False
        if head.startswith(self._head) and ends_a_line:
            self._remember(head)
            return True
        self._start_over(os.fstat(descriptor).st_size)
        self._remember(head)
        self._stream.seek(0)
        return False

    def _reopen_at(self, position: int) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._lines.held, self._lines.position, self._moved = None, b"", position, False
        self._at_end_since_read = False
        if position == 0:
            self._fingerprint = None

    def _start_over(self, size_bytes: int) -> None:
        read_bytes = self._lines.position + len(self._lines.held)
        if size_bytes < read_bytes:
            self._log.warning(
                "file %r has %d bytes, fewer than the %d that were read; it was truncated or replaced: "
                "starting over at 0",
                self._lines.named,
                size_bytes,
                read_bytes,
            )
        else:
            self._log.warning(
                "file %r is not as it was when it was read up to position %d; "
                "it was written anew or replaced: starting "
                "over at 0",
                self._lines.named,
                self._lines.position,
            )
        self._lines.position, self._lines.held, self._head, self._fingerprint = 0, b"", b"", None

    def _at_end(self) -> list[Batch]:
        """See, at the end of the file, whether it is still the file that the path names."""
        assert self._stream is not None
        self._at_end_since_read = True
        is_watched = self._watch.set(self._stream.fileno())
        status = os.fstat(self._stream.fileno())
        if status.st_size < self._lines.position + len(self._lines.held):
            self._start_over(status.st_size)
            self._stream.seek(0)
            return []
        inode = (status.st_dev, status.st_ino)
        try:
            named = os.stat(self._path)  # noqa: PTH116 - beside fstat, the same thing by name
        except FileNotFoundError:
            self._await_name()
            return []
        if (named.st_dev, named.st_ino) == inode:
            if status.st_size > self._lines.position + len(self._lines.held):  # it grew between the read and the watch
                self._context.wakeup()
            elif is_watched and self._is_local:
                self._context.poll_wait_s = WATCHED_WAIT_S
            return []
        if not self._moved:
            # Whoever moved it may still hold it open and end a line: look once more before leaving it.
            self._moved = True
            return []
        # What was moved to its place and away again since the last look stands beside it, and was not there before.
        if not self._later:
            assert self._seen is not None, "set as the first file was opened"
            self._seen[inode] = seen_open(self._stream.fileno())
            beside = siblings_of(self._path)
            styles = {sibling.is_numbered_behind for sibling in beside if sibling.inode == inode} or {True, False}
            self._later = [
                sibling
                for sibling in beside
                if sibling.modified_ns >= status.st_mtime_ns
                and sibling.is_numbered_behind in styles  # a file that another writes may be called like a generation
                and not ((known := self._seen.get(sibling.inode)) and known.is_still(sibling))
            ]
        self._log.info("file %r was moved and is read to its end; going on with the new one", self._path)
        if self._later:
            paths = [sibling.path for sibling in self._later]
            self._log.info("%r had that name meanwhile, and come first", paths)
        # Known by its number: by the time that it is opened it may have been moved, too.
        number = (named.st_dev, named.st_ino)
        if all(sibling.inode != number for sibling in self._later):
            self._later.append(Sibling(self._path, True, number, named.st_size, named.st_mtime_ns))
        last = self._lines.held
        self._reopen_at(0)
        return self._lines.last(last + b"\n") if last else []

    def _offset_at(self, position: int) -> dict[str, Any]:
        if self._fingerprint is None or position < HEAD_BYTES:
            return {"position": position}
        return {"position": position, "fingerprint": self._fingerprint}


def looks_odd(path: str) -> str:
    """Return a word about a name that is hardly meant as it stands; empty for others."""
    if path.startswith(("file:", "http:", "https:")):
        return ". The key takes a path and not a URL: leave out what stands before it, or name it with 'files'"
    if path.startswith("~"):
        return ". '~' is not the home directory here: write the whole path, or name it with 'files'"
    if any(char in path for char in "*?["):
        return ". '*' and '?' are taken as they are: 'files' takes patterns"
    return "" if Path(path).parent.is_dir() else f". There is no folder {str(Path(path).parent)!r} either"


def _fingerprint_of(offset: dict[str, Any] | None) -> str | None:
    fingerprint = None if offset is None else offset.get("fingerprint")
    return fingerprint if isinstance(fingerprint, str) else None
