"""How far the file sink has come: the file's length and the offsets that go with it, in one small file beside it.

Theory of operation. `FILE.connect-offsets` is replaced as a whole (written, synced, renamed) when a flush has brought
the lines to disk, so length and offsets are always of the same moment. A task that starts cuts the file to that length,
and goes on at those offsets: what was written past it is cut, and comes again.

Only what is ours may be cut. Before the first line behind a recorded position the record says so (`is_open`); where it
does not, bytes past the length are somebody else's. A file that is shorter, another one (inode), or ends otherwise at
that length (checksum of the last bytes) is refused. While the task runs the file is locked, and is as long before each
write as the task left it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from connect.api import Batch, ConfigError, EnvironmentFault, RetriableError, new_records, open_path, register_code
from connect_file.errors import reason

CHANGED: Final = register_code(
    "file.changed",
    "A file that a sink writes exactly once is not as it was left: somebody else changed it.",
    "Put the file back as it was, or remove the file of offsets beside it: then the sink goes on behind what is there, "
    "at the offsets of its consumer group.",
)
SUFFIX: Final = ".connect-offsets"
VERSION: Final = 1
#: Bytes in front of the recorded length whose checksum is recorded.
TAIL_BYTES: Final = 4096

#: A partition: topic and number.
At = tuple[str, int]


class Position:
    """The position of one task. All calls block.

    Attributes:
        cut_bytes: What `take` has cut.

    Args:
        path: The file that is written.
        connector: The connector's name: a file has one.
    """

    def __init__(self, path: str, connector: str) -> None:
        self.cut_bytes = 0
        self._path = path
        self._beside = Path(path + SUFFIX)
        self._connector = connector
        self._length = 0
        self._is_open = False
        self._offsets: dict[At, int] = {}
        #: Of the topic of each offset.
        self._ids: dict[str, str] = {}

    def take(self, descriptor: int) -> None:
        """Lock the file and cut it to the recorded length; where nothing is recorded, begin behind what is there.

        Raises:
            RetriableError: Another task has the file.
            EnvironmentFault: file.changed.
        """
        if (other := other_writer(self._path, self._connector)) is not None:  # else it would wait for its lock
            raise self._changed(f"connector {other!r} writes it")
        self._lock(descriptor)
        known = self._read()
        if known is None:
            self._length = os.fstat(descriptor).st_size
            self._write(descriptor, is_open=False)
            return
        self._check(descriptor, known)
        self._length, self._is_open = known["length"], known["is_open"]
        self._offsets = {(one["topic"], one["partition"]): one["offset"] for one in known["offsets"]}
        self._ids = {one["topic"]: one["topic_id"] for one in known["offsets"]}
        self.cut_bytes = os.fstat(descriptor).st_size - self._length
        if self.cut_bytes:
            os.ftruncate(descriptor, self._length)
            os.fsync(descriptor)

    def forget(self) -> None:
        """Remove what a connector recorded that does not ask for it any more: it would be behind later."""
        if not self._beside.exists():
            return
        try:
            known = self._read()
        except EnvironmentFault:  # none of ours, or a broken one, which is refused when it is asked for
            return
        if known is not None and known["connector"] == self._connector:
            self._beside.unlink()

    def offsets_of(self, partitions: Iterable[At], ids: Mapping[str, str]) -> dict[At, int]:
        """Return where partitions go on, of those that were recorded. A topic that was made again begins anew."""
        for topic, topic_id in ids.items():
            if self._ids.get(topic, topic_id) != topic_id:
                self._offsets = {at: offset for at, offset in self._offsets.items() if at[0] != topic}
            self._ids[topic] = topic_id
        return {at: self._offsets[at] for at in partitions if at in self._offsets}

    def new(self, batch: Batch) -> list[bool] | None:
        """Return which records of a batch are not in the file yet; None for all of them."""
        return new_records(batch, self._offsets)

    def begin(self, descriptor: int) -> None:
        """See that the file is as it was left, and record that it is written to from here on.

        Raises:
            EnvironmentFault: file.changed.
        """
        found = os.fstat(descriptor).st_size
        if found != self._length:
            raise self._changed(f"it has {found} bytes, and had {self._length} when this task last wrote")
        if not self._is_open:
            self._write(descriptor, is_open=True)

    def written(self, count_bytes: int, offsets: Mapping[At, int]) -> bool:
        """Take note of what was put, and say whether that is more than was; `record` makes it durable."""
        further = {at: offset for at, offset in offsets.items() if offset > self._offsets.get(at, -1)}
        self._length += count_bytes
        self._offsets |= further
        return bool(count_bytes or further)

    def record(self, descriptor: int) -> None:
        """Record what was put so far; the file itself is on disk."""
        self._write(descriptor, is_open=False)

    # -- parts -------------------------------------------------------------------------------------------------------

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetriableError(
                f"file {self._path!r} is written by another task or program, which has it locked",
                code="environment.disk",
                hint="Give each sink with delivery.guarantee=exactly-once a file of its own.",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"file {self._path!r} cannot be locked, so it cannot be written exactly once: {reason(error)}",
                config_path="delivery.guarantee",
            ) from error

    def _check(self, descriptor: int, known: Mapping[str, Any]) -> None:
        status = os.fstat(descriptor)
        length = known["length"]
        if known["connector"] != self._connector:
            raise self._changed(f"connector {known['connector']!r} writes it")
        if known["inode"] != status.st_ino:
            raise self._changed("it is another file than the one that was written (renamed, copied or made anew)")
        if status.st_size < length:
            raise self._changed(f"it has {status.st_size} bytes, and had {length} at the last flush")
        if status.st_size > length and not known["is_open"]:
            raise self._changed(
                f"it has {status.st_size} bytes, and had {length} when the sink had written the last of it"
            )
        if _checksum(self._path, length) != known["tail"]:
            raise self._changed(f"its bytes in front of byte {length} are not those that were written")

    def _changed(self, why: str) -> EnvironmentFault:
        return EnvironmentFault(
            f"file {self._path!r} was changed by somebody else: {why}",
            code=CHANGED,
            hint=f"Put it back as it was, or remove {str(self._beside)!r}: then the sink goes on behind what is there, "
            "at the offsets of its consumer group.",
        )

    def _read(self) -> dict[str, Any] | None:
        return read_position(self._beside)

    def _write(self, descriptor: int, *, is_open: bool) -> None:
        """Replace the record. Where it only says that the file is written to, offsets and length stay as they were."""
        if is_open and (known := self._read()) is not None:
            known["is_open"] = True
        else:
            known = {
                "version": VERSION,
                "connector": self._connector,
                "inode": os.fstat(descriptor).st_ino,
                "length": self._length,
                "tail": _checksum(self._path, self._length),
                "is_open": is_open,
                "offsets": [
                    {"topic": at[0], "topic_id": self._ids.get(at[0], ""), "partition": at[1], "offset": offset}
                    for at, offset in sorted(self._offsets.items())
                ],
            }
        write_position(self._beside, known)
        self._is_open = is_open


def alter_position(path: str, connector: str, offsets: Mapping[At, int | None]) -> None:
    """Set, or forget for None, what a user wants, where it is recorded; others go on at the group's offset."""
    beside = Path(path + SUFFIX)
    known = read_position(beside)
    if known is None or known["connector"] != connector:
        return
    kept = []
    for one in known["offsets"]:
        offset = offsets.get((one["topic"], one["partition"]), one["offset"])
        if offset is not None:
            kept.append({**one, "offset": offset})
    known["offsets"] = kept
    write_position(beside, known)


