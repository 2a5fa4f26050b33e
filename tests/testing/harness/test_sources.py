from __future__ import annotations

import asyncio
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import (
    Batch,
    CommittedRecord,
    Config,
    ConfigError,
    PluginError,
    Record,
    SourceConnector,
    SourceTask,
    config_key,
    resume,
    source,
)
from connect.testing import SourceHarness
from connect.testing.harness.loops import until


class TickConfig(Config):
    topic: str = config_key("Topic.")
    count: int = config_key("How many.", default=5)


class TickTask(SourceTask[TickConfig]):
    def start(self) -> None:
        self.events = ["start"]
        self.n = (self.context.offset({"clock": "tick"}) or {"n": 0})["n"]

    def poll(self) -> Record | None:
        if self.n >= self.config.count:
            return None
        self.n += 1
        return Record(self.config.topic, self.n, source_partition={"clock": "tick"}, source_offset={"n": self.n})

    def commit(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
        self.events.append(f"commit {[offset['n'] for _, offset in offsets]}")

    def commit_records(self, records: Sequence[CommittedRecord]) -> None:
        self.events.append(f"records {[record.source_offset['n'] for record in records]}")

    def stop(self) -> None:
        self.events.append("stop")


class TickSource(SourceConnector[TickConfig]):
    task_class = TickTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [{"topic": self.config.topic, "count": str(n + 1)} for n in range(min(max_tasks, 2))]


def values(records: list[Record]) -> list[Any]:
    return [record.value for record in records]


def test_a_source_is_polled_and_goes_on_behind_what_was_committed() -> None:
    with SourceHarness(TickSource, {"topic": "t"}, task=1, max_tasks=2) as harness:
        assert values(harness.records(1)) == [1]
        harness.commit()
        assert values(harness.records(1)) == [2]
        first = harness.task
        harness.restart()
        assert first.events == ["start", "records [1]", "commit [1]", "stop"]
        assert values(harness.drain()) == [2]
        assert harness.offsets == [({"clock": "tick"}, {"n": 1})]
        harness.commit()
        assert harness.offsets == [({"clock": "tick"}, {"n": 2})]


def test_a_crash_stops_nothing_and_loses_what_was_not_committed() -> None:
    with SourceHarness(TickSource, {"topic": "t"}, task=1, max_tasks=2) as harness:
        harness.records(2)
        crashed = harness.task
        harness.crash()
        assert crashed.events == ["start"]
        assert values(harness.drain()) == [1, 2]


def test_a_source_may_begin_at_offsets() -> None:
    offsets = [({"clock": "tick"}, {"n": 1})]
    with SourceHarness(TickSource, {"topic": "t"}, offsets=offsets, task=1, max_tasks=2) as harness:
        assert values(harness.drain()) == [2]


def test_a_config_that_is_wrong_is_refused_with_every_problem_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(ConfigError, match=r"(?s)topic.*count"), SourceHarness(TickSource, {"count": "many"}):
        pytest.fail("it started")
    assert threading.active_count() == before


def test_a_task_that_there_is_not_is_told_with_how_many_there_are() -> None:
    with (
        pytest.raises(AssertionError, match=r"there is no task 2: task_configs\(3\) gave 2"),
        SourceHarness(TickSource, {"topic": "t"}, task=2, max_tasks=3),
    ):
        pytest.fail("it started")


def test_records_that_do_not_come_are_told_with_those_that_did() -> None:
    with (
        SourceHarness(TickSource, {"topic": "t"}) as harness,
        pytest.raises(
            AssertionError, match=r"1 of 2 records came within 0\.2 s; the last ones: \[Record\(topic='t', value=1"
        ),
    ):
        harness.records(2, deadline_s=0.2)


def test_a_source_that_never_ends_is_not_drained_for_ever() -> None:
    @source
    def endless(topic: str) -> Iterator[int]:
        while True:
            yield 1

    with (
        SourceHarness(endless, {"topic": "t"}) as harness,
        pytest.raises(AssertionError, match=r"after 0\.2 s and \d+ records there are still more"),
    ):
        harness.drain(deadline_s=0.2)


def test_what_the_contract_forbids_is_refused_in_the_runtimes_words() -> None:
    @source(names_topics=True)
    def odd() -> Any:
        return Record("t", 1, source_partition={"a": 1}, source_offset={"at": float("nan")})

    with SourceHarness(odd, {}) as harness, pytest.raises(PluginError, match="a finite number"):
        harness.poll()


def test_an_error_of_the_plugin_is_named_and_the_harness_ends() -> None:
    @source
    def failing(topic: str) -> Any:
        raise KeyError("gone")

    with SourceHarness(failing, {"topic": "t"}) as harness, pytest.raises(PluginError, match=r"KeyError.*poll_batch"):
        harness.poll()


def test_what_a_connector_reports_from_its_background_is_raised_by_the_next_step() -> None:
    class Reporting(SourceConnector[TickConfig]):
        task_class = TickTask

        def start(self) -> None:
            self.context.raise_error(OSError("the feed is gone"))

    with SourceHarness(Reporting, {"topic": "t"}) as harness, pytest.raises(OSError, match="the feed is gone"):
        harness.poll()


async def test_a_harness_works_within_an_async_test_too() -> None:
    @source
    def ones(topic: str) -> Any:
        return 1, resume(0) + 1

    with SourceHarness(ones, {"topic": "t"}) as harness:
        assert values(harness.records(2)) == [1, 1]


def test_what_a_crash_leaves_open_is_closed_at_the_end_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "in.txt"
    file.touch()
    opened: list[Any] = []

    class OpenTask(SourceTask):
        def start(self) -> None:
            self.file = file.open()
            opened.append(weakref.ref(self.file))

        def poll(self) -> None:
            return None

        def stop(self) -> None:
            self.file.close()

    class OpenSource(SourceConnector):
        task_class = OpenTask

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with SourceHarness(OpenSource, {}) as harness:
            harness.crash()
        assert [one() for one in opened[:1]] == [None]
    assert [str(one.message) for one in warned] == []


class BeatingTask(SourceTask[TickConfig]):
    """Counts on the event loop, from its start to its stop."""

    beats: list[int] = []  # noqa: RUF012 - of all instances

    async def start(self) -> None:
        self.number = len(self.beats)
        self.beats.append(0)
        self.beating = asyncio.ensure_future(self.beat())

    async def beat(self) -> None:
        try:
            while True:
                self.beats[self.number] += 1
                await asyncio.sleep(0.001)
        finally:
            self.beats[self.number] = -1

    def poll(self) -> None:
        return None

    async def stop(self) -> None:
        self.beating.cancel()


class Beating(SourceConnector[TickConfig]):
    task_class = BeatingTask


def test_what_a_crashed_task_did_on_the_loop_does_not_go_on_and_does_not_clean_up() -> None:
    BeatingTask.beats.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SourceHarness(Beating, {"topic": "t"}) as source:
            until(lambda: BeatingTask.beats[0] > 1)
            source.crash()
            beats = BeatingTask.beats[0]
            until(lambda: BeatingTask.beats[1] > 5)
            assert BeatingTask.beats[0] == beats > 0


def test_a_task_that_hears_of_each_record_gives_each_an_offset() -> None:
    class HearingTask(SourceTask[TickConfig]):
        def poll_batch(self) -> Batch:
            return Batch("t", [1, 2], source_partition={"p": 1}, source_offset={"n": 2})

        def commit_records(self, records: Sequence[CommittedRecord]) -> None:
            """Hear of them."""

    class Hearing(SourceConnector[TickConfig]):
        task_class = HearingTask

    with SourceHarness(Hearing, {"topic": "t"}) as source, pytest.raises(PluginError, match="commit_records"):
        source.poll()
