"""Files that a connector's config names, and whether the worker allows them.

A worker that others reach must not read and write any file of its user for them. Its operator says which folders are
for connectors (`file.allowed.paths`); some files are for none, such as those that hold the worker's own secrets. A
plugin has two things to do, both of which cost it nothing where all is allowed, as outside of a worker:

    schema_file: str = config_key("Path of a file with the schema.", file="read")     # refused as the config is parsed

    text = read_file(self.config.schema_file, max_bytes=1 << 20)               # and as it is opened
    descriptor = open_path(self.config.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

The rules are the process's: a plugin may open files from any thread of its own, and the rules are there too.

What a path names is settled before it is compared: links, `..`, relative paths and `/proc/self/root` lead nowhere else.
An opened file is looked at once more, so that a link that was put there in between is found out. Two things cannot be
told: a hard link to a file in another folder, and a mount, which is the operator's own doing.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from connect.api.error_codes import register_code
from connect.api.errors import ConfigError

NOT_ALLOWED: Final = register_code(
    "file.not_allowed",
    "A connector's config names a file that the worker does not allow.",
    "Name another file, or list its folder in file.allowed.paths of the worker's config.",
)
ALLOWED_KEY: Final = "file.allowed.paths"
_OWN_KEY: Final = "allowed.paths"
#: What a plugin does with a file.
FileUse = Literal["read", "write"]

# Names of what is no file and harms nobody; what they lead to depends on how the worker was started.
_STREAMS: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
# Variables, memory and open files of processes, this one's too.
_PROCESS = re.compile(r"/proc/[0-9]+(/|$)")
_F_GETPATH: Final = 50  # of macOS
_PATH_BYTES_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class FileRules:
    """What connectors may touch. All paths are absolute and without links; a folder stands for all below it.

    Attributes:
        allowed: Folders and files that are for connectors; None for all.
        closed: Those that are for none, whatever is allowed.
        closed_to_writing: Those that may be read only: code that the worker runs.
        key: The config key that says what is allowed, for messages.
    """

    allowed: tuple[str, ...] | None = None
    closed: tuple[str, ...] = ()
    closed_to_writing: tuple[str, ...] = ()
    key: str = ALLOWED_KEY

    def refusal(self, path: str, use: FileUse) -> str | None:
        """Return why a file must not be used, None where it may. Looks at the file system: may block."""
        return None if _is_stream(path, use) else self._refusal_of(_real(path), use)

    def _refusal_of(self, real: str, use: FileUse) -> str | None:
        if _PROCESS.match(real):
            return "it belongs to a running process, which no connector may look into"
        if _within(real, self.closed):
            return (
                "it is among the worker's own data, users, keys and plugins, which no connector may touch, "
                f"whatever {self.key} says"
            )
        if use == "write" and _within(real, self.closed_to_writing):
            return f"it is among the code that the worker runs, which no connector may write, whatever {self.key} says"
        if self.allowed is not None and not _within(real, self.allowed):
            return f"the worker allows connectors the files in {', '.join(self.allowed)} ({self.key})"
        return None


_rules = FileRules()


@contextmanager
def in_force(rules: FileRules) -> Iterator[None]:
    """Let rules count in this process; for who runs plugins. Those of before come back at the end."""
    global _rules
    before, _rules = _rules, rules
    try:
        yield
    finally:
        _rules = before


def refusal(path: str, use: FileUse) -> str | None:
    """Return why the worker does not allow a plugin to use a file, None where it does. May block."""
    return _rules.refusal(path, use)


def open_path(path: str, flags: int, mode: int = 0o666, *, folders: Sequence[str] | None = None) -> int:
    """Open a file that a config names, and return its descriptor; the caller closes it. Blocks: not on the event loop.

    Opening itself never waits for another process: a pipe that nobody reads is an OSError (ENXIO), one to be read opens
    at once. The last part of the path may be a link, which is followed, once.

    Args:
        flags: As of `os.open`.
        folders: Where files are allowed, in place of the worker's `file.allowed.paths`, for a plugin whose own config
            the worker's operator writes (`allowed.paths` of a config provider); empty for everywhere. What is for no
            connector stays closed.

    Raises:
        ConfigError: file.not_allowed: the worker does not allow it.
        OSError: It cannot be opened.
    """
    use: FileUse = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
    flags |= os.O_CLOEXEC | os.O_NOCTTY
    if _is_stream(path, use):
        return os.open(path, flags, mode)
    rules, real = _rules, _real(path)
    if folders is not None:
        allowed = tuple(map(_real, folders)) or None
        rules = dataclasses.replace(rules, allowed=allowed, key=_OWN_KEY)
    _refuse(path, rules._refusal_of(real, use))
    descriptor = os.open(real, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    try:
        if rules != FileRules():
            # What was opened is what counts: a folder of the path may have become a link since.
            _refuse(path, rules._refusal_of(_opened(descriptor, real), use))
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_file(path: str, *, max_bytes: int, folders: Sequence[str] | None = None) -> bytes:
    """Return what a file that a config names holds. Blocks, but never for ever: pipes and devices are refused.

    Args:
        folders: As of `open_path`.

    Raises:
        ConfigError: file.not_allowed; or it is no regular file, or has more than `max_bytes`.
        OSError: It cannot be read.
    """
    descriptor = open_path(path, os.O_RDONLY, folders=folders)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise ConfigError(f"{path!r} is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise ConfigError(f"file {path!r} has more than {max_bytes} bytes")
    return data


def _refuse(path: str, reason: str | None) -> None:
    if reason is not None:
        raise ConfigError(f"file {path!r} is not allowed: {reason}", code=NOT_ALLOWED)


def _is_stream(path: str, use: FileUse) -> bool:
    return use == "write" and path in _STREAMS


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError as error:  # a NUL byte
        raise ConfigError(f"{path!r} is no path: {error}") from None


def _opened(descriptor: int, path: str) -> str:
    """Return where an open file lies; `path` where the system does not tell, if that still is the same file."""
    try:
        if sys.platform == "darwin":
            import fcntl

            return fcntl.fcntl(descriptor, _F_GETPATH, bytes(_PATH_BYTES_MAX)).rstrip(b"\0").decode()
        found = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if found.startswith("/") and not found.endswith(" (deleted)"):
            return found
    except OSError:
        pass
    if not os.path.samestat(os.fstat(descriptor), Path(path).stat()):
        raise ConfigError(f"file {path!r} was replaced while it was opened", code=NOT_ALLOWED)
    return _real(path)


def _within(real: str, roots: Iterable[str]) -> bool:
    """Say whether a path is one of these, or lies below one: by its name, or by what its folders are.

    A file system that does not tell upper case from lower, a folder that is mounted twice and a hard link to a file of
    the roots are found by the second.
    """
    roots = tuple(roots)
    if any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots):
        return True
    known = {found for root in roots if (found := _identity(root)) is not None}
    return bool(known) and any(_identity(path) in known for path in (Path(real), *Path(real).parents))


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
