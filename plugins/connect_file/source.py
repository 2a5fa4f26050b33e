"""`FileStreamSource`: the lines of a file that grows, one record a line.

What happens to the file, and what follows:

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

Source of the keys, offsets and line rules: Apache Kafka 4.3.1, connect/file, FileStreamSourceConnector.java and
FileStreamSourceTask.java. Shorter and moved files are beyond it: there the source stalls, or goes on mid-line.
How a file is told from another: `connect_file.rotation`. Many files, of which all this is Connect's own:
`connect_file.reader`.
"""

from __future__ import annotations

import contextlib
import glob
import io
import os
import select
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from connect.api import (
    STRING,
    Batch,
    Config,
    ConfigError,
    DataError,
    EnvironmentFault,
    ExactlyOnceSupport,
    Problem,
    RetriableError,
    SourceConnector,
    SourceTask,
    compile_pattern,
    config_key,
    open_path,
    valid_pattern,
)
from connect_file.delimited import CsvFormat, delimiter_of, valid_columns, valid_delimiter, valid_quote
from connect_file.ends import ACTIONS, Action, AtEnd
from connect_file.errors import LINE_TOO_LONG, UNREADABLE, reason
from connect_file.formats import Format, JsonFormat, LinesFormat, MultilineFormat, WholeFormat
from connect_file.growth import Watch, is_local
from connect_file.lines import NotInCharset, Rows, split_lines, valid_charset, whole_lines_bytes
from connect_file.listing import Listing, base_folder, path_of, valid_entries
from connect_file.offsets import position_of
from connect_file.reader import CHUNK_BYTES, LINE_BYTES_MAX, FilesConfig, Reader
from connect_file.rotation import HEAD_BYTES, Seen, Sibling, fingerprint_of, fits, head_of, seen, seen_open, siblings_of

FORMATS: Final = ("lines", "json", "csv", "whole")
#: In a task's config of many files: which share of them it has, of how many.
SHARE_KEY: Final = "files.share"
#: How often a commit is asked for while there is something to read: what a crash repeats is read again in no longer.
COMMIT_S: Final = 5.0
#: The same where a file was begun: an offset is what tells its name's next file that this one was read.
NEW_FILE_COMMIT_S: Final = 0.5
#: How long one poll waits for standard input; a stop waits no longer than that.
STDIN_WAIT_S: Final = 0.5
#: How long the next poll may wait where the system tells of each change: for what it does not tell, as writes through a
#: memory map.
WATCHED_WAIT_S: Final = 10.0
#: How long a poll waits that was woken by another name in the folder: where many come, they shall not cost a poll each.
VAIN_WAIT_S: Final = 1.0
_STDIN: Final = 0


def _valid_start(value: object) -> None:
    if value is not None:
        valid_pattern(value)


