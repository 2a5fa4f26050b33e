from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import orjson
import pytest

from connect.api import EnvironmentFault
from connect.ports import Cluster
from connect.stores import configs, history
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore
from connect.stores.history import Author, ConfigHistory, asked_by, problem_of


async def opened_store(
    cluster: Cluster, *, versions: int | None = 5, clock: Callable[[], int] | None = None
) -> ConfigStore:
    """A store as a worker has one; without `versions` one that keeps no history."""
    topic = CompactedTopic(cluster, "connect-configs", problem=configs.problem_of, remembers_deletions=True)
    await topic.open()
    ticks = clock or count(1000).__next__
    if versions is None:
        return ConfigStore(topic, ticks)
    kept = CompactedTopic(cluster, "connect-configs-history", problem=problem_of)
    await kept.open()
    return ConfigStore(topic, ticks, ConfigHistory(kept, ticks, versions=versions))


def told(store: ConfigStore, name: str = "c") -> list[tuple[int, str, str | None, str | None]]:
    assert store.history is not None
    return [
        (entry.version, entry.what, entry.target, (entry.config or {}).get("a"))
        for entry in store.history.entries(name)
    ]


async def test_every_change_is_an_entry_with_who_and_when_for_the_next_worker(cluster: Cluster) -> None:
    store = await opened_store(cluster)
    with asked_by(Author("alice", "192.0.2.7", "10.0.0.2")):
        await store.put_connector("c", {"a": "1"}, "STARTED")
    await store.put_connector("c", {"a": "2"})
    await store.put_target("c", "PAUSED")
    await store.put_connector("c", {"a": "1"}, "STARTED", rolled_back_to=1)
    await store.delete("c")
    again = await opened_store(cluster)
    assert told(again) == [
        (1, "created", "STARTED", "1"),
        (2, "changed", "STARTED", "2"),
        (3, "paused", "PAUSED", "2"),
        (4, "rolled back", "STARTED", "1"),
        (5, "deleted", None, None),
    ]
    assert again.history is not None
    entries = again.history.entries("c")
    assert entries[0].author == Author("alice", "192.0.2.7", "10.0.0.2")
    assert (entries[1].author, entries[3].of) == (Author("worker"), 1)
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)


async def test_what_changes_nothing_is_no_entry_and_a_connector_that_comes_back_goes_on(cluster: Cluster) -> None:
    store = await opened_store(cluster)
    await store.put_connector("c", {"a": "1"}, "STARTED")
    await store.put_connector("c", {"a": "1"})
    await store.put_target("c", "STARTED")
    await store.delete("c")
    await store.delete("c")
    await store.put_connector("c", {"a": "1"}, "STOPPED")
    assert told(store) == [(1, "created", "STARTED", "1"), (2, "deleted", None, None), (3, "created", "STOPPED", "1")]


async def test_the_oldest_go_first_and_those_of_pauses_before_those_of_configs(cluster: Cluster) -> None:
    store = await opened_store(cluster, versions=3)
    await store.put_connector("c", {"a": "1"}, "STARTED")
    await store.put_connector("c", {"a": "2"})
    for target in ("PAUSED", "STARTED", "PAUSED", "STARTED"):
        await store.put_target("c", target)
    assert told(store) == [
        (1, "created", "STARTED", "1"),
        (2, "changed", "STARTED", "2"),
        (6, "resumed", "STARTED", "2"),
    ]
    await store.put_connector("c", {"a": "3"})
    await store.put_connector("c", {"a": "4"})
    again = await opened_store(cluster, versions=3)
    assert told(again) == [
        (2, "changed", "STARTED", "2"),
        (7, "changed", "STARTED", "3"),
        (8, "changed", "STARTED", "4"),
    ]


async def test_of_connectors_that_are_gone_the_last_hundred_are_remembered(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "DELETED_MAX", 2)
    store = await opened_store(cluster)
    await store.put_connector("lives", {"a": "1"}, "STARTED")
    for name in ("x", "y", "z"):
        await store.put_connector(name, {"a": "1"}, "STARTED")
        await store.delete(name)
    again = await opened_store(cluster)
    assert again.history is not None
    assert again.history.names() == ["lives", "y", "z"]


