"""Many files into a topic: what `FileStreamSource` does behind `files`. Decision 0065.

A poll looks for files where it is time to, then reads those that have grown, each family of generations in turn and the
oldest of a family first, until it has a mebibyte. What happens to a file is seen at two places:

    Look.look        names: new files, moved and deleted ones, those beside a name that has passed to another file
    Reader._read     contents: a file that is shorter, or another, than what was read of it

The rooms, each of which knows those above it:

    followed.py      the files, and the config
    ready.py         which is read next
    opened.py        which are open
    generations.py   what had a name between two looks
    identity.py      which partition a file is, and whether it is what it was
    looking.py       names
    taking.py        bytes to batches

All calls are for the task's thread, and block.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connect.api import Batch, ConfigError, DataError, SourceTaskContext
from connect_file.contents import NotUnpackedError
from connect_file.errors import reason
from connect_file.followed import FilesConfig, Followed, key_of
from connect_file.follower import Follower
from connect_file.generations import Generations
from connect_file.identity import Identities
from connect_file.lines import CHUNK_BYTES, whole_lines_bytes
from connect_file.listing import Found
from connect_file.looking import Look
from connect_file.opened import OpenFiles
from connect_file.ready import Ready
from connect_file.rotation import HEAD_BYTES, Neighbours
from connect_file.taking import Taking

#: Two looks are this far apart, however many names come into the folders.
LOOK_WAIT_S: Final = 0.1


class Reader:
    """The files of one task."""

    def __init__(self, config: FilesConfig, context: SourceTaskContext) -> None:
        self._config, self._context, self._log = config, context, context.log
        self._touched: deque[Follower] = deque()  # other threads append to it
        self._followed = followed = Followed(config, context)
        self._ready = ready = Ready(config, followed)
        self._opened = opened = OpenFiles(ready, config.listing, context.wakeup)
        self._generations = generations = Generations(followed, ready, opened, context.log)
        self._identity = identity = Identities(config, context, followed, ready, opened, generations)
        self._looking = Look(config, context, followed, ready, opened, generations, identity)
        self._taking = Taking(config, context.log)

    def close(self) -> None:
        for follower in self._followed.by_inode.values():
            follower.close()
        self._opened.stop_watching()

    def poll(self) -> list[Batch]:
        """Return the next batches; empty where nothing has grown, and the context's `poll_wait_s` says when to ask
        again."""
        if self._taking.failure is not None:
            raise self._taking.failure
        self._context.poll_wait_s = None
        now = time.monotonic()
        while self._touched:
            touched = self._touched.popleft()
            if touched.descriptor is not None:
                touched.refresh(now)
                self._ready.take_note(touched)
        if now >= self._looking.next_at or (self._opened.has_news and now >= self._looking.looked_at + LOOK_WAIT_S):
            self._looking.look(now)
        batches: list[Batch] = []
        left_bytes = CHUNK_BYTES
        while left_bytes > 0 and self._taking.failure is None and (follower := self._ready.next()) is not None:
            before = follower.read_bytes
            batches += self._read(follower, now)
            left_bytes -= max(follower.read_bytes - before, 1024)  # a file costs more than its bytes
        if not batches:
            if self._taking.failure is not None:
                raise self._taking.failure
            next_look = self._looking.looked_at + LOOK_WAIT_S if self._opened.has_news else self._looking.next_at
            is_ready = self._ready.next_family() is not None
            self._context.poll_wait_s = 0.0 if is_ready else max(next_look - time.monotonic(), 0.0)
        return batches

    def take_news(self) -> bool:
        """Whether the first records of a file were returned since this was last asked."""
        has_begun, self._taking.has_begun = self._taking.has_begun, False
        return has_begun

    def offset_within(self, batch: Batch, count: int) -> dict[str, Any] | None:
        """Return the offset behind the first records of a batch: positions of lines are not kept, so the file is looked
        into again. None where it is not as it was."""
        if batch.source_partition is None or batch.source_offset is None:
            return None
        key, end = key_of(batch.source_partition), batch.source_offset["position"]
        follower, start = self._followed.by_key.get(key), self._taking.batches.get((key, end))
        if follower is None or start is None:
            return None
        again = Follower(Found(follower.path, follower.inode, follower.size_bytes, 0), 0.0)
        try:
            if not again.open():
                return None
            again.go_to(start)
            data = again.bytes_at(start, end - start) + b"\n"  # which a last line may lack
            format_ = self._taking.format_of(follower)
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

    def committed(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        """Hear up to where records are durable."""
        self._looking.committed(offsets)

    def _read(self, follower: Follower, now: float) -> list[Batch]:
        batches: list[Batch] = []  # once made they count as read, whatever fails behind
        try:
            if not self._opened.open(follower):
                return []
            follower.refresh(now)
            if not follower.is_as_it_was():
                self._identity.was_cut(follower)
                self._ready.take_note(follower)
                return []
            if self._was_another_between(follower):
                self._ready.make_ready(follower)
                return []
            if follower.partition is None:
                follower.look_inside()
                follower.bytes_at(0, HEAD_BYTES)
            is_left = self._looking.is_left(follower, now)
            if self._config.is_whole and not is_left:  # not held until then: it may be one of thousands
                self._at_end(follower)
                return []
            if not self._identity.identify(follower, is_whole=is_left):
                self._at_end(follower)
                return []
            if follower.copy_of is not None:
                return []
            if not self._taking.know_layout(follower, is_left=is_left):
                self._at_end(follower)
                return []
            if not self._config.is_whole:
                follower.back_to_a_line(self._taking.begin_of(follower))
            elif follower.held == b"" and follower.size_bytes > follower.position > self._taking.begin_of(follower):
                follower.go_to(self._taking.begin_of(follower))  # it went on: then it is another record
            # A long record is read to its end at once, and a last one taken: with more files than may be open, this one
            # is closed before the next time, and what is held of it read again. It is read in ever larger pieces, so
            # joining them stays linear.
            begun_at = follower.position
            while follower.position == begun_at and self._taking.failure is None:
                if not (data := follower.read(max(CHUNK_BYTES, len(follower.held)))):
                    break
                batches += self._taking.take(follower, data)
            if follower.held and self._taking.failure is None and follower.size_bytes == follower.read_bytes:
                if is_left or follower.is_whole:
                    batches += self._taking.take_last(follower, len(follower.held))
                elif self._followed.is_quiet(follower, now) and self._ready.waits_to_be_taken(follower):
                    batches += self._taking.take_last(follower, whole_lines_bytes(follower.held))
            if follower.size_bytes > follower.read_bytes:
                self._ready.make_ready(follower)
            else:
                self._at_end(follower)
        except ConfigError as error:
            self._followed.tell(follower.path, f"{error.message}; it is passed over")
            self._opened.close(follower)
            follower.set_aside()  # until the next look
        except NotUnpackedError as error:
            self._cannot_unpack(follower, error)
        except OSError as error:
            self._followed.tell(
                follower.path, f"file {follower.path!r} cannot be read: {reason(error)}; it is tried again"
            )
            self._opened.close(follower)
        return batches

    def _was_another_between(self, follower: Follower) -> bool:
        """Whether a file that was empty has been filled, copied and cut since, so that the copies come first."""
        if follower.empty_ns is None or follower.raw_bytes == 0:
            return False
        empty_ns, follower.empty_ns = follower.empty_ns, None
        count = len(self._followed.by_inode)
        self._generations.follow_between(follower.path, empty_ns, {True, False}, Neighbours(), time.monotonic())
        return len(self._followed.by_inode) > count

    def _cannot_unpack(self, follower: Follower, error: NotUnpackedError) -> None:
        message = f"file {follower.path!r} cannot be read behind position {follower.read_bytes}: {error}"
        if self._config.is_tolerant:
            self._followed.tell(follower.path, f"left out, since errors.tolerance=all: {message}")
            follower.set_aside()
        else:
            self._taking.failure = DataError(
                message, hint="Mend or remove the file, or set errors.tolerance=all to leave its rest out."
            )

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
            self._ready.take_note(follower)
