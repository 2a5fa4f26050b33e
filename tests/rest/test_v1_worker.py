from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.cli import logs
from connect.runtime.model import State
from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def pipe(worker: RunningWorker, tmp_path: Path) -> None:
    """Three lines through a source and a sink."""
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    common = {"value.converter": STRING}
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **common}
    sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t", **common}
    await worker.client.put("/connectors/source/config", json=source)
    await worker.until(lambda: worker.records("source") == 3)
    await worker.client.put("/connectors/sink/config", json=sink)
    await worker.until(lambda: worker.records("sink") == 3)


async def test_the_worker_says_what_it_is(worker: RunningWorker, tmp_path: Path) -> None:
    await pipe(worker, tmp_path)
    found = (await worker.client.get("/v1/worker/info")).json()
    assert (found["connectors"], found["tasks"], found["authentication"]) == ({"RUNNING": 2}, {"RUNNING": 2}, False)
    assert found["memory_bytes"] is None or found["memory_bytes"] > 10 << 20


async def test_lag_is_shown_for_each_sink_task_and_partition(worker: RunningWorker, tmp_path: Path) -> None:
    await pipe(worker, tmp_path)
    for _ in range(1000):  # until its offsets are committed
        if (await worker.client.get("/v1/lag")).json()["connectors"][0]["lag"] == 0:
            break
        await asyncio.sleep(0.01)
    await worker.client.put("/connectors/sink/stop")
    await worker.until_state("sink", State.STOPPED)
    with (tmp_path / "in.txt").open("a") as file:
        file.write("d\ne\n")
    await worker.until(lambda: worker.records("source") == 5)
    found = (await worker.client.get("/v1/connectors/sink/lag")).json()
    assert (found["lag"], found["partitions"][0]["committed_offset"], found["partitions"][0]["log_end_offset"]) == (
        2,
        3,
        5,
    )
    assert (await worker.client.get("/v1/connectors/source/lag")).status_code == 400
    assert (await worker.client.get("/v1/connectors/none/lag")).status_code == 404


async def test_throughput_is_measured_over_a_window(worker: RunningWorker, tmp_path: Path) -> None:
    await pipe(worker, tmp_path)
    found = (await worker.client.get("/v1/throughput?window_ms=50")).json()
    assert [(row["connector"], row["records"]) for row in found["tasks"]] == [("sink", 3), ("source", 3)]
    assert (found["records_per_second"], found["window_ms"] >= 50) == (0, True)
    for wrong in ("0", "-1", "x", "10001", "99999999999999999999", "１"):
        assert (await worker.client.get("/v1/throughput", params={"window_ms": wrong})).status_code == 400


LEAKY = """
from connect.api import Config, SourceConnector, SourceTask, hookimpl, config_key
from connect.api.config_values import Secret

class LeakyConfig(Config):
    password: Secret = config_key("A secret.", importance="high")
    url: str = config_key("An address.", importance="high", default="")

class LeakyTask(SourceTask):
    def poll(self):
        raise RuntimeError("login failed with " + self.config.password.get_secret_value() + " at " + self.config.url)

class LeakySource(SourceConnector):
    config_class, task_class = LeakyConfig, LeakyTask

@hookimpl
def connect_connectors():
    return [LeakySource]
"""


async def test_no_answer_and_no_log_line_shows_a_secret_that_a_plugin_quotes(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "leaky.py").write_text(LEAKY)
    root, stream, shown = logging.getLogger(), io.StringIO(), []
    before = root.handlers[:], root.level
    logs.set_up("DEBUG", stream)
    try:
        async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
            config = {"connector.class": "LeakySource", "password": "hunter2", "url": "https://u:hunter3@host/"}
            await worker.client.put("/connectors/p/config", json=config)
            await worker.until_failed("p")
            for path in (
                "/v1/warnings",
                "/connectors/p/status",
                "/connectors/p/tasks/0/status",
                "/connectors/p/tasks",
                "/connectors/p/config",
                "/connectors/p",
                "/connectors?expand=status&expand=info",
            ):
                shown.append((await worker.client.get(path)).text)
            bad = {**config, "name": "p", "tasks.max": "hunter2"}
            shown.append((await worker.client.put("/connector-plugins/LeakySource/config/validate", json=bad)).text)
            shown.append((await worker.client.put("/connectors/p/config", json=bad)).text)
    finally:
        root.handlers[:], root.level = before
    assert "login failed with [hidden] at https://u:[hidden]@host/" in stream.getvalue()
    assert "login failed with [hidden]" in json.loads(shown[0])["warnings"][0]["message"]
    for text in [stream.getvalue(), *shown]:
        assert "hunter2" not in text
        assert "hunter3" not in text