class FileStreamSourceConfig(Config):
    """Read the lines of a file into a topic."""

    file: str | None = config_key(
        "Source filename. If not specified, the standard input will be used",
        importance="high",
        default=None,
        file="read",
    )
    topic: str = config_key("The topic to publish data to", importance="high", non_empty=True)
    batch_size: int = config_key(
        "The maximum number of records the source task can read from the file each time it is polled",
        importance="low",
        default=2000,
    )
    files: list[str] | None = config_key(
        "Files to read in place of 'file': paths, globs with *, ?, [a-z] and **, and folders, whose files are meant. "
        "Each may begin with ~ or file://",
        importance="high",
        default=None,
        validators=[valid_entries],
        internal=True,  # beyond Kafka, as all from here on: REST lists Kafka's keys
    )
    files_exclude: list[str] = config_key(
        "Globs of files that 'files' is not to mean; one without a slash is of the name alone",
        importance="low",
        default=[],
        validators=[valid_entries],
        internal=True,
    )
    files_poll_interval_ms: int = config_key(
        "How often the files that 'files' means are looked for, at least. Where the system tells of a new one, it is "
        "found at once",
        importance="low",
        default=1000,
        ge=10,
        internal=True,
    )
    format: str = config_key(
        "What a record is: a line as text (lines), a line of JSON (json), a record of CSV (csv), or all "
        "of a file (whole)",
        default="lines",
        one_of=FORMATS,
        internal=True,
    )
    csv_header: bool = config_key(
        "Whether a CSV file begins with the names of its columns", default=True, internal=True
    )
    csv_columns: list[str] = config_key(
        "Columns of CSV files as NAME:TYPE. With a header, those that are not text; without, all of them in order. "
        "Types: string, boolean, int8, int16, int32, int64, float32, float64, decimal(SCALE), date, time, timestamp",
        default=[],
        validators=[valid_columns],
        internal=True,
    )
    csv_delimiter: str = config_key(
        "What parts the fields of CSV: one character, or tab",
        importance="low",
        default=",",
        validators=[valid_delimiter],
        internal=True,
    )
    csv_quote: str = config_key(
        "What encloses a field of CSV: one character; empty for none",
        importance="low",
        default='"',
        validators=[valid_quote],
        internal=True,
    )
    csv_null: str | None = config_key(
        "A field of CSV with this text is null; an empty one is null in any case where its type is none of text",
        importance="low",
        default=None,
        internal=True,
    )
    multiline_start: str | None = config_key(
        "A pattern that is found in the first line of a record of several; those behind without it belong to it",
        default=None,
        validators=[_valid_start],
        internal=True,
    )
    on_eof: str = config_key(
        "What becomes of a file that was read to its end: it is read on as it grows (tail), left alone until the next "
        "start (stop), deleted or moved once its records are durable",
        name="on.eof",
        default="tail",
        one_of=ACTIONS,
        internal=True,
    )
    on_eof_folder: str | None = config_key(
        "The folder that files are moved to, on the same file system",
        name="on.eof.folder",
        default=None,
        file="write",
        internal=True,
    )
    eof_wait_ms: int = config_key(
        "How long a file must not have grown for its end to be taken for one",
        name="on.eof.wait.ms",
        importance="low",
        default=10000,
        ge=0,
        internal=True,
    )
    charset: str | None = config_key(
        "Character set of the file, such as ISO-8859-1; what is not in it fails the task. If not specified, UTF-8, and "
        "what is not UTF-8 becomes U+FFFD",
        importance="low",
        default=None,
        validators=[valid_charset],
        internal=True,
    )

    @property
    def entries(self) -> list[str] | None:
        """What is listed and read by `connect_file.reader`; None for what Kafka's keys alone say."""
        is_classic = self.format == "lines" and self.on_eof == "tail" and self.multiline_start is None
        if self.files is not None or self.file is None or is_classic:
            return self.files
        return [glob.escape(os.path.abspath(self.file))]  # noqa: PTH100 - of the text, as all paths here

    def problems(self) -> Iterable[Problem]:
        if self.format != "lines" and not self.file and self.files is None:
            yield Problem("format", f"format {self.format!r} is of files; 'file' or 'files' is missing")
        if self.on_eof != "tail" and not self.file and self.files is None:
            yield Problem("on.eof", f"on.eof={self.on_eof} is of files; 'file' or 'files' is missing")
        if self.multiline_start is not None and self.format != "lines":
            yield Problem("multiline.start", f"'multiline.start' is of lines, and the format is {self.format!r}")
        if self.multiline_start is not None and not self.file and self.files is None:
            yield Problem("multiline.start", "'multiline.start' is of files; 'file' or 'files' is missing")
        if (self.on_eof == "move") != (self.on_eof_folder is not None):
            yield Problem("on.eof.folder", "'on.eof.folder' is the folder of on.eof=move: both are needed, or neither")
        if self.on_eof in ("delete", "move"):
            for entry in self.entries or ():
                yield from _not_allowed(entry, os.O_WRONLY)
        if self.format == "csv" and not self.csv_header and not self.csv_columns:
            yield Problem("csv.columns", "without a header, 'csv.columns' has to name the columns")
        if self.files is None:
            return
        if not self.files:
            yield Problem("files", "'files' names none; expected paths, globs or folders")
        if self.file is not None:
            yield Problem("files", "'file' and 'files' are both set; expected one of them")
        for entry in self.files:
            yield from _not_allowed(entry, os.O_RDONLY)


