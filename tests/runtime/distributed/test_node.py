from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import orjson
import pytest

from connect.api import ConflictError, Connector, SourceConnector, SourceTask, hookimpl
from connect.records import FetchedBatch
from connect.runtime.health import readiness
from connect.runtime.model import State, TargetState
from connect.runtime.worker import ConnectorRunner
from connect.stores.fenced import FencedProducer
from tests.support.groups import Group, generated
from tests.support.logs import logged
from tests.support.worker import until


async def test_one_worker_leads_and_the_others_know_where_it_answers(group: Group) -> None:
    first = await group.start("a")
    herder = await group.leader()
    assert first.leading() is herder and first.leader_url is None
    second = await group.start("b")
    await until(lambda: second.leader_url == "http://a:8083")
    with pytest.raises(ConflictError) as caught:
        second.leading()
    assert caught.value.code == "worker.rebalancing"
    assert {first.health().status, second.health().status} == {"healthy"}


async def test_when_the_leader_stops_another_one_leads_and_what_runs_elsewhere_goes_on_untouched(group: Group) -> None:
    await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 4))
    await herder.create("paused", generated("paused", 2), TargetState.PAUSED)
    await herder.create("stopped", generated("stopped", 2), TargetState.STOPPED)
    follower = await group.start("b")
    await group.until_load(a=2, b=2)
    kept = {task: start for task, start in follower._member._running.items() if task[0] == "x"}
    await group.stop("a")
    after = await group.leader()
    assert after is follower.herder
    await group.until_load(b=4)
    assert kept.items() <= follower._member._running.items(), "they were not started anew"
    assert [after.status(name).connector.state for name in ("paused", "stopped", "x")] == [
        State.PAUSED,
        State.STOPPED,
        State.RUNNING,
    ]
    await after.put_config("y", generated("y", 1))
    await group.until_load(b=5)


async def test_a_worker_that_drains_has_given_its_tasks_up_before_it_is_closed_and_says_that_it_stops(
    group: Group,
) -> None:
    first = await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    second = await group.start("b")
    await group.until_load(a=1, b=1)
    assert readiness(first).status == "ready"
    first.stop_soon()
    assert readiness(first).status == "stopping" and readiness(second).status == "ready"
    await asyncio.gather(first.drain(), first.drain())  # who closes and who waits, both
    assert not group.running("a") and first.health().status == "healthy", "REST has something to tell of still"
    assert await group.leader() is second.herder
    await group.until_load(b=2)
    await group.stop("a")
    await until(lambda: [view.url for view in second.workers()] == ["http://b:8083"])


async def test_a_leader_that_the_group_has_thrown_out_is_refused_what_it_writes_late(group: Group) -> None:
    await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    await group.start("b")
    await group.until_load(a=1, b=1)
    await group.throw_out("a")
    await until(lambda: group.nodes["b"].herder is not None)
    with pytest.raises(ConflictError, match="does not lead its group any more"):
        await herder.put_config("x", generated("x", 9))
    assert group.nodes["a"].lost.is_set()
    await group.stop("a")
    assert herder.health().status == "starting" and not herder._lifecycle._work, "the former leader's herder is closed"
    after = await group.leader()
    await group.until_load(b=2)
    assert after.info("x").config["tasks.max"] == "2"
    await group.start("a")
    await group.until_load(a=1, b=1)


