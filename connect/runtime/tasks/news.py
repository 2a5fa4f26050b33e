"""What a source's plugin is told between two of its polls: of records that are durable, and of committed offsets."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from connect.api import SourceTask
from connect.runtime.border.calls import TaskThread, call
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.source_offsets import PendingOffsets, SourceOffset


class News:
    """What one source task is to hear. For the event loop; the plugin is called on its own thread.

    Args:
        acks: Of a task that wants to hear of each record; None of all others.
    """

    def __init__(
        self, thread: TaskThread, plugin: SourceTask, acks: Acknowledgements | None, log: logging.Logger
    ) -> None:
        self._thread = thread
        self._plugin = plugin
        self._acks = acks
        self._log = log
        self._committed = PendingOffsets()
        self._is_untold = False

    def committed(self, offsets: Sequence[SourceOffset]) -> None:
        """Take note of what was committed."""
        self._committed.add(offsets)
        self._is_untold = True

    async def tell(self) -> None:
        """Tell the plugin what came since it was last told. Between two calls of it, and after the last.

        What the plugin raises is logged, as in Kafka. Offsets come again with the next ones, records do not.
        """
        if self._acks is not None and (records := self._acks.news()):
            try:
                await call(self._thread, self._plugin.commit_records, records)
            except Exception as error:
                self._log.error("the task's commit_records failed: %s: %s", type(error).__name__, error, exc_info=True)
        if not self._is_untold:
            return
        self._is_untold = False
        offsets = self._committed.take()
        try:
            await call(self._thread, self._plugin.commit, offsets)
        except Exception as error:
            self._committed.put_back(offsets)
            self._log.error("the task's commit failed: %s: %s", type(error).__name__, error, exc_info=True)
