"""Which files `files` means just now: paths, globs, folders, `~` and `file://`, without what is left out. Blocks.

An entry is a path in which `*`, `?` and `[a-z]` mean what they mean in a shell, and `**` any folders in between. One
that names a folder means the files that lie in it. As in a shell, a name that begins with a dot has to be named so; and
`**` leads through no link, which could lead round in circles.

A file is listed once, whatever leads to it: by the path that comes first in the order of the alphabet.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

_MAGIC: Final = re.compile(r"[*?\[]")
_SCHEME: Final = "file:"
_AUTHORITIES: Final = ("", "localhost")
#: How often an entry may have `**`: with each, a folder would be looked through once for all above it.
_ANY_FOLDERS_MAX: Final = 1


class Found(NamedTuple):
    """A regular file that is there.

    Attributes:
        inode: Device and number.
    """

    path: str
    inode: tuple[int, int]
    size_bytes: int
    modified_ns: int


def valid_entries(value: object) -> None:
    """Check the entries of a list of files, as a config key's validator."""
    for entry in value if isinstance(value, list) else []:
        path_of(str(entry))


def path_of(entry: str) -> str:
    """Return the absolute path, maybe with patterns in it, that an entry means.

    Raises:
        ValueError: What was expected.
    """
    if not entry or "\0" in entry:
        raise ValueError("an entry is empty; expected paths, globs or folders")
    path = _of_url(entry) if entry.startswith(_SCHEME) else entry
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        raise ValueError(f"{entry!r} is a URL of another kind; expected a path, or file:///PATH")
    expanded = os.path.expanduser(path)  # noqa: PTH111 - of text that holds patterns, and is no path yet
    if expanded.startswith("~"):
        raise ValueError(f"{entry!r} names the home directory of a user who is not there")
    if expanded.split("/").count("**") > _ANY_FOLDERS_MAX:
        raise ValueError(f"{entry!r} has '**' more than once")
    return os.path.abspath(expanded)  # noqa: PTH100 - of the text: links stay as the user wrote them


def _of_url(entry: str) -> str:
    rest = entry.removeprefix(_SCHEME)
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        if authority not in _AUTHORITIES:
            raise ValueError(f"{entry!r} names a file of another machine; expected file:///PATH")
        rest = slash + rest
    if not rest.startswith("/"):
        raise ValueError(f"{entry!r} has no absolute path; expected file:///PATH")
    return unquote(rest)


def text_of(path: str) -> str:
    """Return a path as a text that can be encoded: bytes of a name that are not UTF-8 are written as \\xe9."""
    return path if path.isascii() else os.fsencode(path).decode(errors="backslashreplace")


def base_folder(path: str) -> str:
    """Return the folder that holds all that a path with patterns can mean; of a path without, the path itself."""
    parts = path.split("/")
    for number, part in enumerate(parts):
        if _MAGIC.search(part):
            return "/".join(parts[:number]) or "/"
    return path


class Listing:
    """The files of some entries.

    Args:
        entries: As of `files`.
        exclude: Globs of paths, or of names alone where they have no slash.
        closed: A folder whose files are not meant, and none of those below it.

    Attributes:
        folders: Those in which a file may appear, as of the last `find`, for who wants to watch them.
    """

    def __init__(self, entries: Sequence[str], exclude: Sequence[str] = (), *, closed: str | None = None) -> None:
        self.folders: set[str] = set()
        self._closed = None if closed is None else path_of(closed).rstrip("/") + "/"
        self._paths = [path_of(entry) for entry in entries]
        self._by_path = [_compiled(path_of(glob)) for glob in exclude if "/" in glob]
        self._by_name = [_compiled(glob) for glob in exclude if "/" not in glob]

    def find(self) -> list[Found]:
        """Return the files that are there, by path. What cannot be looked at is not there."""
        self.folders = set()
        found: dict[tuple[int, int], Found] = {}
        for path in self._paths:
            for one in self._of(path):
                if not self._is_excluded(one.path):
                    other = found.setdefault(one.inode, one)
                    if one.path < other.path:
                        found[one.inode] = one
        return sorted(found.values())

    def _is_excluded(self, path: str) -> bool:
        if self._closed is not None and path.startswith(self._closed):
            return True
        name = path.rpartition("/")[2]
        return any(match(path) for match in self._by_path) or any(match(name) for match in self._by_name)

    def _of(self, path: str) -> Iterator[Found]:
        if not _MAGIC.search(path):
            self.folders.add(path if os.path.isdir(path) else os.path.dirname(path))  # noqa: PTH112, PTH120
            yield from _files_of(path)
            return
        base = base_folder(path)
        for one in self._within(base, path.removeprefix(base).lstrip("/").split("/")):
            yield from _files_of(one)

    def _within(self, folder: str, parts: list[str]) -> Iterator[str]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            for below in _folders_below(folder):
                if rest:
                    yield from self._within(below, rest)
                else:
                    self.folders.add(below)
                    yield below
            return
        self.folders.add(folder)
        match = _compiled(part)
        for entry in _entries(folder):
            if not match(entry.name) or (entry.name.startswith(".") and not part.startswith(".")):
                continue
            if not rest:
                if not _is_folder(entry):
                    yield entry.path
            elif _is_folder(entry):
                yield from self._within(entry.path, rest)


def _files_of(path: str) -> Iterator[Found]:
    try:
        status = os.stat(path)  # noqa: PTH116 - one call a file, of which there are thousands
    except (OSError, ValueError):
        return
    if stat.S_ISREG(status.st_mode):
        yield Found(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)
    elif stat.S_ISDIR(status.st_mode):
        for entry in _entries(path):
            if not entry.name.startswith(".") and not _is_folder(entry):
                yield from _files_of(entry.path)


def _folders_below(folder: str) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        yield (here := waiting.pop())
        waiting += [
            entry.path for entry in _entries(here) if not entry.name.startswith(".") and _is_folder(entry, links=False)
        ]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str], *, links: bool = True) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:
        return False


def _compiled(glob: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(glob)).match
