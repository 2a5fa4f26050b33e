"""Whether a source has brought all that there was: by what it says, or by polls that bring nothing for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

#: How long the polls of a source that does not tell must have brought nothing.
QUIET_S: Final = 1.0


class Draining:
    """Of one source task. For the event loop.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: Since when polls bring nothing; None where the last one brought something, or there was none yet.
        self._empty_since: float | None = None
        self._is_polling = False

    def begin(self) -> None:
        """A poll begins."""
        self._is_polling = True

    def brought(self) -> None:
        """A poll has brought something, or came to no end."""
        self._is_polling = False
        self._empty_since = None

    def empty(self) -> None:
        """A poll has brought nothing."""
        self._is_polling = False
        if self._empty_since is None:
            self._empty_since = self._clock()

    def begin_anew(self) -> None:
        """What was said of the end so far does not count."""
        self._empty_since = None

    def is_over(self, told: object) -> bool:
        """Say whether the source has come to an end.

        Args:
            told: What it says itself, who may have set it to anything.
        """
        if isinstance(told, bool):
            return told
        since = self._empty_since
        # A poll that takes its time may bring something.
        return since is not None and not self._is_polling and self._clock() - since >= QUIET_S
