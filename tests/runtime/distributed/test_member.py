from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from connect.api import ConflictError, EnvironmentFault
from connect.api.errors import ProducerFencedError
from connect.runtime.distributed import member as module
from connect.runtime.model import State, TaskId
from connect.runtime.tasks.transaction import RENEWED_AFTER_S
from connect.stores.workers import Placement, Release
from tests.support.groups import Group, generated
from tests.support.worker import until


async def test_a_placement_that_came_and_went_before_it_was_begun_is_released_all_the_same(group: Group) -> None:
    node = await group.start("a")
    await group.leader()
    through = node.base.config_topic.through
    assert through is not None and node._crew is not None
    node._crew.let_go()
    me = node._membership.id
    await node._table.place({("gone", 0): Placement(me, 7, False, "c")}, through)
    await until(lambda: node._table.releases.get(("gone", 0)) == Release(me, 7))


async def test_what_the_others_are_not_told_of_a_task_is_logged_once_for_a_cause_that_stays(
    group: Group, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", 0.01)
    node = await group.start("a")
    herder = await group.leader()
    await herder.create("x", generated("x", 1))
    await group.until_load(a=1)
    tries: list[str] = []

    async def refused(*_: object) -> None:
        tries.append("no topic" if len(tries) < 9 else "no leader")
        raise EnvironmentFault(tries[-1])

    monkeypatch.setattr(node._table, "release", refused)
    await herder.delete("x")
    await until(lambda: len(tries) > 12)
    assert [message for message in caplog.messages if message.startswith("task x-0: no ")] == [
        "task x-0: no topic",
        "task x-0: no leader",
    ]
    monkeypatch.undo()
    await until(lambda: not node._member.running)


async def test_a_task_that_cannot_be_made_is_failed_with_the_reason_and_is_its_leaders_to_restart(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await group.start("a")
    herder = await group.leader()

    async def away(*_: object) -> None:
        raise EnvironmentFault("the vault is away")

    await herder.create("x", generated("x", 1, **{"errors.restart.policy": "none"}))
    await group.until_load(a=1)
    monkeypatch.setattr(node.base.providers, "resolve", away)
    await herder.restart_task("x", 0)
    await until(lambda: herder.status("x").tasks[0].state is State.FAILED)
    assert "the vault is away" in (herder.status("x").tasks[0].trace or "")
    assert herder.failed_by("x", 0) is None or herder.failed_by("x", 0) == "outage"
    monkeypatch.undo()
    await herder.restart_task("x", 0)
    await group.until_load(a=1)


async def test_a_rate_limit_is_shared_among_the_workers_and_heeded_where_it_changes_while_tasks_run(
    group: Group,
) -> None:
    for name in ("a", "b"):
        await group.start(name)
    herder = await group.leader()
    await herder.create("x", generated("x", 4, **{"rate.limit.records.per.second": "100"}))
    await group.until_load(a=2, b=2)
    limits = [node.base.worker.rates.of("x") for node in group.nodes.values()]
    await until(lambda: [limit.records_per_s for limit in limits] == [50.0, 50.0])
    starts = dict(group.nodes["a"]._table.placements)
    await herder.patch_config("x", {"rate.limit.records.per.second": "200"})
    await until(lambda: [limit.records_per_s for limit in limits] == [100.0, 100.0])
    assert group.nodes["a"]._table.placements == starts, "no task was started anew"


async def test_values_of_config_providers_reach_tasks_on_every_worker_and_are_not_stored(
    group: Group, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.properties"
    secret.write_text("topic=the-secret-topic\n")
    keys = {
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
    }
    for name in ("a", "b"):
        await group.start(name, **keys)
    herder = await group.leader()
    await herder.create("x", generated("x", 2, **{"kafka.topic": f"${{file:{secret}:topic}}"}))
    await group.until_load(a=1, b=1)
    for node in group.nodes.values():
        for value in (value for _, value in node.base.config_topic.items()):
            assert b"the-secret-topic" not in value
        for task in (TaskId("x", 0), TaskId("x", 1)):
            if (runner := node.base.worker.runner(task)) is not None:
                assert runner.spec.config.originals["kafka.topic"] == "the-secret-topic"


async def test_a_task_that_somebody_late_has_shut_out_comes_back_by_itself(group: Group) -> None:
    node = await group.start("a", **{"exactly.once.source.support": "enabled"})
    herder = await group.leader()
    await herder.create("x", generated("x", 1, **{"max.interval": "20", "errors.restart.delay.ms": "50"}))
    await group.until_load(a=1)
    start = node._table.placements["x", 0].start
    await group.cluster.admin.fence_producers(["connect-cluster-x-0"])
    await until(lambda: node._table.placements.get(("x", 0), Placement("", 0, False, "")).start > start)
    await group.until_load(a=1)


async def test_a_task_that_runs_elsewhere_by_now_does_not_take_its_id_back_after_a_long_rest(group: Group) -> None:
    keys = {"exactly.once.source.support": "enabled"}
    for name in ("a", "b"):
        await group.start(name, **keys)
    herder = await group.leader()
    await herder.create("x", generated("x", 1, **{"max.interval": "20"}))
    await until(lambda: any(("x", 0) in node._member.running for node in group.nodes.values()))
    leading = next(node for node in group.nodes.values() if node.herder is not None)
    late, other = sorted(group.nodes.values(), key=lambda node: ("x", 0) not in node._member.running)
    through, task = leading.base.config_topic.through, TaskId("x", 0)
    assert through is not None and leading._crew is not None
    leading._crew.let_go()
    late._member.look = lambda _: None  # type: ignore[method-assign]  # as one that is frozen
    before = late.base.worker.runner(task)
    assert before is not None
    await until(lambda: before.records)
    before.pause()
    await until(lambda: before.state is State.PAUSED)
    placement = replace(late._table.placements["x", 0], worker=other._membership.id, start=1 << 50)
    await leading._table.place({("x", 0): placement}, through)
    await until(lambda: (found := other.base.worker.runner(task)) is not None and found.records)
    committed, before._transaction._used_at = before.records, time.monotonic() - 2 * RENEWED_AFTER_S
    before.resume()
    await until(lambda: before.state is State.FAILED)
    assert isinstance(before.failure, ProducerFencedError) and before.records == committed
    now = other.base.worker.runner(task)
    assert now is not None and now.state is State.RUNNING


async def test_a_leader_of_before_shuts_nobody_out(group: Group) -> None:
    keys = {"exactly.once.source.support": "enabled"}
    before = await group.start("a", **keys)
    herder = await group.leader()
    await group.start("b", **keys)
    await herder.create("x", generated("x", 2, **{"max.interval": "20"}))
    await group.until_load(a=1, b=1)
    crew, mine = before._crew, next(task for task in before._table.placements)
    assert crew is not None
    await group.throw_out("a", is_deaf=True)
    await until(lambda: group.nodes["b"].herder is not None)
    fenced: list[object] = []
    before.base.cluster.admin.fence_producers = lambda ids: fenced.append(ids)  # type: ignore[attr-defined]
    with pytest.raises(ConflictError, match="does not lead its group any more"):
        await crew._fence({mine: Placement("c", 9, True, "c")})
    assert not fenced
    del before.base.cluster.admin.fence_producers  # type: ignore[attr-defined]


async def test_news_that_comes_while_the_look_before_is_ending_is_heeded(group: Group) -> None:
    node = await group.start("a")
    await (await group.leader()).create("x", generated("x", 1))
    await group.until_load(a=1)
    member, task = node._member, ("x", 0)
    await until(lambda: not member._jobs)
    assert node._crew is not None
    node._crew.let_go()
    member.look(task)

    def hear(_: object) -> None:
        del node._table.placements[task]
        member.look(task)

    job = member._jobs[task]
    job.remove_done_callback(brought := job._callbacks[0][0])  # type: ignore[attr-defined]
    job.add_done_callback(hear)
    job.add_done_callback(brought)
    await until(lambda: not group.running("a"))


async def test_a_worker_that_has_left_looks_at_no_placement_any_more(group: Group) -> None:
    node = await group.start("a")
    await group.leader()
    member = node._member
    await member.leave()
    node._table.placements["x", 0] = Placement(node._membership.id, 7, False, "c")
    member.look(("x", 0))
    assert not member._jobs
