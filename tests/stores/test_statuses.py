from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from connect.api import EnvironmentFault
from connect.ports import Acks, Cluster
from connect.records import TopicPartition
from connect.stores import statuses
from connect.stores.compacted import CompactedTopic
from connect.stores.statuses import Status, StatusStore, problem_of
from tests.stores.conftest import write
from tests.support.worker import until


class FullDisk(CompactedTopic):
    """A topic whose disk refuses as often as told."""

    refusals = 0

    async def put(self, entries: Mapping[bytes, bytes | None], *, acks: Acks = "durable", timestamp_ms: int) -> None:
        if self.refusals:
            self.refusals -= 1
            raise EnvironmentFault("disk full", code="environment.disk")
        await super().put(entries, acks=acks, timestamp_ms=timestamp_ms)


async def opened_store(cluster: Cluster) -> tuple[FullDisk, StatusStore]:
    topic = FullDisk(cluster, "connect-status", problem=problem_of)
    await topic.open()
    store = StatusStore(topic, lambda: 42)
    store.load()
    store.forget_unreadable()
    return topic, store


async def test_statuses_and_topics_are_there_for_the_next_worker(cluster: Cluster) -> None:
    _, store = await opened_store(cluster)
    store.put_connector("a-1", Status("RUNNING", "w"))
    store.put_task("a-1", 10, Status("FAILED", "w", "cause", "2"))
    store.put_topic("a-1", 10, "t")
    store.drop_tasks("a-1", keep=11)
    await store.write()
    _, again = await opened_store(cluster)
    assert (again.connector("a-1"), again.tasks("a-1")) == (
        Status("RUNNING", "w"),
        {10: Status("FAILED", "w", "cause", "2")},
    )
    assert again.topics("a-1") == ["t"]


async def test_every_change_of_a_status_changes_the_revision(cluster: Cluster) -> None:
    _, store = await opened_store(cluster)
    seen = {store.revision("c")}
    store.put_connector("c", Status("RUNNING", "w"))
    seen.add(store.revision("c"))
    store.put_task("c", 0, Status("RUNNING", "w"))
    seen.add(store.revision("c"))
    store.drop("c")
    seen.add(store.revision("c"))
    assert len(seen) == 4


async def test_what_a_full_disk_refused_is_written_when_it_takes_it_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "RETRY_S", 0.01)
    topic, store = await opened_store(cluster)
    topic.refusals = 3
    store.put_connector("c", Status("RUNNING", "w"))
    await store.write()
    assert store.trouble == "disk full"
    writing = asyncio.create_task(store.write_forever())
    await until(lambda: store.trouble is None)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    _, again = await opened_store(cluster)
    assert again.connector("c") == Status("RUNNING", "w")


async def test_why_statuses_are_not_written_is_told_once_for_a_cause_that_stays_and_so_is_that_it_is_over(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="connect.stores.statuses")
    topic, store = await opened_store(cluster)
    for _ in range(2):
        topic.refusals = 3
        for _ in range(5):
            store.put_connector("c", Status("RUNNING", "w"))
            await store.write()
    assert [line.split(":")[0] for line in caplog.messages] == [
        "statuses cannot be written",
        "statuses are written again",
    ] * 2


GOOD = b'{"state":"RUNNING","trace":null,"worker_id":"w","generation":1,"version":"2"}'
RUBBISH = [
    (b"status-connector-c", b"nojson"),
    (b"status-connector-c", b'{"state":7}'),
    (b"status-connector-c", b'{"state":"HUH"}'),
    (b"status-connector-c", b"[]"),
    (b"status-connector-c", b"null"),
    (b"status-connector-c", b""),
    (b"status-connector-", GOOD),
    (b"status-connector-c", b'{"state":"FAILED","trace":5}'),
    (b"status-connector-c", b'{"state":"FAILED","worker_id":{}}'),
    (b"status-connector-c", b'{"state":"FAILED","generation":"1"}'),
    (b"status-connector-\xff", GOOD),
    (b"status-task-c-x", GOOD),
    (b"status-task-c", GOOD),
    ("status-task-c-\u0661".encode(), GOOD),
    (b"status-task-c-0", b'{"state":7}'),
    (b"hello", GOOD),
    (b"status-task-c-" + b"9" * 5000, GOOD),
    (b"status-topic-t:connector-c", b'{"topic":5}'),
    (b"status-topic-t:connector-c", b"{}"),
    (b"status-topic-t:connector-c", b'{"topic":{"name":"t"}}'),
    (b"status-topic-t:connector-c", b'{"topic":{"name":["t"],"connector":{}}}'),
    (b"status-topic-t", b'{"topic":{"name":"t","connector":"c"}}'),
    (None, GOOD),
]


