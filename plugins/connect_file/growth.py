"""Tells tasks that their file has changed, or is there now, as the operating system has it: Linux's inotify.

One instance and one thread serve all tasks of the process, since a user has few instances (128 by default). The thread
waits in the kernel, and costs nothing while no file changes. A watch fires once and is set again by a task that has
read to the end: a file that is written to all the time tells of itself no more often than it is read.

Where the system cannot tell, `Watch.set` says so, and polls go on as they would. It cannot where inotify is not there
(macOS), where its limits are reached, and of what other machines write to a network file system.

Source: Linux, inotify(7).
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from inotify_simple import INotify

#: File systems of which the kernel sees every write. Others (NFS, CIFS, FUSE, 9p) may have writers elsewhere.
LOCAL: Final = frozenset(
    {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "ntfs3"}
    | {"overlay", "ramfs", "reiserfs", "tmpfs", "vfat", "xfs", "zfs"}
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
#: How mountinfo writes a blank, a tab, a line end and a backslash.
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_IS_LINUX: Final = sys.platform == "linux"


class Watch:
    """One task's watch of the files that it reads, one after the other. `set` and `close` are for the task's thread.

    Args:
        wake: Called when the file has changed, on another thread; also once too often.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._notifier: _Notifier | None = None
        self._is_closed = False

    def set(self, descriptor: int) -> bool:
        """Have `wake` called once when an open file is written to, cut, moved or deleted. Takes some 20 us.

        What happened before is not told: look at the file after this.

        Returns:
            Whether that is to be counted on; False too where the file may have writers on other machines.
        """
        return self._set(f"/proc/self/fd/{descriptor}", is_folder=False)

    def set_folder(self, path: str) -> bool:
        """Have `wake` called once when a name comes into a folder, by which a file may be there that was not.

        What came before is not told: look for the file after this.

        Returns:
            Whether that is to be counted on; False where there is no such folder.
        """
        return self._set(path, is_folder=True)

    def _set(self, path: str, *, is_folder: bool) -> bool:
        try:
            if self._notifier is None and not self._is_closed:
                self._notifier = _Notifier.take()
            return self._notifier is not None and self._notifier.set(path, self._wake, is_folder=is_folder)
        except OSError:  # a limit, no /proc, or no such folder
            return False

    def close(self) -> None:
        """Let go; the last one ends the thread."""
        notifier, self._notifier, self._is_closed = self._notifier, None, True
        if notifier is not None:
            notifier.give_back(self._wake)


class _Notifier:
    """The inotify instance, and the thread that waits for what it says."""

    _shared: _Notifier | None = None
    _shared_lock = threading.Lock()

    def __init__(self, inotify: INotify) -> None:
        from inotify_simple import flags

        self._events = flags.MODIFY | flags.ATTRIB | flags.MOVE_SELF | flags.DELETE_SELF | flags.ONESHOT
        self._names = (
            flags.CREATE | flags.MOVED_TO | flags.MOVE_SELF | flags.DELETE_SELF | flags.ONLYDIR | flags.ONESHOT
        )
        self._inotify = inotify
        self._users = 0
        self._lock = threading.Lock()
        self._wakes: dict[int, set[Callable[[], None]]] = {}
        self._end_out, self._end_in = os.pipe()
        self._thread = threading.Thread(target=self._work, name="connect-file-growth", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls) -> _Notifier | None:
        """Return the process's, for one more user; None where there is no inotify, or nothing that reaches it."""
        if not _IS_LINUX:
            return None
        try:
            from inotify_simple import INotify
        except ImportError:  # an environment made by hand: a file is then asked about again, as elsewhere
            return None

        with cls._shared_lock:
            if cls._shared is None:
                cls._shared = cls(INotify())
            cls._shared._users += 1
            return cls._shared

    def give_back(self, wake: Callable[[], None]) -> None:
        """Wake this user no more."""
        with self._lock:
            for watch in [watch for watch, wakes in self._wakes.items() if wake in wakes]:
                self._wakes[watch].discard(wake)
                if not self._wakes[watch]:
                    del self._wakes[watch]
                    with contextlib.suppress(OSError):  # it has just fired, or its file is gone
                        self._inotify.rm_watch(watch)
        with self._shared_lock:
            self._users -= 1
            if self._users:
                return
            type(self)._shared = None
        os.write(self._end_in, b".")  # not its close: that tells nothing while a process that was forked has it too
        self._thread.join()
        os.close(self._end_in)

    def set(self, path: str, wake: Callable[[], None], *, is_folder: bool) -> bool:
        """See `Watch.set` and `Watch.set_folder`."""
        with self._lock:  # so that the thread finds the watch that it hears of
            watch = self._inotify.add_watch(path, self._names if is_folder else self._events)
            self._wakes.setdefault(watch, set()).add(wake)
        return True

    def _work(self) -> None:
        poll = select.poll()
        poll.register(self._inotify, select.POLLIN)
        poll.register(self._end_out, select.POLLIN)
        while self._end_out not in dict(poll.poll()):
            # Ends of watches are told as well, and are known by then. Where the queue ran over, anything may have
            # changed.
            for event in self._inotify.read(timeout=0):
                self._fire(event.wd)
        self._inotify.close()
        os.close(self._end_out)

    def _fire(self, watch: int) -> None:
        with self._lock:
            fired = [watch] if watch >= 0 else list(self._wakes)
            wakes = {wake for one in fired for wake in self._wakes.pop(one, ())}
        for wake in wakes:
            wake()


def is_local(path: str) -> bool:
    """Return whether the kernel sees every write to a file, which lies where its path says: no link leads to it."""
    try:
        if not _IS_LINUX or os.path.realpath(path) != os.path.abspath(path):  # noqa: PTH100 - of the text, unlike resolve
            return False
        return _kind_of_mount(os.path.abspath(path), _MOUNTS.read_text(errors="surrogateescape")) in LOCAL  # noqa: PTH100
    except OSError:
        return False


def _kind_of_mount(path: str, mounts: str) -> str:
    """Return the type of the file system that holds a path, by the text of mountinfo; '' where it does not tell."""
    found, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found):  # the last mount is on top
            found, kind = point, after.split()[0]
    return kind
