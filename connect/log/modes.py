"""Who may read a data directory: its owner alone, also where it comes from a version that let everybody."""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path
from typing import Final

from connect.log.storage.files import FILE_MODE, FOLDER_MODE

log = logging.getLogger(__name__)

_OTHERS: Final = 0o077
#: What this log, a broker, or the worker puts beside the partitions' folders; also what a mount point brings.
_OWN_FILES: Final = re.compile(
    r"\.lock|\.kafka_cleanshutdown|meta\.properties|worker\.json|connect-(topics|producer-ids)\.json(\.tmp)?"
    r"|[a-z-]+-checkpoint(\.tmp)?|(meta\.properties|\.kafka_cleanshutdown)\.tmp|lost\+found"
)
_OWN_FOLDERS: Final = re.compile(r"[a-zA-Z0-9._-]+-[0-9]+(\.[\w-]+-delete)?|\.repaired-[0-9T]+")


def tighten(path: Path) -> None:
    """Take a data directory, and what the log made in it, from everybody but its owner; say so once.

    Costs one look where that was done before. A directory that holds other things too, or is not ours, keeps its mode,
    with a warning: whoever shares it may have a reason; what is the log's own in it is tightened all the same.
    """
    found = path.stat()
    if not found.st_mode & _OTHERS:
        return
    changed, strangers, failures = 0, [], 0
    with os.scandir(path) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not (_OWN_FOLDERS if is_folder else _OWN_FILES).fullmatch(entry.name):
                strangers.append(entry.name)
            elif entry.name != "lost+found" and not entry.is_symlink():
                done, failed = _tighten_entry(Path(entry.path), is_folder=is_folder)
                changed, failures = changed + done, failures + failed
    why = _why_not(found, strangers)
    if why is None and not _chmod(path, FOLDER_MODE):
        why = "its mode cannot be changed"
    if why is not None:
        log.warning(
            "data directory %s can be read by others (mode %o), and stays as it is: %s; "
            "the secrets of connectors are in it",
            path,
            stat.S_IMODE(found.st_mode),
            why,
        )
    if failures:
        log.warning(
            "data directory %s: others can read %d files and folders, whose modes cannot be changed", path, failures
        )
    elif changed or why is None:
        log.info(
            "data directory %s: others could read it (mode %o); "
            "it and %d files and folders in it are their owner's alone now",
            path,
            stat.S_IMODE(found.st_mode),
            changed,
        )


def _why_not(found: os.stat_result, strangers: list[str]) -> str | None:
    if found.st_mode & stat.S_ISVTX:
        return "it is a shared folder for temporary files"
    if found.st_uid != os.geteuid():
        return "it belongs to another user"
    if strangers:
        return f"it holds {len(strangers)} other things, such as {min(strangers)!r}"
    return None


def _tighten_entry(path: Path, *, is_folder: bool) -> tuple[int, int]:
    """Return how many modes were changed, and how many could not be. Files in a tight folder were tightened with it."""
    try:
        if not path.stat().st_mode & _OTHERS:
            return 0, 0
        changed, failures = 0, 0
        for inner in path.iterdir() if is_folder else ():
            if not inner.is_symlink() and inner.stat().st_mode & _OTHERS:
                mode = FOLDER_MODE if inner.is_dir() else FILE_MODE
                is_done = _chmod(inner, mode)
                changed, failures = changed + is_done, failures + (not is_done)
        is_done = _chmod(path, FOLDER_MODE if is_folder else FILE_MODE)
    except OSError:
        return 0, 1
    return changed + is_done, failures + (not is_done)


def _chmod(path: Path, mode: int) -> bool:
    try:
        path.chmod(mode)
    except OSError:
        return False
    return True
