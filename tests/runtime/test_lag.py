from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.ports import PartitionInfo
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.runtime.lag import behind
from connect.runtime.model import State, TargetState
from connect.runtime.tasks.replays import replay_topic
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

READ_COMMITTED = "read_committed"


def partition(start: int, end: int, stable: int | None = None) -> PartitionInfo:
    return PartitionInfo(0, start, end, 1, 0, end if stable is None else stable)


@pytest.mark.parametrize(
    ("info", "committed", "options", "wanted"),
    [
        (partition(0, 10), 4, {}, 6),
        (partition(0, 10), 10, {}, 0),
        (partition(0, 10), None, {}, 10),
        (partition(3, 10), None, {}, 7),
        (partition(0, 10), None, {"reset": "latest"}, 0),
        (partition(0, 10), None, {"reset": "none"}, 10),
        (partition(3, 10), 1, {}, 7),  # deleted before it was read
        (partition(0, 2), 10, {}, 2),  # the topic was made again
        (partition(0, 2), 10, {"reset": "latest"}, 0),
        (partition(0, 10, 6), 4, {}, 6),
        (partition(0, 10, 6), 4, {"isolation": READ_COMMITTED}, 2),
        (partition(0, 10, 6), 8, {"isolation": READ_COMMITTED}, 0),
    ],
)
def test_what_waits_in_a_partition(
    info: PartitionInfo, committed: int | None, options: dict[str, str], wanted: int
) -> None:
    assert behind(info, committed, **options) == wanted


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def append(worker: RunningWorker, topic: str, count: int, partition: int | None = None) -> None:
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append(topic, Columns([b"no json"] * count), partition=partition)
    await producer.aclose()


async def make(worker: RunningWorker, topic: str, count: int, partitions: int = 1) -> None:
    await worker.herder.cluster.admin.create_topic(topic, partitions=partitions)
    for number in range(partitions):
        await append(worker, topic, count, number)


def sink(tmp_path: Path, **more: str) -> dict[str, str]:
    config = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "value.converter": STRING, **more}
    return {name.replace("_", "."): value for name, value in config.items()}


async def shown(worker: RunningWorker, name: str) -> list[int]:
    """A sink's lag in each place that shows it: its route, with partitions and tasks, the list, and its group."""
    route: dict[str, Any] = (await worker.client.get(f"/v1/connectors/{name}/lag")).json()
    listed = {row["connector"]: row for row in (await worker.client.get("/v1/lag")).json()["connectors"]}[name]
    group = (await worker.client.get(f"/v1/groups/{route['group']}")).json()["offsets"]
    assert route["group"] in (await worker.client.get("/v1/groups")).json()["groups"]
    sums = [sum(row["lag"] or 0 for row in rows) for rows in (route["partitions"], route["tasks"], group)]
    return [route["lag"], listed["lag"], sums[0], sums[1] if route["tasks"] else sums[0], sums[2]]


async def lag(worker: RunningWorker, name: str) -> int:
    """The lag of a sink that nothing changes meanwhile."""
    (found,) = set(await shown(worker, name))
    return found


async def until_lag(worker: RunningWorker, name: str, wanted: int) -> None:
    deadline = time.monotonic() + 30
    while set(found := await shown(worker, name)) != {wanted}:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


