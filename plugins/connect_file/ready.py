"""Which file is read next: each family of generations in turn, and the oldest of a family first."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict

from connect_file.followed import FilesConfig, Followed, family_of
from connect_file.follower import Follower
from connect_file.lines import whole_lines_bytes


class Ready:
    """The files that have something to be read.

    Attributes:
        waiting: Families of which one is to be looked for before others are read.
    """

    def __init__(self, config: FilesConfig, followed: Followed) -> None:
        self.waiting: set[str] = set()
        self._config, self._followed = config, followed
        self._families: OrderedDict[str, list[tuple[int, int, int, Follower]]] = OrderedDict()  # heaps
        self._sequence = 0

    def take_note(self, follower: Follower) -> None:
        """Have a file read where it has something that was not."""
        if follower.is_finished:
            return
        if follower.copy_of is not None:
            is_other = follower.size_bytes != follower.verified_bytes
        else:  # a file that was written anew may be as long as it was
            is_other = follower.size_bytes != follower.read_bytes or follower.modified_ns != follower.read_ns
        if is_other and self._config.is_whole and not self._followed.is_quiet(follower, time.monotonic()):
            return
        if is_other:
            self.make_ready(follower)

    def make_ready(self, follower: Follower) -> None:
        """Have a file read when it is its turn."""
        if follower.is_ready:
            return
        follower.is_ready = True
        self._sequence += 1
        heap = self._families.setdefault(family_of(follower.path), [])
        heapq.heappush(heap, (not follower.is_behind, follower.modified_ns, self._sequence, follower))

    def next_family(self) -> str | None:
        """Return the family whose turn it is; None where none may be read."""
        return next((family for family in self._families if family not in self.waiting), None)

    def next(self) -> Follower | None:
        """Take the file whose turn it is."""
        while (family := self.next_family()) is not None:
            heap = self._families[family]
            follower = heapq.heappop(heap)[3]
            self._families.move_to_end(family)  # others first, the next time
            if not heap:
                del self._families[family]
            if follower.is_ready and self._followed.by_inode.get(follower.inode) is follower:
                follower.is_ready = False
                return follower
        return None

    def waits_to_be_taken(self, follower: Follower) -> bool:
        """Whether what is held of a quiet file is a record, or more."""
        if self._config.is_whole or self._config.at_end.action != "tail":
            return bool(follower.held)
        return self._config.quiet_s is not None and whole_lines_bytes(follower.held) > 0
