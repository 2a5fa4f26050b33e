"""What had a name between two looks, and stands beside it now. All calls block."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from connect.api import ConfigError
from connect_file.followed import Followed
from connect_file.follower import Follower
from connect_file.listing import Found
from connect_file.opened import OpenFiles
from connect_file.ready import Ready
from connect_file.rotation import Neighbours, Seen, Sibling, seen


class Generations:
    """The generations of names, as far as no pattern lists them.

    Attributes:
        beside: What stood beside a name when it was first seen.
    """

    def __init__(
        self,
        followed: Followed,
        ready: Ready,
        opened: OpenFiles,
        log: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self.beside: dict[str, dict[tuple[int, int], Seen]] = {}
        self._followed, self._ready, self._opened, self._log = followed, ready, opened, log

    def follow_between(
        self, name: str, anchor_ns: int | None, styles: set[bool], neighbours: Neighbours, now: float
    ) -> None:
        """Follow what had a name since another file had it, that was written to last at `anchor_ns`: it stands beside
        the name, and did not before. None for a name of which nothing was read."""
        before = self.beside.get(name, {})
        for one in neighbours.of(name):
            is_later = anchor_ns is not None and one.modified_ns >= anchor_ns
            if not is_later or one.is_numbered_behind not in styles or not self.is_unknown(one):
                continue
            if (known := before.get(one.inode)) is None or not known.is_still(one):
                self._log.info("file %r had the name %r meanwhile, and comes first", one.path, name)
                self._ready.take_note(self._follow_beside(one, now))
        self.beside[name] = {one.inode: _seen_again(one, before.get(one.inode)) for one in neighbours.of(name)}

    def is_unknown(self, sibling: Sibling) -> bool:
        """Whether nobody follows a file."""
        return sibling.inode not in self._followed.by_inode

    def _follow_beside(self, sibling: Sibling, now: float) -> Follower:
        follower = self._followed.follow(
            Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now
        )
        follower.is_behind, follower.gone_at = True, now
        with contextlib.suppress(OSError, ConfigError):  # told as it is read
            self._opened.open(follower)
        return follower


def _seen_again(sibling: Sibling, known: Seen | None) -> Seen:
    """Look at a file beside another, unless it is as it was: there may be hundreds."""
    if known is not None and (known.modified_ns, known.size_bytes) == (sibling.modified_ns, sibling.size_bytes):
        return known
    return seen(sibling)