async def test_a_sink_that_failed_at_its_first_record_has_all_of_them_waiting(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await make(worker, "t", 50)
    await worker.herder.put_config("k", sink(tmp_path, topics="t", value_converter=JSON))
    await worker.until_failed("k")
    assert await lag(worker, "k") == 50
    await append(worker, "t", 5)
    await until_lag(worker, "k", 55)


async def test_a_sink_that_never_ran_has_all_records_waiting(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 7, partitions=2)
    for state in (TargetState.PAUSED, TargetState.STOPPED):
        await worker.herder.create(f"k-{state}", sink(tmp_path, topics="t"), state)
        assert await lag(worker, f"k-{state}") == 14


async def test_the_lag_follows_a_sink_through_its_states(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 7)
    await worker.herder.put_config("k", sink(tmp_path, topics="t"))
    await until_lag(worker, "k", 0)
    for request, state in ((worker.herder.pause, State.PAUSED), (worker.herder.stop, State.STOPPED)):
        await request("k")
        await worker.until_state("k", state)
        before = await lag(worker, "k")
        await append(worker, "t", 3)
        await until_lag(worker, "k", before + 3)
    await worker.herder.resume("k")
    await until_lag(worker, "k", 0)


@pytest.mark.parametrize("by", ["connector", "worker"])
async def test_a_group_of_another_name_is_the_one_that_is_looked_at(tmp_path: Path, by: str) -> None:
    keys = {"consumer.group.id": "theirs"} if by == "worker" else {}
    async with running_worker(tmp_path, offset_flush_interval_ms="100", **keys) as worker:
        await make(worker, "t", 4)
        own = {"consumer.override.group.id": "theirs"} if by == "connector" else {}
        await worker.herder.create("k", sink(tmp_path, topics="t", **own), TargetState.STOPPED)
        assert await lag(worker, "k") == 4
        await worker.herder.cluster.groups.commit("theirs", {TopicPartition("t", 0): OffsetAndMetadata(3)})
        await until_lag(worker, "k", 1)
        assert (await worker.client.get("/v1/connectors/k/lag")).json()["group"] == "theirs"


async def test_a_pattern_counts_the_topics_that_match_whole_and_no_internal_ones(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await make(worker, "in-1", 2)
    await make(worker, "in-10x", 9)
    await worker.herder.create("k", sink(tmp_path, **{"topics.regex": "in-[0-9]+|__.*"}), TargetState.STOPPED)
    assert await lag(worker, "k") == 2
    await make(worker, "in-2", 3)
    await until_lag(worker, "k", 5)


async def test_a_pattern_that_takes_too_long_counts_no_topic_and_ends(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "a" * 60, 2)
    await worker.herder.create("k", sink(tmp_path, **{"topics.regex": "(a|aa)+[bc]"}), TargetState.STOPPED)
    async with asyncio.timeout(20):
        assert await lag(worker, "k") == 0


async def test_topics_that_do_not_exist_are_named_and_hold_nothing(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 2)
    await worker.herder.create("k", sink(tmp_path, topics="t, later"), TargetState.PAUSED)
    found = (await worker.client.get("/v1/connectors/k/lag")).json()
    assert (found["lag"], found["missing_topics"]) == (2, ["later"])
    await make(worker, "later", 3)
    await until_lag(worker, "k", 5)


async def test_a_topic_that_was_made_again_waits_from_its_beginning(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 20)
    await worker.herder.put_config("k", sink(tmp_path, topics="t"))
    await until_lag(worker, "k", 0)
    await worker.herder.stop("k")
    await worker.until_state("k", State.STOPPED)
    await worker.herder.cluster.admin.delete_topic("t")
    await make(worker, "t", 6)
    # What a late commit for the old topic leaves behind lies outside of the new one.
    await worker.herder.cluster.groups.commit("connect-k", {TopicPartition("t", 0): OffsetAndMetadata(20)})
    await until_lag(worker, "k", 6)


async def test_partitions_that_a_sink_reads_no_more_do_not_count(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "old", 3)
    await make(worker, "new", 2)
    await worker.herder.create("k", sink(tmp_path, topics="new"), TargetState.STOPPED)
    await worker.herder.cluster.groups.commit("connect-k", {TopicPartition("old", 0): OffsetAndMetadata(1)})
    await until_lag(worker, "k", 2)
    group = (await worker.client.get("/v1/groups/connect-k")).json()
    assert [(r["topic"], r["offset"], r["lag"]) for r in group["offsets"]] == [("new", None, 2), ("old", 1, None)]
    # What is read is taken back as it is: no offset is made of what was never committed.
    offsets = (await worker.client.get("/v1/groups/connect-k/offsets")).json()
    assert (await worker.client.put("/v1/groups/connect-k/offsets", json=offsets)).status_code == 204


async def test_a_reader_of_committed_records_waits_for_none_of_an_open_transaction(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await make(worker, "t", 2)
    producer = worker.herder.cluster.producer(client_id="p", configs={"transactional.id": "x"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a"] * 5))
    isolation = {"consumer.override.isolation.level": "read_uncommitted"}
    await worker.herder.create("all", sink(tmp_path, topics="t", **isolation), TargetState.STOPPED)
    await worker.herder.create("committed", sink(tmp_path, topics="t"), TargetState.STOPPED)
    assert (await lag(worker, "all"), await lag(worker, "committed")) == (7, 2)
    await producer.commit_transaction()
    await until_lag(worker, "committed", 8)  # its marker takes an offset too
    await producer.aclose()


@pytest.mark.parametrize("before", [0, 2])
async def test_a_sink_is_not_behind_for_a_tail_that_holds_no_records(
    worker: RunningWorker, tmp_path: Path, before: int
) -> None:
    await make(worker, "t", before)
    await worker.herder.put_config("k", sink(tmp_path, topics="t"))
    await worker.until_state("k", State.RUNNING, tasks=1)
    await until_lag(worker, "k", 0)
    producer = worker.herder.cluster.producer(client_id="p", configs={"transactional.id": "x"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a"] * 5))
    await producer.abort_transaction()
    await producer.aclose()
    deadline = time.monotonic() + 30
    while [at.offset for at in (await worker.herder.cluster.groups.offsets("connect-k")).values()] != [before + 6]:
        assert time.monotonic() < deadline, "the five and their marker are passed over"
        await asyncio.sleep(0.01)
    await until_lag(worker, "k", 0)
    assert worker.records("k") == before


async def test_a_sink_that_reads_nothing_commits_nothing(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 0)
    await make(worker, "u", 1)
    await worker.herder.put_config("k", sink(tmp_path, topics="t,u"))
    await until_lag(worker, "k", 0)
    assert list(await worker.herder.cluster.groups.offsets("connect-k")) == [TopicPartition("u", 0)]


async def test_a_replayed_letter_that_waits_for_its_sink_counts(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "t", 2)
    for name, keys in (("k", {"topics": "t"}), ("other", {"topics.regex": "t|__.*"})):
        await worker.herder.create(name, sink(tmp_path, **keys), TargetState.STOPPED)
    assert (await lag(worker, "k"), await lag(worker, "other")) == (2, 2)
    await worker.herder.cluster.admin.create_topic(replay_topic("k"))
    producer = worker.herder.cluster.producer(client_id="test", internal=True)
    await producer.append(replay_topic("k"), Columns([b"again"] * 3))
    await producer.aclose()
    await until_lag(worker, "k", 5)
    assert await lag(worker, "other") == 2
    found = (await worker.client.get("/v1/connectors/k/lag")).json()
    assert {row["topic"]: row["lag"] for row in found["partitions"]} == {"t": 2, replay_topic("k"): 3}


async def test_each_task_has_the_lag_of_its_share(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.herder.cluster.admin.create_topic("t", partitions=3)
    for number in range(3):
        await append(worker, "t", 10**number, number)
    await worker.herder.put_config("k", sink(tmp_path, topics="t", value_converter=JSON, **{"tasks.max": "2"}))
    await worker.until(lambda: all(t.state is State.FAILED for t in worker.herder.status("k").tasks))
    (found,) = (await worker.client.get("/v1/lag")).json()["connectors"]
    assert [(t["state"], t["lag"]) for t in found["tasks"]] == [("FAILED", 101), ("FAILED", 10)]
    tasks = (await worker.client.get("/v1/worker")).json()["tasks"]
    assert [task["lag"] for task in tasks] == [101, 10]


async def test_a_sink_whose_plugin_is_gone_still_has_a_lag(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "gone.py").write_text(
        "from connect.api import SinkConnector, SinkTask, hookimpl\n"
        "class GoneTask(SinkTask):\n    def put_batch(self, batch): pass\n"
        "class GoneSink(SinkConnector):\n    task_class = GoneTask\n"
        "@hookimpl\ndef connect_connectors(): return [GoneSink]\n"
    )
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        await make(worker, "t", 5)
        config = {"connector.class": "GoneSink", "topics": "t", "value.converter": STRING}
        await worker.herder.create("k", config, TargetState.STOPPED)
    async with running_worker(tmp_path) as worker:
        assert worker.herder.info("k").type == "unknown"
        assert await lag(worker, "k") == 5


async def test_a_change_of_the_connectors_is_seen_at_once(worker: RunningWorker, tmp_path: Path) -> None:
    await make(worker, "a", 1)
    await make(worker, "b", 2)
    for topics, wanted in (("a", 1), ("a,b", 3), ("b", 2)):
        await worker.herder.put_config("k", sink(tmp_path, topics=topics, file=str(tmp_path / "no" / "folder")))
        assert await lag(worker, "k") == wanted
    await worker.herder.delete("k")
    assert (await worker.client.get("/v1/lag")).json()["connectors"] == []


async def test_the_lag_of_many_connectors_is_worked_out_seldom_and_together(
    worker: RunningWorker, tmp_path: Path
) -> None:
    for number in range(20):
        await worker.herder.cluster.admin.create_topic(f"t{number}")
        await worker.herder.create(f"k{number}", sink(tmp_path, topics=f"t{number}"), TargetState.STOPPED)
    described: list[int] = []
    admin = worker.herder.cluster.admin
    original = admin.describe_topics

    async def counted(names: Any) -> Any:
        described.append(len(names))
        return await original(names)

    admin.describe_topics = counted  # type: ignore[method-assign]
    await worker.client.get("/v1/lag")
    assert described[0] == 20
    assert len(json.loads((await worker.client.get("/v1/lag")).text)["connectors"]) == 20


async def test_a_topic_that_cannot_be_looked_at_is_named_and_keeps_no_other_from_being_counted(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        for topic in ("broken", "whole"):
            await make(worker, topic, 3)
        await worker.herder.create("k", sink(tmp_path, topics="broken,whole"), TargetState.STOPPED)
    (segment,) = (tmp_path / "data" / "broken-0").glob("*.log")
    segment.unlink()
    segment.mkdir()  # what no program can read
    async with running_worker(tmp_path) as worker:
        found = (await worker.client.get("/v1/connectors/k/lag")).json()
        assert (found["lag"], found["unknown_topics"], found["missing_topics"]) == (3, ["broken"], [])