async def test_a_failed_task_is_a_warning(worker: RunningWorker, tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "none" / "out.txt")}
    await worker.client.put("/connectors/bad/config", json=config)
    await worker.until_failed("bad")
    found = (await worker.client.get("/v1/warnings")).json()["warnings"]
    assert [(w["code"], w["subject"]) for w in found] == [("task.failed", "bad-0")]
    assert found[0]["message"].startswith("file.unwritable: ")  # the code first
    assert "out.txt" in found[0]["message"]


async def waiting(worker: RunningWorker) -> list[tuple[str, str]]:
    found = (await worker.client.get("/v1/warnings")).json()["warnings"]
    return [(w["subject"], w["message"]) for w in found if w["code"] == "task.waiting"]


async def test_a_source_that_waits_for_its_file_is_a_warning_until_it_is_there(
    worker: RunningWorker, tmp_path: Path
) -> None:
    path = tmp_path / "later.txt"
    config = {"connector.class": "FileStreamSource", "file": str(path), "topic": "t", "value.converter": STRING}
    await worker.client.put("/connectors/src/config", json=config)
    await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()))
    assert await waiting(worker) == [("src-0", f"waits: file {str(path)!r} is not there")]
    path.write_text("a\n")
    await worker.until(lambda: worker.records("src") == 1)
    assert await waiting(worker) == []


AWAY = """
from connect.api import RetriableError, SinkConnector, SinkTask, hookimpl

class AwayTask(SinkTask):
    def start(self):
        raise RetriableError("the server at away:1 does not answer", retry_after_ms=60000)

class AwaySink(SinkConnector):
    task_class = AwayTask

@hookimpl
def connect_connectors():
    return [AwaySink]
"""


async def test_a_task_that_waits_for_a_server_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "away.py").write_text(AWAY)
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        await worker.client.put("/connectors/k/config", json={"connector.class": "AwaySink", "topics": "t"})
        await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()))
        assert await waiting(worker) == [("k-0", "waits: the server at away:1 does not answer")]


UNDIVIDED = """
from connect.api import SourceConnector, SourceTask, hookimpl

class Task(SourceTask):
    def poll(self):
        return None

class UndividedSource(SourceConnector):
    task_class = Task

    def start(self):
        self.context.waiting_for = "the server at away:1 does not answer"

    def task_configs(self, max_tasks):
        return []

@hookimpl
def connect_connectors():
    return [UndividedSource]
"""


async def test_a_connector_that_waits_before_it_has_tasks_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "undivided.py").write_text(UNDIVIDED)
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        await worker.client.put("/connectors/u/config", json={"connector.class": "UndividedSource"})
        await worker.until(lambda: bool(worker.herder.waiting()))
        found = (await worker.client.get("/v1/warnings")).json()["warnings"]
        told = {"code": "connector.waiting", "subject": "u", "message": "waits: the server at away:1 does not answer"}
        assert found == [told]
        await worker.client.put("/connectors/u/pause")
        await worker.until(lambda: not worker.herder.waiting())


async def test_a_task_is_in_one_state_wherever_it_is_shown(worker: RunningWorker, tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "none" / "out.txt")}
    await worker.client.put("/connectors/bad/config", json=config)
    await worker.until_failed("bad")
    restarted = await worker.herder.restart("bad", include_tasks=True)
    assert [task.state for task in restarted.tasks] == [State.RESTARTING]
    assert [progress.state for progress in worker.herder.progress()] == [State.RESTARTING]