async def test_what_was_changed_without_a_history_is_found_by_nobody_knows_whom(cluster: Cluster) -> None:
    store = await opened_store(cluster)
    for name in ("changed", "deleted", "kept"):
        await store.put_connector(name, {"a": "1"}, "STARTED")
    # A worker of Kafka Connect's, or one with config.history.versions=0.
    other = await opened_store(cluster, versions=None, clock=count(5000).__next__)
    await other.put_connector("changed", {"a": "2"})
    await other.put_connector("made", {"a": "3"}, "PAUSED")
    await other.delete("deleted")
    again = await opened_store(cluster, clock=count(9000).__next__)
    await again.settle_history()
    await again.settle_history()
    assert told(again, "changed") == [(1, "created", "STARTED", "1"), (2, "found", "STARTED", "2")]
    assert told(again, "made") == [(1, "found", "PAUSED", "3")]
    assert told(again, "deleted") == [(1, "created", "STARTED", "1"), (2, "deleted", None, None)]
    assert told(again, "kept") == [(1, "created", "STARTED", "1")]
    assert again.history is not None
    assert again.history.entries("made")[0].author == Author("unknown")


async def test_an_entry_whose_change_never_came_true_is_dropped(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened_store(cluster)
    await store.put_connector("c", {"a": "1"}, "STARTED")

    async def fail(*_: object, **__: object) -> None:
        raise EnvironmentFault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", fail)
        with pytest.raises(EnvironmentFault):
            await store.put_connector("c", {"a": "2"})
        with pytest.raises(EnvironmentFault):
            await store.put_connector("new", {"a": "2"}, "STARTED")
    again = await opened_store(cluster)
    await again.settle_history()
    assert (told(again), told(again, "new")) == ([(1, "created", "STARTED", "1")], [])
    # In the same life the next change sees to it.
    await store.put_connector("c", {"a": "3"})
    assert told(store) == [(1, "created", "STARTED", "1"), (2, "changed", "STARTED", "3")]


async def test_an_entry_that_never_came_true_is_dropped_though_the_clock_was_set_back(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened_store(cluster, clock=count(9000).__next__)
    await store.put_connector("c", {"a": "1"}, "STARTED")
    back = await opened_store(cluster, clock=count(1000).__next__)
    await back.put_connector("c", {"a": "2"})

    async def fail(*_: object, **__: object) -> None:
        raise EnvironmentFault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(back, "_write", fail)
        with pytest.raises(EnvironmentFault):
            await back.put_connector("c", {"a": "3"})
    again = await opened_store(cluster, clock=count(2000).__next__)
    await again.settle_history()
    assert told(again) == [(1, "created", "STARTED", "1"), (2, "changed", "STARTED", "2")]
    assert again.history is not None
    times = [entry.at_ms for entry in again.history.entries("c")]
    assert times == sorted(times)


async def test_a_change_of_which_the_history_cannot_be_written_is_not_made(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened_store(cluster)
    await store.put_connector("c", {"a": "1"}, "STARTED")

    async def fail(*_: object, **__: object) -> None:
        raise EnvironmentFault("the disk is full")

    assert store.history is not None
    monkeypatch.setattr(store.history, "add", fail)
    with pytest.raises(EnvironmentFault):
        await store.put_connector("c", {"a": "2"})
    assert store.config("c") == {"a": "1"}


async def test_many_changes_at_once_are_one_after_the_other(cluster: Cluster) -> None:
    store = await opened_store(cluster, versions=100)
    await asyncio.gather(*(store.put_connector("c", {"a": str(n)}, "STARTED") for n in range(20)))
    found = told(store)
    assert [version for version, *_ in found] == list(range(1, 21))
    assert found[-1][3] == (store.config("c") or {})["a"]


ENTRY = {"at": 1, "what": "changed", "target": "STARTED", "config": {"a": "1"}}


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        (b'["c",1]', orjson.dumps(ENTRY), None),
        (b'["c",1]', orjson.dumps({"at": 1, "what": "deleted"}), None),
        (b"connector-c", orjson.dumps(ENTRY), "no connector and version"),
        (b"\xff", orjson.dumps(ENTRY), "no connector and version"),
        (b'["c",0]', orjson.dumps(ENTRY), "no connector and version"),
        (b'["c",true]', orjson.dumps(ENTRY), "no connector and version"),
        (b'["c",1]', b"{", "not JSON"),
        (b'["c",1]', b"[]", "an object is expected"),
        (b'["c",1]', orjson.dumps({**ENTRY, "what": "sold"}), "'what' or 'at'"),
        (b'["c",1]', orjson.dumps({**ENTRY, "target": None}), "no state of a connector"),
        (b'["c",1]', orjson.dumps({**ENTRY, "target": "ASLEEP"}), "no state of a connector"),
        (b'["c",1]', orjson.dumps({**ENTRY, "config": {"a": 1}}), "no object of texts"),
    ],
)
def test_what_is_no_version_of_a_connector_is_told(key: bytes, value: bytes, problem: str | None) -> None:
    found = problem_of(key, value)
    assert found is None if problem is None else problem in str(found)
