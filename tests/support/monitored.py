"""A worker with a connector in each state that boards look at: what metrics are looked for on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connect.runtime.model import State
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

BROKEN = """
from connect.api import Config, SourceConnector, SourceTask, hookimpl

class GaugedTask(SourceTask):
    def start(self):
        self.context.gauges["slot.lag.bytes"] = 3.0
    def poll(self):
        return None

class GaugedSource(SourceConnector):
    task_class = GaugedTask

class BrokenSource(SourceConnector):
    task_class = GaugedTask
    def start(self):
        raise RuntimeError("it is broken")

@hookimpl
def connect_connectors():
    return [BrokenSource, GaugedSource]
"""


@asynccontextmanager
async def monitored_worker(tmp_path: Path, **config: str) -> AsyncIterator[RunningWorker]:
    """Run a worker with connectors that run, are paused, are stopped, and have failed with their task, or alone."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken_source.py").write_text(BROKEN)
    keys = {"offset_flush_interval_ms": "100", "plugin_path": str(tmp_path / "plugins"), **config}
    async with running_worker(tmp_path, **keys) as worker:
        await begin(worker, tmp_path)
        yield worker


async def begin(worker: RunningWorker, tmp_path: Path) -> None:
    """Make the connectors, and wait until each is what it is to be."""
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    strings = {"value.converter": STRING}
    read = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), **strings}
    put = {"connector.class": "FileStreamSink", "topics": "lines", **strings}
    configs = {
        "running": {**read, "topic": "lines", "transforms": "r", "transforms.r.type": "HoistField$Value",
                    "transforms.r.field": "line"},
        "written": {**put, "file": str(tmp_path / "out.txt")},
        "tolerant": {**put, "file": str(tmp_path / "good.txt"), "value.converter": JSON, "errors.tolerance": "all",
                     "errors.deadletterqueue.topic.name": "letters",
                     "errors.deadletterqueue.topic.replication.factor": "1"},
        "failed": {**put, "file": str(tmp_path / "none.txt"), "value.converter": JSON},
        "paused": {**read, "topic": "lines-of-paused"},
        "stopped": {**read, "topic": "lines-of-stopped"},
        "gauged": {"connector.class": "GaugedSource"},
        "broken": {"connector.class": "BrokenSource"},
    }  # fmt: skip
    for name, config in configs.items():
        await worker.client.put(f"/connectors/{name}/config", json=config)
    await worker.until_state("paused", State.RUNNING, tasks=1)
    await worker.client.put("/connectors/paused/pause")
    await worker.client.put("/connectors/stopped/stop")
    await worker.until_state("paused", State.PAUSED, tasks=1)
    await worker.until_state("stopped", State.STOPPED, tasks=0)
    await worker.until_failed("failed")
    await worker.until_failed("broken")
    await worker.until(lambda: worker.records("written") == 3)
    runners = {runner.id.connector: runner for runner in worker.herder.base.worker.runners()}
    await worker.until(lambda: runners["tolerant"].meter.causes and runners["running"].meter.commits_total)
    await worker.until(lambda: runners["gauged"].progress().gauges)
    await worker.until(lambda: sum(worker.herder.watchdog.loop_delay.counts))


async def scrape(worker: RunningWorker, *, accept: str = "*/*") -> str:
    """Return the text at /metrics."""
    answer = await worker.client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200, answer.text
    return answer.text
