"""Requests change what is wanted, durably and in turn; how far the worker has followed is another matter."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, ConflictError, EnvironmentFault, NotFoundError, SourceConnector, SourceTask
from connect.app import open_cluster
from connect.runtime.herder import Herder
from connect.runtime.model import State, TargetState
from connect.runtime.plugins import PluginHost
from connect.runtime.views import ForbiddenError
from connect.runtime.worker_config import WorkerConfig
from tests.support.odd_plugins import register
from tests.support.worker import STRING, RunningWorker, running_worker


class Idle(SourceTask):
    def poll(self) -> None:
        self.context.stopping.wait(0.01)


class IdleConnector(SourceConnector):
    class_name = "test.Idle"
    task_class = Idle


CONFIG = {"connector.class": "test.Idle", "value.converter": STRING}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        register(running.herder, IdleConnector)
        yield running


async def test_a_worker_is_healthy_between_its_start_and_its_end(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path / "data")
    try:
        herder = Herder(WorkerConfig.parse({}), cluster, PluginHost())
        assert herder.health().status == "starting"
        async with herder:
            assert herder.health().status == "healthy"
        assert herder.health().status == "starting"
    finally:
        await cluster.aclose()


async def test_what_cannot_be_released_keeps_nothing_else_from_being_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = await open_cluster(tmp_path / "data")
    released: list[str] = []

    def fails(what: str) -> Any:
        async def release() -> None:
            released.append(what)
            raise EnvironmentFault(f"{what} is on a broken disk")

        return release

    try:
        herder = Herder(WorkerConfig.parse({}), cluster, PluginHost())
        await herder.__aenter__()
        for name in ("dead_letters", "observers", "providers", "_offsets"):
            monkeypatch.setattr(getattr(herder, name), "aclose", fails(name))
        for topic in herder.base.topics:
            monkeypatch.setattr(topic, "aclose", fails(topic.topic))
        monkeypatch.setattr(herder._statuses, "write", fails("statuses"))
        with pytest.raises(EnvironmentFault, match="dead_letters is"):
            await herder.__aexit__()
        once = list(dict.fromkeys(released))  # statuses are written now and then
        assert set(once[:5]) == {"dead_letters", "statuses", "observers", "providers", "_offsets"}
        assert sorted(once[5:]) == sorted(topic.topic for topic in herder.base.topics)
        assert herder.base._writer is not None and herder.base._writer.done()
    finally:
        monkeypatch.undo()
        await cluster.aclose()


async def test_a_name_is_created_once(worker: RunningWorker) -> None:
    await worker.herder.create("c", CONFIG)
    with pytest.raises(ConflictError) as raised:
        await worker.herder.create("c", CONFIG)
    assert raised.value.code == "connector.exists"
    assert worker.herder.connectors() == ["c"]


async def test_of_two_that_create_one_name_at_once_one_does(worker: RunningWorker) -> None:
    both = [worker.herder.create("c", CONFIG) for _ in range(2)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ConflictError", "ConnectorInfo"]


async def test_a_wrong_config_creates_nothing(worker: RunningWorker) -> None:
    for config in ({**CONFIG, "tasks.max": "none"}, {**CONFIG, "name": "other"}, {}, {**CONFIG, "x": None}):
        with pytest.raises(ConfigError):
            await worker.herder.create("c", config)
    assert worker.herder.connectors() == []


async def test_a_connector_may_begin_stopped_and_keeps_its_target_through_a_new_config(worker: RunningWorker) -> None:
    await worker.herder.create("c", CONFIG, TargetState.STOPPED)
    await worker.until_state("c", State.STOPPED, tasks=0)
    created, info = await worker.herder.put_config("c", {**CONFIG, "tasks.max": "2"})
    assert (created, info.config["tasks.max"]) == (False, "2")
    await worker.until_state("c", State.STOPPED, tasks=0)


async def test_a_patch_changes_some_keys_and_none_removes_one(worker: RunningWorker) -> None:
    await worker.herder.create("c", {**CONFIG, "tasks.max": "2"})
    info = await worker.herder.patch_config("c", {"tasks.max": None, "errors.tolerance": "all"})
    assert "tasks.max" not in info.config
    assert info.config["errors.tolerance"] == "all"


async def test_a_restart_of_what_is_stopped_starts_nothing(worker: RunningWorker) -> None:
    await worker.herder.create("c", CONFIG, TargetState.STOPPED)
    await worker.until_state("c", State.STOPPED, tasks=0)
    status = await worker.herder.restart("c", include_tasks=True)
    assert (status.connector.state, status.tasks) == (State.STOPPED, ())
    with pytest.raises(ConflictError, match="is STOPPED and has no tasks to restart"):
        await worker.herder.restart_task("c", 0)


async def test_offsets_are_changed_only_while_the_connector_is_stopped(worker: RunningWorker) -> None:
    await worker.herder.create("c", CONFIG)
    with pytest.raises(ConfigError, match="Connectors must be in the STOPPED state"):
        await worker.herder.alter_offsets("c", [({"f": "x"}, {"n": 1})])
    await worker.herder.stop("c")
    await worker.until_state("c", State.STOPPED, tasks=0)
    assert await worker.herder.alter_offsets("c", [({"f": "x"}, {"n": 1})]) is False
    assert await worker.herder.offsets("c") == [({"f": "x"}, {"n": 1})]
    assert await worker.herder.reset_offsets("c") is False
    assert await worker.herder.offsets("c") == []


async def test_what_is_deleted_is_gone_and_so_are_its_requests(worker: RunningWorker) -> None:
    await worker.herder.create("c", CONFIG)
    await worker.herder.delete("c")
    for request in (worker.herder.pause, worker.herder.resume, worker.herder.stop, worker.herder.delete):
        with pytest.raises(NotFoundError):
            await request("c")


async def test_topics_that_were_used_are_forgotten_only_where_the_worker_allows_it(tmp_path: Path) -> None:
    async with running_worker(tmp_path, topic_tracking_allow_reset="false") as worker:
        with pytest.raises(ForbiddenError, match=r"topic\.tracking\.allow\.reset is false"):
            await worker.herder.reset_active_topics("c")