class FileStreamSourceTask(SourceTask[FileStreamSourceConfig]):
    """Tails one file, or reads standard input. Plain `def`: one hop to the task's thread a poll.

    At the end of the file the system is asked to tell when it changes, which wakes the next poll.
    """

    _stream: io.FileIO | None = None
    _watch: Watch | None = None
    _reader: Reader | None = None
    _commit_asked_at: float

    def start(self) -> None:
        self._commit_asked_at = time.monotonic()
        if (entries := self.config.entries) is not None:
            self._reader = Reader(self._files_config(entries), self.context)
            self._commit_asked_at = float("-inf")
            return
        self._partition: dict[str, Any] | None = None
        self._position = 0  # of the next line; everything before it was returned
        self._held = b""  # read from there on, but not a whole line yet
        self._waiting = False
        self._moved = False
        self._at_end_since_read = False
        self._warned_undecodable = False
        self._awaited_at = float("-inf")  # when its folder was last watched for it
        self._failure: DataError | None = None  # for the poll after the lines before it
        self._fingerprint: str | None = None  # of the file that is read
        self._head = b""
        self._named = self.config.file  # where that file was opened
        self._is_local = False  # and whether the system sees all that is written to it
        self._later: list[Sibling] = []  # files that had the name after it, and before the one that has it now
        self._seen: dict[tuple[int, int], Seen] | None = None  # what was beside it then, or was read
        if self.config.file:
            self._watch = Watch(self.context.wakeup)
            self._partition = {"filename": self.config.file}
            stored = self.context.offset(self._partition)
            self._position = position_of(stored, self.config.file)
            self._fingerprint = _fingerprint_of(stored)
            self._open()
        else:
            self._stream = io.FileIO(_STDIN, closefd=False)

    def _files_config(self, entries: Sequence[str]) -> FilesConfig:
        config, originals = self.config, self.config.originals
        share, _, shares = str(originals.get(SHARE_KEY, "0/1")).partition("/")
        return FilesConfig(
            Listing(entries, config.files_exclude, closed=config.on_eof_folder),
            int(share),
            int(shares),
            config.topic,
            max(config.batch_size, 1),
            partial(_format_of, config),
            config.files_poll_interval_ms / 1000,
            str(originals.get("errors.tolerance") or "none").lower() == "all",
            "file" if config.files is None else "files",
            AtEnd(cast(Action, config.on_eof), config.eof_wait_ms / 1000, config.on_eof_folder),
            is_whole=config.format == "whole",
            is_raw=config.format == "whole" and config.charset is None,
            quiet_s=config.eof_wait_ms / 1000 if config.multiline_start is not None else None,
        )

    def stop(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self._watch is not None:
            self._watch.close()
        if self._stream is not None:
            self._stream.close()

    def poll_batch(self) -> list[Batch]:
        batches = self._poll() if self._reader is None else self._reader.poll()
        if batches:
            now, every_s = time.monotonic(), COMMIT_S
            if self._reader is not None and self._reader.take_news():
                every_s = NEW_FILE_COMMIT_S
            if now >= self._commit_asked_at + every_s:
                self._commit_asked_at = now
                self.context.request_commit()
        return batches

    def _poll(self) -> list[Batch]:
        self.context.poll_wait_s = None  # unless the file is at its end, and tells when it is not
        if self._failure is not None:
            raise self._failure
        if self._partition is None:
            return self._poll_stdin()
        if self._stream is None and not self._open():
            return []
        assert self._stream is not None
        try:
            # A long line that is still held back is read in ever larger pieces, so joining them stays linear.
            data = self._stream.read(max(CHUNK_BYTES, len(self._held)))
            if not data:
                return self._at_end()
            if self._at_end_since_read and not self._is_the_same():
                return []
            return self._take(data)
        except OSError as error:
            self._reopen_at(self._position)
            raise RetriableError(
                f"file {self.config.file!r} cannot be read at position {self._position}: {reason(error)}",
                code=UNREADABLE,
            ) from error

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        if self._reader is not None:
            self._reader.committed(offsets)

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Look into the file again for the end of a line within a batch: positions of lines are not kept."""
        if self._reader is not None:
            return self._reader.offset_within(batch, count)
        if self._stream is None or batch.source_offset is None:
            return None
        end, charset = batch.source_offset["position"], self.config.charset
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
        assert path
        try:
            # A pipe opens at once, and is refused below.
            descriptor = open_path(path, os.O_RDONLY)
        except FileNotFoundError:
            if self._later:
                self.context.log.warning(
                    "file %r was deleted before it was read: its lines are lost", self._later.pop(0).path
                )
            elif not self._waiting:
                self.context.log.warning("file %r is not there; waiting for it%s", path, _looks_odd(path))
                self._waiting = True
            self.context.waiting_for = f"file {path!r} is not there"
            if not self._later:
                self._await_name()
            return False
        except ConfigError as error:
            if not self._later:
                raise
            # The config names no such file: a link that somebody put beside it must not fail the task.
            self.context.log.warning("%s; it is passed over", error.message)
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
        self._named, self._is_local = path, is_local(path)
        if not fits(descriptor, self._position, self._fingerprint):
            descriptor = self._find_the_old(descriptor, status.st_size)
        self._stream = io.FileIO(descriptor)
        self.context.waiting_for = None
        self._stream.seek(self._position)
        self._remember(head_of(descriptor))
        # Beside a file that was moved while nobody looked, those written to after it had its name since.
        moved = self._named != path
        last_ns = os.fstat(descriptor).st_mtime_ns
        if self._seen is None or moved:
            beside = siblings_of(self.config.file or "")
            self._seen = {other.inode: seen(other) for other in beside if not moved or other.modified_ns <= last_ns}
        return True

    def _await_name(self) -> None:
        """Have the next poll wait until the file is there, where the system tells of that."""
        assert self._watch is not None
        assert self.config.file
        now = time.monotonic()
        if now - self._awaited_at < VAIN_WAIT_S:
            self.context.poll_wait_s = VAIN_WAIT_S
            return
        self._awaited_at = now
        path = os.path.abspath(self.config.file)  # noqa: PTH100 - of the text, as in is_local
        if not is_local(path) or not self._watch.set_folder(os.path.dirname(path)):  # noqa: PTH120
            return
        if os.path.lexists(path):
            self.context.wakeup()
        else:
            self.context.poll_wait_s = WATCHED_WAIT_S

    def _path_of_next(self) -> str | None:
        """Return the path of the file to open: the next that had the name, wherever it was moved, or the name's own."""
        beside: dict[tuple[int, int], str] = {}
        if self._later and self.config.file:
            beside = {sibling.inode: sibling.path for sibling in siblings_of(self.config.file)}
            with contextlib.suppress(OSError):
                named = os.stat(self.config.file)  # noqa: PTH116 - as in _at_end
                beside[named.st_dev, named.st_ino] = self.config.file
        while self._later:
            path = beside.get(self._later[0].inode)
            if path is not None:
                return path
            gone = self._later.pop(0)
            self.context.log.warning("file %r was deleted before it was read: its lines are lost", gone.path)
        return self.config.file

    def _remember(self, head: bytes) -> None:
        self._head, self._fingerprint = head, fingerprint_of(head)

    def _find_the_old(self, descriptor: int, size_bytes: int) -> int:
        """Return an open file for one that is not the one that was read: that one by another name, or itself from 0."""
        path = self._named
        assert path
        for sibling in reversed(siblings_of(path)):
            if sibling.size_bytes < self._position:
                continue
            try:
                other = open_path(sibling.path, os.O_RDONLY)
            except (OSError, ConfigError):  # gone, not to be read, or not to be read by connectors
                continue
            if fits(other, self._position, self._fingerprint):
                if self._fingerprint is not None:
                    self.context.log.info(
                        "file %r was moved to %r, which is read to its end from position %d",
                        path,
                        sibling.path,
                        self._position,
                    )
                    os.close(descriptor)
                    self._named = sibling.path
                    return other
                os.close(other)
                if sibling.size_bytes > self._position:
                    self.context.log.warning(
                        "file %r is not the one that was read up to position %d. If that one is %r now, the lines from "
                        "position %d on in it were not read and may be lost",
                        path,
                        self._position,
                        sibling.path,
                        self._position,
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
        ends_a_line = not self._position or os.pread(descriptor, 1, self._position - 1) in (b"\n", b"\r")
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
        self._stream, self._held, self._position, self._moved = None, b"", position, False
        self._at_end_since_read = False
        if position == 0:
            self._fingerprint = None

    def _start_over(self, size_bytes: int) -> None:
        read_bytes = self._position + len(self._held)
        if size_bytes < read_bytes:
            self.context.log.warning(
                "file %r has %d bytes, fewer than the %d that were read; it was truncated or replaced: "
                "starting over at 0",
                self._named,
                size_bytes,
                read_bytes,
            )
        else:
            self.context.log.warning(
                "file %r is not as it was when it was read up to position %d; "
                "it was written anew or replaced: starting "
                "over at 0",
                self._named,
                self._position,
            )
        self._position, self._held, self._head, self._fingerprint = 0, b"", b"", None

    def _at_end(self) -> list[Batch]:
        """See, at the end of the file, whether it is still the file that the path names."""
        assert self._stream is not None
        assert self.config.file
        assert self._watch is not None
        self._at_end_since_read = True
        is_watched = self._watch.set(self._stream.fileno())
        status = os.fstat(self._stream.fileno())
        if status.st_size < self._position + len(self._held):
            self._start_over(status.st_size)
            self._stream.seek(0)
            return []
        inode = (status.st_dev, status.st_ino)
        try:
            named = os.stat(self.config.file)  # noqa: PTH116 - beside fstat, the same thing by name
        except FileNotFoundError:
            self._await_name()
            return []
        if (named.st_dev, named.st_ino) == inode:
            if status.st_size > self._position + len(self._held):  # it grew between the read and the watch
                self.context.wakeup()
            elif is_watched and self._is_local:
                self.context.poll_wait_s = WATCHED_WAIT_S
            return []
        if not self._moved:
            # Whoever moved it may still hold it open and end a line: look once more before leaving it.
            self._moved = True
            return []
        # What was moved to its place and away again since the last look stands beside it, and was not there before.
        if not self._later:
            assert self._seen is not None, "set as the first file was opened"
            self._seen[inode] = seen_open(self._stream.fileno())
            beside = siblings_of(self.config.file)
            styles = {sibling.is_numbered_behind for sibling in beside if sibling.inode == inode} or {True, False}
            self._later = [
                sibling
                for sibling in beside
                if sibling.modified_ns >= status.st_mtime_ns
                and sibling.is_numbered_behind in styles  # a file that another writes may be called like a generation
                and not ((known := self._seen.get(sibling.inode)) and known.is_still(sibling))
            ]
        self.context.log.info("file %r was moved and is read to its end; going on with the new one", self.config.file)
        if self._later:
            paths = [sibling.path for sibling in self._later]
            self.context.log.info("%r had that name meanwhile, and come first", paths)
        # Known by its number: by the time that it is opened it may have been moved, too.
        number = (named.st_dev, named.st_ino)
        if all(sibling.inode != number for sibling in self._later):
            self._later.append(Sibling(self.config.file, True, number, named.st_size, named.st_mtime_ns))
        last = self._held
        self._reopen_at(0)
        return self._last_line(last + b"\n") if last else []

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
        batches: list[Batch] = []
        try:
            groups = split_lines(data[:whole_bytes], max(self.config.batch_size, 1), self.config.charset)
        except NotInCharset as error:
            groups = error.before  # these first: the next poll tells of what follows
            self._failure = self._not_in_charset(error, self._position + sum(lines.size_bytes for lines in groups))
            if not groups:
                raise self._failure from error
        for lines in groups:
            self._position += lines.size_bytes
            batches += self._batches([lines])
        if self._fingerprint is None and self._stream is not None and self._position > len(self._head):
            self._remember_more()
        return batches

    def _remember_more(self) -> None:
        assert self._stream is not None
        if self._partition is not None:
            self._remember(head_of(self._stream.fileno()))

    def _not_in_charset(self, error: NotInCharset, position: int) -> DataError:
        return DataError(
            f"file {self._named or 'standard input'!r} has bytes at position {position + error.start} that are not "
            f"{self.config.charset}",
            hint="Name the file's character set with 'charset'; ISO-8859-1 takes any bytes.",
            config_path="charset",
        )

    def _batches(self, groups: list[Rows]) -> list[Batch]:
        """Make batches whose offset is the present position."""
        now_ms = time.time_ns() // 1_000_000
        for lines in groups:
            if lines.undecodable and not self._warned_undecodable:
                self._warned_undecodable = True
                self.context.log.warning(
                    "file %r is not all UTF-8: before position %d and maybe later, bytes that are not become U+FFFD",
                    self.config.file or "standard input",
                    self._position,
                )
        return [
            Batch(
                self.config.topic,
                lines.values,
                timestamps=now_ms,
                value_schema=STRING,
                source_partition=self._partition,
                source_offset=self._offset(),
            )
            for lines in groups
        ]

    def _offset(self) -> dict[str, Any] | None:
        return None if self._partition is None else self._offset_at(self._position)

    def _offset_at(self, position: int) -> dict[str, Any]:
        if self._fingerprint is None or position < HEAD_BYTES:
            return {"position": position}
        return {"position": position, "fingerprint": self._fingerprint}

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
        return self._last_line(last.removesuffix(b"\r") + b"\n") if last else []

    def _last_line(self, line: bytes) -> list[Batch]:
        try:
            return self._batches(split_lines(line, 1, self.config.charset))
        except NotInCharset as error:
            raise self._not_in_charset(error, self._position) from error


class FileStreamSourceConnector(SourceConnector[FileStreamSourceConfig]):
    """Reads the lines of one file, of many, or of standard input, into a topic.

    One task for one file, whatever `tasks.max` says; as many as that for many files, each of which finds its own.
    """

    class_name = "org.apache.kafka.connect.file.FileStreamSourceConnector"
    version = "0.1.0"
    task_class = FileStreamSourceTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        own = dict(self.config.originals)
        if self.config.files is None:
            return [own]
        return [{**own, SHARE_KEY: f"{share}/{max_tasks}"} for share in range(max_tasks)]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Exactly once where `file` names what is only appended to. Standard input cannot be read again, and of `files`
        one that is moved to a name of another task, or to another folder, is read by two."""
        return ExactlyOnceSupport.SUPPORTED if self.config.file else ExactlyOnceSupport.UNSUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each is a position in a file. Other files than the config's are taken, as Kafka does."""
        if not self.config.file and not self.config.files:
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
            position_of(dict(offset), partition["filename"], what="offset")
            if self.config.entries is not None and not isinstance(partition.get("first_line"), str):
                raise ConfigError(
                    f"partition {dict(partition)} has no key 'first_line', which tells a file of that name by its "
                    "beginning",
                    hint="Alter an offset that the connector has stored: `connect connector offsets` lists them.",
                )
        return True

    def check(self) -> list[Problem]:
        folder = self.config.on_eof_folder
        if folder is not None and not Path(folder).is_dir():
            why = f"folder {folder!r} is not there, or is none: files that were read stay where they are; make it"
            return [Problem("on.eof.folder", why), *self._check_what_is_read()]
        return self._check_what_is_read()

    def _check_what_is_read(self) -> list[Problem]:
        if self.config.files is not None:
            return self._check_files(self.config.files)
        path = self.config.file
        if not path:
            return []
        if not Path(path).exists():
            return [Problem("file", f"file {path!r} is not there; the source waits for it{_looks_odd(path)}")]
        if not Path(path).is_file():
            return [Problem("file", f"{path!r} is not a regular file")]
        return [] if os.access(path, os.R_OK) else [Problem("file", f"file {path!r} cannot be read: Permission denied")]

    def _check_files(self, files: Sequence[str]) -> list[Problem]:
        found = Listing(files, self.config.files_exclude).find()
        if not found:
            return [Problem("files", "no file is there that 'files' names; the source waits for one")]
        closed = [one.path for one in found if not os.access(one.path, os.R_OK)]
        if not closed:
            return []
        more = f", nor {len(closed) - 1} others" if len(closed) > 1 else ""
        return [Problem("files", f"file {closed[0]!r} cannot be read{more}: Permission denied")]


def _format_of(config: FileStreamSourceConfig, charset: str | None) -> Format:
    """Return the format of files, in the character set that they say they have, or else in that of the config."""
    charset = charset or config.charset
    if config.format == "json":
        return JsonFormat(charset)
    if config.format == "csv":
        return CsvFormat(
            delimiter=delimiter_of(config.csv_delimiter),
            quote=config.csv_quote,
            has_header=config.csv_header,
            columns=config.csv_columns,
            null=config.csv_null,
            charset=charset,
        )
    if config.format == "whole":
        return WholeFormat(None if config.charset is None else charset)
    if config.multiline_start is not None:
        return MultilineFormat(charset, compile_pattern(config.multiline_start, key="multiline.start"))
    return LinesFormat(charset)


def _not_allowed(entry: str, flags: int) -> Iterator[Problem]:
    """Tell of an entry whose files lie where the worker allows none."""
    try:
        os.close(open_path(base_folder(path_of(entry)), flags))
    except ConfigError as error:
        yield Problem("files", error.message)
    except OSError:
        pass  # not there, a folder, or not to be opened: told when it is looked for


def _looks_odd(path: str) -> str:
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
