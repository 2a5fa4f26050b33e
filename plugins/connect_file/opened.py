"""The files that are open, and the folders that are watched: no more of either than the process can bear. Blocks."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from connect_file.followed import family_of, names_of
from connect_file.follower import Follower
from connect_file.growth import Watch, is_local
from connect_file.listing import Listing
from connect_file.ready import Ready
from connect_file.rotation import Neighbours

#: Files that are open in one task; a process has 1,024 descriptors, and maybe many tasks.
OPEN_MAX: Final = 128
#: Folders of which the system is asked to tell when a file comes.
WATCHED_FOLDERS_MAX: Final = 64
#: How often a file is looked for that is moved on as it is opened.
_OPEN_TRIES: Final = 5


class OpenFiles:
    """The open files of one task, of which the one that was read last comes last.

    Attributes:
        has_news: Whether names have changed since the last look.

    Args:
        wakeup: Called on another thread when a name comes into a folder.
    """

    def __init__(self, ready: Ready, listing: Listing, wakeup: Callable[[], None]) -> None:
        self.has_news = False
        self._ready, self._listing, self._wakeup = ready, listing, wakeup
        self._open: OrderedDict[Follower, None] = OrderedDict()
        self._folders: dict[str, Watch] = {}

    def open(self, follower: Follower) -> bool:
        """Have a file open; False where it is to be looked for first.

        Raises:
            OSError: It cannot be opened.
            ConfigError: file.not_allowed.
        """
        if follower.descriptor is not None:
            self._open.move_to_end(follower)
            return True
        if not self.found_and_opened(follower):
            # Another file has its path. The next look tells where it is, and nothing newer is read until then: a kill
            # would leave an offset behind it, which says that it was read.
            follower.set_aside()
            self._ready.waiting.add(family_of(follower.path))
            self.has_news = True
            return False
        self.was_opened(follower)
        return True

    def found_and_opened(self, follower: Follower) -> bool:
        """Open a file, also where a rotation has just moved it on: what is newer must not be read before it."""
        with contextlib.suppress(FileNotFoundError):
            if follower.open():
                return True
        for _ in range(_OPEN_TRIES):  # it may be moved on again meanwhile
            neighbours = Neighbours()
            beside = [one for name in names_of(follower.path) for one in neighbours.of(name)]
            sibling = next((one for one in beside if one.inode == follower.inode), None)
            if sibling is None:
                return False
            follower.path = sibling.path
            with contextlib.suppress(FileNotFoundError):
                if follower.open():
                    return True
        return False

    def was_opened(self, follower: Follower) -> None:
        """Take note of an open file, and close another one where there are too many."""
        self._open[follower] = None
        self._open.move_to_end(follower)
        if len(self._open) > OPEN_MAX:  # a file that has lost its name can hardly be opened again
            others = [one for one in self._open if one is not follower]
            named = [one for one in others if one.gone_at is None] or others
            self.close(next((one for one in named if not one.held), named[0]))  # what is held would be read again

    def close(self, follower: Follower) -> None:
        """Close a file."""
        self._open.pop(follower, None)
        follower.close()

    def watch_folders(self) -> None:
        """Have the next poll come at once when a name comes into a folder, as far as the system tells of that."""
        folders = sorted(self._listing.folders)[:WATCHED_FOLDERS_MAX]
        for folder in self._folders.keys() - set(folders):
            self._folders.pop(folder).close()
        for folder in folders:
            if folder not in self._folders:
                if not is_local(folder):
                    continue
                self._folders[folder] = Watch(self._news)
            self._folders[folder].set_folder(folder)

    def _news(self) -> None:
        self.has_news = True
        self._wakeup()

    def stop_watching(self) -> None:
        """Let the folders go."""
        for watch in self._folders.values():
            watch.close()
