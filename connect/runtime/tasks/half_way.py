"""How far the poll that is being appended has come: what may be committed of it where it is cut, slow or fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from connect.api import Batch, ConnectError, SourceTask
from connect.api.contract import check_source
from connect.runtime.border.calls import TaskThread, call
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.source_offsets import (
    SourceOffset,
    can_end_before,
    half_way,
    offsets_before,
    offsets_of,
)


class HalfWay:
    """The poll that one source task appends now. For the event loop.

    Args:
        noted_each_s: How often note is taken of a poll that takes its time.
        reached: Takes offsets whose records are in the log.
    """

    def __init__(
        self,
        thread: TaskThread,
        plugin: SourceTask,
        *,
        noted_each_s: float,
        reached: Callable[[Sequence[SourceOffset]], None],
        log: logging.Logger,
    ) -> None:
        self._thread = thread
        self._plugin = plugin
        self._can_tell = type(plugin).offset_within is not SourceTask.offset_within
        self._noted_each_s = noted_each_s
        self._reached = reached
        self._log = log
        self._polled: Sequence[Batch] = ()
        self._appended: Sequence[Outgoing] = ()
        self._is_whole = False
        self._noted_at = 0.0
        #: Batches whose append failed within, and how many records of each are in the log.
        self._failed: list[tuple[Batch, int]] = []

    def begin(self, polled: Sequence[Batch], appended: Sequence[Outgoing], *, is_whole: bool) -> None:
        """Begin with a poll.

        Args:
            appended: What of it is in the log; grows while it is appended.
            is_whole: No offset before its end may be committed.
        """
        self._polled, self._appended, self._is_whole = polled, appended, is_whole
        self._noted_at = time.monotonic()

    def may_end(self, left: Sequence[Outgoing]) -> bool:
        """Whether a stop may come in front of these, so that they come again and nothing else does."""
        return not self._is_whole and can_end_before(left, can_tell=self._can_tell)

    def note(self, left: Callable[[], list[Outgoing]], may_end: Callable[[list[Outgoing]], bool]) -> None:
        """Take note, now and then, of how far a poll came that takes its time: where each record has its offset."""
        if time.monotonic() - self._noted_at < self._noted_each_s:
            return
        self._noted_at = time.monotonic()
        if may_end(rest := left()):
            self._reached(offsets_before(self._polled, self._appended, rest, in_order=self._in_order(rest)))

    def failed(self, left: Sequence[Outgoing]) -> None:
        """Take note of how far a poll came that failed."""
        in_order = self._in_order(left)
        self._reached(offsets_before(self._polled, self._appended, left, in_order=in_order))
        self._failed = half_way(self._polled, self._appended, left) if in_order else []

    def _in_order(self, left: Sequence[Outgoing]) -> bool:
        return all(out.is_in_order for out in (*self._appended, *left))

    async def ask(self) -> None:
        """Have the source tell up to where the batches came whose append failed within: at the end, beside no poll."""
        for batch, count in self._failed:
            try:
                offset = await call(self._thread, self._plugin.offset_within, batch, count)
                reached = batch.replace(source_offset=offset)
                check_source(self._plugin, "offset_within", reached)
            except ConnectError as error:  # what failed before is the task's failure
                self._log.warning("%d records of a batch that failed will come again: %s", count, error.message)
            else:
                self._reached(offsets_of([reached]))