def other_writer(path: str, connector: str) -> str | None:
    """Return the connector that a file is recorded to be written by, where that is another one; None where that cannot
    be read: who starts is told."""
    try:
        known = read_position(Path(path + SUFFIX))
    except EnvironmentFault:
        return None
    return None if known is None or known["connector"] == connector else str(known["connector"])


def read_position(beside: Path) -> dict[str, Any] | None:
    """Return what is recorded; None where nothing is.

    Raises:
        EnvironmentFault: file.changed: it cannot be read.
    """
    try:
        with open(open_path(str(beside), os.O_RDONLY), "rb") as file:  # noqa: PTH123 - of a descriptor
            known: dict[str, Any] = json.loads(file.read())
        if known["version"] != VERSION:
            raise ValueError(f"version {known['version']} is not known")
        for name in ("connector", "inode", "length", "tail", "is_open", "offsets"):
            known[name]
        return known
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnvironmentFault(
            f"file {str(beside)!r}, which has the offsets of a sink, cannot be read: {_told(error)}", code=CHANGED
        ) from error


def write_position(beside: Path, known: Mapping[str, Any]) -> None:
    """Replace what is recorded, as a whole and durably."""
    new = beside.with_name(beside.name + ".new")
    descriptor = open_path(str(new), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
        file.write(json.dumps(known).encode())
        file.flush()
        os.fsync(file.fileno())
    new.replace(beside)
    sync_folder(beside.resolve().parent)


def _told(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _checksum(path: str, length: int) -> int:
    with open(open_path(path, os.O_RDONLY), "rb") as file:  # noqa: PTH123 - of a descriptor
        file.seek(max(0, length - TAIL_BYTES))
        return zlib.crc32(file.read(min(length, TAIL_BYTES)))


def sync_folder(folder: Path) -> None:
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
