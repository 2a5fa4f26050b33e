from __future__ import annotations

import orjson
import pytest

from connect.ports import Cluster
from connect.stores.compacted import CompactedTopic
from connect.stores.fenced import FencedProducer
from connect.stores.workers import Placement, Release, WorkerInfo, WorkerTable, problem_of
from tests.support.engines import now_ms


async def opened(cluster: Cluster) -> tuple[CompactedTopic, WorkerTable]:
    topic = CompactedTopic(cluster, "workers", follows=True, problem=problem_of)
    table = WorkerTable(topic, now_ms)
    await topic.open()
    table.load()
    return topic, table


async def test_the_table_is_what_the_topic_holds_for_who_wrote_it_and_for_who_reads_it(cluster: Cluster) -> None:
    topic, table = await opened(cluster)
    through = FencedProducer(cluster, "leader", lambda: None)
    await through.open()
    told: list[object] = []
    table.on_change = told.append
    info, placement, release = WorkerInfo("http://a:1", "1"), Placement("a", 3, True, "c"), Release("a", 2)
    await table.announce("a", info)
    await table.lead("a", through)
    await table.place({("odd-1 name", 0): placement}, through)
    await table.release(("odd-1 name", 0), release)
    assert told == [None, None, ("odd-1 name", 0), ("odd-1 name", 0)]
    other, again = await opened(cluster)
    for each in (table, again):
        assert (each.workers, each.leader) == ({"a": info}, "a")
        assert (each.placements, each.releases) == ({("odd-1 name", 0): placement}, {("odd-1 name", 0): release})
    await table.forget([("odd-1 name", 0)], ["a"], through)
    await other.catch_up()
    for each in (table, again):
        assert (each.workers, each.placements, each.releases) == ({}, {}, {})
    for closing in (through, topic, other):
        await closing.aclose()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"worker-a", {"url": "u"}),
        (b"worker-a", {"url": "u", "version": 1}),
        (b"worker-a", {"url": "u", "version": "1", "leaving": "yes"}),
        (b"leader", {}),
        (b"task-x-0", {"worker": "a", "start": True, "run": True, "config": "c"}),
        (b"task-x-0", {"worker": "a", "start": 1, "run": 1, "config": "c"}),
        (b"task-x", {"worker": "a", "start": 1, "run": True, "config": "c"}),
        (b"task-x-0", {"worker": "a", "start": 2**64 - 1, "run": True, "config": "c"}),
        (b"released-x-0", {"worker": "a", "start": -1}),
        (b"released-x-0", {"worker": "a"}),
        (b"other", {}),
        (b"worker-a", []),
        (b"\xff", {}),
    ],
)
def test_what_is_no_record_of_the_table_does_not_count(key: bytes, value: object) -> None:
    assert problem_of(key, orjson.dumps(value)) is not None


def test_what_a_later_version_adds_does_no_harm() -> None:
    assert problem_of(b"worker-a", b'{"url":"u","version":"1","more":[1]}') is None
    assert problem_of(b"released-x-12", b'{"worker":"a","start":1,"more":null}') is None
