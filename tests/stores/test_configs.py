from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.ports import Cluster
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, Revision


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path)
    yield opened
    await opened.aclose()


async def opened_store(cluster: Cluster) -> ConfigStore:
    topic = CompactedTopic(cluster, "connect-configs")
    await topic.open()
    return ConfigStore(topic, lambda: 42)


@pytest.fixture
async def store(cluster: Cluster) -> ConfigStore:
    return await opened_store(cluster)


async def test_what_was_stored_is_there_for_the_next_worker(cluster: Cluster, store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"}, "PAUSED")
    assert await store.put_tasks("c", [{"t": "0"}, {"t": "1"}])
    again = await opened_store(cluster)
    assert (again.connectors(), again.config("c"), again.target("c")) == (["c"], {"a": "1"}, "PAUSED")
    assert again.task_configs("c") == [{"t": "0"}, {"t": "1"}]


async def test_a_stopped_connector_has_no_tasks_and_gets_none(store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{}])
    await store.put_target("c", "STOPPED")
    assert store.task_configs("c") == []
    assert not await store.put_tasks("c", [{}])
    assert store.task_configs("c") == []


async def test_tasks_planned_while_a_stop_or_a_deletion_is_written_are_dropped(store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    stopped, stored = await asyncio.gather(store.put_target("c", "STOPPED"), store.put_tasks("c", [{}]))
    assert (stopped, stored, store.task_configs("c")) == (None, False, [])
    await store.put_target("c", "STARTED")
    _, stored = await asyncio.gather(store.delete("c"), store.put_tasks("c", [{}]))
    assert (stored, store.task_configs("c"), store.connectors()) == (False, [], [])


async def test_nothing_of_a_deleted_connector_stays_in_the_topic(cluster: Cluster, store: ConfigStore) -> None:
    await store.put_connector("c", {}, "STARTED")
    await store.put_tasks("c", [{}, {}, {}])
    await store.put_tasks("c", [{}])
    await store.delete("c")
    topic = CompactedTopic(cluster, "connect-configs")
    await topic.open()
    assert list(topic.items()) == []


async def test_a_revision_tells_configs_and_lives_apart(store: ConfigStore) -> None:
    seen = [store.revision("c")]
    for change in (store.put_connector("c", {}), store.put_connector("c", {}), store.delete("c"), store.put_connector("c", {})):  # fmt: skip
        await change
        seen.append(store.revision("c"))
    assert seen == [Revision(0, 0), Revision(1, 1), Revision(1, 2), Revision(2, 3), Revision(3, 4)]


async def test_a_stored_value_is_parsed_once_and_anew_when_it_changes(store: ConfigStore) -> None:
    await store.put_connector("c", {"a": "1"})
    first = store.config("c")
    assert store.config("c") is first
    await store.put_connector("c", {"a": "2"})
    assert store.config("c") == {"a": "2"}
