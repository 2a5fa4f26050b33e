"""Each request from each state, against a table; races; what a restarted worker makes of it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import Config, Connector, Record, SourceConnector, SourceTask, config_key, hookimpl
from connect.runtime.model import State, TargetState
from connect.runtime.states import TARGETS, Request, target_after
from tests.support.worker import RunningWorker, running_worker


class SwitchConfig(Config):
    """A source that fails where it is told to."""

    fail: str = config_key("'connector', 'task' or nothing.", default="")
    shares: int = config_key("How many tasks it wants.", default=1)


class SwitchTask(SourceTask):
    config: SwitchConfig

    def start(self) -> None:
        if self.config.fail == "task":
            raise ValueError("told to fail")

    def poll(self) -> Record | None:
        self.context.stopping.wait(0.05)
        return None


class SwitchConnector(SourceConnector):
    class_name = "test.Switch"
    config_class = SwitchConfig
    task_class = SwitchTask
    config: SwitchConfig
    #: Held by tests that want a start to take its time.
    gate: ClassVar[threading.Event] = threading.Event()

    def start(self) -> None:
        assert self.gate.wait(30)
        if self.config.fail == "connector":
            raise ValueError("told to fail")

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [dict(self.config.originals)] * min(self.config.shares, max_tasks)


class Plugin:
    @hookimpl
    def connect_connectors(self) -> list[type[Connector]]:
        return [SwitchConnector]


@pytest.fixture
async def worker(tmp_path: Path):
    SwitchConnector.gate.set()
    async with running_worker(tmp_path) as running:
        running.herder.plugins.register(Plugin(), "switch")
        yield running
        SwitchConnector.gate.set()


R, P, S = "RUNNING", "PAUSED", "STOPPED"
F, G = "FAILED", "gone"

#: How a connector is brought into a state: initial_state, what fails, and what its tasks are then.
STATES: dict[str, tuple[str, str, list[str]]] = {
    R: (R, "", [R]),
    P: (P, "", []),
    S: (S, "", []),
    F: (R, "connector", []),
    "FAILED task": (R, "task", [F]),
}
#: request, from: answer, the connector's state then, its tasks' states then.
TABLE: dict[tuple[str, str], tuple[int, str, list[str]]] = {
    ("PUT pause", R): (202, P, [P]),
    ("PUT pause", P): (202, P, []),
    ("PUT pause", S): (202, P, []),
    ("PUT pause", F): (202, F, []),
    ("PUT pause", "FAILED task"): (202, P, [F]),
    ("PUT resume", R): (202, R, [R]),
    ("PUT resume", P): (202, R, [R]),
    ("PUT resume", S): (202, R, [R]),
    ("PUT resume", F): (202, F, []),
    ("PUT resume", "FAILED task"): (202, R, [F]),
    ("PUT stop", R): (204, S, []),
    ("PUT stop", P): (204, S, []),
    ("PUT stop", S): (204, S, []),
    ("PUT stop", F): (204, S, []),
    ("PUT stop", "FAILED task"): (204, S, []),
    ("POST restart", R): (204, R, [R]),
    ("POST restart", P): (204, P, []),
    ("POST restart", S): (204, S, []),
    ("POST restart", F): (204, F, []),
    ("POST restart", "FAILED task"): (204, R, [F]),
    ("POST restart?includeTasks=true", R): (202, R, [R]),
    ("POST restart?includeTasks=true", P): (202, P, []),
    ("POST restart?includeTasks=true", S): (202, S, []),
    ("POST restart?includeTasks=true", F): (202, F, []),
    ("POST restart?includeTasks=true", "FAILED task"): (202, R, [F]),
    ("POST restart?onlyFailed=true", R): (202, R, [R]),
    ("POST restart?onlyFailed=true", P): (202, P, []),
    ("POST restart?onlyFailed=true", S): (202, S, []),
    ("POST restart?onlyFailed=true", F): (202, F, []),
    ("POST restart?onlyFailed=true", "FAILED task"): (202, R, [F]),
    ("POST tasks/0/restart", R): (204, R, [R]),
    ("POST tasks/0/restart", P): (404, P, []),
    ("POST tasks/0/restart", S): (409, S, []),
    ("POST tasks/0/restart", F): (404, F, []),
    ("POST tasks/0/restart", "FAILED task"): (204, R, [F]),
    ("PUT config", R): (200, R, [R]),
    ("PUT config", P): (200, P, []),
    ("PUT config", S): (200, S, []),
    ("PUT config", F): (200, R, [R]),
    ("PUT config", "FAILED task"): (200, R, [R]),
    ("PATCH config", R): (200, R, [R]),
    ("PATCH config", P): (200, P, []),
    ("PATCH config", S): (200, S, []),
    ("PATCH config", F): (200, R, [R]),
    ("PATCH config", "FAILED task"): (200, R, [R]),
    ("PATCH offsets", R): (400, R, [R]),
    ("PATCH offsets", P): (400, P, []),
    ("PATCH offsets", S): (200, S, []),
    ("PATCH offsets", F): (400, F, []),
    ("PATCH offsets", "FAILED task"): (400, R, [F]),
    ("DELETE offsets", R): (400, R, [R]),
    ("DELETE offsets", P): (400, P, []),
    ("DELETE offsets", S): (200, S, []),
    ("DELETE offsets", F): (400, F, []),
    ("DELETE offsets", "FAILED task"): (400, R, [F]),
    ("DELETE", R): (204, G, []),
    ("DELETE", P): (204, G, []),
    ("DELETE", S): (204, G, []),
    ("DELETE", F): (204, G, []),
    ("DELETE", "FAILED task"): (204, G, []),
    ("POST /connectors", R): (409, R, [R]),
    ("POST /connectors", P): (409, P, []),
    ("POST /connectors", S): (409, S, []),
    ("POST /connectors", F): (409, F, []),
    ("POST /connectors", "FAILED task"): (409, R, [F]),
}  # fmt: skip
BODIES: dict[str, Any] = {
    "PUT config": {"connector.class": "test.Switch"},
    "PATCH config": {"fail": ""},
    "PATCH offsets": {"offsets": [{"partition": {"p": 1}, "offset": {"o": 2}}]},
    "POST /connectors": {"name": "c", "config": {"connector.class": "test.Switch"}},
}


def test_the_table_covers_every_request_from_every_state() -> None:
    requests = {request for request, _ in TABLE}
    assert set(TABLE) == {(request, state) for request in requests for state in STATES}


async def create(worker: RunningWorker, state: str = R, **config: str) -> None:
    initial, fail, tasks = STATES[state]
    body = {"name": "c", "config": {"connector.class": "test.Switch", "fail": fail, **config}, "initial_state": initial}
    assert (await worker.client.post("/connectors", json=body)).status_code == 201
    await until_shown(worker, F if fail == "connector" else initial, tasks)


async def until_shown(worker: RunningWorker, state: str, tasks: list[str]) -> None:
    def holds() -> bool:
        if "c" not in worker.herder.connectors():
            return state == G
        status = worker.herder.status("c")
        return status.connector.state == state and [task.state for task in status.tasks] == tasks

    await worker.until(holds, deadline_s=5)


@pytest.mark.parametrize(("request_", "state"), TABLE, ids=lambda part: str(part).replace("/", "-"))
async def test_each_request_from_each_state_follows_the_table(worker: RunningWorker, request_: str, state: str) -> None:
    status, after, tasks = TABLE[request_, state]
    await create(worker, state)
    method, _, path = request_.partition(" ")
    url = path if path.startswith("/") else f"/connectors/c/{path}".rstrip("/")
    body = BODIES.get(request_)
    answer = await worker.client.request(method, url, json=body)
    assert answer.status_code == status, answer.text
    await until_shown(worker, after, tasks)


@pytest.mark.parametrize("state", [F, "FAILED task"])
async def test_the_same_config_sent_again_starts_anew_what_has_failed(worker: RunningWorker, state: str) -> None:
    await create(worker, state)
    config = (await worker.client.get("/connectors/c/config")).json()
    began = worker.herder._lifecycle._runners["c"]
    assert (await worker.client.put("/connectors/c/config", json=config)).status_code == 200
    assert worker.herder._lifecycle._runners["c"] is not began


async def test_the_same_config_sent_again_leaves_alone_what_runs(worker: RunningWorker) -> None:
    await create(worker)
    config = (await worker.client.get("/connectors/c/config")).json()
    began = worker.herder._lifecycle._runners["c"]
    assert (await worker.client.put("/connectors/c/config", json=config)).status_code == 200
    assert worker.herder._lifecycle._runners["c"] is began


async def test_statuses_name_the_worker_by_the_address_that_it_has(worker: RunningWorker) -> None:
    await create(worker)
    worker.herder.base.url = "http://127.0.0.1:4711"
    status = (await worker.client.get("/connectors/c/status")).json()
    assert {status["connector"]["worker_id"], status["tasks"][0]["worker_id"]} == {"127.0.0.1:4711"}


def test_the_state_module_says_which_target_follows() -> None:
    assert {request for request, _ in TARGETS} == set(Request)
    for target in TargetState:
        assert target_after("c", Request.PAUSE, target) is TargetState.PAUSED
        assert target_after("c", Request.DELETE, target) is None


# -- races -----------------------------------------------------------------------------------------------------------


async def test_of_many_creations_of_one_name_one_wins_and_the_others_get_409(worker: RunningWorker) -> None:
    body = {"name": "c", "config": {"connector.class": "test.Switch"}}
    answers = await asyncio.gather(*(worker.client.post("/connectors", json=body) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}


async def test_of_configs_put_at_once_one_is_kept_whole_and_who_was_overtaken_is_told(worker: RunningWorker) -> None:
    await create(worker)
    configs = [{"connector.class": "test.Switch", "a": str(n), "b": str(n)} for n in range(10)]
    answers = await asyncio.gather(*(worker.client.put("/connectors/c/config", json=config) for config in configs))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
    (won,) = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    kept = (await worker.client.get("/connectors/c/config")).json()
    assert (kept["a"], kept["b"]) == (str(won), str(won))
    assert answers[won - 1].headers["x-connect-error-code"] == "connector.changed"


async def test_patches_at_once_all_count(worker: RunningWorker) -> None:
    await create(worker)
    patches = [worker.client.patch("/connectors/c/config", json={f"k{n}": "1"}) for n in range(10)]
    assert {answer.status_code for answer in await asyncio.gather(*patches)} == {200}
    assert {f"k{n}" for n in range(10)} <= (await worker.client.get("/connectors/c/config")).json().keys()


async def test_a_request_overtaken_by_a_deletion_brings_nothing_back(worker: RunningWorker) -> None:
    await create(worker)
    config = {"connector.class": "test.Switch"}
    deleted, put, paused = await asyncio.gather(
        worker.client.delete("/connectors/c"),
        worker.client.put("/connectors/c/config", json=config),
        worker.client.put("/connectors/c/pause"),
    )
    assert (deleted.status_code, put.status_code, paused.status_code) == (204, 409, 409)
    assert worker.herder.connectors() == []


async def test_offsets_altered_while_a_connector_is_resumed_are_refused(worker: RunningWorker) -> None:
    await create(worker, S)
    resumed, altered = await asyncio.gather(
        worker.client.put("/connectors/c/resume"),
        worker.client.patch("/connectors/c/offsets", json=BODIES["PATCH offsets"]),
    )
    assert (resumed.status_code, altered.status_code) == (202, 409)
    assert (await worker.client.get("/connectors/c/offsets")).json() == {"offsets": []}


async def test_requests_while_a_start_takes_its_time_are_answered_and_the_last_one_counts(
    worker: RunningWorker,
) -> None:
    from connect.runtime import herder

    SwitchConnector.gate.clear()
    body = {"name": "c", "config": {"connector.class": "test.Switch"}}
    creating = asyncio.create_task(worker.client.post("/connectors", json=body))
    await worker.until(lambda: "c" in worker.herder.connectors())
    assert (await worker.client.get("/connectors/c/status")).json()["connector"]["state"] == "UNASSIGNED"
    stopping = asyncio.create_task(worker.client.put("/connectors/c/stop"))
    SwitchConnector.gate.set()
    assert {(await creating).status_code, (await stopping).status_code} == {201, 204}
    await until_shown(worker, S, [])
    assert herder.SETTLE_S < herder.BUSY_S


async def test_a_start_that_was_ended_is_made_anew_where_the_connector_is_wanted_after_all(
    worker: RunningWorker,
) -> None:
    SwitchConnector.gate.clear()
    body = {"name": "c", "config": {"connector.class": "test.Switch"}}
    creating = asyncio.create_task(worker.client.post("/connectors", json=body))
    await worker.until(lambda: "c" in worker.herder._lifecycle._runners)
    worker.herder._lifecycle._runners["c"].interrupt()  # as a stop does, that is taken back before its turn comes
    SwitchConnector.gate.set()
    worker.herder._lifecycle.reconcile("c")
    await creating
    await until_shown(worker, R, [R])


# -- restarted workers -------------------------------------------------------------------------------------------------


async def test_a_config_changed_while_paused_is_what_tasks_run_after_a_restart_and_resume(tmp_path: Path) -> None:
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "none"), "topic": "t"}
    async with running_worker(tmp_path) as first:
        await first.client.put("/connectors/c/config", json=source)
        await first.until_state("c", State.RUNNING, tasks=1)
        await first.client.put("/connectors/c/pause")
        await first.until_state("c", State.PAUSED, tasks=1)
        await first.client.put("/connectors/c/config", json={**source, "topic": "u"})
    async with running_worker(tmp_path) as second:
        await second.until_state("c", State.PAUSED, tasks=1)
        await second.client.put("/connectors/c/resume")
        await second.until_state("c", State.RUNNING, tasks=1)
        (task,) = (await second.client.get("/connectors/c/tasks")).json()
        assert task["config"]["topic"] == "u"


async def test_statuses_of_the_last_life_are_not_shown_again(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as first:
        first.herder.plugins.register(Plugin(), "switch")
        SwitchConnector.gate.set()
        await create(first)
    async with running_worker(tmp_path) as second:  # its plugin is not installed any more
        await second.until(lambda: second.herder.status("c").connector.state is State.FAILED)
        status = second.herder.status("c")
        assert "test.Switch" in (status.connector.trace or "")
        assert [task.state for task in status.tasks] == [State.UNASSIGNED]
        assert (await second.client.delete("/connectors/c")).status_code == 204
