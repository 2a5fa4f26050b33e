from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from connect.api import ConfigError, Headers, Record, hookimpl, resume, sink, source, transform
from connect.testing import Clock, Worker
from connect.testing.harness import workers

STRING = "org.apache.kafka.connect.storage.StringConverter"


@source
def ticks(topic: str, count: int = 3) -> Iterator[Any]:
    """Count up."""
    for n in range(resume(0), count):
        yield {"n": n}, n + 1


@sink
def collect(records: list[Record], out: str) -> None:
    """Append to a file."""
    with Path(out).open("a") as file:
        file.writelines(f"{record.value}\n" for record in records)


@transform
def doubled(record: Record) -> Record:
    """Double numbers."""
    return record.replace(value={"n": record.value["n"] * 2})


@source
def failing(topic: str) -> Any:
    """Fail."""
    raise ValueError("no feed")


CONFIG = {"connector.class": "ticks", "topic": "t", "transforms": "d", "transforms.d.type": "doubled"}


def test_plugins_that_are_not_installed_run_in_a_worker_from_source_to_sink(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with Worker(plugins=[ticks, collect, doubled]) as worker:
        worker.run("ticks", CONFIG)
        worker.run("collect", {"connector.class": "collect", "topics": "t", "out": str(out)})
        assert worker.wait_for("t", 3) == [{"n": 0}, {"n": 2}, {"n": 4}]
        worker.until(lambda: out.exists() and len(out.read_text().splitlines()) == 3)
        worker.until_running("collect")
        worker.until(lambda: worker.offsets("ticks") == [({"source": "ticks"}, {"offset": 3})])


def test_a_worker_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    with Worker(tmp_path / "data", plugins=[ticks, doubled]) as worker:
        worker.run("ticks", CONFIG)
        worker.wait_for("t", 3)
        worker.restart()
        worker.until_running("ticks")
        worker.run("ticks", CONFIG | {"count": "4"})
        assert worker.wait_for("t", 4) == [{"n": 0}, {"n": 2}, {"n": 4}, {"n": 6}]


def test_a_module_is_a_plugin_and_so_is_an_object_with_hooks() -> None:
    module = ModuleType("mine")
    module.ticks = ticks  # type: ignore[attr-defined]
    module.connect_connectors = hookimpl(lambda: [ticks])  # type: ignore[attr-defined]
    with Worker(plugins=[module, SimpleNamespace(connect_transforms=hookimpl(lambda: [doubled]))]) as worker:
        worker.run("ticks", CONFIG)
        assert len(worker.wait_for("t", 3)) == 3
        assert worker.broken_plugins == []


def test_what_is_no_plugin_is_refused() -> None:
    with pytest.raises(AssertionError, match="dict is no class of a plugin"):
        Worker(plugins=[dict])


def test_a_plugin_that_cannot_be_loaded_is_told_with_its_reason() -> None:
    with Worker(plugins=[SimpleNamespace()]) as worker:
        assert [(one.name, "registers no hook" in one.cause) for one in worker.broken_plugins] == [
            ("SimpleNamespace", True)
        ]


def test_a_failure_is_told_with_its_trace_where_records_are_waited_for() -> None:
    with Worker(plugins=[failing]) as worker:
        worker.run("failing", {"connector.class": "failing", "topic": "t"})
        assert "ValueError: no feed" in worker.until_failed("failing")
        with pytest.raises(AssertionError, match=r"(?s)t has 0 of 1 records.*failing failed: .*no feed"):
            worker.wait_for("t", 1)
        with pytest.raises(AssertionError, match="no feed"):
            worker.until_running("failing")
        worker.restart_connector("failing")
        worker.until_failed("failing")


def test_a_config_that_is_wrong_is_refused_and_the_worker_goes_on() -> None:
    with Worker(plugins=[ticks]) as worker:
        with pytest.raises(ConfigError, match="count"):
            worker.run("ticks", {"connector.class": "ticks", "topic": "t", "count": "many"})
        worker.run("ticks", {"connector.class": "ticks", "topic": "t"})
        worker.wait_for("t", 3)


def test_records_can_be_written_and_are_read_as_they_lie() -> None:
    with Worker() as worker:
        worker.write("t", "text", b"\xff", None, {"a": 1}, key="k", partitions=2)
        worker.write("t", 7, partition=1)
        assert worker.values("t") == ["text", "\ufffd", None, {"a": 1}, 7]
        assert [(r.partition, r.offset, r.key, r.value) for r in worker.read("t")][2:] == [
            (0, 2, b"k", None),
            (0, 3, b"k", b'{"a": 1}'),
            (1, 0, None, b"7"),
        ]
        assert worker.read("nowhere") == []


def test_connectors_are_paused_stopped_resumed_and_deleted() -> None:
    with Worker(plugins=[ticks]) as worker:
        worker.run("ticks", {"connector.class": "ticks", "topic": "t"})
        worker.until_running("ticks")
        worker.pause("ticks")
        worker.until(lambda: worker.states("ticks") == ["PAUSED", "PAUSED"])
        worker.stop("ticks")
        worker.until(lambda: worker.states("ticks") == ["STOPPED"])
        worker.resume("ticks")
        worker.until_running("ticks")
        worker.delete("ticks")
        worker.until(lambda: worker.herder.connectors() == [])


def test_rest_is_served_where_it_is_asked_for() -> None:
    with Worker(plugins=[ticks], rest=True) as worker:
        worker.run("ticks", {"connector.class": "ticks", "topic": "t"})
        with urllib.request.urlopen(f"{worker.url}/connectors", timeout=10) as answer:
            assert json.load(answer) == ["ticks"]


def test_the_times_of_a_worker_can_be_moved() -> None:
    config = {"offset.flush.interval.ms": "3600000"}
    with Clock() as clock, Worker(plugins=[endless], config=config) as worker:
        worker.run("endless", {"connector.class": "endless", "topic": "t"})
        worker.wait_for("t", 1)
        clock.advance(3600)
        worker.until(lambda: worker.offsets("endless"), "offsets are committed")


@source(interval_s=0.05)
def endless(topic: str) -> Any:
    """Give one number after the other."""
    n = resume(0)
    return n, n + 1


def test_nothing_of_a_worker_is_left_over(tmp_path: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with Worker(plugins=[ticks]) as worker:
        folder = Path(worker.herder.worker_config.data_dir)
        worker.run("ticks", {"connector.class": "ticks", "topic": "t"})
        worker.wait_for("t", 3)
    worker.until(lambda: {thread.name for thread in threading.enumerate()} <= before, "its threads end")
    assert not folder.exists()


def test_a_topic_is_read_with_its_headers() -> None:
    @source
    def marked(topic: str) -> Iterator[Any]:
        """Give one record with a header, and one without."""
        yield Record(topic, "a", headers=Headers().add("h", "x").add("h", None)), 1
        yield "b", 2

    with Worker(plugins=[marked]) as worker:
        worker.run("it", {"connector.class": "marked", "topic": "t", "value.converter": STRING})
        worker.wait_for("t", 2)
        assert [record.headers for record in worker.read("t")] == [[("h", b"x", None), ("h", None, None)], None]


@pytest.mark.parametrize("free_bytes", [1 << 20, 1 << 40])
def test_a_log_is_in_memory_where_there_is_room(
    free_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_MEMORY", tmp_path)
    monkeypatch.setattr(workers.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))
    assert workers._in_memory() == (tmp_path if free_bytes > 1 << 30 else None)
    monkeypatch.setattr(workers, "_MEMORY", tmp_path / "not there")
    assert workers._in_memory() is None
