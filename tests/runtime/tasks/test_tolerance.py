from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from connect.api import Batch, DataError, RetriableError
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.tasks.tolerance import Interrupted, Tolerance, backoff_ms, wait_ms_of
from tests.support.factories import make_sink_batch


class NoWait(threading.Event):
    """Passes time instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now_s += timeout or 0
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
    keys = {"errors.retry.timeout": "2000"}
    assert make_tolerance(**keys).attempt(failing(2)) == "done"
    with pytest.raises(RetriableError):
        make_tolerance(**keys).attempt(failing(10))


def test_a_timeout_of_minus_one_tries_for_ever() -> None:
    assert make_tolerance(**{"errors.retry.timeout": "-1"}).attempt(failing(50)) == "done"


def test_a_stop_ends_the_tries_and_is_no_verdict() -> None:
    stopping = NoWait()
    stopping.set()
    with pytest.raises(Interrupted):
        make_tolerance(stopping, **{"errors.retry.timeout": "-1"}).attempt(failing(50))


def test_waits_double_up_to_the_longest() -> None:
    assert [backoff_ms(n, max_ms=1000) for n in range(4)] == [300, 600, 1000, 1000]


def test_without_tolerance_the_cause_comes_first_with_the_records_place() -> None:
    batch = make_sink_batch(["x"], topic="orders", partition=2, base_offset=41)
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(ValueError("no number"), stage="transform 'cast'", batch=batch)
    assert str(raised.value) == "ValueError: no number (transform 'cast', topic orders, partition 2, offset 41)"


def test_with_tolerance_the_record_is_skipped_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    tolerance = make_tolerance(**{"errors.tolerance": "all", "errors.log.enable": "true"})
    tolerance.failed(DataError("bad"), stage="put", batch=make_sink_batch(["x"]))
    assert tolerance.skipped == 1
    assert "skipped a record: bad (put)" in caplog.text


def test_a_bug_in_a_plugin_is_not_called_bad_data() -> None:
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(TypeError("unhashable"), stage="converter", batch=make_sink_batch(["x"]))
    assert raised.value.code == "plugin.failed"
    assert "report it to the plugin's author" in raised.value.hint


def test_of_bad_data_the_code_and_hint_are_kept() -> None:
    with pytest.raises(DataError) as raised:
        make_tolerance().failed(DataError("bad", hint="Mend it."), stage="put", batch=make_sink_batch(["x"]))
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
        make_tolerance().failed(DataError("bad"), stage="converter", batch=batch, index=index)
    assert str(raised.value) == f"bad (converter, topic t, {place})"


def test_with_messages_a_skipped_source_record_is_logged_whole_and_without_secrets(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connect.runtime.tasks import tolerance

    monkeypatch.setattr(tolerance, "redact", lambda text: text.replace("secret", "[hidden]"))
    keys = {"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"}
    make_tolerance(**keys).failed(
        DataError("bad"), stage="converter", batch=source_batch(keys=["k", "k2", "k"]), index=1
    )
    place = "topic t, source partition {'p': 1}, record 2 of 3 up to source offset {'n': 30}"
    assert f"skipped a record: bad (converter, {place}, key 'k2', value '[hidden]')" in caplog.text


def test_a_logged_value_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    keys = {"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"}
    make_tolerance(**keys).failed(DataError("bad"), stage="converter", batch=Batch("t", ["x" * 10_000_000]))
    assert len(caplog.text) < 2000


@pytest.mark.parametrize(("asked", "wait_ms"), [(None, 600), (0, 600), (50, 50), (1.5, 1), (86_400_000, 86_400_000)])
def test_an_error_may_ask_for_the_wait(asked: Any, wait_ms: int) -> None:
    assert wait_ms_of(RetriableError("x", retry_after_ms=asked), 1, max_ms=60_000) == wait_ms


@pytest.mark.parametrize("asked", [-1, 0.2, "soon", float("nan"), float("inf"), 1 << 62, True, object()])
def test_what_is_no_time_to_wait_is_not_asked_for(asked: Any) -> None:
    error = RetriableError("x")
    error.retry_after_ms = asked
    assert wait_ms_of(error, 1, max_ms=60_000) == 600
    del error.retry_after_ms  # as of a subclass that leaves out our constructor
    assert wait_ms_of(error, 1, max_ms=60_000) == 600
