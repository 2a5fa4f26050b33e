from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from connect.api import (
    Config,
    ConflictError,
    Connector,
    EnvironmentFault,
    Record,
    SourceConnector,
    SourceTask,
    hookimpl,
)
from connect.runtime.distributed import crew as module
from connect.runtime.distributed.crew import digest
from connect.runtime.model import State, TaskId
from connect.stores.fenced import FencedProducer
from connect.stores.workers import Placement, Task
from tests.support.groups import Group, generated
from tests.support.groups import group as make_group
from tests.support.logs import logged
from tests.support.worker import until


async def test_a_worker_that_joins_takes_its_share_and_nothing_else_moves(group: Group) -> None:
    await group.start("a")
    herder = await group.leader()
    for name, tasks in (("x", 5), ("y", 1)):
        await herder.create(name, generated(name, tasks))
    await group.until_load(a=6)
    await group.start("b")
    await group.until_load(a=3, b=3)
    before = group.placed()
    await group.start("c")
    await group.until_load(a=2, b=2, c=2)
    after = group.placed()
    assert sum(before[task] != after[task] for task in before) == 2
    for name in ("a", "b", "c"):
        assert group.running(name) == {task for task, worker in after.items() if worker == name}


async def test_what_a_worker_that_stops_had_the_others_run_and_it_runs_nowhere_twice(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    await (await group.leader()).create("x", generated("x", 4))
    await group.until_load(a=2, b=2)
    follower = next(name for name, node in group.nodes.items() if node.herder is None)
    stopped = group.nodes[follower]
    await group.stop(follower)
    assert not stopped.base.worker._tasks
    await group.until_load(**{next(iter(group.nodes)): 4})


async def test_tasks_of_a_worker_that_the_group_has_thrown_out_are_started_elsewhere_after_it_had_time_to_stop_them(
    group: Group,
) -> None:
    for name in ("a", "b"):
        await group.start(name)
    await (await group.leader()).create("x", generated("x", 4))
    await group.until_load(a=2, b=2)
    follower = next(name for name, node in group.nodes.items() if node.herder is None)
    other = next(name for name in group.nodes if name != follower)
    began = asyncio.get_running_loop().time()
    await group.throw_out(follower, is_deaf=True)
    await until(lambda: len(group.running(other)) == 4)
    assert asyncio.get_running_loop().time() - began >= module.GONE_S
    assert group.nodes[follower].lost.is_set()
    assert not group.running(follower), "it has stopped them by itself by then"
    await group.stop(follower)
    await group.until_load(**{other: 4})


async def test_a_restart_starts_a_task_anew_on_the_worker_that_had_it(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 4))
    await group.until_load(a=2, b=2)
    before, starts = group.placed(), dict(group.nodes["a"]._table.placements)
    await herder.restart_task("x", 1)
    await until(lambda: group.nodes["a"]._table.placements.get(("x", 1), starts["x", 1]).start > starts["x", 1].start)
    await group.until_load(a=2, b=2)
    assert group.placed() == before
    now = group.nodes["a"]._table.placements
    assert {task for task in now if now[task] != starts[task]} == {("x", 1)}


