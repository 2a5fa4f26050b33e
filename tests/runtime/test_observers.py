"""Observing plugins hear what happens, in order, and nothing that they do is felt by a task."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connect.api import DataError, Record, SinkTask, SourceTask, hookimpl
from connect.records import Columns
from connect.runtime import observers
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.hook_calls import OBSERVING_HOOKS
from connect.runtime.model import State
from connect.runtime.observers import Observers
from connect.runtime.plugins import PluginHost
from tests.support.odd_plugins import Journal, register, sink, source
from tests.support.worker import STRING, RunningWorker, running_worker, until

CONFIG = {
    "connector.class": "test.Odd",
    "key.converter": STRING,
    "value.converter": STRING,
    "errors.restart.policy": "none",
}


class Observer:
    """A plugin that hears everything and writes it down."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    @hookimpl
    def connect_worker_started(self, cluster_id: str, version: str, time_ms: int) -> None:
        self.journal(("started", {"cluster_id": cluster_id, "version": version, "time_ms": time_ms}))

    @hookimpl
    def connect_worker_stopped(self, cluster_id: str, time_ms: int) -> None:
        self.journal(("stopped", {"cluster_id": cluster_id, "time_ms": time_ms}))

    @hookimpl
    def connect_task_state_changed(
        self, connector: str, task: int, state: str, previous: str | None, trace: str | None
    ) -> None:
        self.journal(("state", {"task": f"{connector}-{task}", "state": state, "previous": previous, "trace": trace}))

    @hookimpl
    def connect_record_failed(
        self,
        stage: str,
        topic: str,
        partition: int | None,
        offset: int | None,
        source_partition: Any,
        source_offset: Any,
        error_class: str,
        message: str,
        skipped: bool,
    ) -> None:
        at = (topic, partition, offset, source_partition, source_offset)
        self.journal(("failed", {"stage": stage, "at": at, "error": (error_class, message), "skipped": skipped}))

    @hookimpl
    def connect_offsets_committed(self, connector: str, task: int, offsets: Any) -> None:
        self.journal(("committed", {"task": f"{connector}-{task}", "offsets": offsets}))

    @hookimpl
    def connect_batch_delivered(
        self, connector: str, task: int, topic: str, partition: int | None, records: int, size_bytes: int
    ) -> None:
        self.journal(("delivered", {"at": (topic, partition), "records": records, "size_bytes": size_bytes}))


class ThreeLines(SourceTask):
    """Gives three records once."""

    left = 3

    def poll(self) -> list[Record] | None:
        if not self.left:
            self.context.stopping.wait(0.01)
            return None
        self.left = 0
        return [Record("t", v, source_partition={"f": "x"}, source_offset={"n": n}) for n, v in enumerate("abc", 1)]


class RefusesB(SinkTask):
    def put(self, records: list[Record]) -> None:
        if any(record.value == "b" for record in records):
            raise DataError("b is bad")


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="30") as running:
        yield running


async def start(worker: RunningWorker, name: str, **config: str) -> None:
    keys = {key.replace("_", "."): value for key, value in config.items()}
    await worker.herder.create(name, {**CONFIG, **keys})


def told(journal: Journal, kind: str) -> list[dict[str, Any]]:
    return [facts for found, facts in journal if found == kind]


async def test_observers_hear_what_becomes_of_tasks_records_and_offsets(worker: RunningWorker) -> None:
    journal = Journal()
    worker.herder.plugins.register(Observer(journal), "observer")
    register(worker.herder, source(ThreeLines), sink(RefusesB, "OddSink"))
    await start(worker, "in")
    await start(worker, "out", connector_class="test.OddSink", topics="t", errors_tolerance="all")
    at_end = [({"kafka_topic": "t", "kafka_partition": 0}, {"kafka_offset": 3})]
    await until(lambda: [c for c in told(journal, "committed") if c["offsets"] == at_end])
    assert [s["state"] for s in told(journal, "state") if s["task"] == "in-0"] == ["UNASSIGNED", "RUNNING"]
    assert [s["previous"] for s in told(journal, "state") if s["task"] == "in-0"] == [None, "UNASSIGNED"]
    assert {"task": "in-0", "offsets": [({"f": "x"}, {"n": 3})]} in told(journal, "committed")
    assert told(journal, "failed") == [
        {
            "stage": "put",
            "at": ("t", 0, 1, None, None),
            "error": ("DataError", "b is bad"),
            "skipped": True,
        }
    ]
    delivered = {"at": ("t", None), "records": 3, "size_bytes": 3}, {"at": ("t", 0), "records": 3, "size_bytes": 3}
    assert told(journal, "delivered") == list(delivered)
    assert pickle.loads(pickle.dumps(list(journal))) == list(journal)


