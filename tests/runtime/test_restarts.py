from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from connect.api import (
    Connector,
    DataError,
    EnvironmentFault,
    Record,
    RetriableError,
    SourceConnector,
    SourceTask,
    hookimpl,
)
from connect.runtime.model import State
from connect.runtime.restarts import RestartConfig, Restarts, restart_wait_ms
from tests.support.worker import RunningWorker, running_worker

OUTAGES = {"errors.restart.policy": "outages", "errors.restart.delay.ms": "10", "errors.restart.delay.max.ms": "80"}


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def test_waits_grow_as_strimzis_do_from_the_first_to_the_longest() -> None:
    waits = [restart_wait_ms(n, first_ms=1000, max_ms=300_000) for n in range(25)]
    assert waits[:6] == [1000, 3000, 6000, 10_000, 15_000, 21_000]
    assert waits[-2:] == [300_000, 300_000]


async def test_the_wait_grows_up_to_the_longest_and_ends_with_the_attempts() -> None:
    restarts = Restarts(lambda name, task: None, Clock())
    config = RestartConfig.parse(
        {
            **OUTAGES,
            "errors.restart.delay.ms": "10000",
            "errors.restart.delay.max.ms": "40000",
            "errors.restart.max.attempts": "3",
        }
    )
    plans = [restarts.failed("c", 0, "outage", config) for _ in range(4)]
    waits = [(plan.at_ms or 0) - Clock.now_ms for plan in plans if plan is not None]
    assert 8_000 <= waits[0] <= 12_000
    assert 24_000 <= waits[1] <= 36_000
    assert 32_000 <= waits[2] <= 40_000
    assert [plan and plan.attempts for plan in plans] == [1, 2, 3, 3]
    assert plans[3] is not None
    assert plans[3].at_ms is None
    restarts.close()


async def test_a_run_longer_than_the_longest_wait_begins_the_count_anew() -> None:
    clock = Clock()
    restarts, config = Restarts(lambda name, task: None, clock), RestartConfig.parse(OUTAGES)
    for after_ms, attempts in ((50, 2), (100, 1)):
        restarts.failed("c", 0, "outage", config)
        restarts.running("c", 0)
        assert restarts.info("c", 0) is None
        clock.now_ms += after_ms
        plan = restarts.failed("c", 0, "outage", config)
        assert plan is not None
        assert plan.attempts == attempts
    restarts.close()


async def test_a_bad_record_is_not_restarted_unless_all_failures_are() -> None:
    restarts = Restarts(lambda name, task: None, Clock())
    assert restarts.failed("c", 0, "record", RestartConfig.parse(OUTAGES)) is None
    assert restarts.failed("c", 0, "outage", RestartConfig.parse({"errors.restart.policy": "none"})) is None
    every = RestartConfig.parse({**OUTAGES, "errors.restart.policy": "all"})
    plan = restarts.failed("c", 0, "record", every)
    assert plan is not None
    assert plan.cause == "record"
    restarts.forget("c")
    assert restarts.info("c", 0) is None


async def test_outages_are_restarted_where_the_config_says_nothing() -> None:
    restarts = Restarts(lambda name, task: None, Clock())
    plan = restarts.failed("c", 0, "outage", RestartConfig.parse({}))
    assert plan is not None
    assert (plan.cause, plan.attempts, plan.max_attempts) == ("outage", 1, -1)
    assert restarts.failed("c", 1, "record", RestartConfig.parse({})) is None
    restarts.close()


# -- in a worker -------------------------------------------------------------------------------------------------------


