"""Many files into a topic: the part of `FileStreamSourceTask` behind `files`. Decision 0065.

A poll looks for files where it is time to, then reads those that have grown, each family of generations in turn and the
oldest of a family first, until it has a mebibyte. What happens to a file is seen at two places:

    _look     names: new files, moved and deleted ones, those beside a name that has passed to another file
    _read     contents: a file that is shorter, or another, than what was read of it

All calls are for the task's thread, and block.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from connect.api import STRING, Batch, ConfigError, DataError, SourceTaskContext
from connect_file.contents import NotUnpackedError
from connect_file.ends import AtEnd
from connect_file.errors import LINE_TOO_LONG, reason
from connect_file.follower import Follower, first_line
from connect_file.formats import BadRecord, Format
from connect_file.growth import Watch, is_local
from connect_file.lines import CHUNK_BYTES, LINE_BYTES_MAX, Rows, whole_lines_bytes
from connect_file.listing import Found, Listing, text_of
from connect_file.offsets import position_of
from connect_file.rotation import HEAD_BYTES, Neighbours, Seen, Sibling, earlier_names, seen

#: Files that are open in one task; a process has 1,024 descriptors, and maybe many tasks.
OPEN_MAX: Final = 128
#: How long a file that has lost its name is still looked at: whoever wrote to it may still have it open.
LINGER_S: Final = 10.0
#: Looking for files takes at most this part of the time.
LOOK_SHARE: Final = 0.05
#: Two looks are this far apart, however many names come into the folders.
LOOK_WAIT_S: Final = 0.1
#: Folders of which the system is asked to tell when a file comes.
WATCHED_FOLDERS_MAX: Final = 64
#: How much is taken at a time once a record could not be read.
AFTER_BAD_BYTES: Final = 1 << 14
#: Records that cannot be read are told of one by one, up to so many.
LEFT_OUT_TOLD: Final = 100
#: A name that no file has had for so long is forgotten.
_NAME_KEPT_S: Final = 3600.0
#: How often a file is looked for that is moved on as it is opened.
_OPEN_TRIES: Final = 5

#: What stands for a source partition.
_Key = tuple[Any, ...]


class FilesConfig(NamedTuple):
    """What a reader is to do: the task's share of the files, and what becomes of them.

    Attributes:
        is_tolerant: Whether records that cannot be read are left out; else one ends the task.
        named_by: The config key that names the files.
        is_whole: Whether a file is one record.
        is_raw: Whether its bytes are taken as they lie there.
        quiet_s: How long a file has to be quiet for its last lines to be a record, where that is told by the next one.
    """

    listing: Listing
    share: int
    shares: int
    topic: str
    batch_records: int
    format_of: Callable[[str | None], Format]
    poll_interval_s: float
    is_tolerant: bool
    named_by: str
    at_end: AtEnd
    is_whole: bool
    is_raw: bool
    quiet_s: float | None


class Reader:
    """The files of one task."""

    def __init__(self, config: FilesConfig, context: SourceTaskContext) -> None:
        self._config, self._context, self._log = config, context, context.log
        self._followed: OrderedDict[tuple[int, int], Follower] = OrderedDict()
        self._by_key: dict[_Key, Follower] = {}
        self._families: OrderedDict[str, list[tuple[int, int, int, Follower]]] = OrderedDict()  # heaps of what is ready
        self._open: OrderedDict[Follower, None] = OrderedDict()  # the one that was read last comes last
        self._names: dict[str, tuple[tuple[int, int], float, int]] = {}  # the file, when it was seen and written to
        self._beside: dict[str, dict[tuple[int, int], Seen]] = {}  # what stood beside a name when it was first seen
        self._waiting: set[str] = set()  # families of which one is to be looked for before others are read
        self._touched: deque[Follower] = deque()  # other threads append to it
        self._folders: dict[str, Watch] = {}
        self._copies: set[Follower] = set()
        self._told: set[tuple[str, str]] = set()
        self._batches: OrderedDict[tuple[_Key, int], int] = OrderedDict()
        self._look_at = self._looked_at = float("-inf")
        self._sequence = 0
        self._failure: DataError | None = None
        self._warned_undecodable = False
        self._left_out = 0
        self._durable: dict[_Key, Mapping[str, Any]] = {}
        self._formats: dict[str | None, Format] = {}
        self._is_first_look = True
        self._has_news = False
        self._has_begun = False

    def close(self) -> None:
        for follower in self._followed.values():
            follower.close()
        for watch in self._folders.values():
            watch.close()

    def poll(self) -> list[Batch]:
        """Return the next batches; empty where nothing has grown, and the context's `poll_wait_s` says when to ask
        again."""
        if self._failure is not None:
            raise self._failure
        self._context.poll_wait_s = None
        now = time.monotonic()
        while self._touched:
            touched = self._touched.popleft()
            if touched.descriptor is not None:
                touched.refresh(now)
                self._take_note(touched)
        if now >= self._look_at or (self._has_news and now >= self._looked_at + LOOK_WAIT_S):
            self._look(now)
        batches: list[Batch] = []
        left_bytes = CHUNK_BYTES
        while left_bytes > 0 and self._failure is None and (follower := self._next_ready()) is not None:
            before = follower.read_bytes
            batches += self._read(follower, now)
            left_bytes -= max(follower.read_bytes - before, 1024)  # a file costs more than its bytes
        if not batches:
            if self._failure is not None:
                raise self._failure
            next_look = self._looked_at + LOOK_WAIT_S if self._has_news else self._look_at
            is_ready = self._next_family() is not None
            self._context.poll_wait_s = 0.0 if is_ready else max(next_look - time.monotonic(), 0.0)
        return batches

    def take_news(self) -> bool:
        """Whether the first records of a file were returned since this was last asked."""
        has_begun, self._has_begun = self._has_begun, False
        return has_begun

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Return the offset behind the first records of a batch: positions of lines are not kept, so the file is looked
        into again. None where it is not as it was."""
        if batch.source_partition is None or batch.source_offset is None:
            return None
        key, end = _key(batch.source_partition), batch.source_offset["position"]
        follower, start = self._by_key.get(key), self._batches.get((key, end))
        if follower is None or start is None:
            return None
        again = Follower(Found(follower.path, follower.inode, follower.size_bytes, 0), 0.0)
        try:
            if not again.open():
                return None
            again.go_to(start)
            data = again.bytes_at(start, end - start) + b"\n"  # which a last line may lack
            format_ = self._format_of(follower)
            whole = format_.take(data, follower.layout, len(batch)).rows
            part = format_.take(data, follower.layout, count).rows
            if not whole or whole[0].values != batch.values or part[0].values != batch.values[:count]:
                return None  # another file by now, or written anew
            again.went_on(data[: part[0].size_bytes])
            return again.offset()
        except (OSError, ConfigError, NotUnpackedError):
            return None
        finally:
            again.close()

    # -- names -----------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """Find the files that are there, and what has become of those that were."""
        began_s = time.thread_time()
        self._has_news = False
        self._waiting.clear()
        self._watch_folders()  # first: what comes meanwhile is told
        listed = self._config.listing.find()
        self._say_whether_any(listed)
        here = {one.inode: one for one in listed if self._is_mine(one.path)}
        neighbours = Neighbours()
        for follower in list(self._followed.values()):
            if (found := here.get(follower.inode)) is not None:
                follower.path, follower.gone_at = found.path, None
                follower.saw(found.size_bytes, found.modified_ns, now)
            else:
                self._is_not_listed(follower, neighbours, now)
        # A name's own file before what may be its copy.
        new = [one for one in here.values() if one.inode not in self._followed]
        came = {one.inode for one in new}
        paths = {one.path for one in here.values()}
        for one in sorted(new, key=lambda one: (bool(earlier_names(one.path)), one.modified_ns)):
            self._follow(one, now).is_behind = not paths.isdisjoint(earlier_names(one.path))
        for one in here.values():
            self._look_beside(one, neighbours, now, is_new=one.inode in came)
        self._look_beside_names_without_a_file(paths, neighbours, now)
        for follower in list(self._followed.values()):
            self._take_note(follower)
            if follower.is_behind or follower.is_packed or follower.gone_at is not None:
                self._leave(follower, now)
            if follower.inode in self._followed:
                self._end(follower, now)
        self._forget_names(now)
        self._is_first_look = False
        self._looked_at = time.monotonic()
        took_s = time.thread_time() - began_s
        self._look_at = self._looked_at + max(self._config.poll_interval_s, took_s / LOOK_SHARE)

    def _is_mine(self, path: str) -> bool:
        return zlib.crc32(os.fsencode(_family(path))) % self._config.shares == self._config.share

    def _say_whether_any(self, listed: list[Found]) -> None:
        if listed:
            self._context.waiting_for = None
        elif self._context.waiting_for is None or self._is_first_look:
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

    def _follow(self, found: Found, now: float) -> Follower:
        follower = Follower(found, now, is_new=not self._is_first_look, is_raw=self._config.is_raw)
        self._followed[found.inode] = follower
        return follower

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
        beside = [one for one in neighbours.of(found.path) if self._is_unknown(one)]
        old = self._followed.get(before[0]) if before is not None and not is_same else None
        if before is None:
            follower = self._followed[found.inode]
            if beside:
                with contextlib.suppress(OSError, ConfigError, NotUnpackedError):  # told as it is read
                    self._identify(follower)
            known = [one for one in beside if self._follow_known(one, found.path, now)]
            self._say_not_meant(found.path, beside, known, follower)
            # Where this file was being read, nothing came and went since.
            anchor = max(known, key=lambda one: one.modified_ns, default=None) if follower.position == 0 else None
            anchor_ns = anchor.modified_ns if anchor is not None else None
            styles = {anchor.is_numbered_behind} if anchor is not None else set()
            self._beside.pop(found.path, None)  # a name that comes back
        else:
            if old is not None:
                old.is_behind = True
                if old.is_ready:  # it has another place now
                    old.is_ready = False
                    self._make_ready(old)
            anchor_ns = old.modified_ns if old is not None else before[2]
            own = [one for one in neighbours.of(found.path) if one.inode == before[0] and not is_same]
            styles = {one.is_numbered_behind for one in own} or {True, False}
        self._follow_between(found.path, anchor_ns, styles, neighbours, now)

    def _look_beside_names_without_a_file(self, paths: set[str], neighbours: Neighbours, now: float) -> None:
        """Follow what had a name since the last look, where no file has it now: maybe none will have it again."""
        for name, (inode, at, modified_ns) in list(self._names.items()):
            if name in paths or now - at > _NAME_KEPT_S:
                continue
            before = self._beside.get(name, {})
            if all(one.inode in before or one.inode == inode for one in neighbours.of(name)):
                continue
            old = self._followed.get(inode)
            own = [one for one in neighbours.of(name) if one.inode == inode]
            styles = {one.is_numbered_behind for one in own} or {True, False}
            self._follow_between(name, modified_ns if old is None else old.modified_ns, styles, neighbours, now)

    def _follow_between(
        self, name: str, anchor_ns: int | None, styles: set[bool], neighbours: Neighbours, now: float
    ) -> None:
        """Follow what had a name since another file had it, that was written to last at `anchor_ns`: it stands beside
        the name, and did not before. None for a name of which nothing was read."""
        before = self._beside.get(name, {})
        for one in neighbours.of(name):
            is_later = anchor_ns is not None and one.modified_ns >= anchor_ns
            if not is_later or one.is_numbered_behind not in styles or not self._is_unknown(one):
                continue
            if (known := before.get(one.inode)) is None or not known.is_still(one):
                self._log.info("file %r had the name %r meanwhile, and comes first", one.path, name)
                self._take_note(self._follow_beside(one, now))
        self._beside[name] = {one.inode: _seen_again(one, before.get(one.inode)) for one in neighbours.of(name)}

    def _is_unknown(self, sibling: Sibling) -> bool:
        return sibling.inode not in self._followed

    def _follow_beside(self, sibling: Sibling, now: float) -> Follower:
        follower = self._follow(Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now)
        follower.is_behind, follower.gone_at = True, now
        with contextlib.suppress(OSError, ConfigError):  # told as it is read
            self._opened(follower)
        return follower

    def _follow_known(self, sibling: Sibling, name: str, now: float) -> bool:
        """Whether a file beside a name was read before, or a copy of it; then its rest is, too."""
        follower = Follower(Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now)
        try:
            if not self._found_and_opened(follower):
                return False
            line = first_line(follower.bytes_at(0, HEAD_BYTES), is_whole=True)
            if line is None:
                return False
            for partition in _partitions(name, line, sibling.inode[1]):
                offset = self._stored(partition)
                if offset is None or self._by_key.get(_key(partition)) is not None:
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
                        self._claim(follower, partition)
                        self._followed[sibling.inode] = follower
                        follower.is_behind, follower.gone_at = True, now
                        self._was_opened(follower)
                    return True
                if self._may_be_lost(follower, offset, sibling, name):
                    return False
            return False
        except (OSError, ConfigError, NotUnpackedError):  # gone, not to be read, or not by connectors
            return False
        finally:
            if follower.inode not in self._followed:
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
        unread = [one for one in beside if one.inode not in self._followed]
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
        if len(self._names) > 2 * len(self._followed) + 1000:
            self._names = {name: at for name, at in self._names.items() if now - at[1] < _NAME_KEPT_S}
            self._beside = {name: beside for name, beside in self._beside.items() if name in self._names}
            self._told.clear()

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
            self._make_ready(follower)  # its last line has no end, and will get none
        elif follower.gone_at is not None:
            self._drop(follower)

    def _end(self, follower: Follower, now: float) -> None:
        """Do with a file at its end what the config says, once nobody seems to write to it."""
        if follower.is_ready or follower.copy_of is not None or follower.is_finished or follower.is_set_aside:
            return
        if follower.size_bytes != follower.read_bytes or not self._is_quiet(follower, now):
            return
        if self._waits_to_be_taken(follower):
            self._make_ready(follower)
            return
        at_end = self._config.at_end
        if at_end.action == "tail" or follower.gone_at is not None:
            return
        if at_end.action == "stop":
            follower.is_finished = True
            self._close(follower)
        elif follower.emitted is None or self._durable.get(_key(follower.partition or {})) == follower.emitted:
            try:
                if at_end.act(follower.path, follower.inode):
                    follower.gone_at = now  # what is written to it all the same is read while it is open
                    if follower.descriptor is None:
                        self._drop(follower)  # its inode may be another's at once
            except (OSError, ConfigError) as error:
                why = reason(error) if isinstance(error, OSError) else error.message
                self._tell(
                    follower.path,
                    f"file {follower.path!r} was read and cannot be {at_end.done}: {why}; it is left there",
                )

    def _is_quiet(self, follower: Follower, now: float) -> bool:
        """Whether a file has not grown for as long as makes an end of what it has."""
        return now - follower.grown_at >= self._config.at_end.wait_s

    def _waits_to_be_taken(self, follower: Follower) -> bool:
        """Whether what is held of a quiet file is a record, or more."""
        if self._config.is_whole or self._config.at_end.action != "tail":
            return bool(follower.held)
        return self._config.quiet_s is not None and whole_lines_bytes(follower.held) > 0

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable."""
        for partition, offset in offsets:
            self._durable[_key(partition)] = dict(offset)
        if len(self._durable) > 2 * len(self._by_key) + 1000:
            self._durable = {key: position for key, position in self._durable.items() if key in self._by_key}

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
        self._close(follower)
        self._followed.pop(follower.inode, None)
        if follower.partition is not None and self._by_key.get(_key(follower.partition)) is follower:
            del self._by_key[_key(follower.partition)]
        self._copies.discard(follower)
        for other in [other for other in self._copies if other.copy_of is follower]:
            self._stand_in(other, follower)

    def _stand_in(self, copy: Follower, original: Follower) -> None:
        """Have a copy go on where the original was read to."""
        self._copies.discard(copy)
        copy.copy_of, copy.held = None, b""
        copy.position, copy.head, copy.tail = original.position, original.head, original.tail
        if original.partition is not None:
            self._claim(copy, original.partition)

    # -- what is ready ---------------------------------------------------------------------------------------------

    def _take_note(self, follower: Follower) -> None:
        if follower.is_finished:
            return
        if follower.copy_of is not None:
            is_other = follower.size_bytes != follower.verified_bytes
        else:  # a file that was written anew may be as long as it was
            is_other = follower.size_bytes != follower.read_bytes or follower.modified_ns != follower.read_ns
        if is_other and self._config.is_whole and not self._is_quiet(follower, time.monotonic()):
            return
        if is_other:
            self._make_ready(follower)

    def _make_ready(self, follower: Follower) -> None:
        if follower.is_ready:
            return
        follower.is_ready = True
        self._sequence += 1
        heap = self._families.setdefault(_family(follower.path), [])
        heapq.heappush(heap, (not follower.is_behind, follower.modified_ns, self._sequence, follower))

    def _next_family(self) -> str | None:
        return next((family for family in self._families if family not in self._waiting), None)

    def _next_ready(self) -> Follower | None:
        while (family := self._next_family()) is not None:
            heap = self._families[family]
            follower = heapq.heappop(heap)[3]
            self._families.move_to_end(family)  # others first, the next time
            if not heap:
                del self._families[family]
            if follower.is_ready and self._followed.get(follower.inode) is follower:
                follower.is_ready = False
                return follower
        return None

    # -- contents --------------------------------------------------------------------------------------------------

    def _read(self, follower: Follower, now: float) -> list[Batch]:
        batches: list[Batch] = []  # once made they count as read, whatever fails behind
        try:
            if not self._opened(follower):
                return []
            follower.refresh(now)
            if not follower.is_as_it_was():
                self._was_cut(follower)
                self._take_note(follower)
                return []
            if self._was_another_between(follower):
                self._make_ready(follower)
                return []
            if follower.partition is None:
                follower.look_inside()
                follower.bytes_at(0, HEAD_BYTES)
            is_left = self._is_left(follower, now)
            if self._config.is_whole and not is_left:  # not held until then: it may be one of thousands
                self._at_end(follower)
                return []
            if not self._identify(follower, is_whole=is_left):
                self._at_end(follower)
                return []
            if follower.copy_of is not None:
                return []
            if not self._know_layout(follower, is_left=is_left):
                self._at_end(follower)
                return []
            if not self._config.is_whole:
                follower.back_to_a_line(self._begin_of(follower))
            elif follower.held == b"" and follower.size_bytes > follower.position > self._begin_of(follower):
                follower.go_to(self._begin_of(follower))  # it went on: then it is another record
            # A long record is read to its end at once, and a last one taken: with more files than may be open, this one
            # is closed before the next time, and what is held of it read again. It is read in ever larger pieces, so
            # joining them stays linear.
            while not batches and self._failure is None:
                if not (data := follower.read(max(CHUNK_BYTES, len(follower.held)))):
                    break
                batches = self._take(follower, data)
            if follower.held and self._failure is None and follower.size_bytes == follower.read_bytes:
                if is_left or follower.is_whole:
                    batches += self._take_last(follower, len(follower.held))
                elif self._is_quiet(follower, now) and self._waits_to_be_taken(follower):
                    batches += self._take_last(follower, whole_lines_bytes(follower.held))
            if follower.size_bytes > follower.read_bytes:
                self._make_ready(follower)
            else:
                self._at_end(follower)
        except ConfigError as error:
            self._tell(follower.path, f"{error.message}; it is passed over")
            self._close(follower)
            follower.set_aside()  # until the next look
        except NotUnpackedError as error:
            self._cannot_unpack(follower, error)
        except OSError as error:
            self._tell(follower.path, f"file {follower.path!r} cannot be read: {reason(error)}; it is tried again")
            self._close(follower)
        return batches

    def _was_another_between(self, follower: Follower) -> bool:
        """Whether a file that was empty has been filled, copied and cut since, so that the copies come first."""
        if follower.empty_ns is None or follower.raw_bytes == 0:
            return False
        empty_ns, follower.empty_ns = follower.empty_ns, None
        count = len(self._followed)
        self._follow_between(follower.path, empty_ns, {True, False}, Neighbours(), time.monotonic())
        return len(self._followed) > count

    def _cannot_unpack(self, follower: Follower, error: NotUnpackedError) -> None:
        message = f"file {follower.path!r} cannot be read behind position {follower.read_bytes}: {error}"
        if self._config.is_tolerant:
            self._tell(follower.path, f"left out, since errors.tolerance=all: {message}")
            follower.set_aside()
        else:
            self._failure = DataError(
                message, hint="Mend or remove the file, or set errors.tolerance=all to leave its rest out."
            )

    def _is_left(self, follower: Follower, now: float) -> bool:
        """Whether a last line without an end is one: the file has lost its name, and nobody seems to write to it."""
        if follower.is_whole:
            return True
        if (self._config.is_whole or self._config.at_end.action != "tail") and self._is_quiet(follower, now):
            return True
        is_old = follower.is_behind or follower.is_packed or follower.gone_at is not None
        return is_old and now - follower.grown_at >= LINGER_S

    def _at_end(self, follower: Follower) -> None:
        """Have the system tell when a file goes on."""

        def wake() -> None:
            self._touched.append(follower)
            self._context.wakeup()

        before, follower.is_at_end = (follower.size_bytes, follower.modified_ns), True
        follower.read_ns = follower.modified_ns
        follower.watch(wake)
        follower.refresh(time.monotonic())
        if (follower.size_bytes, follower.modified_ns) != before:  # between the read and the watch
            self._take_note(follower)

    def _begin_of(self, follower: Follower) -> int:
        assert follower.contents is not None
        return follower.contents.mark_bytes + self._format_of(follower).header_bytes(follower.layout)

    def _know_layout(self, follower: Follower, *, is_left: bool) -> bool:
        """Look at the beginning of a file for what the format wants of it; False where it is not there yet."""
        if follower.layout is not None:
            return True
        format_ = self._format_of(follower)
        assert follower.contents is not None
        head_bytes, mark_bytes = CHUNK_BYTES, follower.contents.mark_bytes
        while True:
            head = follower.bytes_at(mark_bytes, head_bytes)
            if is_left and len(head) < head_bytes:
                head += b"\n"  # all that will come has come
            try:
                follower.layout = format_.layout_of(head)
            except ValueError as error:
                self._failure = DataError(
                    f"file {follower.path!r} cannot be read: {error}", hint="Mend the file, or leave it out."
                )
                return False
            if follower.layout is not None or len(head) < head_bytes or head_bytes > LINE_BYTES_MAX:
                break
            head_bytes *= 4
        if follower.layout is None:
            return False
        if follower.position < (begin := self._begin_of(follower)):
            follower.go_to(min(begin, mark_bytes + len(follower.bytes_at(mark_bytes, begin))))
        return True

    def _format_of(self, follower: Follower) -> Format:
        """Return the format with the character set that the file says it has, or else the config."""
        charset = None if follower.contents is None else follower.contents.charset
        if charset not in self._formats:
            self._formats[charset] = self._config.format_of(charset)
        return self._formats[charset]

    def _take(self, follower: Follower, data: bytes) -> list[Batch]:
        """Make batches of the whole records of what was read, and hold the rest back."""
        if follower.held:
            data = follower.held + data
        format_ = self._format_of(follower)
        batches: list[Batch] = []
        start, window_bytes = 0, len(data)
        while start < len(data):
            window = data[start : start + window_bytes]
            taken = format_.take(window, follower.layout, self._config.batch_records)
            before = start
            for rows in taken.rows:
                batches += self._batch(follower, rows, data[start : start + rows.size_bytes])
                start += rows.size_bytes
            if taken.bad is not None:
                if not self._leave_out(follower, taken.bad):
                    return batches
                follower.went_on(data[start : start + taken.bad.size_bytes])
                start += taken.bad.size_bytes
                window_bytes = AFTER_BAD_BYTES  # another may follow, and each is looked for from where it begins
            elif len(window) == len(data) - before:
                break
            elif start == before:
                window_bytes *= 4  # one record is longer
        data = data[start:]
        follower.held = data
        if len(data) > LINE_BYTES_MAX:
            self._failure = DataError(  # the next poll tells of it: this one has records of other files
                f"file {follower.path!r} has a line of more than {LINE_BYTES_MAX >> 20} MiB "
                f"at position {follower.position}",
                code=LINE_TOO_LONG,
            )
        return batches

    def _take_last(self, follower: Follower, count_bytes: int) -> list[Batch]:
        """Make records of what is held, behind which nothing will come."""
        last, follower.held = follower.held[:count_bytes], follower.held[count_bytes:]
        taken = self._format_of(follower).last(last, follower.layout, self._config.batch_records)
        batches: list[Batch] = []
        for rows in taken.rows:
            batches += self._batch(follower, rows, last[: rows.size_bytes])
            last = last[rows.size_bytes :]
        if last:
            bad = taken.bad or BadRecord(len(last), "it has no end")
            if self._leave_out(follower, bad):
                follower.went_on(last)
        return batches

    def _leave_out(self, follower: Follower, bad: BadRecord) -> bool:
        """Whether to go on behind a record that cannot be read."""
        message = f"file {follower.path!r} has a record at position {follower.position} that cannot be read: {bad.why}"
        if not self._config.is_tolerant:
            follower.held = b""
            self._failure = DataError(  # the next poll tells of it: this one has the records in front of it
                message, hint="Mend the file, or set errors.tolerance=all to leave such records out."
            )
            return False
        self._left_out += 1
        if self._left_out <= LEFT_OUT_TOLD:
            more = "; further ones are not told of" if self._left_out == LEFT_OUT_TOLD else ""
            self._log.warning("left out, since errors.tolerance=all: %s%s", message, more)
        return True

    def _batch(self, follower: Follower, rows: Rows, read: bytes) -> list[Batch]:
        """Go on behind some rows, which are these bytes in the file, and make a batch of them."""
        follower.went_on(read)
        if not rows.values:
            return []
        self._remember(follower, len(read))
        if rows.undecodable and not self._warned_undecodable:
            self._warned_undecodable = True
            self._log.warning(
                "file %r is not all UTF-8: before position %d, and maybe in other files, bytes that are not become "
                "U+FFFD",
                follower.path,
                follower.position,
            )
        self._has_begun = self._has_begun or follower.emitted is None
        offset = follower.emitted = follower.offset()
        return [
            Batch(
                self._config.topic,
                rows.values,
                keys=[text_of(follower.path)] if self._config.is_whole else None,
                key_schema=STRING if self._config.is_whole else None,
                timestamps=time.time_ns() // 1_000_000,
                value_schema=self._format_of(follower).schema(follower.layout),
                source_partition=follower.partition,
                source_offset=offset,
            )
        ]

    def _remember(self, follower: Follower, size_bytes: int) -> None:
        """Keep where a batch began, for as long as it may be asked about."""
        assert follower.partition is not None
        self._batches[_key(follower.partition), follower.position] = follower.position - size_bytes
        if len(self._batches) > 4096:
            self._batches.popitem(last=False)

    # -- identity --------------------------------------------------------------------------------------------------

    def _identify(self, follower: Follower, *, is_whole: bool = False) -> bool:
        """Find out which partition a file is, and where it goes on; False as long as its first line has no end."""
        if follower.partition is not None:
            return True
        if follower.copy_of is not None:
            if self._is_copy(follower, follower.copy_of):
                return True
            self._copies.discard(follower)
            follower.copy_of = None
        if not self._opened(follower):
            return False
        line = first_line(follower.bytes_at(0, HEAD_BYTES), is_whole=is_whole)
        if line is None:
            return False
        names = [_family(follower.path), *earlier_names(follower.path)]
        own = next(_partitions(names[0], line, follower.inode[1]))
        plain = {"filename": text_of(names[0]), "first_line": line}
        is_taken = False
        for name in dict.fromkeys(names):
            for partition in _partitions(name, line, follower.inode[1]):
                live = self._by_key.get(_key(partition))
                if live is not None and live is not follower:
                    if self._is_copy(follower, live):
                        if follower.partition is None:
                            follower.copy_of, follower.held = live, b""
                            self._copies.add(follower)
                        return True
                    is_taken = is_taken or partition == plain
                    continue
                offset = self._stored(partition)
                if offset is None:
                    continue
                if follower.fits(offset):
                    follower.go_to(offset["position"])
                    self._claim(follower, partition)
                    return True
                is_taken = is_taken or partition == plain
                if offset.get("inode") == follower.inode[1]:
                    self._say_starting_over(follower, offset["position"])
        self._claim(follower, own if is_taken else plain)
        return True

    def _is_copy(self, follower: Follower, live: Follower) -> bool:
        """Whether a file holds what another does, of which it is a generation by its name: a copy of it, of which
        nothing is to be read while the other is there."""
        common = _names(live.path) & _names(follower.path)
        # Parts of one thing, part-1 and part-2, have a name in common that nothing has: these are no generations.
        if not any(map(os.path.lexists, common)) or not self._opened(live):
            return False
        if live.is_packed:
            return False
        live.refresh(time.monotonic())
        if not live.is_as_it_was():
            self._was_cut(live)
            self._take_note(live)
            return follower.partition is not None  # it stands in for what was cut
        position = live.size_bytes if follower.is_packed else min(follower.size_bytes, live.size_bytes)
        if position < HEAD_BYTES and not follower.is_new:  # a short text proves little
            return False
        length = min(position, HEAD_BYTES)
        follower.verified_bytes = follower.size_bytes
        return follower.holds(live.bytes_at(0, length), live.bytes_at(position - length, length), position)

    def _was_cut(self, follower: Follower) -> None:
        """Begin anew with a file that is not as it was; what is left of it elsewhere is read first."""
        position = follower.position
        copy = self._copy_of(follower) if not self._config.is_whole else None
        if copy is not None:
            self._stand_in(copy, follower)
            copy.is_behind = True
            self._log.info(
                "file %r was cut; its copy %r is read on from position %d", follower.path, copy.path, position
            )
            self._take_note(copy)
        else:
            if follower.partition is not None:
                self._by_key.pop(_key(follower.partition), None)
            if not self._config.is_whole:
                self._say_starting_over(follower, position)
        follower.begin()
        if not self._config.is_whole:
            # What was copied and cut more than once since the last look.
            name, anchor_ns = Path(follower.path).name, follower.read_ns if copy is None else copy.modified_ns
            styles = {True, False} if copy is None else {Path(copy.path).name.startswith(name)}
            self._follow_between(follower.path, anchor_ns, styles, Neighbours(), time.monotonic())

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
        beside = [one for name in _names(follower.path) for one in neighbours.of(name)]
        for sibling in sorted(beside, key=lambda one: one.modified_ns, reverse=True):
            copy = self._followed.get(sibling.inode)
            if copy is not None and copy.partition is not None:
                continue
            if copy is None:
                if follower.position < HEAD_BYTES and sibling.modified_ns < follower.read_ns:
                    continue  # from before, and a short text proves little
                copy = Follower(Found(sibling.path, sibling.inode, sibling.size_bytes, sibling.modified_ns), now)
                copy.gone_at = now
            with contextlib.suppress(OSError, ConfigError, NotUnpackedError):
                if self._opened(copy) and copy.holds(follower.head, follower.tail, follower.position):
                    copy.refresh(now)
                    self._followed[copy.inode] = copy
                    return copy
            if copy.inode not in self._followed:
                self._close(copy)
        return None

    def _stored(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        offset = self._context.offset(partition)
        if offset is not None:
            position_of(offset, partition["filename"])
        return offset

    def _claim(self, follower: Follower, partition: Mapping[str, Any]) -> None:
        follower.partition = dict(partition)
        self._by_key[_key(partition)] = follower

    # -- open files and folders ------------------------------------------------------------------------------------

    def _opened(self, follower: Follower) -> bool:
        if follower.descriptor is not None:
            self._open.move_to_end(follower)
            return True
        if not self._found_and_opened(follower):
            # Another file has its path. The next look tells where it is, and nothing newer is read until then: a kill
            # would leave an offset behind it, which says that it was read.
            follower.set_aside()
            self._waiting.add(_family(follower.path))
            self._has_news = True
            return False
        self._was_opened(follower)
        return True

    def _found_and_opened(self, follower: Follower) -> bool:
        """Open a file, also where a rotation has just moved it on: what is newer must not be read before it."""
        with contextlib.suppress(FileNotFoundError):
            if follower.open():
                return True
        for _ in range(_OPEN_TRIES):  # it may be moved on again meanwhile
            neighbours = Neighbours()
            beside = [one for name in _names(follower.path) for one in neighbours.of(name)]
            sibling = next((one for one in beside if one.inode == follower.inode), None)
            if sibling is None:
                return False
            follower.path = sibling.path
            with contextlib.suppress(FileNotFoundError):
                if follower.open():
                    return True
        return False

    def _was_opened(self, follower: Follower) -> None:
        self._open[follower] = None
        self._open.move_to_end(follower)
        if len(self._open) > OPEN_MAX:  # a file that has lost its name can hardly be opened again
            others = [one for one in self._open if one is not follower]
            named = [one for one in others if one.gone_at is None] or others
            self._close(next((one for one in named if not one.held), named[0]))  # what is held would be read again

    def _close(self, follower: Follower) -> None:
        self._open.pop(follower, None)
        follower.close()

    def _watch_folders(self) -> None:
        """Have the next poll come at once when a name comes into a folder, as far as the system tells of that."""
        folders = sorted(self._config.listing.folders)[:WATCHED_FOLDERS_MAX]
        for folder in self._folders.keys() - set(folders):
            self._folders.pop(folder).close()
        for folder in folders:
            if folder not in self._folders:
                if not is_local(folder):
                    continue
                self._folders[folder] = Watch(self._news)
            self._folders[folder].set_folder(folder)

    def _news(self) -> None:
        self._has_news = True
        self._context.wakeup()

    def _tell(self, path: str, message: str) -> None:
        if (path, message) not in self._told:
            self._told.add((path, message))
            self._log.warning("%s", message)


def _seen_again(sibling: Sibling, known: Seen | None) -> Seen:
    """Look at a file beside another, unless it is as it was: there may be hundreds."""
    if known is not None and (known.modified_ns, known.size_bytes) == (sibling.modified_ns, sibling.size_bytes):
        return known
    return seen(sibling)


def _family(path: str) -> str:
    """Return the path that a file had before rotations put something behind it."""
    while (earlier := earlier_names(path)) and path.startswith(earlier[0]):
        path = earlier[0]
    return path


def _names(path: str) -> set[str]:
    return {path, *earlier_names(path)}


def _partitions(name: str, line: str, number: int) -> Iterator[dict[str, Any]]:
    """Return the source partitions that a file may be: its own where others have the same first line, then the one that
    the first of these has."""
    plain = {"filename": text_of(name), "first_line": line}
    return iter(({**plain, "inode": number}, plain))


def _key(partition: Mapping[str, Any]) -> _Key:
    return (partition.get("filename"), partition.get("first_line"), partition.get("inode"))
