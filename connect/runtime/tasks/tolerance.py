"""What becomes of a record that fails: tried again, skipped, or the end of the task.

`errors.retry.timeout` tries a `RetriableError` again, `errors.tolerance` decides about the rest. Nothing is counted,
logged or told of a skipped record before it is known that it does not come again, which `skip` says: a stop, a pause
or a rebalance ends the wait for another try without a verdict (`Interrupted`), and then the same records come again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from connect.api import Batch, ConnectError, DataError, Plugin, RetriableError
from connect.api.contract import details_of
from connect.records import Columns
from connect.runtime.backoff import Retries
from connect.runtime.connector_config import ConnectorConfig
from connect.runtime.contracts.discarding import DiscardedError, DiscardedValueError
from connect.runtime.tasks.error_log import ErrorLog
from connect.runtime.tasks.failures import Failure, place_of
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.secret_fields import hide_fields

T = TypeVar("T")


class Interrupted(Exception):
    """A stop or a pause ended a wait for another try: no verdict on the records in hand, which come again."""


class Tolerance:
    """One task's rules for failing records, and its count of skipped ones.

    `attempt` is for the task's thread, since it waits between tries; `failed` may come from there or the loop; `skip`
    is for the loop.

    Attributes:
        skipped: How many records were skipped since the task's start; each counts once.
        ended_by: The record whose failure ended the task, where one did.
        on_failed: Hears of each record that fails, and whether it is skipped.
        meter: Where what fails is counted: the task's, once it has one.

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
        self.ended_by: Failure | None = None
        self.on_failed: Callable[[Failure, bool], None] = _nobody
        self.meter = TaskMeter()
        self._retry_timeout_ms = config.errors_retry_timeout
        self._delay_max_ms = config.errors_retry_delay_max_ms
        with_contents = config.errors_log_include_messages
        self._log = ErrorLog(log, with_contents=with_contents) if config.errors_log_enable else None
        self._interrupted = interrupted
        self._clock = clock

    def attempt(self, function: Callable[[], T]) -> T:
        """Call a function, again after a `RetriableError` for as long as `errors.retry.timeout` allows.

        Blocks while it waits; `interrupted` ends that.

        Raises:
            Interrupted: The task is to stop or to pause, and time for another try was left, or none is given: what is
                given up by who waits for another system is no verdict.
        """
        retries: Retries | None = None
        began_s = self._clock() if self._retry_timeout_ms else 0.0
        while True:
            try:
                return function()
            except RetriableError as error:
                if self._retry_timeout_ms == 0:
                    if self._interrupted.is_set():
                        raise Interrupted from error
                    raise
                self.meter.failures += 1
                retries = retries or Retries(self._retry_timeout_ms, self._delay_max_ms, self._clock, began_s=began_s)
                if self._interrupted.wait(retries.failed(error) / 1000):
                    raise Interrupted from error
                self.meter.retries += 1

    def skips(self, error: Exception) -> bool:
        """Whether a record that has failed so is skipped; else it ends the task."""
        return self.tolerates or isinstance(error, DiscardedError)

    def retries(self) -> Retries:
        """Begin the tries of a call of the plugin's own, such as a put: for ever where `errors.retry.timeout` is 0, as
        in Kafka, which knows it for transforms and converters alone."""
        return Retries(self._retry_timeout_ms or -1, self._delay_max_ms, self._clock)

    def failed(
        self,
        error: Exception,
        *,
        stage: str,
        batch: Batch,
        index: int = 0,
        at: tuple[str, Plugin | None],
        columns: Columns | None = None,
    ) -> Failure:
        """Return a record that is to be skipped, or raise what ends the task: the cause first, then stage and place.

        Args:
            stage: What was done, for people.
            at: Kafka's name of the stage and the plugin that was at work.
            columns: The record as bytes, where it was that.
        """
        failure = _failure(error, stage, batch, index, at, columns)
        self.meter.failures += 1
        self.meter.last_error_ms = failure.failed_ms
        if not self.skips(error):
            self.meter.errors += 1
            self.ended_by = failure
            self.on_failed(failure, False)
            raise ending(failure) from error
        return failure

    def left_out(
        self, error: DataError, *, stage: str, batch: Batch, index: int, at: tuple[str, Plugin | None]
    ) -> Failure:
        """Return what a letter tells of a record that goes on without a part of it; see `failed`."""
        return _failure(error, stage, batch, index, at, None)

    def skip(self, failures: Iterable[Failure]) -> None:
        """Take records as skipped: they are with the dead letters where there is a queue, and do not come again."""
        for failure in failures:
            if isinstance(failure.error, DiscardedValueError):  # the rest of it goes on
                self.meter.shortened += 1
                continue
            self.skipped += 1
            self.meter.skipped += 1
            self.on_failed(failure, True)
            if self._log is not None:
                self._log.skipped(failure)
                self.meter.logged += 1


def _failure(
    error: Exception,
    stage: str,
    batch: Batch,
    index: int,
    at: tuple[str, Plugin | None],
    columns: Columns | None,
) -> Failure:
    hide_fields(error, batch, index)
    step, plugin = at
    details = details_of(plugin, step.lower(), error) if isinstance(error, DataError) else {}
    return Failure(error, stage, batch, index, step, plugin, details, columns=columns)


def ending(failure: Failure) -> DataError:
    """Return what ends a task whose record failed."""
    error = failure.error
    code, hint = (error.code, error.hint) if isinstance(error, ConnectError) else ("plugin.failed", _hint(failure))
    details = {"stage": failure.stage, **place_of(failure.batch, failure.index), **failure.details}
    return DataError(f"{failure.reason} ({failure.stage}, {failure.where})", code=code, hint=hint, details=details)


def _hint(failure: Failure) -> str:
    whom = f"the author of {failure.plugin.plugin_name()}" if failure.plugin is not None else "the plugin's author"
    return f"See the trace and report it to {whom}, or set errors.tolerance=all to skip such records."


def _nobody(failure: Failure, skipped: bool) -> None:
    """Where nobody hears of failures."""