async def test_statuses_that_do_not_count_change_nothing_and_are_forgotten(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await write(cluster, "connect-status", (b"status-connector-c", GOOD), (b"status-task-c-0", GOOD), *RUBBISH)
    _, store = await opened_store(cluster)
    assert (store.connectors(), store.tasks("c")[0].version, store.topics("c")) == (["c"], "2", [])
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == len(RUBBISH)
    await store.write()
    await cluster.compact("connect-status")  # type: ignore[attr-defined]
    caplog.clear()
    _, again = await opened_store(cluster)
    assert again.connectors() == ["c"]
    told = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert len([line for line in told if "key b'status-" in line]) == 0, told


async def test_a_trace_without_end_or_with_half_a_character_is_stored_and_harms_no_other_status(
    cluster: Cluster,
) -> None:
    _, store = await opened_store(cluster)
    store.put_connector("big", Status("FAILED", "w", "begin" + "x" * 5_000_000 + "end"))
    store.put_task("half", 0, Status("FAILED", "w", "cause \ud800", "\udfff"))
    store.put_connector("other", Status("RUNNING", "w"))
    await store.write()
    assert store.trouble is None
    _, again = await opened_store(cluster)
    found = again.connector("big")
    assert found is not None
    assert found.trace is not None
    assert found.trace.startswith("begin")
    assert found.trace.endswith("end")
    assert "4900008 characters are left out" in found.trace
    assert again.tasks("half")[0].trace == "cause \\ud800"
    assert again.connector("other") == Status("RUNNING", "w")


async def test_a_write_that_was_cancelled_is_made_up_for(cluster: Cluster) -> None:
    topic, store = await opened_store(cluster)
    store.put_connector("c", Status("RUNNING", "w"))
    writing = asyncio.create_task(store.write())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.write()
    assert topic.get(b"status-connector-c") is not None


async def test_what_another_store_keeps_in_the_same_topic_is_never_forgotten(cluster: Cluster) -> None:
    await write(cluster, "connect-status", (b"connector-c", b'{"properties":{}}'))
    _, store = await opened_store(cluster)
    await store.write()
    batches = await cluster.admin.fetch(TopicPartition("connect-status", 0), 0)
    assert [key for batch in batches for key in batch.columns.keys or ()] == [b"connector-c"]


async def test_of_two_writes_that_fail_together_the_newer_status_is_written_in_the_end(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, store = await opened_store(cluster)
    refused = asyncio.Event()

    async def away(*_: object, **__: object) -> None:
        await refused.wait()
        raise EnvironmentFault("no broker answers")

    monkeypatch.setattr(topic, "put", away)
    store.put_task("c", 0, Status("RUNNING", "w"))
    older = asyncio.create_task(store.write())
    await asyncio.sleep(0)
    store.put_task("c", 0, Status("FAILED", "w", "cause"))
    newer = asyncio.create_task(store.write())
    await asyncio.sleep(0)
    refused.set()
    await asyncio.gather(older, newer)
    monkeypatch.undo()
    await store.write()
    _, again = await opened_store(cluster)
    assert again.tasks("c")[0].state == "FAILED"


async def followed(cluster: Cluster) -> tuple[CompactedTopic, StatusStore]:
    topic = CompactedTopic(cluster, "connect-status", problem=problem_of, follows=True)
    await topic.open()
    store = StatusStore(topic, lambda: 42)
    store.load()
    return topic, store


async def test_a_status_that_is_not_written_yet_comes_behind_what_another_worker_has_written(cluster: Cluster) -> None:
    (here, one), (there, two) = await followed(cluster), await followed(cluster)
    one.put_task("c", 0, Status("RUNNING", "one"))
    two.put_task("c", 0, Status("FAILED", "two", "cause"))
    await two.write()
    await here.catch_up()
    assert one.tasks("c")[0].state == "RUNNING"
    await one.write()
    await there.catch_up()
    assert two.tasks("c")[0] == one.tasks("c")[0] == Status("RUNNING", "one")
    await asyncio.gather(here.aclose(), there.aclose())


async def test_what_another_worker_writes_behind_a_status_that_is_on_its_way_counts(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here, one), (there, two) = await followed(cluster), await followed(cluster)
    put = here.put

    async def overtaken(entries: Mapping[bytes, bytes | None], *, acks: Acks, timestamp_ms: int) -> None:
        await put(entries, acks=acks, timestamp_ms=timestamp_ms)
        two.put_task("c", 0, Status("FAILED", "two", "cause"))
        await two.write()
        await here.catch_up()

    monkeypatch.setattr(here, "put", overtaken)
    one.put_task("c", 0, Status("RUNNING", "one"))
    await one.write()
    assert one.tasks("c")[0].state == "FAILED"
    await asyncio.gather(here.aclose(), there.aclose())


async def test_a_connector_s_status_that_does_not_count_is_told_of_as_late_and_taken_once_it_does(
    cluster: Cluster,
) -> None:
    (here, one), (there, two) = await followed(cluster), await followed(cluster)
    believed, late = "one", list[tuple[str, int | None]]()
    one.counts = lambda _name, _task, status: status.worker_id == believed
    one.on_late = lambda name, task: late.append((name, task))
    one.put_connector("c", Status("RUNNING", "one"))
    await one.write()
    two.put_connector("c", Status("FAILED", "two", "cause"))
    await two.write()
    await here.catch_up()
    assert one.connector("c") == Status("RUNNING", "one") and late == [("c", None)]
    one.tell_again("c", None)
    await one.write()
    await there.catch_up()
    assert two.connector("c") == Status("RUNNING", "one")
    two.put_connector("c", Status("FAILED", "two", "cause"))
    await two.write()
    await here.catch_up()
    believed = "two"
    one.look_again_at_all()
    assert one.connector("c") == Status("FAILED", "two", "cause")
    two.tell_again("never", None)
    await two.write()
    assert there.get(b"status-connector-never") is None
    await asyncio.gather(here.aclose(), there.aclose())


async def test_a_status_that_does_not_count_is_told_of_as_late_and_taken_once_it_does(cluster: Cluster) -> None:
    (here, one), (there, two) = await followed(cluster), await followed(cluster)
    believed, heard, late = "one", list[str](), list[str]()
    one.counts = lambda _name, _task, status: status.worker_id == believed
    one.on_task = lambda name, task: heard.append(f"{name}-{task}")
    one.on_late = lambda name, task: late.append(f"{name}-{task}")
    one.put_task("c", 0, Status("RUNNING", "one"))
    await one.write()
    two.put_task("c", 0, Status("FAILED", "two", "cause"))
    await two.write()
    await here.catch_up()
    assert one.tasks("c")[0].state == "RUNNING" and (heard, late) == ([], ["c-0"])
    assert one.is_late("c", 0) and not one.is_late("c", 1)
    believed = "two"
    assert not one.is_late("c", 0)
    for _ in range(2):
        one.look_again("c", 0)
    assert one.tasks("c")[0] == Status("FAILED", "two", "cause")
    assert heard == ["c-0"], "what is shown already is no news"
    one.put_task("c", 0, Status("RUNNING", "two"))
    one.look_again("c", 0)
    assert one.tasks("c")[0].state == "RUNNING", "it is on its way, and comes behind"
    two.tell_again("c", 0)
    two.tell_again("c", 1)
    await two.write()
    assert two.tasks("c") == {0: Status("FAILED", "two", "cause")}
    await asyncio.gather(here.aclose(), there.aclose())


async def test_each_change_of_a_status_is_told_with_what_was_before_whoever_set_it(cluster: Cluster) -> None:
    topic, store = await opened_store(cluster)
    told = list[tuple[str, int | None, str | None, str | None]]()
    store.on_shown = lambda name, task, before, now: told.append(
        (name, task, before and before.state, now and now.state)
    )
    store.put_connector("c", Status("RUNNING", "w"))
    store.put_task("c", 0, Status("RUNNING", "w"))
    store.put_task("c", 0, Status("FAILED", "w"))
    await store.write()
    await topic.put({b"status-task-c-1": b'{"state":"FAILED","worker_id":"other"}'}, timestamp_ms=1)
    store.look_again("c", 1)
    store.forget("c", 1)
    store.forget("c", 1)
    store.drop("c")
    assert told == [
        ("c", None, None, "RUNNING"),
        ("c", 0, None, "RUNNING"),
        ("c", 0, "RUNNING", "FAILED"),
        ("c", 1, None, "FAILED"),
        ("c", 1, "FAILED", None),
        ("c", 0, "FAILED", None),
        ("c", None, "RUNNING", None),
    ]
