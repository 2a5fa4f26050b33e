"""Settling a source's records that failed: their letters first, where there is a dead letter queue, then the count."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from connect.api import ConnectError
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.tolerance import Tolerance


class Settling:
    """One source task's way to leave records out. For the event loop.

    Args:
        queue: None where the config names none.
    """

    def __init__(self, queue: DeadLetterQueue | None, tolerance: Tolerance, log: logging.Logger) -> None:
        self._queue = queue
        self._tolerance = tolerance
        self._log = log

    async def settle(self, failures: Sequence[Failure]) -> None:
        """Send the letters of records that are skipped, and count them.

        Raises:
            Interrupted: The task is to stop, and the log cannot take them now.
            ConnectError: dead_letter.unwritable; none is skipped.
        """
        if failures:
            if self._queue is not None:
                await self._queue.keep(failures)
            self._tolerance.skip(failures)

    async def settle_at_last(self, failures: Sequence[Failure]) -> bool:
        """As `settle`, of a poll that has failed or was interrupted; tried once. Return whether nothing is missing."""
        if failures and self._queue is not None:
            try:
                await self._queue.keep(failures, waits=False)
            except ConnectError as error:
                self._log.error("%s", error.message)
                return False
        self._tolerance.skip(failures)
        return True

    async def keep_last(self) -> None:
        """Send the letter of the record that ends the task, once."""
        if self._queue is not None and self._tolerance.ended_by is not None:
            await self._queue.keep([self._tolerance.ended_by], waits=False)

    async def flush(self) -> None:
        """Return when the letters of all that was skipped are on disk."""
        if self._queue is not None:
            await self._queue.flush()
