"""Which source partition a file is, and whether it still is the one that was read. Decision 0065. All calls block."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connect.api import ConfigError, SourceTaskContext
from connect_file.contents import NotUnpackedError
from connect_file.followed import FilesConfig, Followed, family_of, key_of, names_of, partitions_of
from connect_file.follower import Follower, first_line
from connect_file.generations import Generations
from connect_file.listing import Found, text_of
from connect_file.offsets import position_of
from connect_file.opened import OpenFiles
from connect_file.ready import Ready
from connect_file.rotation import HEAD_BYTES, Neighbours, earlier_names


class Identities:
    """Tells the files of one task from one another, and from what they were."""

    def __init__(
        self,
        config: FilesConfig,
        context: SourceTaskContext,
        followed: Followed,
        ready: Ready,
        opened: OpenFiles,
        generations: Generations,
    ) -> None:
        self._config, self._context, self._log = config, context, context.log
        self._followed, self._ready, self._opened, self._generations = followed, ready, opened, generations

    def identify(self, follower: Follower, *, is_whole: bool = False) -> bool:
        """Find out which partition a file is, and where it goes on; False as long as its first line has no end."""
        if follower.partition is not None:
            return True
        if follower.copy_of is not None:
            if self._is_copy(follower, follower.copy_of):
                return True
            self._followed.copies.discard(follower)
            follower.copy_of = None
        if not self._opened.open(follower):
            return False
        line = first_line(follower.bytes_at(0, HEAD_BYTES), is_whole=is_whole)
        if line is None:
            return False
        names = [family_of(follower.path), *earlier_names(follower.path)]
        own = next(partitions_of(names[0], line, follower.inode[1]))
        plain = {"filename": text_of(names[0]), "first_line": line}
        is_taken = False
        for name in dict.fromkeys(names):
            for partition in partitions_of(name, line, follower.inode[1]):
                live = self._followed.by_key.get(key_of(partition))
                if live is not None and live is not follower:
                    if self._is_copy(follower, live):
                        if follower.partition is None:
                            follower.copy_of, follower.held = live, b""
                            self._followed.copies.add(follower)
                        return True
                    is_taken = is_taken or partition == plain
                    continue
                offset = self.stored(partition)
                if offset is None:
                    continue
                if follower.fits(offset):
                    follower.go_to(offset["position"])
                    self._followed.claim(follower, partition)
                    return True
                is_taken = is_taken or partition == plain
                if offset.get("inode") == follower.inode[1]:
                    self._say_starting_over(follower, offset["position"])
        self._followed.claim(follower, own if is_taken else plain)
        return True

    def _is_copy(self, follower: Follower, live: Follower) -> bool:
        """Whether a file holds what another does, of which it is a generation by its name: a copy of it, of which
        nothing is to be read while the other is there."""
        common = names_of(live.path) & names_of(follower.path)
        # Parts of one thing, part-1 and part-2, have a name in common that nothing has: these are no generations.
        if not any(map(os.path.lexists, common)) or not self._opened.open(live):
            return False
        if live.is_packed:
            return False
        live.refresh(time.monotonic())
        if not live.is_as_it_was():
            self.was_cut(live)
            self._ready.take_note(live)
            return follower.partition is not None  # it stands in for what was cut
        position = live.size_bytes if follower.is_packed else min(follower.size_bytes, live.size_bytes)
        if position < HEAD_BYTES and not follower.is_new:  # a short text proves little
            return False
        length = min(position, HEAD_BYTES)
        follower.verified_bytes = follower.size_bytes
        return follower.holds(live.bytes_at(0, length), live.bytes_at(position - length, length), position)

    def was_cut(self, follower: Follower) -> None:
        """Begin anew with a file that is not as it was; what is left of it elsewhere is read first."""
        position = follower.position
        copy = self._copy_of(follower) if not self._config.is_whole else None
        if copy is not None:
            self._followed.stand_in(copy, follower)
            copy.is_behind = True
            self._log.info(
                "file %r was cut; its copy %r is read on from position %d", follower.path, copy.path, position
            )
            self._ready.take_note(copy)
        else:
            if follower.partition is not None:
                self._followed.by_key.pop(key_of(follower.partition), None)
            if not self._config.is_whole:
                self._say_starting_over(follower, position)
        follower.begin()
        if not self._config.is_whole:
            # What was copied and cut more than once since the last look.
            name, anchor_ns = Path(follower.path).name, follower.read_ns if copy is None else copy.modified_ns
            styles = {True, False} if copy is None else {Path(copy.path).name.startswith(name)}
            self._generations.follow_between(follower.path, anchor_ns, styles, Neighbours(), time.monotonic())

    def _say_starting_over(self, follower: Follower, position: int) -> None:
        self._log.warning(
            "file %r is not as it was when it was read up to position %d: it was cut or written anew. Starting over at "
            "0; lines that were written behind that position before are lost, unless a copy of the file is beside it",
            follower.path,
            position,
        )

    def _copy_of(self, follower: Follower) -> Follower | None:
        now = time.monotonic()
        neighbours = Neighbours()
        beside = [one for name in names_of(follower.path) for one in neighbours.of(name)]
        for sibling in sorted(beside, key=lambda one: one.modified_ns, reverse=True):
            copy = self._followed.by_inode.get(sibling.inode)
            if copy is not None and copy.partition is not None:
                continue
            if copy is None:
                if follower.position < HEAD_BYTES and sibling.modified_ns < follower.read_ns:
                    continue  # from before, and a short text proves little
                copy = Follower(Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now)
                copy.gone_at = now
            with contextlib.suppress(OSError, ConfigError, NotUnpackedError):
                if self._opened.open(copy) and copy.holds(follower.head, follower.tail, follower.position):
                    copy.refresh(now)
                    self._followed.by_inode[copy.inode] = copy
                    return copy
            if copy.inode not in self._followed.by_inode:
                self._opened.close(copy)
        return None

    def stored(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the committed offset of a source partition.

        Raises:
            ConfigError: It is none of a file.
        """
        offset = self._context.offset(partition)
        if offset is not None:
            position_of(offset, partition["filename"])
        return offset
