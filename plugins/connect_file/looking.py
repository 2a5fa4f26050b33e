"""A look at the names: which files are there, and what has become of those that were. All calls block."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connect.api import ConfigError, SourceTaskContext
from connect_file.contents import NotUnpackedError
from connect_file.errors import reason
from connect_file.followed import FilesConfig, Followed, Key, family_of, key_of, partitions_of
from connect_file.follower import Follower, first_line
from connect_file.generations import Generations
from connect_file.identity import Identities
from connect_file.listing import Found
from connect_file.opened import OpenFiles
from connect_file.ready import Ready
from connect_file.rotation import HEAD_BYTES, Neighbours, Sibling, earlier_names

#: How long a file that has lost its name is still looked at: whoever wrote to it may still have it open.
LINGER_S: Final = 10.0
#: Looking for files takes at most this part of the time.
LOOK_SHARE: Final = 0.05
#: A name that no file has had for so long is forgotten.
_NAME_KEPT_S: Final = 3600.0


class Look:
    """Finds the files of one task, again and again.

    Attributes:
        next_at: When the next look is due, by the monotonic clock.
        looked_at: When the last one was.
    """

    def __init__(
        self,
        config: FilesConfig,
        context: SourceTaskContext,
        followed: Followed,
        ready: Ready,
        opened: OpenFiles,
        generations: Generations,
        identity: Identities,
    ) -> None:
        self.next_at = self.looked_at = float("-inf")
        self._durable: dict[Key, Mapping[str, Any]] = {}
        self._config, self._context, self._log = config, context, context.log
        self._followed, self._ready, self._opened = followed, ready, opened
        self._generations, self._identity = generations, identity
        self._names: dict[str, tuple[tuple[int, int], float, int]] = {}  # the file, when it was seen and written to

    def look(self, now: float) -> None:
        """Find the files that are there, and what has become of those that were."""
        began_s = time.thread_time()
        self._opened.has_news = False
        self._ready.waiting.clear()
        self._opened.watch_folders()  # first: what comes meanwhile is told
        listed = self._config.listing.find()
        self._say_whether_any(listed)
        here = {one.inode: one for one in listed if self._is_mine(one.path)}
        neighbours = Neighbours()
        for follower in list(self._followed.by_inode.values()):
            if (found := here.get(follower.inode)) is not None:
                follower.path, follower.gone_at = found.path, None
                follower.saw(found.size_bytes, found.modified_ns, now)
            else:
                self._is_not_listed(follower, neighbours, now)
        # A name's own file before what may be its copy.
        new = [one for one in here.values() if one.inode not in self._followed.by_inode]
        came = {one.inode for one in new}
        paths = {one.path for one in here.values()}
        for one in sorted(new, key=lambda one: (bool(earlier_names(one.path)), one.modified_ns)):
            self._followed.follow(one, now).is_behind = not paths.isdisjoint(earlier_names(one.path))
        for one in here.values():
            self._look_beside(one, neighbours, now, is_new=one.inode in came)
        self._look_beside_names_without_a_file(paths, neighbours, now)
        for follower in list(self._followed.by_inode.values()):
            self._ready.take_note(follower)
            if follower.is_behind or follower.is_packed or follower.gone_at is not None:
                self._leave(follower, now)
            if follower.inode in self._followed.by_inode:
                self._end(follower, now)
        self._forget_names(now)
        self._followed.is_first_look = False
        self.looked_at = time.monotonic()
        took_s = time.thread_time() - began_s
        self.next_at = self.looked_at + max(self._config.poll_interval_s, took_s / LOOK_SHARE)

    def _is_mine(self, path: str) -> bool:
        return zlib.crc32(os.fsencode(family_of(path))) % self._config.shares == self._config.share

    def _say_whether_any(self, listed: list[Found]) -> None:
        if listed:
            self._context.waiting_for = None
        elif self._context.waiting_for is None or self._followed.is_first_look:
            self._context.waiting_for = f"no file is there that {self._config.named_by!r} names"
            if self._config.share == 0:
                self._log.warning("%s; waiting for one", self._context.waiting_for)

    def _is_not_listed(self, follower: Follower, neighbours: Neighbours, now: float) -> None:
        if follower.gone_at is None:
            follower.gone_at = now
        if follower.descriptor is not None:
            follower.refresh(now)
            return
        for path in [follower.path, *earlier_names(follower.path)]:
            for sibling in neighbours.of(path):
                if sibling.inode == follower.inode:
                    follower.path = sibling.path
                    follower.saw(sibling.size_bytes, sibling.modified_ns, now)
                    return
        with contextlib.suppress(OSError):
            status = os.stat(follower.path)  # noqa: PTH116 - as all others here
            if (status.st_dev, status.st_ino) == follower.inode:  # excluded by now, or beside what is listed
                follower.saw(status.st_size, status.st_mtime_ns, now)
                return
        self._drop(follower)

    def _look_beside(self, found: Found, neighbours: Neighbours, now: float, *, is_new: bool) -> None:
        """Follow what had a name until lately, and is not listed: a file that was moved while nobody looked.

        Args:
            is_new: It was not followed until now. One that has the inode of whoever had the name before is another file
                all the same: that one was deleted, and inodes are used again.
        """
        before = self._names.get(found.path)
        self._names[found.path] = (found.inode, now, found.modified_ns)
        is_same = before is not None and before[0] == found.inode
        if is_same and not is_new:
            return
        beside = [one for one in neighbours.of(found.path) if self._generations.is_unknown(one)]
        old = self._followed.by_inode.get(before[0]) if before is not None and not is_same else None
        if before is None:
            follower = self._followed.by_inode[found.inode]
            if beside:
                with contextlib.suppress(OSError, ConfigError, NotUnpackedError):  # told as it is read
                    self._identity.identify(follower)
            known = [one for one in beside if self._follow_known(one, found.path, now)]
            self._say_not_meant(found.path, beside, known, follower)
            # Where this file was being read, nothing came and went since.
            anchor = max(known, key=lambda one: one.modified_ns, default=None) if follower.position == 0 else None
            anchor_ns = anchor.modified_ns if anchor is not None else None
            styles = {anchor.is_numbered_behind} if anchor is not None else set()
            self._generations.beside.pop(found.path, None)  # a name that comes back
        else:
            if old is not None:
                old.is_behind = True
                if old.is_ready:  # it has another place now
                    old.is_ready = False
                    self._ready.make_ready(old)
            anchor_ns = old.modified_ns if old is not None else before[2]
            own = [one for one in neighbours.of(found.path) if one.inode == before[0] and not is_same]
            styles = {one.is_numbered_behind for one in own} or {True, False}
        self._generations.follow_between(found.path, anchor_ns, styles, neighbours, now)

    def _look_beside_names_without_a_file(self, paths: set[str], neighbours: Neighbours, now: float) -> None:
        """Follow what had a name since the last look, where no file has it now: maybe none will have it again."""
        for name, (inode, at, modified_ns) in list(self._names.items()):
            if name in paths or now - at > _NAME_KEPT_S:
                continue
            before = self._generations.beside.get(name, {})
            if all(one.inode in before or one.inode == inode for one in neighbours.of(name)):
                continue
            old = self._followed.by_inode.get(inode)
            own = [one for one in neighbours.of(name) if one.inode == inode]
            styles = {one.is_numbered_behind for one in own} or {True, False}
            self._generations.follow_between(
                name, modified_ns if old is None else old.modified_ns, styles, neighbours, now
            )

    def _follow_known(self, sibling: Sibling, name: str, now: float) -> bool:
        """Whether a file beside a name was read before, or a copy of it; then its rest is, too."""
        follower = Follower(Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now)
        try:
            if not self._opened.found_and_opened(follower):
                return False
            line = first_line(follower.bytes_at(0, HEAD_BYTES), is_whole=True)
            if line is None:
                return False
            for partition in partitions_of(name, line, sibling.inode[1]):
                offset = self._identity.stored(partition)
                if offset is None or self._followed.by_key.get(key_of(partition)) is not None:
                    continue
                if follower.fits(offset):
                    if offset["position"] < sibling.size_bytes or follower.is_packed:
                        self._log.info(
                            "file %r is %r now, which is read to its end from position %d",
                            name,
                            sibling.path,
                            offset["position"],
                        )
                        follower.go_to(offset["position"])
                        self._followed.claim(follower, partition)
                        self._followed.by_inode[sibling.inode] = follower
                        follower.is_behind, follower.gone_at = True, now
                        self._opened.was_opened(follower)
                    return True
                if self._may_be_lost(follower, offset, sibling, name):
                    return False
            return False
        except (OSError, ConfigError, NotUnpackedError):  # gone, not to be read, or not by connectors
            return False
        finally:
            if follower.inode not in self._followed.by_inode:
                follower.close()

    def _may_be_lost(self, follower: Follower, offset: dict[str, Any], sibling: Sibling, name: str) -> bool:
        """Say, of a file whose offset is too near its beginning to prove anything, what may be lost of it."""
        position = offset["position"]
        as_if_same = {**offset, "inode": sibling.inode[1]}
        if position >= sibling.size_bytes or follower.is_packed or not follower.fits(as_if_same):
            return False
        self._log.warning(
            "file %r was read up to position %d. If that one is %r now, the lines from position %d on in it were not "
            "read and may be lost",
            name,
            position,
            sibling.path,
            position,
        )
        return True

    def _say_not_meant(self, name: str, beside: list[Sibling], known: list[Sibling], follower: Follower) -> None:
        """Say of files beside a name that nothing tells whether they were read: none of them has an offset, nor has the
        one that has the name now. They may be from before the connector, or the rest of what a kill has cut off."""
        unread = [one for one in beside if one.inode not in self._followed.by_inode]
        if not unread or known or follower.position > 0:
            return
        more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        self._log.warning(
            "file %r%s stand beside %r, are not among 'files', and nothing tells whether they were read: they are not "
            "read. If they are to be, name them too, as %r",
            min(one.path for one in unread),
            more,
            name,
            f"{name}*",
        )

    def _forget_names(self, now: float) -> None:
        if len(self._names) > 2 * len(self._followed.by_inode) + 1000:
            self._names = {name: at for name, at in self._names.items() if now - at[1] < _NAME_KEPT_S}
            self._generations.beside = {
                name: beside for name, beside in self._generations.beside.items() if name in self._names
            }
            self._followed.forget_told()

    def _leave(self, follower: Follower, now: float) -> None:
        """Return to a file that has lost its name no more, once nobody seems to write to it."""
        is_read = follower.size_bytes == follower.read_bytes or follower.copy_of is not None
        if (
            follower.is_set_aside
            or not is_read
            or follower.is_ready
            or now - max(follower.gone_at or now, follower.grown_at) < LINGER_S
        ):
            return
        if follower.held and follower.copy_of is None:
            self._ready.make_ready(follower)  # its last line has no end, and will get none
        elif follower.gone_at is not None:
            self._drop(follower)

    def _end(self, follower: Follower, now: float) -> None:
        """Do with a file at its end what the config says, once nobody seems to write to it."""
        if follower.is_ready or follower.copy_of is not None or follower.is_finished or follower.is_set_aside:
            return
        if follower.size_bytes != follower.read_bytes or not self._followed.is_quiet(follower, now):
            return
        if self._ready.waits_to_be_taken(follower):
            self._ready.make_ready(follower)
            return
        at_end = self._config.at_end
        if at_end.action == "tail" or follower.gone_at is not None:
            return
        if at_end.action == "stop":
            follower.is_finished = True
            self._opened.close(follower)
        elif follower.emitted is None or self._durable.get(key_of(follower.partition or {})) == follower.emitted:
            try:
                if at_end.act(follower.path, follower.inode):
                    follower.gone_at = now  # what is written to it all the same is read while it is open
                    if follower.descriptor is None:
                        self._drop(follower)  # its inode may be another's at once
            except (OSError, ConfigError) as error:
                why = reason(error) if isinstance(error, OSError) else error.message
                self._followed.tell(
                    follower.path,
                    f"file {follower.path!r} was read and cannot be {at_end.done}: {why}; it is left there",
                )

    def is_left(self, follower: Follower, now: float) -> bool:
        """Whether a last line without an end is one: the file has lost its name, and nobody seems to write to it."""
        if follower.is_whole:
            return True
        if (self._config.is_whole or self._config.at_end.action != "tail") and self._followed.is_quiet(follower, now):
            return True
        is_old = follower.is_behind or follower.is_packed or follower.gone_at is not None
        return is_old and now - follower.grown_at >= LINGER_S

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable."""
        for partition, offset in offsets:
            self._durable[key_of(partition)] = dict(offset)
        by_key = self._followed.by_key
        if len(self._durable) > 2 * len(by_key) + 1000:
            self._durable = {key: position for key, position in self._durable.items() if key in by_key}

    def _drop(self, follower: Follower) -> None:
        follower.is_set_aside = False  # what is not there is lost, whatever it waited for
        missed = follower.size_bytes - follower.read_bytes
        if missed > 0 and follower.copy_of is None:
            self._log.warning(
                "file %r was deleted, or moved to where it is not looked for, before it was read: %s, from position "
                "%d on, are lost",
                follower.path,
                "its last lines" if follower.is_packed else f"its last {missed} bytes",
                follower.read_bytes,
            )
        self._opened.close(follower)
        self._followed.by_inode.pop(follower.inode, None)
        if follower.partition is not None and self._followed.by_key.get(key_of(follower.partition)) is follower:
            del self._followed.by_key[key_of(follower.partition)]
        self._followed.copies.discard(follower)
        for other in [other for other in self._followed.copies if other.copy_of is follower]:
            self._followed.stand_in(other, follower)
