"""What becomes of a record that fails: tried again, skipped, or the end of the task.

`errors.retry.timeout` tries a `RetriableError` again, `errors.tolerance` decides about the rest. Runs on the task's
thread, so it may wait; it waits on an event that a stop or a pause of the task sets, so neither is held up. A wait that
is ended so is no verdict: `Interrupted` says that nothing is known of the records in hand, and they come again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connect.api import Batch, ConnectError, DataError, FailedRecord, Plugin, RetriableError
from connect.records import TopicPartition
from connect.runtime.connector_config import ConnectorConfig, SinkConnectorConfig
from connect.runtime.secrets import redact
from connect.runtime.tasks.dead_letters import Letter

T = TypeVar("T")

#: Kafka Connect's first wait between two tries, in ms; it doubles each time.
RETRY_DELAY_MIN_MS = 300
#: The longest wait that an error may ask for: a day.
RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000
#: A logged record's key and value are cut after so many characters.
LOGGED_CHARS_MAX = 1000


class Interrupted(Exception):
    """A stop or a pause ended a wait for another try: no verdict on the records in hand, which come again."""


def backoff_ms(attempt: int, *, first_ms: int = RETRY_DELAY_MIN_MS, max_ms: int) -> int:
    """Return the wait in ms before try `attempt` + 1: doubling from `first_ms`, at most `max_ms`."""
    return min(first_ms << min(attempt, 30), max_ms)


def wait_ms_of(error: Exception, attempt: int, *, max_ms: int) -> int:
    """Return the wait in ms before try `attempt` + 1: what a `RetriableError` asks for, else the back-off."""
    asked: Any = getattr(error, "retry_after_ms", None) if isinstance(error, RetriableError) else None
    # It is a plugin's: one of no time at all would be tried again without end and without rest.
    if type(asked) in (int, float) and 1 <= asked <= RETRY_AFTER_MAX_MS:
        return int(asked)
    return backoff_ms(attempt, max_ms=max_ms)


class Tolerance:
    """One task's rules for failing records, and its count of skipped ones.

    `attempt` is for the task's thread, since it waits between tries; the rest may come from there or the loop.

    Attributes:
        letters: Records that failed and belong into the dead letter queue, for the task to send and clear; always
            empty where the config names no queue. They are there too when the failure ends the task, as in Kafka.

    Args:
        interrupted: Set while the task is asked to stop or to pause.
    """

    def __init__(
        self,
        config: ConnectorConfig,
        *,
        log: logging.Logger | logging.LoggerAdapter[Any],
        interrupted: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tolerates = config.errors_tolerance == "all"
        self.skipped = 0
        self.letters: list[Letter] = []
        #: Hears of each record that fails: the error, the stage, its batch and index, and whether it is skipped.
        self.on_failed: Callable[[Exception, str, Batch, int, bool], None] = _nobody
        self._keeps_letters = isinstance(config, SinkConnectorConfig) and bool(config.errors_deadletterqueue_topic_name)
        self._retry_timeout_ms = config.errors_retry_timeout
        self._delay_max_ms = config.errors_retry_delay_max_ms
        self._log_enabled = config.errors_log_enable
        self._log_messages = config.errors_log_include_messages
        self._log = log
        self._interrupted = interrupted
        self._clock = clock
        self._lock = threading.Lock()
        #: Of a sink: topic, partition and offset of what was skipped since `begin`.
        self._skipped_at: list[tuple[str, int | None, int]] = []

    def attempt(self, function: Callable[[], T]) -> T:
        """Call a function, again after a `RetriableError` for as long as `errors.retry.timeout` allows.

        Blocks while it waits; `interrupted` ends that.

        Raises:
            Interrupted: The task is to stop or to pause, and time for another try was left.
        """
        began, tries = self._clock(), 0
        while True:
            try:
                return function()
            except RetriableError as error:
                wait_ms = wait_ms_of(error, tries, max_ms=self._delay_max_ms)
                spent_ms = (self._clock() - began) * 1000
                if 0 <= self._retry_timeout_ms < spent_ms + wait_ms:
                    raise
                if self._interrupted.wait(wait_ms / 1000):
                    raise Interrupted from error
                tries += 1

    def failed(
        self, error: Exception, *, stage: str, batch: Batch, index: int = 0, at: tuple[str, Plugin] | None = None
    ) -> None:
        """Skip one record, or raise what ends the task: the cause first, then stage and coordinates.

        Args:
            stage: What was done, for people.
            at: Kafka's name of the stage and the plugin that was at work, for the dead letter queue.
        """
        where = coordinates(batch, index)
        if self._keeps_letters and at is not None:
            self.letters.append(Letter.of(batch, index, *at, error))
        self.on_failed(error, stage, batch, index, self.tolerates)
        reason = error.message if isinstance(error, ConnectError) else f"{type(error).__name__}: {error}"
        if not self.tolerates:
            code, hint = (error.code, error.hint) if isinstance(error, ConnectError) else ("plugin.failed", _hint(at))
            raise DataError(f"{reason} ({stage}, {where})", code=code, hint=hint) from error
        with self._lock:  # a source's records fail on the task's thread, and on the loop when they are appended
            self.skipped += 1
            if batch.offsets is not None:
                self._skipped_at.append((*origin(batch), batch.offsets[index]))
        if self._log_enabled:
            shown = f", {where}{_contents(batch, index)}" if self._log_messages else ""
            self._log.error("skipped a record: %s (%s%s)", reason, stage, shown)

    def begin(self) -> None:
        """Begin with what a sink has fetched: what was skipped before is settled."""
        with self._lock:
            self._skipped_at.clear()

    def come_again(self, from_offsets: Mapping[TopicPartition, int], *, is_all: bool) -> None:
        """Take back what is known of the records skipped since `begin` that are read again: count and letters.

        Args:
            from_offsets: Where each partition is read again from.
            is_all: Whether all that was fetched is read again, also what nobody knows the partition of.
        """

        def again(topic: str, partition: int | None, offset: int) -> bool:
            begin = None if partition is None else from_offsets.get(TopicPartition(topic, partition))
            return is_all or (begin is not None and offset >= begin)

        with self._lock:
            kept = [at for at in self._skipped_at if not again(*at)]
            self.skipped -= len(self._skipped_at) - len(kept)
            self._skipped_at = kept
            # The task's loop holds on to the list.
            self.letters[:] = [one for one in self.letters if not again(one.topic, one.partition, one.offset)]

    def take_back(self, count: int) -> None:
        """Count so many records as not skipped: they come again."""
        with self._lock:
            self.skipped -= count


def _hint(at: tuple[str, Plugin] | None) -> str:
    whom = f"the author of {at[1].plugin_name()}" if at is not None else "the plugin's author"
    return f"See the trace and report it to {whom}, or set errors.tolerance=all to skip such records."


def named(error: DataError, bad: FailedRecord) -> DataError:
    """Return the error of one record, of those that an error names."""
    details = {**(error.details or {}), **(bad.details or {})}
    one = DataError(bad.reason, details=details, code=error.code, hint=error.hint)
    one.__cause__ = error
    return one


def failed_record(error: Exception, stage: str, batch: Batch, index: int) -> dict[str, Any]:
    """Return what observers are told of a record that failed; see `connect_record_failed`."""
    own = batch.source_offsets[index] if batch.source_offsets is not None else None
    last = batch.source_offset if index == len(batch) - 1 else None
    return {
        "stage": stage,
        "topic": batch.original_topic or batch.topic,
        "partition": batch.original_partition if batch.original_partition is not None else batch.partition,
        "offset": batch.offsets[index] if batch.offsets is not None else None,
        "source_partition": _plain(batch.source_partition),
        "source_offset": _plain(own if own is not None else last),
        "error_class": type(error).__name__,
        "message": redact(error.message if isinstance(error, ConnectError) else str(error)),
    }


def _plain(mapping: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if mapping is None else dict(mapping)


def _nobody(error: Exception, stage: str, batch: Batch, index: int, skipped: bool) -> None:
    """Where nobody hears of failures."""


def origin(batch: Batch) -> tuple[str, int | None]:
    """Return the topic and partition that records came from, or go to where they came from none."""
    partition = batch.original_partition if batch.original_partition is not None else batch.partition
    return batch.original_topic or batch.topic, partition


def coordinates(batch: Batch, index: int) -> str:
    """Return where a record is, or where it goes: topic, partition and offset, or source partition and offset."""
    topic, partition = origin(batch)
    parts = [f"topic {topic}"]
    if partition is not None:
        parts.append(f"partition {partition}")
    if batch.offsets is not None:
        parts.append(f"offset {batch.offsets[index]}")
    elif batch.source_partition is not None:
        parts.append(f"source partition {dict(batch.source_partition)}")
        parts += _source_offset(batch, index)
    return ", ".join(parts)


def _source_offset(batch: Batch, index: int) -> list[str]:
    own = batch.source_offsets[index] if batch.source_offsets is not None else None
    if own is not None:
        return [f"source offset {dict(own)}"]
    if batch.source_offset is None:
        return []
    if index == len(batch) - 1:
        return [f"source offset {dict(batch.source_offset)}"]
    return [f"record {index + 1} of {len(batch)} up to source offset {dict(batch.source_offset)}"]


def _contents(batch: Batch, index: int) -> str:
    """Return what a log line says of a record beside its place: as Kafka, a source's contents, which nothing else
    keeps; a sink's are in the log.
    """
    if batch.offsets is not None:
        timestamps = batch.timestamps
        return f", timestamp {timestamps[index] if isinstance(timestamps, list) else timestamps}"
    key = batch.keys[index] if batch.keys is not None else None
    return f", key {_shown(key)}, value {_shown(batch.values[index])}"


def _shown(value: Any) -> str:
    text = redact(repr(value[: LOGGED_CHARS_MAX + 1] if isinstance(value, str | bytes) else value))
    return text if len(text) <= LOGGED_CHARS_MAX else f"{text[:LOGGED_CHARS_MAX]}…"
