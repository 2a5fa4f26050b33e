"""Finished files: from the hidden name to the one that everybody sees. All calls block.

A name is looked for and taken under a lock of the folder, so no sink takes that of another's file; a file that has the
name already is left, and the new one gets a number.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from connect.api import ConfigError, RetriableError, open_path
from connect_file.errors import UNWRITABLE, reason
from connect_file.folder.templates import encoded, shortened
from connect_file.position import sync_folder

#: What a sink keeps beside the files, in the folder. Hidden from who lists files, Hive and Spark too.
STATE_FOLDER: Final = ".connect-sink"
_LOCK_NAME: Final = "names.lock"
_LOCK_WAIT_S: Final = 5.0
_LOCK_LOOK_S: Final = 0.01
_NUMBERS_MAX: Final = 10_000
#: What passes, unlike a folder that nobody may write.
_OUTAGES: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})
PROBE_SUFFIX: Final = ".probe"


def state_folder(base: str) -> Path:
    """Return the folder of what sinks keep in a folder."""
    return Path(base) / STATE_FOLDER


def journal_folder(base: str, connector: str) -> Path:
    """Return where a connector keeps its journals and unfinished files in a folder."""
    return state_folder(base) / shortened(encoded(connector))


def prepare(base: str, connector: str) -> None:
    """See that files can be written, and make what the sink keeps beside them.

    Raises:
        ConfigError: file.unwritable: they cannot.
    """
    own = journal_folder(base, connector)
    if not Path(base).is_dir():
        raise ConfigError(
            f"folder {base!r} is not there" if not Path(base).exists() else f"{base!r} is no folder",
            code=UNWRITABLE,
            config_path="folder",
        )
    try:
        own.mkdir(parents=True, exist_ok=True)
        probe = own / f"start{PROBE_SUFFIX}"
        os.close(open_path(str(probe), os.O_WRONLY | os.O_CREAT))
        probe.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in _OUTAGES:
            raise RetriableError(
                f"folder {base!r} cannot be written: {reason(error)}", code="environment.disk"
            ) from error
        raise ConfigError(
            f"folder {base!r} cannot be written: {reason(error)}", code=UNWRITABLE, config_path="folder"
        ) from error


class Finished(NamedTuple):
    """A file whose bytes are all written, and the name that it gets.

    Attributes:
        hidden: Its path now.
        folder: Within the base folder; empty for that itself.
        name, extension: A number comes in between where the name is taken.
    """

    hidden: str
    folder: str
    name: str
    extension: str


def place(base: str, files: Iterable[Finished], *, syncs: bool) -> list[str]:
    """Rename finished files, of those that are there still, and return their paths; missing folders are made.

    Args:
        syncs: Bring the names to disk too.

    Raises:
        ConfigError: file.not_allowed, or a link leads out of the base folder.
        RetriableError: Another program holds the lock of names.
        OSError: One of them cannot be renamed now; others may have been.
    """
    waiting = [file for file in files if Path(file.hidden).exists()]
    if not waiting:
        return []
    for folder in {file.folder for file in waiting}:
        target = Path(base) / folder
        _see_within(base, target)
        _make_folders(Path(base), target, syncs=syncs)
        _see_allowed(target)
    placed = []
    with _names_locked(base):
        for file in waiting:
            path = _free_name(Path(base) / file.folder, file.name, file.extension)
            Path(file.hidden).rename(path)
            placed.append(str(path))
    if syncs:
        for touched in {Path(path).parent for path in (*placed, *(file.hidden for file in waiting))}:
            sync_folder(touched)
    return placed


def _free_name(folder: Path, name: str, extension: str) -> Path:
    for number in range(_NUMBERS_MAX):
        path = folder / (f"{name}-{number}{extension}" if number else f"{name}{extension}")
        if not os.path.lexists(path):
            return path
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / name))


def _make_folders(base: Path, target: Path, *, syncs: bool) -> None:
    missing = []
    while target != base and not target.is_dir():
        missing.append(target)
        target = target.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if syncs:
            sync_folder(folder.parent)


def _see_within(base: str, target: Path) -> None:
    real, found = os.path.realpath(base), os.path.realpath(target)
    if found != real and not found.startswith(real.rstrip("/") + "/"):
        raise ConfigError(
            f"folder {str(target)!r} leads by a link to {found!r}, which is not in {base!r}",
            config_path="folder",
            hint="Remove the link, or mount what it leads to.",
        )


def _see_allowed(folder: Path) -> None:
    """See that the worker allows to write here: a folder is refused by it before the system refuses to open it."""
    with contextlib.suppress(IsADirectoryError):
        os.close(open_path(str(folder), os.O_WRONLY))


@contextlib.contextmanager
def _names_locked(base: str) -> Iterator[None]:
    descriptor = open_path(str(state_folder(base) / _LOCK_NAME), os.O_WRONLY | os.O_CREAT)
    try:
        until = time.monotonic() + _LOCK_WAIT_S
        while not try_lock(descriptor):
            if time.monotonic() > until:
                raise RetriableError(
                    f"the names of files in {base!r} are locked by another program", code="environment.disk"
                )
            time.sleep(_LOCK_LOOK_S)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False where another one has it.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
