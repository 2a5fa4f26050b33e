"""What becomes of a record that fails: tried again, skipped, or the end of the task.

`errors.retry.timeout` tries a `RetriableError` again, `errors.tolerance` decides about the rest. Runs on the task's
thread, so it may wait; it waits on the task's `stopping`, so a stop is never held up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from connect.api import Batch, ConnectError, DataError, Plugin, RetriableError
from connect.runtime.config import ConnectorConfig, SinkConnectorConfig
from connect.runtime.dead_letters import Letter

T = TypeVar("T")

#: Kafka Connect's first wait between two tries, in ms; it doubles each time.
RETRY_DELAY_MIN_MS = 300


def backoff_ms(attempt: int, *, first_ms: int = RETRY_DELAY_MIN_MS, max_ms: int) -> int:
    """Return the wait before try `attempt` + 1: doubling from `first_ms`, at most `max_ms`."""
    return min(first_ms << min(attempt, 30), max_ms)


class Tolerance:
    """One task's rules for failing records, and its count of skipped ones.

    Attributes:
        letters: Records that failed and belong into the dead letter queue, for the task to send and clear; always
            empty where the config names no queue. They are there too when the failure ends the task, as in Kafka.
    """

    def __init__(
        self,
        config: ConnectorConfig,
        *,
        log: logging.Logger | logging.LoggerAdapter[Any],
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tolerates = config.errors_tolerance == "all"
        self.skipped = 0
        self.letters: list[Letter] = []
        self._keeps_letters = isinstance(config, SinkConnectorConfig) and bool(config.errors_deadletterqueue_topic_name)
        self._retry_timeout_ms = config.errors_retry_timeout
        self._delay_max_ms = config.errors_retry_delay_max_ms
        self._log_enabled = config.errors_log_enable
        self._log_messages = config.errors_log_include_messages
        self._log = log
        self._stopping = stopping
        self._clock = clock

    def attempt(self, function: Callable[[], T]) -> T:
        """Call a function, again after a `RetriableError` for as long as `errors.retry.timeout` allows."""
        began, tries = self._clock(), 0
        while True:
            try:
                return function()
            except RetriableError as error:
                wait_ms = error.retry_after_ms or backoff_ms(tries, max_ms=self._delay_max_ms)
                spent_ms = (self._clock() - began) * 1000
                if 0 <= self._retry_timeout_ms < spent_ms + wait_ms or self._stopping.wait(wait_ms / 1000):
                    raise
                tries += 1

    def failed(
        self, error: Exception, *, stage: str, batch: Batch, index: int = 0, at: tuple[str, Plugin] | None = None
    ) -> None:
        """Skip one record, or raise what ends the task: the cause first, then stage and coordinates.

        Args:
            stage: What was done, for people.
            at: Kafka's name of the stage and the plugin that was at work, for the dead letter queue.
        """
        where = _coordinates(batch, index)
        if self._keeps_letters and at is not None:
            self.letters.append(Letter.of(batch, index, *at, error))
        reason = error.message if isinstance(error, ConnectError) else f"{type(error).__name__}: {error}"
        if not self.tolerates:
            code = error.code if isinstance(error, ConnectError) else "data.invalid"
            hint = error.hint if isinstance(error, ConnectError) else None
            raise DataError(f"{reason} ({stage}, {where})", code=code, hint=hint) from error
        self.skipped += 1
        if self._log_enabled:
            self._log.error("skipped a record: %s (%s%s)", reason, stage, f", {where}" if self._log_messages else "")


def _coordinates(batch: Batch, index: int) -> str:
    parts = [f"topic {batch.original_topic or batch.topic}"]
    partition = batch.original_partition if batch.original_partition is not None else batch.partition
    if partition is not None:
        parts.append(f"partition {partition}")
    if batch.offsets is not None:
        parts.append(f"offset {batch.offsets[index]}")
    elif batch.source_partition is not None:
        offset = batch.source_offsets[index] if batch.source_offsets is not None else batch.source_offset
        parts.append(f"source partition {dict(batch.source_partition)}")
        if offset is not None:
            parts.append(f"up to source offset {dict(offset)}")
    return ", ".join(parts)
