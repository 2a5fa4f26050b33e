from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from connect.app import wiring
from connect.cli.doctor import outside
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.findings import Level
from connect.runtime.worker_config import WorkerConfig
from tests.support.forks import ForkedWorker

SINK = {"connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}


def test_a_worker_of_another_version_is_told(tmp_path: Path) -> None:
    with ForkedWorker(tmp_path / "data") as worker:
        found = list(outside.running_worker(worker.url(), "9.9.9"))
        assert (found[0].level, found[0].code) == (Level.WARNING, "doctor.version")
        assert worker.stop() == 0
    (gone,) = outside.running_worker("http://127.0.0.1:1", "9.9.9")
    assert gone.level is Level.ERROR


def test_a_cluster_that_does_not_answer_in_time_is_told() -> None:
    worker = WorkerConfig.parse({"bootstrap.servers": "127.0.0.1:1"})
    (found,) = asyncio.run(outside.kafka(wiring(), worker, limit_s=0.01))
    assert found.level is Level.ERROR
    assert "127.0.0.1:1" in found.message


async def test_one_connector_that_fails_does_not_hide_another() -> None:
    configs: dict[str, dict[str, Any]] = {
        "bad": {**SINK, "file": "${env:NOT_SET_ANYWHERE}"},
        "good": SINK,
    }
    providers = {"config.providers": "env", "config.providers.env.class": "EnvVarConfigProvider"}
    plugins, worker = PluginHost.discover(), WorkerConfig.parse(providers)
    found = [one async for one in outside.connectors(plugins, worker, configs)]
    assert [(one.check, one.level) for one in found] == [
        ("connector bad", Level.ERROR),
        ("connector good", Level.OK),
    ]
