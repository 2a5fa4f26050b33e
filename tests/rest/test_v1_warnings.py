from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


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
