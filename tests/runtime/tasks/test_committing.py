"""Offsets and acknowledgements behind a flush: never ahead of what is durable, and again where that cannot be now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, ConnectError, EnvironmentFault, SourceTask
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import Columns
from connect.runtime.tasks import committing
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.committing import Commits
from connect.runtime.worker_config import WorkerConfig
from connect.stores.compacted import CompactedTopic
from connect.stores.offsets import OffsetStore
from tests.support.odd_plugins import syncs_fail

P = {"p": 0}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    opened = await open_cluster(tmp_path / "data")
    yield opened
    await opened.aclose()


class Source:
    """A producer with an offset store, its commits, and what was heard of them."""

    def __init__(self, cluster: Cluster, store: OffsetStore, **keys: Any) -> None:
        self.heard: list[Any] = []
        self.stopping = False
        self.letters: list[Any] = []
        self.store = store
        self.producer = cluster.producer(client_id="test")
        self.acks = Acknowledgements(SourceTask())
        self.commits = Commits(
            self.producer,
            store,
            "s",
            WorkerConfig.parse({key.replace("_", "."): str(value) for key, value in keys.items()}),
            self.acks,
            flush_letters=self.flush_letters,
            on_committed=lambda offsets: self.heard.append([offset["n"] for _, offset in offsets]),
            on_durable=lambda: self.heard.append("durable"),
            is_stopping=lambda: self.stopping,
            log=logging.getLogger("test"),
        )

    async def flush_letters(self) -> None:
        self.letters.append(self.store.get("s", P))
        await asyncio.sleep(self.letters_take_s)

    letters_take_s = 0.0

    async def append(self, number: int) -> None:
        await self.producer.append("t", Columns([b"v"]))
        self.commits.reached([(P, {"n": number})])
        batch = Batch("t", ["v"], source_partition=P, source_offsets=[{"n": number}])
        self.acks.polled(self.acks.told_apart([batch]), is_whole=True)


@pytest.fixture
async def store(cluster: Cluster) -> OffsetStore:
    await cluster.admin.create_topic("t")
    topic = CompactedTopic(cluster, "connect-offsets")
    await topic.open()
    return OffsetStore(topic, lambda: 42)


async def test_offsets_are_stored_behind_the_letters_and_told_once(cluster: Cluster, store: OffsetStore) -> None:
    source = Source(cluster, store)
    await source.append(1)
    await source.append(2)
    await source.commits.commit()
    await source.commits.commit()
    assert (store.get("s", P), source.heard, source.letters) == ({"n": 2}, [[2]], [None])


async def test_what_cannot_be_flushed_in_time_is_logged_and_committed_later(
    cluster: Cluster, store: OffsetStore, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(cluster, store, offset_flush_timeout_ms=300)
    source.letters_take_s = 60.0
    await source.append(1)
    await source.commits.commit()
    assert "not committed: it took longer than offset.flush.timeout.ms=300" in caplog.text
    assert store.get("s", P) is None
    source.letters_take_s = 0.0
    await source.append(2)
    deadline = time.monotonic() + 20
    while not source.heard:  # the disk may be slow, too
        assert time.monotonic() < deadline
        await source.commits.commit()
    assert (store.get("s", P), source.heard) == ({"n": 2}, [[2]])


async def test_a_failure_that_does_not_pass_ends_the_task_unless_it_is_stopping_anyway(
    cluster: Cluster, store: OffsetStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(cluster, store)
    with syncs_fail(monkeypatch, lambda path: "/t-0/" in path):
        await source.append(1)
        with pytest.raises(ConnectError) as caught:
            await source.commits.commit()
        assert caught.value.code == "log.sync_failed"
        with pytest.raises(ConnectError):
            await source.commits.make_durable()
        source.stopping = True
        await source.commits.commit()
        assert not await source.commits.make_durable()
    assert "source offsets were not committed" in caplog.text
    assert (store.get("s", P), source.heard, source.acks.news()) == (None, [], [])
    with pytest.raises(EnvironmentFault, match="not closed whole"):
        await cluster.aclose()


async def test_records_are_acknowledged_soon_after_their_append_and_before_their_offset(
    cluster: Cluster, store: OffsetStore
) -> None:
    source = Source(cluster, store, offset_flush_interval_ms=60_000)
    parts = [
        asyncio.create_task(source.commits.commit_regularly()),
        asyncio.create_task(source.commits.make_durable_regularly(source.acks)),
    ]
    await source.append(1)
    deadline = time.monotonic() + 20
    while not source.heard:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    assert source.heard == ["durable"]
    assert [record.source_offset["n"] for record in source.acks.news()] == [1]
    for part in parts:
        part.cancel()
    await asyncio.wait(parts)


async def test_a_quiet_source_commits_before_its_interval_is_over(
    cluster: Cluster, store: OffsetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "QUIET_COMMIT_S", 0.05)
    source = Source(cluster, store, offset_flush_interval_ms=60_000)
    committer = asyncio.create_task(source.commits.commit_regularly())
    await source.append(1)
    deadline = time.monotonic() + 20
    while store.get("s", P) != {"n": 1}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    committer.cancel()
    await asyncio.wait([committer])


async def test_a_source_that_asks_for_a_commit_has_it_before_its_time(
    cluster: Cluster, store: OffsetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "QUIET_COMMIT_S", 3600.0)
    source = Source(cluster, store)
    committer = asyncio.create_task(source.commits.commit_regularly())
    await source.append(1)
    source.commits.reached([(P, {"n": 2})], soon=True)
    deadline = time.monotonic() + 20
    while store.get("s", P) != {"n": 2}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    committer.cancel()
    await asyncio.wait([committer])
