from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from connect.api import (
    Batch,
    Config,
    ConfigError,
    PluginError,
    Record,
    RetriableError,
    SinkConnector,
    SinkTask,
    config_key,
    sink,
)
from connect.testing import SinkHarness


class KeepConfig(Config):
    fails: bool = config_key("Whether puts fail.", default=False)


class KeepTask(SinkTask[KeepConfig]):
    def start(self) -> None:
        self.events: list[Any] = []

    def open(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.events.append(("open", *partitions))

    def put(self, records: list[Record]) -> None:
        if self.config.fails:
            raise RetriableError("away")
        self.events.append([(record.topic, record.partition, record.offset, record.value) for record in records])

    def flush(self) -> None:
        self.events.append("flush")

    def close_partitions(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.events.append(("close", *partitions))

    def stop(self) -> None:
        self.events.append("stop")


class KeepSink(SinkConnector[KeepConfig]):
    task_class = KeepTask


def test_a_sink_is_given_records_with_offsets_and_is_flushed_and_stopped_at_the_end() -> None:
    with SinkHarness(KeepSink, {}, partitions=[("t", 0), ("t", 1)]) as harness:
        harness.put("a", "b", Record("t", "c", partition=1))
        harness.put("d")
        task = harness.task
        assert harness.committed == {}
    assert task.events == [
        ("open", ("t", 0), ("t", 1)),
        [("t", 0, 0, "a"), ("t", 0, 1, "b")],
        [("t", 1, 0, "c")],
        [("t", 0, 2, "d")],
        "flush",
        ("close", ("t", 0), ("t", 1)),
        "stop",
    ]
    assert harness.committed == {("t", 0): 3, ("t", 1): 1}


def test_a_restart_goes_on_behind_what_was_flushed_and_a_crash_puts_the_rest_again() -> None:
    with SinkHarness(KeepSink, {}) as harness:
        harness.put("a")
        harness.restart()
        harness.put("b")
        assert harness.task.events == [("open", ("topic", 0)), [("topic", 0, 1, "b")]]
        crashed = harness.task
        harness.crash()
        assert "stop" not in crashed.events
        assert harness.task.events == [("open", ("topic", 0)), [("topic", 0, 1, "b")]]


def test_a_sink_that_says_how_far_it_got_has_no_more_committed_than_that() -> None:
    class Buffering(KeepTask):
        def flush(self) -> Mapping[tuple[str, int], int]:  # type: ignore[override]
            return {("topic", 0): 1}

    class BufferingSink(SinkConnector[KeepConfig]):
        task_class = Buffering

    with SinkHarness(BufferingSink, {}) as harness:
        harness.put("a", "b")
        assert harness.flush() == {("topic", 0): 1}
        harness.crash()
        assert harness.task.events[1:] == [[("topic", 0, 1, "b")]]


def test_a_sink_that_keeps_its_offsets_goes_on_where_its_target_says() -> None:
    stored: dict[tuple[str, int], int] = {}

    class Storing(KeepTask):
        def put_batch(self, batch: Batch) -> None:
            stored.update(self.context.offsets_after_put())

        def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
            assert all(self.context.topic_id(topic) == f"id of {topic}" for topic, _ in partitions)
            return stored

    class StoringSink(SinkConnector[KeepConfig]):
        task_class = Storing

    with SinkHarness(StoringSink, {}) as harness:
        harness.put("a", "b")
        assert stored == {("topic", 0): 2}
        harness.crash()
        harness.put("c")
        assert stored == {("topic", 0): 3}


def test_partitions_come_and_go() -> None:
    with SinkHarness(KeepSink, {}) as harness:
        harness.assign(("u", 3))
        assert harness.context.assignment == {("topic", 0), ("u", 3)}
        harness.put("x", topic="u", partition=3)
        harness.revoke(("u", 3))
        assert harness.task.events[1:] == [("open", ("u", 3)), [("u", 3, 0, "x")], "flush", ("close", ("u", 3))]
        with pytest.raises(AssertionError, match="u-3 is not the task's; it has"):
            harness.put("y", topic="u", partition=3)


def test_a_put_that_failed_can_be_made_again_at_the_same_offsets() -> None:
    away = [True]

    @sink
    def shaky(records: list[Record]) -> None:
        if away:
            away.pop()
            raise RetriableError("away")
        assert [record.offset for record in records] == [0]

    with SinkHarness(shaky, {}) as harness:
        with pytest.raises(RetriableError, match="away"):
            harness.put("a")
        harness.put("a")
        assert harness.flush() == {("topic", 0): 1}


def test_a_config_that_is_wrong_is_refused_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(ConfigError, match="fails"), SinkHarness(KeepSink, {"fails": "perhaps"}):
        pytest.fail("it started")
    assert threading.active_count() == before


def test_an_end_that_fails_is_told_and_the_harness_ends_all_the_same() -> None:
    @sink
    def odd() -> Generator[None, list[Record], None]:
        try:
            while True:
                yield
        finally:
            raise OSError("still open")

    before = threading.active_count()
    with pytest.raises(PluginError, match="still open"), SinkHarness(odd, {}) as harness:
        harness.put("a")
    assert threading.active_count() == before


def test_a_flush_that_promises_too_much_is_refused() -> None:
    class Boasting(KeepTask):
        def flush(self) -> Mapping[tuple[str, int], int]:  # type: ignore[override]
            return {("topic", 0): 9}

    class BoastingSink(SinkConnector[KeepConfig]):
        task_class = Boasting

    with SinkHarness(BoastingSink, {}) as harness:
        harness.put("a")
        with pytest.raises(PluginError, match="at most 1, since no more was put"):
            harness.flush()
        harness.stop()


def test_a_restart_without_a_flush_puts_again_what_was_put_since_the_last_one() -> None:
    with SinkHarness(KeepSink, {}, partitions=[("t", 0)]) as harness:
        harness.put("a")
        harness.flush()
        harness.put("b")
        old = harness.task
        harness.restart(flush=False)
        assert old.events.count("flush") == 1
        assert old.events[-1] == "stop"
        assert [("t", 0, 1, "b")] in harness.task.events
        assert [("t", 0, 0, "a")] not in harness.task.events


def test_records_of_several_partitions_come_together() -> None:
    calls: list[list[tuple[str, int | None]]] = []

    class TogetherTask(SinkTask):
        def put_batches(self, batches: Sequence[Batch]) -> None:
            calls.append([(batch.topic, batch.partition) for batch in batches])

        def put_batch(self, batch: Batch) -> None:
            calls.append([(batch.topic, batch.partition)])

    class TogetherSink(SinkConnector):
        task_class = TogetherTask

    with SinkHarness(TogetherSink, {}, partitions=[("t", 0), ("u", 0)]) as harness:
        harness.put_together("a", Record("u", "b"), "c")
        assert harness.flush() == {("t", 0): 2, ("u", 0): 1}
    assert calls == [[("t", 0), ("u", 0), ("t", 0)]]
