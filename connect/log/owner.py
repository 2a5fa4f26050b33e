"""The data directory: one owner at a time, the cluster's id, and whether the last owner left it clean."""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import os
import uuid
import weakref
from pathlib import Path

from connect.api.errors import EnvironmentFault
from connect.log.modes import tighten
from connect.log.storage.files import FILE_MODE, Disk

#: Kafka's names, so that its tools know the directory.
LOCK_FILE = ".lock"
META_FILE = "meta.properties"
CLEAN_SHUTDOWN_FILE = ".kafka_cleanshutdown"


def new_id() -> str:
    """Return a fresh id as Kafka writes them: a random UUID in 22 characters of URL-safe base64."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # Kafka avoids these, since they look like an option on a command line
            return text


class DataDirectory:
    """A locked data directory. Make it with `open`, give it up with `close`.

    Attributes:
        was_clean: The owner before closed it; otherwise tails may be torn.
    """

    def __init__(self, disk: Disk, path: Path, lock: int, cluster_id: str, was_clean: bool) -> None:
        self._disk = disk
        self.path = path
        self.cluster_id = cluster_id
        self.was_clean = was_clean
        self._lock: int | None = lock
        _owned.add(self)

    @classmethod
    def open(cls, path: Path, disk: Disk) -> DataDirectory:
        """Create the directory if need be and take it.

        Raises:
            EnvironmentFault: log.in_use, or environment.data_dir where it cannot be used.
        """
        try:
            _make_folders(disk, path)
        except OSError as error:
            raise _unusable(path, error) from error
        lock = lock_directory(path)
        try:
            tighten(path)
            fresh = not (path / META_FILE).exists()
            cluster_id = _write_meta(disk, path) if fresh else _read_cluster_id(path)
            was_clean = fresh or (path / CLEAN_SHUTDOWN_FILE).exists()
            disk.remove(path / CLEAN_SHUTDOWN_FILE)
            disk.sync_folder(path)
        except OSError as error:
            os.close(lock)
            raise _unusable(path, error) from error
        except BaseException:
            os.close(lock)
            raise
        return cls(disk, path, lock, cluster_id, was_clean)

    def close(self, *, clean: bool) -> None:
        """Give the directory up; `clean` says that everything in it is whole and on disk. Safe to call twice."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            if clean:
                self._disk.replace(self.path / CLEAN_SHUTDOWN_FILE, b'{"version":0,"brokerEpoch":-1}')
        finally:
            _release(lock)


class HeldDirectory:
    """A locked data directory of a worker whose log is elsewhere: commands find there whom to ask. `close` gives it up.

    Raises:
        EnvironmentFault: log.in_use, or environment.data_dir where it cannot be used.
    """

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        try:
            _make_folders(disk or Disk(), path)
        except OSError as error:
            raise _unusable(path, error) from error
        self._lock: int | None = lock_directory(path)
        _owned.add(self)

    def close(self) -> None:
        """Give the directory up. Safe to call twice."""
        lock, self._lock = self._lock, None
        if lock is not None:
            _release(lock)


#: What this process owns. A lock is the open file's, which a child made by fork shares: without this, one that a plugin
#: left would own the directory on, long after its worker is gone.
_owned: weakref.WeakSet[DataDirectory | HeldDirectory] = weakref.WeakSet()


def _disown() -> None:
    for directory in list(_owned):
        lock, directory._lock = directory._lock, None
        if lock is not None:
            os.close(lock)


os.register_at_fork(after_in_child=_disown)


def _release(lock: int) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)  # at once, also where a child was just forked and has not let go of it yet
    os.close(lock)


def lock_directory(path: Path) -> int:
    """Take a data directory as it is, without opening its log; return a descriptor, whose close gives it up.

    Raises:
        EnvironmentFault: log.in_use, or environment.data_dir where it cannot be used.
    """
    try:
        lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(path, lock)
    except OSError as error:
        os.close(lock)
        raise _unusable(path, error) from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def is_in_use(path: Path) -> bool:
    """Tell whether a process owns a data directory right now."""
    try:
        with (path / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _make_folders(disk: Disk, path: Path) -> None:
    if path.is_dir():
        return
    if not path.parent.is_dir():
        _make_folders(disk, path.parent)
    with contextlib.suppress(FileExistsError):  # another process was quicker; the lock decides
        disk.make_folder(path)
    disk.sync_folder(path.parent)


def _take(path: Path, lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip()
        who = f"process {owner}" if owner else "another process"
        raise EnvironmentFault(f"data directory {path} is in use by {who}", code="log.in_use") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _write_meta(disk: Disk, path: Path) -> str:
    cluster_id = new_id()
    lines = ("version=1", f"cluster.id={cluster_id}", "node.id=1", f"directory.id={new_id()}", "")
    disk.replace(path / META_FILE, "\n".join(lines).encode())
    return cluster_id


def _read_cluster_id(path: Path) -> str:
    for line in (path / META_FILE).read_text("utf-8", errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "cluster.id" and value.strip():
            return value.strip()
    raise EnvironmentFault(
        f"{path / META_FILE} names no cluster.id",
        code="environment.data_dir",
        hint=f"Run 'connect log repair --data-dir {path}'.",
    )


def _unusable(path: Path, error: OSError) -> EnvironmentFault:
    named = "" if error.filename in (None, str(path), path) else f": {error.filename}"
    return EnvironmentFault(
        f"data directory {path} cannot be used: {error.strerror or error}{named}", code="environment.data_dir"
    )
