"""Tells that something below some folders has changed: Linux's inotify where that can tell, and a look now and then.

One thread waits in the kernel and looks at the files by time and size. It looks every `LOOK_S` in any case, since the
kernel does not tell of what other machines write to a network file system, and every `POLL_S` where it tells nothing.
A change is told of once files have stood still for `STILL_S`, so that a copy that is under way is not half taken.

Source: Linux, inotify(7).
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connect.runtime.plugin_sources import Files, files_of, folders_of, is_looked_at

if TYPE_CHECKING:
    from inotify_simple import INotify

logger = logging.getLogger(__name__)

LOOK_S: Final = 10.0
POLL_S: Final = 2.0
STILL_S: Final = 0.3
#: Files that are written to all the time are told of after so long.
_STILL_MAX_S: Final = 5.0
#: How long the thread may take to end.
_END_S: Final = 1.0


class FolderWatch:
    """Watches folders, which need not be there yet. `start` and `close` are called once each. Making one looks at all
    that is there: not on an event loop.

    Args:
        changed: Called on the watch's thread, after each change.
        name: Of that thread.
        of: The key that names the folders, for the log.
        asks_kernel: Left out, where that is Linux.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        changed: Callable[[], None],
        *,
        name: str = "connect-plugin-path",
        of: str = "plugin.path",
        asks_kernel: bool = sys.platform == "linux",
    ) -> None:
        self._folders = folders
        self._changed = changed
        self._of = of
        self._asks_kernel = asks_kernel
        self._inotify: INotify | None = None
        self._is_closing = False
        self._end_out, self._end_in = os.pipe()
        self._seen = self._look()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin. What has changed since the watch was made is told of."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; one that does not end, in a folder that does not answer, is left behind."""
        self._is_closing = True
        os.write(self._end_in, b".")
        self._thread.join(_END_S)
        if not self._thread.is_alive():
            os.close(self._end_in)
            os.close(self._end_out)

    def _work(self) -> None:
        with contextlib.suppress(OSError, ImportError):  # a limit, or an environment made by hand: looks are enough
            self._inotify = _opened() if self._asks_kernel else None
        try:
            while not self._is_closing:
                try:
                    self._add_watches()
                    now = self._look()
                    if now != self._seen:
                        self._seen = self._still(now)
                        if not self._is_closing:
                            self._changed()
                        continue  # what has come since is seen before the next wait
                except Exception:  # of a file system, or of who is told: the next look may go well
                    named = ", ".join(map(str, self._folders))
                    logger.warning("%s (%s) cannot be looked at; that is tried again", self._of, named, exc_info=True)
                self._wait(LOOK_S if self._inotify is not None else POLL_S)
        finally:
            if self._inotify is not None:
                self._inotify.close()

    def _still(self, now: Files) -> Files:
        """Return what there is once two looks are the same."""
        by = time.monotonic() + _STILL_MAX_S
        while time.monotonic() < by and not self._is_closing:
            before = now
            _polled([self._end_out], STILL_S)
            self._add_watches()
            now = self._look()
            if now == before:
                break
        return now

    def _wait(self, limit_s: float) -> None:
        _polled([self._end_out] if self._inotify is None else [self._end_out, self._inotify.fileno()], limit_s)
        if self._inotify is not None:
            self._inotify.read(timeout=0)  # what is told is only that it is time for a look

    def _look(self) -> Files:
        # Each entry by itself, as it may be a plugin: so many files are looked at of one.
        entries = [entry for folder in self._folders for entry in _entries(folder)]
        return {path: stamp for entry in entries for path, stamp in files_of(entry).items()}

    def _add_watches(self) -> None:
        if self._inotify is None:
            return
        from inotify_simple import flags

        mask = flags.CREATE | flags.CLOSE_WRITE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO | flags.ONLYDIR
        for folder in self._folders:
            for path in [folder, *(below for entry in _entries(folder) for below in folders_of(entry))]:
                with contextlib.suppress(OSError):  # it has just gone, is not there yet, or a limit is reached
                    self._inotify.add_watch(str(path), mask)


def _opened() -> INotify:
    from inotify_simple import INotify

    return INotify()


def _entries(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if is_looked_at(entry)]
    except OSError:  # it is not there yet, has gone, or cannot be read
        return []


def _polled(ends: Sequence[int], limit_s: float) -> None:
    """Wait until one of these can be read. `select.select` takes none above 1023."""
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    poll.poll(limit_s * 1000)