async def test_stopping_deleting_and_shrinking_a_connector_leave_no_task_of_it_anywhere(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    for name in ("x", "y", "z"):
        await herder.create(name, generated(name, 2))
    await group.until_load(a=3, b=3)
    await herder.stop("x")
    await herder.delete("y")
    await herder.put_config("z", generated("z", 1))
    await until(lambda: group.running("a") | group.running("b") == {"z-0"})
    await until(lambda: list(group.nodes["a"]._table.placements) == [("z", 0)])
    assert not group.nodes["a"]._table.releases.keys() - {("z", 0)}
    await herder.resume("x")
    await until(lambda: sum(group.load().values()) == 3)


async def test_who_stops_a_task_that_is_just_being_placed_waits_until_it_has_been_stopped(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await group.start("a")
    herder = await group.leader()
    crew, statuses = node._crew, node.base.statuses
    assert crew is not None
    write, reached, goes_on = statuses.write, asyncio.Event(), asyncio.Event()

    async def held() -> None:
        if asyncio.current_task() is crew._turning and crew.tasks("x"):
            reached.set()
            await goes_on.wait()
        await write()

    monkeypatch.setattr(statuses, "write", held)
    await herder.create("x", generated("x", 1))
    await until(reached.is_set)
    stopping = asyncio.create_task(herder.stop("x"))
    await until(lambda: not crew.tasks("x"))
    done, _ = await asyncio.wait({stopping}, timeout=0.3)
    goes_on.set()
    await stopping
    assert not done, "it would have been started after that"
    assert not node._table.placements and not group.running("a")


async def test_a_turn_that_fails_by_a_defect_is_told_once_and_the_next_ones_place_tasks_all_the_same(
    group: Group, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_TURN_S", 0.01)
    node = await group.start("a")
    herder = await group.leader()
    crew, turns = node._crew, [0]
    assert crew is not None
    turn = crew._turn

    async def failing() -> None:
        turns[0] += 1
        if turns[0] <= 3:
            raise TypeError("a defect")
        await turn()

    monkeypatch.setattr(crew, "_turn", failing)
    await herder.create("x", generated("x", 1))
    await group.until_load(a=1)
    assert logged(caplog, logging.ERROR) == ["tasks are not placed just now: TypeError: a defect"]


async def test_a_task_that_failed_elsewhere_is_restarted_by_the_leader_as_its_config_says(group: Group) -> None:
    group.plugins.register(Plugin(), "failing")
    Flaky.failures.clear()
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    leader = next(name for name, node in group.nodes.items() if node.herder is not None)
    waits = {"errors.restart.delay.ms": "100", "errors.restart.policy": "outages"}
    await herder.create("x", {"name": "x", "connector.class": "test.Flaky", "tasks.max": "2", **waits})
    await until(lambda: sorted(Flaky.failures) == ["0", "0", "1", "1"])
    await until(lambda: set(group.load()) == {"a", "b"})
    elsewhere = next(task for task in herder.status("x").tasks if not task.worker_id.startswith(leader))
    assert elsewhere.state is State.RUNNING and elsewhere.trace is None


async def test_who_stops_a_task_waits_for_a_placement_that_is_on_its_way(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await group.start("a")
    herder = await group.leader()
    crew, place = node._crew, node._table.place
    assert crew is not None
    placing, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(placements: Mapping[Task, Placement], through: FencedProducer) -> None:
        placing.set()
        await may_go_on.wait()
        await place(placements, through)

    monkeypatch.setattr(node._table, "place", slowly)
    await herder.create("x", generated("x", 1))
    async with asyncio.timeout(30):
        await placing.wait()
    stopping = asyncio.create_task(crew.stop_tasks([TaskId("x", 0)]))
    await asyncio.wait({stopping}, timeout=0.1)
    assert not stopping.done(), "the task may run in a moment"
    may_go_on.set()
    await asyncio.wait_for(stopping, 30)
    assert ("x", 0) not in node._table.placements and not group.running("a")


async def test_a_former_leader_shuts_out_no_producer_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_group(tmp_path, exactly_once_source_support="enabled") as group:
        node = await group.start("a")
        await group.leader()
        crew, admin = node._crew, group.cluster.admin
        assert crew is not None
        await crew.aclose()
        shut_out: list[str] = []

        async def heard(ids: list[str]) -> None:
            shut_out.extend(ids)

        monkeypatch.setattr(admin, "fence_producers", heard)
        task, here = ("x", 0), node._membership.id
        await node._table.place({task: Placement("gone", 1, True, "c")}, crew._through)
        changes = {task: Placement(here, 2, True, "c")}
        await crew._fence(changes)
        assert len(shut_out) == 1
        after = FencedProducer(group.cluster, f"connect-cluster-{node.base.config.group_id}", lambda: None)
        await after.open()
        with pytest.raises(ConflictError, match="does not lead its group any more"):
            await crew._fence(changes)
        assert len(shut_out) == 1
        monkeypatch.undo()
        await after.aclose()


class Flaky(SourceTask):
    """Meets an outage at its first two starts."""

    failures: ClassVar[list[str]] = []
    number = ""

    def configure(self, config: Config) -> None:
        self.number = config.originals["number"]

    def start(self) -> None:
        if self.failures.count(self.number) < 2:
            self.failures.append(self.number)
            raise EnvironmentFault("the source is away")

    def poll(self) -> Record | None:
        self.context.stopping.wait(0.05)
        return None


class FlakyConnector(SourceConnector):
    class_name = "test.Flaky"
    task_class = Flaky

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        return [{"number": str(number)} for number in range(max_tasks)]


class Plugin:
    @hookimpl
    def connect_connectors(self) -> list[type[Connector]]:
        return [FlakyConnector]


def test_a_digest_tells_configs_apart_but_for_what_changes_while_tasks_run() -> None:
    assert digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})
    assert digest({"a": "1"}) != digest({"a": "2"})
    assert digest({"a": "1", "rate.limit.records.per.second": "5"}) == digest({"a": "1"})