class PutsUpToC(SinkTask):
    """Takes no batch with 'c' in it until the test opens the gate 'there'."""

    journal: Journal

    def put(self, records: list[Record]) -> None:
        for record in records:
            if record.value == "c" and not self.journal.gate("there").is_set():
                raise DataError("c is bad")
        self.journal(("put", [record.value for record in records]))


async def test_of_a_fetch_that_is_put_in_part_observers_hear_what_was_put(worker: RunningWorker) -> None:
    journal = Journal()
    worker.herder.plugins.register(Observer(journal), "observer")
    register(worker.herder, sink(type("Odd", (PutsUpToC,), {"journal": journal})))
    await worker.herder.cluster.admin.create_topic("t", partitions=1)
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b"a", b"bb", b"c", b"ddd"], keys=[b"k", None, b"k", None]))
    await producer.aclose()
    await start(worker, "out", topics="t")
    await worker.until_failed("out")
    await until(lambda: told(journal, "delivered"))
    assert told(journal, "delivered") == [{"at": ("t", 0), "records": 2, "size_bytes": 4}]
    progress = worker.herder.progress()[0]
    assert (progress.records, progress.size_bytes) == (2, 4)
    journal.gate("there").set()
    await worker.herder.restart("out", include_tasks=True, only_failed=True)
    await until(lambda: len(told(journal, "delivered")) == 2)
    assert sum(one["records"] for one in told(journal, "delivered")) == 4


async def test_a_task_that_fails_is_told_of_with_its_trace_and_a_restart_of_it_too(worker: RunningWorker) -> None:
    journal = Journal()
    worker.herder.plugins.register(Observer(journal), "observer")

    class Fails(SourceTask):
        def poll(self) -> None:
            raise ValueError("no luck")

    register(worker.herder, source(Fails))
    await start(worker, "in")
    await worker.until_failed("in")
    await worker.herder.restart_task("in", 0)
    await until(lambda: [s["state"] for s in told(journal, "state")].count("FAILED") == 2)
    states = told(journal, "state")
    once = ["UNASSIGNED", "RUNNING", "FAILED"]
    assert [s["state"] for s in states] == [*once, "RESTARTING", *once]
    assert states[2]["trace"].startswith("ValueError: no luck (poll of task in-0, test.Odd) [plugin.failed]")


async def test_a_worker_tells_when_it_starts_and_last_of_all_when_it_has_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal()
    discover = PluginHost.discover

    def with_observer(*args: Any, **keys: Any) -> PluginHost:
        host = discover(*args, **keys)
        host.register(Observer(journal), "observer")
        return host

    monkeypatch.setattr(PluginHost, "discover", with_observer)
    async with running_worker(tmp_path) as running:
        register(running.herder, source(ThreeLines))
        await start(running, "in")
        await running.until_state("in", State.RUNNING, tasks=1)
        cluster_id = running.herder.cluster_id
    kinds = [kind for kind, _ in journal]
    assert (kinds[0], kinds[-1]) == ("started", "stopped")
    assert kinds.index("committed") < kinds.index("stopped")
    assert told(journal, "started")[0]["cluster_id"] == told(journal, "stopped")[0]["cluster_id"] == cluster_id