class Flaky(SourceTask):
    failures: ClassVar[list[Exception]] = []

    def start(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def poll(self) -> Record | None:
        self.context.stopping.wait(0.05)
        return None


class FlakyConnector(SourceConnector):
    class_name = "test.Flaky"
    task_class = Flaky
    failures: ClassVar[list[Exception]] = []

    def start(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class Plugin:
    @hookimpl
    def connect_connectors(self) -> list[type[Connector]]:
        return [FlakyConnector]


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        running.herder.plugins.register(Plugin(), "flaky")
        yield running


async def create(worker: RunningWorker, *failures: Exception, **keys: str) -> None:
    Flaky.failures[:] = failures
    config = {"connector.class": "test.Flaky", **OUTAGES, **keys}
    assert (await worker.client.put("/connectors/c/config", json=config)).status_code == 201


async def test_a_task_comes_back_by_itself_when_the_outage_is_over(worker: RunningWorker) -> None:
    await create(worker, *(EnvironmentFault("away") for _ in range(4)))
    await worker.until(lambda: not Flaky.failures)
    await worker.until_state("c", State.RUNNING, tasks=1)
    assert "restart" not in (await worker.client.get("/connectors/c/tasks/0/status")).json()


async def test_a_connector_comes_back_by_itself_with_its_tasks(worker: RunningWorker) -> None:
    FlakyConnector.failures[:] = [RetriableError("server away") for _ in range(3)]
    await create(worker)
    await worker.until_state("c", State.RUNNING, tasks=1)
    assert not FlakyConnector.failures


async def test_the_status_shows_what_will_be_done_and_when_the_attempts_are_used_up(worker: RunningWorker) -> None:
    await create(worker, *(EnvironmentFault("away") for _ in range(9)), **{"errors.restart.max.attempts": "2"})
    await worker.until(lambda: (task := worker.herder.status("c").tasks[0]).restart and task.restart.at_ms is None)
    shown = (await worker.client.get("/connectors/c/status")).json()["tasks"][0]
    assert (shown["state"], shown["restart"]) == (
        "FAILED",
        {"cause": "outage", "attempts": 2, "max_attempts": 2, "at": None},
    )
    assert shown["trace"].startswith("away [environment.fault]")
    assert len(Flaky.failures) == 9 - 3
    Flaky.failures.clear()
    assert (await worker.client.post("/connectors/c/tasks/0/restart")).status_code == 204
    await worker.until_state("c", State.RUNNING, tasks=1)


async def test_a_bad_record_stays_failed_for_somebody_to_look(worker: RunningWorker) -> None:
    await create(worker, DataError("no JSON"))
    await worker.until_failed("c")
    assert worker.herder.status("c").tasks[0].restart is None
    assert "restart" not in (await worker.client.get("/connectors/c/tasks/0/status")).json()


@pytest.mark.parametrize("request_", ["stop", "delete", "put"])
async def test_a_users_request_ends_the_waiting(worker: RunningWorker, request_: str) -> None:
    await create(
        worker, EnvironmentFault("away"), **{"errors.restart.delay.ms": "60000", "errors.restart.delay.max.ms": "60000"}
    )
    await worker.until_failed("c")
    assert worker.herder.status("c").tasks[0].restart is not None
    if request_ == "stop":
        await worker.client.put("/connectors/c/stop")
        await worker.until_state("c", State.STOPPED, tasks=0)
    elif request_ == "delete":
        assert (await worker.client.delete("/connectors/c")).status_code == 204
    else:
        await worker.client.put("/connectors/c/config", json={"connector.class": "test.Flaky"})
        await worker.until_state("c", State.RUNNING, tasks=1)
    assert worker.herder._lifecycle.restarts.info("c", 0) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("errors.restart.policy", "sometimes"),
        ("errors.restart.delay.max.ms", "5"),
        ("errors.restart.max.attempts", "-2"),
    ],
)
async def test_wrong_restart_keys_are_refused_with_the_config(worker: RunningWorker, name: str, value: str) -> None:
    config = {"connector.class": "test.Flaky", **OUTAGES, name: value}
    answer = await worker.client.put("/connectors/c/config", json=config)
    assert answer.status_code == 400
    assert name in answer.json()["message"]
    assert worker.herder.connectors() == []
