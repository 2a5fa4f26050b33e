"""How long to wait before a call is made again, and when to give up.

Waits double from 300 ms up to `errors.retry.delay.max.ms`, give or take a fifth, so that many tasks that lost one
server do not come back to it at once. An error may ask for its own wait. `errors.retry.timeout` counts from the first
call; the last wait is cut so that one more call is made just when the time is up.

Source: Kafka 4.3.1, RetryWithToleranceOperator.java (first wait, doubling, the cut), ExponentialBackoff.java (a fifth).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

from connect.api import RetriableError

#: Kafka Connect's first wait between two tries, in ms; it doubles each time.
RETRY_DELAY_MIN_MS: Final = 300
#: The longest wait that an error may ask for: a day.
RETRY_AFTER_MAX_MS: Final = 24 * 60 * 60 * 1000
#: By what share of itself a wait is longer or shorter, by chance.
JITTER: Final = 0.2


def backoff_ms(attempt: int, *, first_ms: int = RETRY_DELAY_MIN_MS, max_ms: int) -> int:
    """Return the wait in ms before try `attempt` + 1: doubling from `first_ms`, at most `max_ms`."""
    return min(first_ms << min(attempt, 30), max_ms)


def jittered(wait_ms: int, chance: Callable[[], float] = random.random) -> int:
    """Return a wait that is up to a fifth longer or shorter, and no less than 1 ms."""
    return max(1, round(wait_ms * (1 - JITTER + 2 * JITTER * chance())))


def asked_ms_of(error: Exception) -> int | None:
    """Return the wait that a `RetriableError` asks for, None where it asks for none that makes sense."""
    asked: Any = getattr(error, "retry_after_ms", None) if isinstance(error, RetriableError) else None
    # It is a plugin's: one of no time at all would be tried again without end and without rest.
    return int(asked) if type(asked) in (int, float) and 1 <= asked <= RETRY_AFTER_MAX_MS else None


def wait_ms_of(error: Exception, attempt: int, *, max_ms: int) -> int:
    """Return the wait in ms before try `attempt` + 1: what the error asks for, else the back-off with its jitter."""
    asked = asked_ms_of(error)
    return asked if asked is not None else min(jittered(backoff_ms(attempt, max_ms=max_ms)), max_ms)


class Retries:
    """The tries of one call.

    Attributes:
        tries: How often it was made and failed.

    Args:
        timeout_ms: How long it is made again; below 0 for ever, 0 not at all.
        max_ms: The longest wait.
        began_s: When the first try began, where that is not now; in the clock's time.
    """

    def __init__(
        self,
        timeout_ms: int,
        max_ms: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        began_s: float | None = None,
    ) -> None:
        self.tries = 0
        self._timeout_ms = timeout_ms
        self._max_ms = max_ms
        self._clock = clock
        self._began_s = clock() if began_s is None else began_s

    def failed(self, error: RetriableError) -> int:
        """Take a failure; return the wait in ms before the next try.

        Raises:
            RetriableError: The time is up: the last error, with how often and how long it was tried.
        """
        self.tries += 1
        wait_ms = wait_ms_of(error, self.tries - 1, max_ms=self._max_ms)
        if self._timeout_ms < 0:
            return wait_ms
        spent_ms = (self._clock() - self._began_s) * 1000
        if spent_ms >= self._timeout_ms:
            raise self._given_up(error, spent_ms)
        return max(1, min(wait_ms, round(self._timeout_ms - spent_ms)))

    def _given_up(self, error: RetriableError, spent_ms: float) -> RetriableError:
        story = (
            f"{error.message} (given up after {self.tries} tries in {spent_ms / 1000:.1f} s, "
            f"errors.retry.timeout={self._timeout_ms})"
        )
        given_up = RetriableError(story, code=error.code, hint=error.hint)
        given_up.__cause__ = error
        return given_up
