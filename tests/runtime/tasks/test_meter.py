from __future__ import annotations

import time
from pathlib import Path

import pytest

from connect.api import DataError
from connect.runtime.tasks.meter import CAUSES_MAX, IDLE_MAX, OTHER, EndedMeters, TaskMeter
from tests.support.worker import JSON, STRING, RunningWorker, running_worker


def meter_of(worker: RunningWorker, connector: str) -> TaskMeter:
    return next(r.meter for r in worker.herder.base.worker.runners() if r.id.connector == connector)


def stages(meter: TaskMeter) -> set[str]:
    return {stage for stage, histogram in meter.stages.items() if sum(histogram.counts)}


async def test_a_source_and_a_sink_are_counted_stage_by_stage(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as worker:
        source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t"}
        shout = {"transforms": "r", "transforms.r.type": "RegexRouter", "transforms.r.regex": "x",
                 "transforms.r.replacement": "y"}  # fmt: skip
        await worker.client.put("/connectors/in/config", json={**source, "value.converter": STRING})
        await worker.client.put("/connectors/out/config", json={**sink, **shout, "value.converter": STRING})
        await worker.until(lambda: worker.records("out") == 3)
        read, put = meter_of(worker, "in"), meter_of(worker, "out")
        await worker.until(lambda: read.commits_total and put.commits_total)
        assert stages(read) == {"poll", "convert", "write", "commit"}
        assert stages(put) == {"transform", "convert", "put", "commit"}
        assert (read.read_total, read.sent_total, put.read_total, put.sent_total) == (3, 3, 3, 3)
        assert (read.sent_bytes, put.read_bytes) == (3, 3)
        assert (sum(read.end_to_end.counts), sum(put.end_to_end.counts)) == (1, 1)
        now = time.monotonic()
        assert (read.batch.max(now), put.batch.max(now)) == (3, 3)
        assert (read.commits.sum(now), read.failed_commits.sum(now)) == (read.commits_total, 0)
        assert read.shares.of("RUNNING", now) > 0


async def test_a_source_that_writes_in_transactions_counts_these_as_commits(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        await worker.client.put("/connectors/in/config", json={**source, "value.converter": STRING})
        await worker.until(lambda: worker.records("in") == 3)
        meter = meter_of(worker, "in")
        assert (meter.transactions, meter.commits_total, meter.transaction.max(time.monotonic())) == (1, 1, 3)
        await worker.until(lambda: sum(meter.end_to_end.counts))
        assert "write" in stages(meter)


async def test_bad_records_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text('{"a": 1}\nbad\n')
    async with running_worker(tmp_path) as worker:
        source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        sink = {"connector.class": "FileStreamSink", "topics": "t", "value.converter": JSON,
                "value.converter.schemas.enable": "false"}  # fmt: skip
        tolerant = {"errors.tolerance": "all", "errors.log.enable": "true",
                    "errors.deadletterqueue.topic.name": "letters"}  # fmt: skip
        await worker.client.put("/connectors/in/config", json={**source, "value.converter": STRING})
        await worker.client.put(
            "/connectors/kept/config", json={**sink, **tolerant, "file": str(tmp_path / "kept.txt")}
        )
        await worker.client.put("/connectors/strict/config", json={**sink, "file": str(tmp_path / "strict.txt")})
        await worker.until_failed("strict")
        kept, strict = meter_of(worker, "kept"), meter_of(worker, "strict")
        await worker.until(lambda: kept.skipped)
        assert (kept.failures, kept.errors, kept.skipped, kept.logged) == (1, 0, 1, 1)
        assert (kept.letters, kept.failed_letters, kept.causes) == (1, 0, {("VALUE_CONVERTER", "DataError"): 1})
        assert (strict.failures, strict.errors, strict.skipped, strict.letters) == (1, 1, 0, 0)
        assert strict.last_error_ms > 0
        assert strict.shares.state == "FAILED"


@pytest.mark.slow
async def test_a_task_in_a_process_of_its_own_is_counted_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    async with running_worker(tmp_path) as worker:
        source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        apart = {"plugin.isolation": "process", "value.converter": STRING}
        await worker.client.put("/connectors/in/config", json={**source, **apart})
        await worker.until(lambda: worker.records("in") == 3)
        meter = meter_of(worker, "in")
        assert (meter.read_total, meter.sent_total) == (3, 3)
        assert stages(meter) >= {"poll", "convert", "write"}


def test_causes_of_dead_letters_are_bounded() -> None:
    meter = TaskMeter()
    for number in range(CAUSES_MAX + 5):
        meter.lettered("TASK_PUT", type(f"Error{number}", (DataError,), {})("bad"))
    assert len(meter.causes) == CAUSES_MAX + 1
    assert meter.causes["TASK_PUT", OTHER] == 5


def test_a_poll_that_brings_nothing_is_timed_and_is_no_batch() -> None:
    meter, now = TaskMeter(), time.monotonic()
    meter.polled(0, 0.25)
    assert (meter.poll_ms.max(now), meter.batch.max(now), meter.read_total) == (250, 0, 0)


def test_a_task_that_is_to_stop_counts_until_it_has_ended() -> None:
    ended, meter = EndedMeters(), TaskMeter()
    meter.wrote(1, 10, 0.5)
    ended.leaves("c", meter)
    meter.wrote(1, 10, 0.5)  # what was in flight
    seen = ended.times()
    assert ended.sent_bytes == 20
    ended.ended(meter, ())
    assert (ended.sent_bytes, ended.read_bytes) == (20, 0)
    for times in (seen, ended.times()):
        (one,) = times["c"]
        assert sum(one.stages["write"].counts) == 2


def test_times_that_were_read_do_not_change_as_another_task_ends() -> None:
    ended = EndedMeters()
    for _ in range(2):
        meter = TaskMeter()
        meter.took("put", 0.1)
        ended.leaves("c", meter)
        seen = ended.times()["c"]
        count = sum(sum(times.stages["put"].counts) for times in seen)
        ended.ended(meter, ())
        assert sum(sum(times.stages["put"].counts) for times in seen) == count


def test_of_so_many_connectors_without_a_task_times_are_kept() -> None:
    ended = EndedMeters()
    for number in range(IDLE_MAX + 2):
        ended.leaves(f"c{number}", meter := TaskMeter())
        ended.ended(meter, ["c0"])
    assert set(ended.times()) == {"c0", *(f"c{number}" for number in range(2, IDLE_MAX + 2))}