async def test_a_worker_that_was_about_to_lead_and_came_too_late_begins_anew_and_does_not_end(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    await group.start("a")
    await group.leader()
    late = await group.start("b")

    async def overtaken() -> None:
        other = FencedProducer(group.cluster, f"connect-cluster-{late.base.config.group_id}", lambda: None)
        await other.open()
        await other.aclose()

    monkeypatch.setattr(late.base, "reserve", overtaken)
    await group.stop("a")
    await until(late.lost.is_set)
    late.raise_failure()
    await group.stop("b")
    assert late.herder is None


async def test_a_leader_that_the_group_has_thrown_out_leaves_no_instance_of_a_connector_behind(group: Group) -> None:
    stopped: list[str] = []

    class Stops(SourceConnector):
        class_name = "test.Stops"
        task_class = SourceTask

        def stop(self) -> None:
            stopped.append("x")

    class Plugin:
        @hookimpl
        def connect_connectors(self) -> list[type[Connector]]:
            return [Stops]

    group.plugins.register(Plugin(), "stopping")
    node = await group.start("a")
    herder = await group.leader()
    await herder.create("x", {"name": "x", "connector.class": "test.Stops"})
    await until(lambda: herder.status("x").connector.state is State.RUNNING)
    await group.throw_out("a")
    await until(node.lost.is_set)
    assert not stopped
    await group.stop("a")
    assert stopped == ["x"] and node.herder is None


async def test_a_connector_that_was_changed_as_its_leader_ended_runs_with_the_change_everywhere(group: Group) -> None:
    leader = await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    follower = await group.start("b")
    await group.until_load(a=1, b=1)
    before = dict(follower._table.placements)
    # As one whose process ends between the write of a config and what follows from it.
    await leader.base.configs.put_connector("x", {**generated("x", 2), "header.converter": "SimpleHeaderConverter"})
    await group.stop("a")
    await group.leader()
    await group.until_load(b=2)
    now = follower._table.placements
    await until(lambda: all(task in now and now[task].config != before[task].config for task in before))
    assert all(now[task].start > before[task].start for task in before)


async def test_states_reach_the_workers_that_run_the_tasks(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    await group.until_load(a=1, b=1)
    await herder.pause("x")
    await until(lambda: {task.state for task in herder.status("x").tasks} == {State.PAUSED})
    await herder.resume("x")
    await group.until_load(a=1, b=1)
    await herder.pause("x")
    await group.stop(next(name for name, node in group.nodes.items() if node.herder is None))
    await until(lambda: {t.worker_id for t in herder.status("x").tasks} == {herder.worker_id})
    await until(lambda: {task.state for task in herder.status("x").tasks} == {State.PAUSED})


async def test_a_level_for_the_cluster_is_set_on_every_worker(group: Group, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    other = next(node for node in group.nodes.values() if node.herder is None)
    seen: list[tuple[str, str]] = []
    other.base.loggers.set = lambda name, level: seen.append((name, level)) or []  # type: ignore[method-assign,func-returns-value]
    await herder.set_level("connect.some", "DEBUG")
    await until(lambda: seen == [("connect.some", "DEBUG")])
    assert logging.getLogger("connect.some").level == logging.DEBUG
    logging.getLogger("connect.some").setLevel(logging.NOTSET)
    assert not logged(caplog, logging.ERROR)


async def test_a_worker_that_a_leader_has_forgotten_tells_of_itself_again(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.runtime.distributed.node._AGAIN_S", 0.05)
    first = await group.start("a")
    await group.leader()
    await group.start("b")
    await until(lambda: len(first._table.workers) == 2)
    through = first.base.config_topic.through
    assert through is not None
    await first._table.forget([], [group.nodes["b"]._membership.id], through)
    await until(lambda: len(first._table.workers) == 2)


async def test_what_a_worker_tells_of_a_task_that_another_one_runs_by_now_is_not_believed(group: Group) -> None:
    for name in ("a", "b", "c"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 3))
    await group.until_load(a=1, b=1, c=1)
    leader = next(name for name, node in group.nodes.items() if node.herder is not None)
    late = next(name for name in group.nodes if name != leader)
    elsewhere = [task for task, name in group.placed().items() if name != late]
    topic = herder.base.status_topic
    before = [dict(node._member._running) for node in group.nodes.values()]
    for task in elsewhere:
        status = {"state": "FAILED", "trace": "frozen", "worker_id": f"{late}:8083", "cause": "outage"}
        key = f"status-task-{task}".encode()
        await topic.put({key: orjson.dumps(status)}, timestamp_ms=0)
    for node in group.nodes.values():
        await node.base.status_topic.catch_up()
    await group.until_load(a=1, b=1, c=1)

    def told() -> list[str]:
        return [orjson.loads(topic.get(f"status-task-{task}".encode()) or b"")["state"] for task in elsewhere]

    await until(lambda: told() == ["RUNNING", "RUNNING"])  # those who run them tell it again
    assert [dict(node._member._running) for node in group.nodes.values()] == before, "none is restarted"
    for node in group.nodes.values():
        assert {status.state for status in node.base.statuses.tasks("x").values()} == {"RUNNING"}


async def test_what_a_worker_tells_too_late_of_a_task_that_is_no_more_is_shown_by_none_and_forgotten(
    group: Group,
) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    await group.until_load(a=1, b=1)
    late = next(name for name, node in group.nodes.items() if node.herder is None)
    topic = herder.base.status_topic
    status = {"state": "FAILED", "trace": "frozen", "worker_id": f"{late}:8083", "cause": "outage"}
    keys = [b"status-task-x-2", b"status-task-gone-0"]
    await topic.put({key: orjson.dumps(status) for key in keys}, timestamp_ms=0)
    for node in group.nodes.values():
        await node.base.status_topic.catch_up()
        assert list(node.base.statuses.tasks("x")) == [0, 1] and not node.base.statuses.tasks("gone")
    await until(lambda: [topic.get(key) for key in keys] == [None, None])
    await herder.create("gone", generated("gone", 1))
    await until(lambda: sum(group.load().values()) == 3)


async def test_two_workers_of_which_one_hears_late_who_runs_a_task_do_not_tell_against_each_other(
    group: Group,
) -> None:
    for name in ("a", "b", "c"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 3))
    await group.until_load(a=1, b=1, c=1)
    leading = next(node for node in group.nodes.values() if node.herder is not None)
    late, other = [node for node in group.nodes.values() if node is not leading]
    through, crew = leading.base.config_topic.through, leading._crew
    follower = late._topic._follower
    assert through is not None and crew is not None and follower is not None and follower._consumer is not None
    crew.let_go()
    poll, is_deaf, hears = follower._consumer.poll, asyncio.Event(), asyncio.Event()

    async def deaf(**options: Any) -> list[FetchedBatch]:
        is_deaf.set()
        await hears.wait()
        return await poll(**options)

    follower._consumer.poll = deaf  # type: ignore[method-assign]
    await is_deaf.wait()
    me, placements = other._membership.id, leading._table.placements
    task = next(task for task, at in placements.items() if at.worker == late._membership.id)
    moved = replace(placements[task], worker=me, start=placements[task].start + 1)
    await leading._table.place({task: moved}, through)
    key = f"status-task-{task[0]}-{task[1]}".encode()
    await until(lambda: b"RUNNING" in (value := leading.base.status_topic.get(key) or b"") and value)
    await until(lambda: task in other._member.running)

    async def told() -> int:
        for node in (late, other):
            await node.base.statuses.write()
            await node.base.status_topic.catch_up()
        found = await group.cluster.admin.describe_topic(leading.base.status_topic.topic)
        return sum(one.log_end_offset for one in found.partitions)

    before = await told()
    for _ in range(20):
        after = await told()
    assert after - before <= 4, "each tells once what it knows"
    hears.set()
    await until(lambda: task not in late._member.running)
    shown = other.base.worker_id
    await until(lambda: {node.base.statuses.tasks("x")[task[1]].worker_id for node in group.nodes.values()} == {shown})


async def test_what_a_worker_that_does_not_lead_tells_of_a_connector_is_not_believed(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 2))
    await group.until_load(a=1, b=1)
    late = next(name for name, node in group.nodes.items() if node.herder is None)
    topic = herder.base.status_topic
    status = {"state": "FAILED", "trace": "frozen", "worker_id": f"{late}:8083"}
    keys = [b"status-connector-x", b"status-connector-gone"]
    await topic.put({key: orjson.dumps(status) for key in keys}, timestamp_ms=0)
    for node in group.nodes.values():
        await node.base.status_topic.catch_up()
        found = node.base.statuses.connector("x")
        assert found is not None and found.state == "RUNNING" and node.base.statuses.connector("gone") is None
    # Who leads tells it again, or that there is none.
    await until(lambda: b"RUNNING" in (topic.get(keys[0]) or b"") and topic.get(keys[1]) is None)
    await herder.pause("x")
    await until(lambda: herder.status("x").connector.state is State.PAUSED)


async def test_a_leader_that_is_overtaken_amid_its_work_shows_no_connector_as_failed(
    group: Group, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 1))
    await group.until_load(a=1)
    other = FencedProducer(group.cluster, f"connect-cluster-{node.base.config.group_id}", lambda: None)
    await other.open()
    await other.aclose()

    async def more(_: ConnectorRunner) -> list[dict[str, str]]:
        return [{"more": "1"}, {"more": "2"}]

    monkeypatch.setattr(ConnectorRunner, "task_configs", more)
    herder._lifecycle._on_reconfigure("x")
    await until(node.lost.is_set)
    await asyncio.gather(*herder._lifecycle._work)
    assert herder.status("x").connector.state is State.RUNNING
    assert "does not lead its group any more" in caplog.text and "Traceback" not in caplog.text


async def test_what_a_new_leader_tells_before_it_is_known_as_one_counts_once_it_is(group: Group) -> None:
    for name in ("a", "b"):
        await group.start(name)
    await group.leader()
    follower = next(node for node in group.nodes.values() if node.herder is None)
    table, topic = follower._table, follower.base.status_topic
    await until(lambda: table.leader in table.workers)
    leader, me = table.leader, follower._membership.id
    status = {"state": "UNASSIGNED", "worker_id": table.workers[leader or ""].url.partition("://")[2]}
    table.leader = follower._leader_before = me  # the topics are read one beside the other
    await topic.put({b"status-task-x-0": orjson.dumps(status)}, timestamp_ms=0)
    assert not follower.base.statuses.tasks("x")
    table.leader = leader
    table.on_change(None)
    assert follower.base.statuses.tasks("x")[0].state == "UNASSIGNED"
