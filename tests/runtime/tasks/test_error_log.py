from __future__ import annotations

import logging

import pytest

from connect.api import Batch, DataError
from connect.runtime.tasks.error_log import TRACE_EVERY_S, ErrorLog
from connect.runtime.tasks.failures import Failure
from tests.support.factories import make_sink_batch


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def raised(message: str) -> DataError:
    try:
        raise DataError(message)
    except DataError as error:
        return error


def failure(batch: Batch, index: int = 0, message: str = "bad") -> Failure:
    return Failure(raised(message), "converter", batch, index, "VALUE_CONVERTER", None)


def make_log(clock: Clock | None = None, *, with_contents: bool = False) -> ErrorLog:
    return ErrorLog(logging.getLogger("test"), with_contents=with_contents, clock=clock or Clock())


@pytest.mark.slow
def test_ten_thousand_records_have_a_line_each_and_one_trace(caplog: pytest.LogCaptureFixture) -> None:
    log, batch = make_log(), make_sink_batch(["x"] * 10_000)
    for index in range(10_000):
        log.skipped(failure(batch, index))
    own = [record for record in caplog.records if record.name == "test"]
    assert len(own) == 10_000
    assert sum(record.exc_info is not None or "Traceback" in record.getMessage() for record in own) == 1
    assert own[-1].getMessage() == ("skipped a record: bad (converter, topic orders, partition 0, offset 9999)")


def test_after_a_minute_there_is_a_trace_again_and_how_many_had_none(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log, batch = make_log(clock), make_sink_batch(["x"])
    for _ in range(5):
        log.skipped(failure(batch))
    clock.now_s += TRACE_EVERY_S
    log.skipped(failure(batch))
    assert caplog.text.count("Traceback") == 2
    assert "4 more of this kind since the last trace" in caplog.text


def test_each_kind_of_failure_has_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    log, batch = make_log(), make_sink_batch(["x"])
    log.skipped(failure(batch))
    log.skipped(Failure(ValueError("x"), "put", batch, 0, "TASK_PUT", None))
    assert "ValueError" in caplog.text
    assert "Traceback" in caplog.text
    assert sum("\n" in record.getMessage() for record in caplog.records) == 2


def test_a_sources_record_is_named_by_its_source_offset_and_shown_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch = Batch(
        "t", ["postgres://u:hunter2222@h/d"], keys=["k"], source_partition={"file": "a"}, source_offset={"line": 7}
    )
    make_log(with_contents=True).skipped(failure(batch, message="postgres://u:hunter2222@h/d is no number"))
    [record] = caplog.records
    assert "source partition {'file': 'a'}, source offset {'line': 7}, key 'k', value " in record.getMessage()
    assert "hunter2222" not in record.getMessage()
