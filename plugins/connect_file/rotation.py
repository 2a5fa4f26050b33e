"""Is this the file that was read? And where is that one, if its name has passed to another?

A file is known by its beginning: the first 256 bytes, which its source offset carries as a `fingerprint` once so many
were read, beside the position. A shorter beginning tells too little, and then the offset is Kafka's, `position` alone.
What is always looked at is the byte before the position: it ends a line, or this is not the file that was read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import time
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from connect.api import ConfigError, open_path

#: How much of a file's beginning tells it from others.
HEAD_BYTES: Final = 256
#: What a rotation puts into a name: a number, a date. Not a word: app.access.log is no generation of app.log.
_SUFFIX: Final = re.compile(r"[._-]([0-9][0-9T:Z+._-]*|old|bak|prev|last)")
#: A rotation takes some milliseconds.
_LOOKS_MAX: Final = 50
_LOOK_AGAIN_S: Final = 0.005
_SUFFIX_BEHIND: Final = re.compile(_SUFFIX.pattern + "$")
#: What a rotation writes anew and does not move: these hold no lines.
_PACKED: Final = frozenset([".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tmp", ".swp"])
#: Those of them that can be unpacked.
UNPACKED: Final = frozenset([".gz", ".bz2", ".xz", ".zst"])


def head_of(descriptor: int) -> bytes:
    """Return the beginning of an open file, wherever it is read just now: `HEAD_BYTES` at most. Reads the disk."""
    return os.pread(descriptor, HEAD_BYTES, 0)


def fingerprint_of(head: bytes) -> str | None:
    """Return what a source offset carries; None for a beginning that is too short to tell a file by."""
    return hashlib.sha256(head).hexdigest()[:16] if len(head) == HEAD_BYTES else None


def fits(descriptor: int, position: int, fingerprint: str | None) -> bool:
    """Whether an open file may be the one that was read up to a position."""
    if position == 0:
        return True
    if os.pread(descriptor, 1, position - 1) not in (b"\n", b"\r"):
        return False  # also where the file is shorter
    return fingerprint is None or fingerprint_of(head_of(descriptor)) == fingerprint


class Sibling(NamedTuple):
    """A file beside another, whose name says that it may have been that one.

    Attributes:
        is_numbered_behind: orders.log.1, as against orders-1.log. One rotation names all in one way.
    """

    path: str
    is_numbered_behind: bool
    inode: tuple[int, int]
    size_bytes: int
    modified_ns: int


class Seen(NamedTuple):
    """A file as it was once looked at. `end` are its last bytes then, empty where they are not known."""

    modified_ns: int
    size_bytes: int
    end: bytes

    def is_still(self, sibling: Sibling) -> bool:
        """Whether a file of the same number is that one, also written on.

        A number is another file's once it is free.
        """
        if sibling.modified_ns == self.modified_ns:
            return True
        return bool(self.end) and _end_at(sibling.path, self.size_bytes) == self.end


def seen(sibling: Sibling) -> Seen:
    """Return what tells a file beside another, later on, from one that got its number."""
    return Seen(sibling.modified_ns, sibling.size_bytes, _end_at(sibling.path, sibling.size_bytes))


def seen_open(descriptor: int) -> Seen:
    """Return the same of an open file."""
    status = os.fstat(descriptor)
    return Seen(status.st_mtime_ns, status.st_size, _end_of(descriptor, status.st_size))


def _end_at(path: str, size_bytes: int) -> bytes:
    try:
        descriptor = open_path(path, os.O_RDONLY)
    except (OSError, ConfigError):  # gone, not to be read, or not to be read by connectors
        return b""
    try:
        return _end_of(descriptor, size_bytes)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _end_of(descriptor: int, size_bytes: int) -> bytes:
    start = max(0, size_bytes - HEAD_BYTES)
    return os.pread(descriptor, size_bytes - start, start)


def siblings_of(path: str) -> list[Sibling]:
    """Return the files that may be earlier generations of this one: orders.log.1, orders.log-20240101, orders-1.log.

    The one that was written to last comes last. Those that cannot be looked at are left out.
    """
    file = Path(path)
    found = []
    try:
        entries = list(os.scandir(file.parent))
    except OSError:
        return []
    for entry in entries:
        is_behind = _is_generation(entry.name, file, file.name, "")
        if not is_behind and not _is_generation(entry.name, file, file.stem, file.suffix):
            continue
        try:
            status = entry.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            inode = (status.st_dev, status.st_ino)
            path = str(file.parent / entry.name)
            found.append(Sibling(path, is_behind, inode, status.st_size, status.st_mtime_ns))
    return sorted(found, key=lambda sibling: sibling.modified_ns)


class Neighbours:
    """The earlier generations of many files, each folder looked into once. Made anew for each look."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, list[str]]] = {}

    def of(self, path: str) -> list[Sibling]:
        """Return what `siblings_of` does. Looks again where a rotation is under way: a file that it moves from one name
        to the next meanwhile would be at neither."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = _generations_in(folder)
        if name not in self._folders[folder]:
            return []
        found = _stat_all(folder, name, self._folders[folder][name])
        for _ in range(_LOOKS_MAX):
            self._folders[folder] = _generations_in(folder)
            again = _stat_all(folder, name, self._folders[folder].get(name, []))
            if [(one.path, one.inode) for one in again] == [(one.path, one.inode) for one in found]:
                break
            found = again
            time.sleep(_LOOK_AGAIN_S)
        return sorted(again, key=lambda sibling: sibling.modified_ns)


def _stat_all(folder: str, name: str, others: list[str]) -> list[Sibling]:
    found = []
    for other in sorted(others):
        path = os.path.join(folder, other)  # noqa: PTH118 - of texts, of which there are thousands
        try:
            status = os.stat(path)  # noqa: PTH116 - as above
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            inode = (status.st_dev, status.st_ino)
            found.append(Sibling(path, other.startswith(name), inode, status.st_size, status.st_mtime_ns))
    return found


def _generations_in(folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with contextlib.suppress(OSError):
        for other in os.listdir(folder):  # noqa: PTH208 - names alone
            if Path(other).suffix not in _PACKED - UNPACKED:
                for name in earlier_names(other):
                    found.setdefault(name, []).append(other)
    return found


@lru_cache(maxsize=1 << 16)  # asked about each file at each look
def earlier_names(path: str) -> tuple[str, ...]:
    """Return the names that a file may have had before a rotation gave it its own: of orders.log.1 and orders-1.log,
    orders.log; of orders.log.1.gz, orders.log.1 before that. Empty where the name tells of no rotation."""
    folder, name = os.path.split(path)
    found = []
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - of a name alone
    if extension in UNPACKED:
        found.append(name := stem)
    if behind := _SUFFIX_BEHIND.search(name, 1):
        found.append(name[: behind.start()])
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - of a name alone
    if (before := _SUFFIX_BEHIND.search(stem, 1)) and extension and not _SUFFIX.fullmatch(extension):
        found.append(stem[: before.start()] + extension)
    return tuple(os.path.join(folder, one) for one in found)  # noqa: PTH118 - of texts, of which there are thousands


def _is_generation(name: str, file: Path, start: str, end: str) -> bool:
    if name == file.name or Path(name).suffix in _PACKED:
        return False
    suffix = name[len(start) : len(name) - len(end)]
    return name.startswith(start) and name.endswith(end) and _SUFFIX.fullmatch(suffix) is not None
