"""Records of topics without a group: the first ones, the last ones, those behind what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.api import SlowPatternError
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.preview import reading
from connect.runtime.preview.answers import Start
from connect.runtime.preview.reading import Topics
from connect.runtime.tasks.walks import singly
from connect.runtime.worker_config import WorkerConfig


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    opened = await open_cluster(tmp_path / "data")
    yield opened
    await opened.aclose()


async def fill(cluster: Cluster, topic: str, values: list[str], *, partition: int = 0, partitions: int = 1) -> None:
    if await cluster.admin.partitions(topic) is None:
        await cluster.admin.create_topic(topic, partitions=partitions)
    producer = cluster.producer(client_id="test")
    times = [int(value.lstrip("v")) for value in values]
    await producer.append(topic, Columns([v.encode() for v in values], None, times, None), partition=partition)
    await producer.aclose()


async def read(cluster: Cluster, count: int, start: Start | None = None, **keys: str) -> tuple[list[bytes], str]:
    own = {"topics": "t"} if "topics_regex" not in keys else {}
    raw = {"name": "k", "connector.class": "C", **own, **{k.replace("_", "."): v for k, v in keys.items()}}
    topics = Topics(cluster, WorkerConfig.parse({}), SinkConnectorConfig.parse(raw), "k")
    found = await topics.read(count, start)
    return [batch.values[0] for batch in found.batches], found.note


async def test_the_first_and_the_last_of_all_partitions_come_by_their_time(cluster: Cluster) -> None:
    await fill(cluster, "t", ["v1", "v4", "v5"], partitions=2)
    await fill(cluster, "t", ["v2", "v3", "v6"], partition=1)
    assert await read(cluster, 3) == ([b"v1", b"v2", b"v3"], "")
    assert await read(cluster, 3, "latest") == ([b"v4", b"v5", b"v6"], "")
    assert len((await read(cluster, 100))[0]) == 6


async def test_what_is_behind_the_groups_offsets_comes_or_what_its_reset_says(cluster: Cluster) -> None:
    await fill(cluster, "t", ["v1", "v2", "v3"])
    assert (await read(cluster, 5, "committed"))[0] == [b"v1", b"v2", b"v3"]
    latest = {"consumer_override_auto.offset.reset": "latest"}
    assert (await read(cluster, 5, "committed", **latest))[0] == []
    await cluster.groups.commit("connect-k", {TopicPartition("t", 0): OffsetAndMetadata(1)})
    assert (await read(cluster, 5, "committed"))[0] == [b"v2", b"v3"]


async def test_topics_are_found_by_pattern_and_missing_ones_told(cluster: Cluster) -> None:
    await fill(cluster, "t1", ["v1"])
    await fill(cluster, "t2", ["v2"])
    assert await read(cluster, 5, topics_regex="t.") == ([b"v1", b"v2"], "")
    assert await read(cluster, 5, topics_regex="x.") == ([], "no topic matches topics.regex")
    assert await read(cluster, 5, topics="t1,gone") == ([b"v1"], "not there: gone")


async def test_of_a_batch_with_many_records_only_those_that_are_wanted_are_made(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(cluster, "t", [f"v{n}" for n in range(500)], partitions=2)
    await fill(cluster, "t", [f"v{n}" for n in range(500, 1000)], partition=1)
    made: list[int] = []
    monkeypatch.setattr(reading, "singly", lambda batch: made.append(len(batch)) or singly(batch))
    assert (await read(cluster, 2))[0] == [b"v0", b"v1"]
    assert (await read(cluster, 2, "latest"))[0] == [b"v998", b"v999"]
    assert made == [2, 2, 2, 2]
    assert (await read(cluster, 600))[0][-1] == b"v599"


async def test_a_pattern_that_takes_long_holds_up_nobody_else(cluster: Cluster) -> None:
    await fill(cluster, "a" * 60, ["v1"])
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with pytest.raises(SlowPatternError, match=r"topics\.regex"):
        await read(cluster, 1, topics_regex="(a|aa)+b")
    ticking.cancel()
    assert ticks > 3


async def test_that_there_is_nothing_to_read_is_told(cluster: Cluster) -> None:
    told = "the topics have no record that a consumer would be given now"
    await cluster.admin.create_topic("t", partitions=2)
    assert await read(cluster, 5) == ([], told)
    producer = cluster.producer(client_id="test", configs={"transactional.id": "x"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"v1"], None, 1), partition=0)
    await producer.abort_transaction()
    await producer.aclose()
    assert await read(cluster, 5, "latest") == ([], told)


async def test_what_is_read_is_bounded(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FETCH_BYTES_MAX", 1)
    monkeypatch.setattr(reading, "BYTES_MAX", 3)
    for number in range(6):
        await fill(cluster, "t", [f"v{number}"])
    assert len((await read(cluster, 6))[0]) == 2