async def test_an_observer_that_raises_is_told_of_once_and_the_others_hear_on(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal()

    @hookimpl
    def raises() -> None:
        raise SystemExit(3)

    worker.herder.plugins.register(SimpleNamespace(connect_task_state_changed=raises), "rude")
    worker.herder.plugins.register(Observer(journal), "observer")
    register(worker.herder, source(ThreeLines))
    await start(worker, "in")
    await until(lambda: len(told(journal, "state")) == 2)
    [complaint] = [r.getMessage() for r in caplog.records if "rude" in r.getMessage()]
    assert complaint.startswith("plugin rude failed to take connect_task_state_changed; told once: PluginError: ")
    assert complaint.endswith("SystemExit: 3 (connect_task_state_changed of rude)")


class Told:
    """Observers over plugins of a test, without a worker."""

    def __init__(self, limit_s: float = 10.0, **plugins: Any) -> None:
        self.host = PluginHost()
        for name, function in plugins.items():
            self.host.register(SimpleNamespace(connect_worker_stopped=hookimpl(function)), name)
        self.watchdog = Watchdog()
        self.observers = Observers(self.host, self.watchdog, limit_s=limit_s)
        self.observers.start()

    def tell(self, number: int) -> None:
        self.observers.tell("connect_worker_stopped", cluster_id=str(number))


async def test_an_observer_that_hangs_is_left_behind_and_the_others_hear_on(caplog: pytest.LogCaptureFixture) -> None:
    journal, gate = Journal(), threading.Event()

    def hangs(cluster_id: str) -> None:
        journal(f"hung {cluster_id}")
        gate.wait(30)

    told = Told(0.05, hangs=hangs, hears=lambda cluster_id: journal(cluster_id))
    for number in range(3):
        told.tell(number)
    await until(lambda: "2" in journal)
    gate.set()
    await told.observers.aclose()
    assert list(journal) == ["hung 0", "1", "2"]  # of the event that was under way, the next in order hears nothing
    assert "plugin hangs did not come back from connect_worker_stopped within 0.05 s" in caplog.text


async def test_an_observer_that_hangs_is_left_behind_after_the_limit_and_not_after_two() -> None:
    began: list[float] = []
    gate = threading.Event()

    def hangs(cluster_id: str) -> None:
        began.append(time.monotonic())
        gate.wait(30)

    heard: list[float] = []
    told = Told(1.0, before=lambda: gate.wait(0.05), hangs=hangs, hears=lambda: heard.append(time.monotonic()))
    told.tell(0)
    told.tell(1)
    await until(lambda: heard)
    gate.set()
    await told.observers.aclose()
    assert heard[0] - began[0] < 1.7


async def test_one_that_is_slow_at_every_event_is_not_taken_for_one_that_hangs() -> None:
    heard: list[str] = []
    pause = threading.Event()

    def slow(cluster_id: str) -> None:
        pause.wait(0.03)
        heard.append(cluster_id)

    told = Told(0.5, slow=slow)
    for number in range(20):
        told.tell(number)
    await until(lambda: len(heard) == 20)
    await told.observers.aclose()


async def test_telling_never_waits_and_what_does_not_fit_is_dropped_counted_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(observers, "CAPACITY", 10)
    gate, heard = threading.Event(), Journal()

    def waits(cluster_id: str) -> None:
        gate.wait(30)
        heard(cluster_id)

    told = Told(waits=waits)
    for number in range(100):  # the loop does not run meanwhile, so nothing is taken out
        told.tell(number)
    assert (told.observers.dropped, told.observers.notices()[0].code) == (90, "hook.dropped")
    gate.set()
    await told.observers.aclose()
    assert list(heard) == [str(number) for number in range(10)]
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        "observers do not keep up: events are dropped, beginning with a connect_worker_stopped"
    ]


async def test_events_of_many_threads_are_all_told() -> None:
    heard = Journal()
    told = Told(hears=lambda cluster_id: heard(cluster_id))
    threads = [threading.Thread(target=lambda n=n: [told.tell(n) for _ in range(20)]) for n in range(8)]
    for thread in threads:
        thread.start()
    await until(lambda: len(list(heard)) == 160)
    await told.observers.aclose()


async def test_nothing_is_told_and_nothing_runs_where_nobody_observes() -> None:
    told = Told()
    told.tell(1)
    assert not any(map(told.observers.wants, OBSERVING_HOOKS))
    await told.observers.aclose()
    assert told.observers._thread is None


def test_each_observing_hook_has_an_implementation_in_the_observer_above() -> None:
    assert {name for name in vars(Observer) if name.startswith("connect_")} == set(OBSERVING_HOOKS)
