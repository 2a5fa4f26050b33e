from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from connect.api import Batch, DataError, RetriableError
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from tests.support.factories import make_sink_batch

AT = ("TASK_PUT", None)


class NoWait(threading.Event):
    """Passes time instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now_s = round(self.now_s + (timeout or 0), 6)
        return self.is_set()


def make_tolerance(stopping: NoWait | None = None, **keys: Any) -> Tolerance:
    config = SinkConnectorConfig.parse({"name": "c", "connector.class": "C", "topics": "t", **keys})
    stopping = stopping or NoWait()
    return Tolerance(config, log=logging.getLogger("test"), interrupted=stopping, clock=lambda: stopping.now_s)


def failing(times: int) -> Callable[[], str]:
    left = [times]

    def function() -> str:
        if left[0]:
            left[0] -= 1
            raise RetriableError("not now")
        return "done"

    return function


def test_without_a_retry_timeout_a_passing_failure_is_not_tried_again() -> None:
    with pytest.raises(RetriableError):
        make_tolerance().attempt(failing(1))


def test_a_passing_failure_is_tried_again_until_the_timeout() -> None:
    # Of waits of 300, 600 and 1200 ms, a fifth more or less, the third is always the one that is cut short.
    keys = {"errors.retry.timeout": "1400"}
    assert make_tolerance(**keys).attempt(failing(2)) == "done"
    with pytest.raises(RetriableError, match=r"not now \(given up after 4 tries in 1.4 s, errors.retry.timeout=1400\)"):
        make_tolerance(**keys).attempt(failing(10))


def test_what_a_plugin_writes_or_reads_itself_is_tried_for_ever_unless_a_timeout_is_set() -> None:
    endless = make_tolerance().retries()
    assert all(endless.failed(RetriableError("away")) > 0 for _ in range(100))
    waiting = NoWait()
    limited = make_tolerance(waiting, **{"errors.retry.timeout": "10"}).retries()
    waiting.now_s = 1
    with pytest.raises(RetriableError, match=r"away \(given up after 1 tries"):
        limited.failed(RetriableError("away"))


def test_a_timeout_of_minus_one_tries_for_ever() -> None:
    assert make_tolerance(**{"errors.retry.timeout": "-1"}).attempt(failing(50)) == "done"


def test_a_stop_ends_the_tries_and_is_no_verdict() -> None:
    stopping = NoWait()
    stopping.set()
    with pytest.raises(Interrupted):
        make_tolerance(stopping, **{"errors.retry.timeout": "-1"}).attempt(failing(50))


def test_what_is_given_up_because_of_a_stop_is_no_verdict_though_nothing_is_tried_again() -> None:
    stopping = NoWait()
    stopping.set()
    with pytest.raises(Interrupted):
        make_tolerance(stopping).attempt(failing(1))


def test_without_tolerance_the_cause_comes_first_with_the_records_place() -> None:
    batch = make_sink_batch(["x"], topic="orders", partition=2, base_offset=41)
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(ValueError("no number"), stage="transform 'cast'", batch=batch, at=AT)
    assert str(raised.value) == "ValueError: no number (transform 'cast', topic orders, partition 2, offset 41)"


def test_with_tolerance_the_record_is_skipped_counted_and_logged_once_that_is_sure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tolerance = make_tolerance(**{"errors.tolerance": "all", "errors.log.enable": "true"})
    told: list[tuple[str, bool]] = []
    tolerance.on_failed = lambda failure, skipped: told.append((failure.reason, skipped))
    failure = tolerance.failed(DataError("bad"), stage="put", batch=make_sink_batch(["x"]), at=AT)
    assert (tolerance.skipped, told, caplog.text) == (0, [], "")
    tolerance.skip([failure])
    assert (tolerance.skipped, told) == (1, [("bad", True)])
    assert "skipped a record: bad (put, topic orders, partition 0, offset 0)" in caplog.text


def test_without_tolerance_the_record_that_ends_the_task_is_told_of_at_once() -> None:
    tolerance = make_tolerance()
    told: list[bool] = []
    tolerance.on_failed = lambda failure, skipped: told.append(skipped)
    with pytest.raises(DataError):
        tolerance.failed(DataError("bad"), stage="put", batch=make_sink_batch(["x"]), at=AT)
    assert (told, tolerance.skipped) == ([False], 0)
    assert tolerance.ended_by is not None


def test_a_bug_in_a_plugin_is_not_called_bad_data() -> None:
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(TypeError("unhashable"), stage="converter", batch=make_sink_batch(["x"]), at=AT)
    assert raised.value.code == "plugin.failed"
    assert "report it to the plugin's author" in raised.value.hint


def test_of_bad_data_the_code_and_hint_are_kept() -> None:
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(DataError("bad", hint="Mend it."), stage="put", batch=make_sink_batch(["x"]), at=AT)
    assert (raised.value.code, raised.value.hint) == ("data.invalid", "Mend it.")


def source_batch(**more: Any) -> Batch:
    return Batch("t", ["a", "secret", "c"], source_partition={"p": 1}, source_offset={"n": 30}, **more)


@pytest.mark.parametrize(
    ("batch", "index", "place"),
    [
        (
            source_batch(source_offsets=[{"n": 10}, {"n": 20}, {"n": 30}]),
            1,
            "source partition {'p': 1}, source offset {'n': 20}",
        ),
        (source_batch(), 1, "source partition {'p': 1}, record 2 of 3 up to source offset {'n': 30}"),
        (source_batch(), 2, "source partition {'p': 1}, source offset {'n': 30}"),
    ],
)
def test_a_source_record_is_named_by_its_source_partition_and_offset(batch: Batch, index: int, place: str) -> None:
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(DataError("bad"), stage="converter", batch=batch, index=index, at=AT)
    assert str(raised.value) == f"bad (converter, topic t, {place})"
