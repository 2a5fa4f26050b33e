"""A worker in this process: what a plugin does wrong, and how its `async with` is left all the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from connect.api import ConnectError, Record, RetriableError, SinkTask, SourceTask
from connect.records import Columns
from connect.runtime.lifecycle import Lifecycle
from connect.runtime.model import State, TaskId
from connect.runtime.tasks.source_task import SourceTaskRunner
from connect.stores.compacted import CompactedTopic
from tests.support import unruly_plugins
from tests.support.logs import logged
from tests.support.odd_plugins import register, sink, source
from tests.support.worker import STRING, RunningWorker, running_worker, until

GRACE_MS = "300"
#: The grace time, and what is promised beside it.
BOUND_S = 2.3


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with odd_worker(tmp_path) as running:
        yield running


def odd_worker(tmp_path: Path, **config: str) -> Any:
    return running_worker(
        tmp_path, task_shutdown_graceful_timeout_ms=GRACE_MS, plugin_check_timeout_ms="2000", plugin_path="", **config
    )


async def create(worker: RunningWorker, cls: str, how: str, **more: str) -> None:
    if worker.herder.plugins.find("OddSource") is None:
        worker.herder.plugins.register(unruly_plugins, "unruly_plugins")
    config = {
        "connector.class": f"tests.support.unruly_plugins.{cls}",
        "how": how,
        "key.converter": STRING,
        "value.converter": STRING,
    }
    await worker.herder.create("x", {**config, **{k.replace("_", "."): v for k, v in more.items()}})


async def feed(worker: RunningWorker, topic: str) -> None:
    await worker.herder.cluster.admin.create_topic(topic)
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append(topic, Columns([b"1"]))
    await producer.aclose()


@pytest.mark.parametrize("what", unruly_plugins.RAISED)
@pytest.mark.parametrize("cls", ["OddSource", "OddAsyncSource"])
async def test_whatever_poll_raises_fails_the_task_with_its_cause_first(
    worker: RunningWorker, cls: str, what: str
) -> None:
    await create(worker, cls, f"poll:{what}")
    trace = await worker.until_failed("x")
    first = trace.splitlines()[0]
    assert "of task x-0, tests.support.unruly_plugins." in first
    assert "[plugin.failed]" in first
    assert worker.herder.status("x").connector.state is State.RUNNING


@pytest.mark.parametrize("how", ["returned", "raised", "cancelled"])
async def test_a_task_that_ends_without_being_asked_is_failed_and_not_running(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def ending(self: SourceTaskRunner) -> None:
        if how == "raised":
            raise asyncio.CancelledError

    if how != "cancelled":
        monkeypatch.setattr(SourceTaskRunner, "_loop", ending)
    await create(worker, "OddSource", "")
    if how == "cancelled":
        await worker.until_state("x", State.RUNNING, tasks=1)
        [task] = [task for task in asyncio.all_tasks() if task.get_name() == "x-0"]
        task.cancel()
    trace = await worker.until_failed("x")
    name = "tests.support.unruly_plugins.OddSource"
    told = {
        "raised": "task x-0 was cancelled by nobody of the worker [internal]",
        "returned": "task x-0 ended without being asked to [internal]",
        "cancelled": f"the task was cancelled by code that is not the worker's (task x-0, {name}) [plugin.failed]",
    }
    assert trace.splitlines()[0] == told[how]


async def test_a_bug_in_a_transform_is_the_plugins_and_its_records_can_be_tolerated(worker: RunningWorker) -> None:
    odd = {"transforms": "o", "transforms_o_type": "tests.support.unruly_plugins.OddTransform"}
    await create(worker, "OddSource", "", **odd, transforms_o_how="apply:exit")
    assert "[plugin.failed]" in (await worker.until_failed("x")).splitlines()[0]
    await worker.herder.delete("x")
    await create(worker, "OddSource", "", **odd, transforms_o_how="apply:exit", errors_tolerance="all")
    await worker.until(lambda: any(p.skipped > 2 for p in worker.herder.progress()))
    assert worker.herder.status("x").tasks[0].state is State.RUNNING


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "how"),
    [
        ("OddSource", "poll:hang"),
        ("OddAsyncSource", "poll:hang"),
        ("OddSource", "task-start:hang"),
        ("OddSource", "task-configure:hang"),
        ("OddSource", "task-stop:hang"),
        ("OddAsyncSource", "task-stop:hang"),
        ("OddSource", "task-close:hang"),
        ("OddSource", "start:hang"),
        ("OddAsyncSource", "start:hang"),
        ("OddSource", "connector-configure:hang"),
        ("OddSource", "task-configs:hang"),
        ("OddSource", "stop:hang"),
        ("OddSource", "close:hang"),
        ("OddSink", "put:hang"),
        ("OddAsyncSink", "put:hang"),
        ("OddSink", "open:hang"),
        ("OddSink", "flush:hang"),
        ("OddSink", "close-partitions:hang"),
        ("OddSource", "transform:apply:hang"),
        ("OddSource", "transform:transform-close:hang"),
    ],
)
async def test_a_plugin_that_hangs_anywhere_does_not_keep_the_worker_from_stopping(
    tmp_path: Path, cls: str, how: str
) -> None:
    began, more = 0.0, {}
    if how.startswith("transform:"):
        more = {"transforms": "o", "transforms_o_type": "tests.support.unruly_plugins.OddTransform"}
        more |= {"transforms_o_how": how.removeprefix("transform:")}
    async with odd_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        await feed(worker, "t")
        await create(worker, cls, how, **more, **({"topics": "t"} if "Sink" in cls else {}))
        await asyncio.sleep(0.3)
        began = time.monotonic()
    assert time.monotonic() - began < BOUND_S
    # The log was closed cleanly: it opens again, here and now.
    async with odd_worker(tmp_path) as worker:
        assert worker.herder.connectors() == ["x"]
        await worker.herder.delete("x")


async def test_a_coroutine_that_swallows_its_cancellation_is_left_behind_and_the_log_is_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    let_go, began = asyncio.Event(), []

    class Stubborn(SinkTask):
        async def put(self, records: list[Record]) -> None:
            began.append(0.0)
            while not let_go.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await let_go.wait()

    try:
        async with asyncio.timeout(30), odd_worker(tmp_path) as worker:
            register(worker.herder, sink(Stubborn))
            await feed(worker, "t")
            await worker.herder.create("x", {"connector.class": "test.Odd", "topics": "t", "value.converter": STRING})
            await worker.until(lambda: began)
            began[0] = time.monotonic()
        assert time.monotonic() - began[0] < BOUND_S
        assert "left behind: put_batch of task x-0, test.Odd was cancelled" in caplog.text
        async with odd_worker(tmp_path) as worker:
            await worker.herder.delete("x")
    finally:
        let_go.set()
        await asyncio.sleep(0.1)


async def test_tasks_whose_stop_nobody_waits_for_any_more_are_ended_all_the_same(tmp_path: Path) -> None:
    """As where a worker that lost its group begins to stop them, and then to close."""
    async with odd_worker(tmp_path) as worker:
        await feed(worker, "t")
        await create(worker, "OddAsyncSink", "put:hang", topics="t")
        await worker.until(lambda: "put" in str(worker.herder.watchdog.underway()))
        inner = worker.herder.base.worker
        _, task = inner._tasks[TaskId("x", 0)]
        stopping = asyncio.create_task(inner.stop_tasks([TaskId("x", 0)]))
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait({stopping})
        assert not task.done()
    assert task.done(), "who closes the worker waits for it"


async def test_several_that_hang_share_one_grace_time(tmp_path: Path) -> None:
    async with odd_worker(tmp_path) as worker:
        for number in range(5):
            await create(worker, "OddSource", "poll:hang")
            await worker.until_state("x", State.RUNNING, tasks=1)
            if number < 4:
                await worker.herder.delete("x")
        began = time.monotonic()
    assert time.monotonic() - began < BOUND_S


async def test_a_deleted_connectors_thread_is_in_the_warnings_for_as_long_as_it_lives(worker: RunningWorker) -> None:
    await create(worker, "OddSource", "poll:sleep-2")
    await worker.until_state("x", State.RUNNING, tasks=1)
    await until(lambda: "sleep" not in worker.herder.watchdog.underway() and worker.records("x") >= 1)
    await worker.herder.delete("x")

    async def told() -> list[str]:
        found = (await worker.client.get("/v1/warnings")).json()["warnings"]
        return [w["message"] for w in found if w["code"] == "plugin.left_behind" and w["subject"] == "x-0"]

    await until(lambda: worker.herder.notices())
    found = await told()
    assert "poll of tests.support.unruly_plugins.OddSource still runs" in found[0]
    await until(lambda: not worker.herder.notices())


async def test_a_config_whose_check_hangs_holds_up_its_request_alone(worker: RunningWorker) -> None:
    worker.herder.plugins.register(unruly_plugins, "unruly_plugins")
    name = "tests.support.unruly_plugins.OddSource"
    config = {"name": "x", "connector.class": name, "how": "problems:hang"}
    path = f"/connector-plugins/{name}/config/validate"
    # An event loop that waits for the plugin itself would answer neither.
    asking = asyncio.ensure_future(worker.client.put(path, json=config))
    assert (await worker.client.get("/connectors")).json() == []
    answer = await asking
    assert answer.status_code == 503
    assert "OddSource" in answer.json()["message"]
    assert answer.headers["X-Connect-Error-Code"] == "plugin.timeout"
    for url in ("/connectors/x/config", "/v1" + path):
        assert (await worker.client.put(url, json=config)).status_code == 503
    assert worker.herder.connectors() == []


async def test_a_fifo_where_a_schema_should_be_is_refused_at_once(worker: RunningWorker, tmp_path: Path) -> None:
    fifo = tmp_path / "schema.avsc"
    os.mkfifo(fifo)
    config = {"name": "x", "connector.class": "DatagenConnector", "kafka.topic": "t", "schema.filename": str(fifo)}
    told = (await worker.client.put("/connector-plugins/DatagenConnector/config/validate", json=config)).json()
    [errors] = [row["value"]["errors"] for row in told["configs"] if row["value"]["errors"]]
    assert "is not a regular file" in errors[0]
    assert (await worker.client.put("/connectors/x/config", json=config)).status_code == 400


async def test_checks_that_hang_are_limited_in_number(worker: RunningWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    checks = worker.herder.checks
    checks._timeout_s = 0.02
    for _ in range(20):
        with pytest.raises(Exception, match=r"did not return within|do not end") as raised:
            await checks.aside("a check", lambda: gate.wait(30))
    assert "16 checks of configs are under way and do not end" in str(raised.value)
    gate.set()
    checks._timeout_s = 10
    await until(lambda: not any(thread.is_busy for thread in checks._hanging))
    assert await checks.aside("a check", lambda: 5) == 5


async def test_many_checks_at_once_wait_for_their_turn_and_none_is_refused(worker: RunningWorker) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def check() -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)  # what a check takes
        with lock:
            at_once -= 1
        return 1

    checks = [worker.herder.checks.aside("a check", check) for _ in range(200)]
    assert sum(await asyncio.gather(*checks)) == 200
    assert most <= 16


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("check:exit", "SystemExit: 3 (check of check of connector x"),
        ("check:hang", "the check did not end within 2 s"),
        ("check:texts", "check returned a list with str 'a' in it"),
        ("check:number", "check returned int 42"),
        ("close:exit", None),
        ("close:hang", None),
    ],
)
async def test_a_look_outside_tells_what_a_plugin_does_wrong(worker: RunningWorker, how: str, told: str | None) -> None:
    worker.herder.plugins.register(unruly_plugins, "unruly_plugins")
    name = "tests.support.unruly_plugins.OddSource"
    config = {"name": "x", "connector.class": name, "how": how}
    url = f"/v1/connector-plugins/{name}/config/validate?check=true"
    found = (await worker.client.put(url, json=config)).json()
    messages = [
        w["message"] for w in found["warnings"] if w["code"] in ("plugin.failed", "plugin.broken", "plugin.timeout")
    ]
    assert len(messages) == (told is not None)
    assert told is None or told in messages[0]


@pytest.mark.parametrize(
    ("how", "status", "told"),
    [
        ("alter-offsets:exit", 500, "SystemExit: 3"),
        ("alter-offsets:none", 500, "alter_offsets returned None"),
        ("alter-offsets:text", 500, "alter_offsets returned str 'text'"),
        ("alter-offsets:hang", 503, "did not check the offsets within 0.2 s"),
        ("close:exit", 200, ""),
    ],
)
async def test_offsets_are_stored_only_after_a_sound_answer(
    worker: RunningWorker, how: str, status: int, told: str
) -> None:
    await create(worker, "OddSource", how)
    await worker.herder.stop("x")
    await worker.until(lambda: worker.herder.status("x").connector.state is State.STOPPED)
    before = await worker.herder.offsets("x")
    worker.herder._connector_offsets._timeout_s = 0.2
    body = {"offsets": [{"partition": {"p": 1}, "offset": {"n": 99}}]}
    answer = await worker.client.patch("/connectors/x/offsets", json=body)
    assert answer.status_code == status, answer.text
    assert told in answer.text
    after = await worker.herder.offsets("x")
    assert (after == [({"p": 1}, {"n": 99})]) == (status == 200)
    assert status == 200 or after == before


async def test_a_step_of_the_stop_that_fails_keeps_none_of_the_others_from_being_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(self: Lifecycle, *exc_info: Any) -> None:
        raise ZeroDivisionError("a bug of ours")

    closed, aclose = [], CompactedTopic.aclose

    async def closing(self: CompactedTopic) -> None:
        await aclose(self)
        closed.append(self.topic)

    monkeypatch.setattr(CompactedTopic, "aclose", closing)
    running = odd_worker(tmp_path)
    worker = await running.__aenter__()
    await create(worker, "OddSource", "")
    await worker.until_state("x", State.RUNNING, tasks=1)
    monkeypatch.setattr(Lifecycle, "__aexit__", failing)
    with pytest.raises(ZeroDivisionError):
        await running.__aexit__(None, None, None)
    assert worker.herder.progress() == []
    assert closed == [
        "__connect_dead_letters",
        "connect-configs-contracts",
        "connect-configs",
        "connect-offsets",
        "connect-status",
        "connect-configs-history",
    ]


class Idle(SourceTask):
    def poll(self) -> None:
        self.context.stopping.wait(0.05)


ODD = {
    "connector.class": "test.Odd",
    "key.converter": STRING,
    "value.converter": STRING,
    "errors.restart.policy": "none",
}


class Silent(ConnectError):
    def __init__(self) -> None:  # leaves our constructor out, so it has neither code nor message
        Exception.__init__(self, "silent")


GIVEN = {
    "its own error": (ConnectError("the server is gone", code="timeout"), "the server is gone [timeout]"),
    "a bug": (KeyError("k"), "KeyError: 'k' (raise_error of connector x, test.Odd) [plugin.failed]"),
    "an end": (SystemExit(3), "SystemExit: 3 (raise_error of connector x, test.Odd) [plugin.failed]"),
    "no exception": (
        "text",
        "raise_error of connector x, test.Odd was given str; expected an exception [plugin.broken]",
    ),
    "half an error": (Silent(), "Silent: silent (raise_error of connector x, test.Odd) [plugin.failed]"),
}


@pytest.mark.parametrize("when", ["in start", "later"])
@pytest.mark.parametrize("what", GIVEN)
async def test_whatever_a_connector_gives_to_raise_error_fails_it_with_that_cause(
    worker: RunningWorker, what: str, when: str
) -> None:
    error, told = GIVEN[what]
    made: list[Any] = []

    odd = source(Idle)

    def start(self: Any) -> None:
        made.append(self)
        if when == "in start":
            self.context.raise_error(error)

    odd.start = start  # type: ignore[method-assign]
    register(worker.herder, odd)
    await worker.herder.create("x", ODD)
    if when == "later":
        await worker.until_state("x", State.RUNNING)
        made[0].context.raise_error(error)
    assert (await worker.until_failed("x")).splitlines()[0] == told


async def test_what_an_instance_says_after_its_end_is_not_taken_for_the_next_ones(worker: RunningWorker) -> None:
    made: list[Any] = []
    odd = source(Idle)
    odd.start = lambda self: made.append(self)  # type: ignore[method-assign]
    register(worker.herder, odd)
    await worker.herder.create("x", ODD)
    await worker.until_state("x", State.RUNNING)
    await worker.herder.put_config("x", {**ODD, "tasks.max": "2"})
    await worker.until(lambda: len(made) == 2)
    await worker.until_state("x", State.RUNNING)
    made[0].context.raise_error(ConnectError("late"))
    await asyncio.sleep(0.2)
    assert worker.herder.status("x").connector.state is State.RUNNING


async def test_a_connector_that_asks_for_new_task_configs_again_and_again_holds_up_nobody(
    worker: RunningWorker,
) -> None:
    planned, going = [], threading.Event()
    odd = source(Idle)
    divide = odd.task_configs

    def task_configs(self: Any, max_tasks: int) -> list[dict[str, str]]:
        planned.append(self)
        if len(planned) == 2:
            going.wait(30)
        return divide(self, max_tasks)

    odd.task_configs = task_configs  # type: ignore[method-assign]
    register(worker.herder, odd)
    await worker.herder.create("x", ODD)
    await worker.until_state("x", State.RUNNING, tasks=1)
    for _ in range(1000):
        planned[0].context.request_task_reconfiguration()
    await worker.until(lambda: len(planned) == 2)
    for _ in range(1000):
        planned[0].context.request_task_reconfiguration()
    going.set()
    await worker.until(lambda: len(planned) == 3)
    await worker.until(lambda: not worker.herder._lifecycle._work)
    assert len(planned) == 3


@pytest.mark.parametrize("told", [5, b"x", object()], ids=["number", "bytes", "object"])
async def test_what_a_task_says_it_waits_for_is_a_text_or_nothing(worker: RunningWorker, told: Any) -> None:
    class Waiting(Idle):
        def poll(self) -> None:
            self.context.waiting_for = told
            super().poll()

    register(worker.herder, source(Waiting))
    await worker.herder.create("x", ODD)
    await worker.until_state("x", State.RUNNING, tasks=1)
    await asyncio.sleep(0.1)
    assert (await worker.client.get("/v1/warnings")).status_code == 200


async def test_a_failure_that_passes_is_not_tried_again_without_rest_whatever_it_asks_for(
    worker: RunningWorker,
) -> None:
    polls: list[Any] = []

    class Away(Idle):
        def poll(self) -> None:
            polls.append(self)
            raise RetriableError("away", retry_after_ms=-1)

    register(worker.herder, source(Away))
    await worker.herder.create("x", ODD)
    await worker.until(lambda: len(polls) >= 2)
    await asyncio.sleep(0.2)
    assert len(polls) < 5


async def test_a_stored_task_config_has_what_a_java_worker_starts_the_task_with(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        name = "org.apache.kafka.connect.file.FileStream{}Connector"
        file = str(tmp_path / "file.txt")
        await worker.herder.create("a", {"connector.class": name.format("Source"), "topic": "t", "file": file})
        await worker.herder.create("b", {"connector.class": "FileStreamSink", "topics": "t", "file": file + "2"})
        await worker.until_state("a", State.RUNNING, tasks=1)
        await worker.until_state("b", State.RUNNING, tasks=1)
        values = [orjson.loads(value) for value in await worker.values("connect-configs") if value]
        stored = [task for value in values if "task.class" in (task := value.get("properties", {}))]
        assert [(task["task.class"], task["file"], task.get("topics")) for task in stored] == [
            ("org.apache.kafka.connect.file.FileStreamSourceTask", file, None),
            ("org.apache.kafka.connect.file.FileStreamSinkTask", file + "2", "t"),
        ]


async def test_a_start_warns_of_unknown_providers_and_not_of_places_that_the_plugin_fills(
    worker: RunningWorker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {
        "connector.class": "FolderSink",
        "topics": "t",
        "folder": str(tmp_path),
        "key.converter": STRING,
        "value.converter": STRING,
        "path.template": "${topic}/${field:x}/${time:yyyy}/${start_offset}",
        "csv.null": "${vault:null}",
    }
    await worker.herder.create("out", config)
    await worker.until_state("out", State.RUNNING, tasks=1)
    told = [line for line in logged(caplog, logging.WARNING) if "is taken as it is" in line]
    assert len(told) == 1, told
    assert told[0].startswith("connector out: ${vault:null} is taken as it is: ")
