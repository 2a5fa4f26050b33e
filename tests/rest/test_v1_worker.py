from __future__ import annotations

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


async def test_a_task_is_in_one_state_wherever_it_is_shown(worker: RunningWorker, tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "none" / "out.txt")}
    await worker.client.put("/connectors/bad/config", json=config)
    await worker.until_failed("bad")
    restarted = await worker.herder.restart("bad", include_tasks=True)
    assert [task.state for task in restarted.tasks] == [State.RESTARTING]
    assert [progress.state for progress in worker.herder.progress()] == [State.RESTARTING]
