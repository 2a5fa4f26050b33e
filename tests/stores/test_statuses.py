from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.app import open_cluster
from connect.ports import Acks, Cluster
from connect.stores import statuses
from connect.stores.compacted import CompactedTopic
from connect.stores.statuses import Status, StatusStore
from tests.support.worker import until


class FullDisk(CompactedTopic):
    """A topic whose disk refuses as often as told."""

    refusals = 0

    async def put(self, entries: Mapping[bytes, bytes | None], *, acks: Acks = "durable", timestamp_ms: int) -> None:
        if self.refusals:
            self.refusals -= 1
            raise EnvironmentFault("disk full", code="environment.disk")
        await super().put(entries, acks=acks, timestamp_ms=timestamp_ms)


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path)
    yield opened
    await opened.aclose()


async def opened_store(cluster: Cluster) -> tuple[FullDisk, StatusStore]:
    topic = FullDisk(cluster, "connect-status")
    await topic.open()
    store = StatusStore(topic, lambda: 42)
    store.load()
    return topic, store


async def test_statuses_and_topics_are_there_for_the_next_worker(cluster: Cluster) -> None:
    _, store = await opened_store(cluster)
    store.put_connector("a-1", Status("RUNNING", "w"))
    store.put_task("a-1", 10, Status("FAILED", "w", "cause", "2"))
    store.put_topic("a-1", 10, "t")
    store.drop_tasks("a-1", keep=11)
    await store.write()
    _, again = await opened_store(cluster)
    assert (again.connector("a-1"), again.tasks("a-1")) == (Status("RUNNING", "w"), {10: Status("FAILED", "w", "cause", "2")})  # fmt: skip
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
