"""Offsets in the worker's topic, or in one of the connector's own with the worker's behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.api.errors import InternalTopicError
from connect.ports import Cluster
from connect.records import Columns
from connect.stores.compacted import CompactedTopic
from connect.stores.offset_topics import OffsetTopics
from connect.stores.offsets import problem_of

P, Q = {"file": "p"}, {"file": "q"}


async def opened(cluster: Cluster, clock_ms: Callable[[], int] = lambda: 42) -> OffsetTopics:
    shared = CompactedTopic(cluster, "connect-offsets", problem=problem_of, remembers_deletions=True)
    await shared.open()
    topics = OffsetTopics(cluster, shared, clock_ms, reserved=["connect-offsets"], partitions=2)
    topics.shared.load()
    return topics


async def test_the_workers_own_is_what_every_other_connector_has(cluster: Cluster) -> None:
    topics = await opened(cluster)
    assert await topics.of(None) is topics.shared
    assert await topics.of("connect-offsets") is topics.shared


async def test_a_topic_is_made_compacted_and_shared_by_those_that_name_it(cluster: Cluster) -> None:
    topics = await opened(cluster)
    first, second = await asyncio.gather(topics.of("own"), topics.of("own"))
    assert first is second
    info = await cluster.admin.describe_topic("own")
    assert (len(info.partitions), info.configs["cleanup.policy"]) == (2, "compact")


async def test_a_topic_that_is_missing_is_not_made_for_who_only_looks(cluster: Cluster) -> None:
    topics = await opened(cluster)
    assert await topics.to_read("own") is topics.shared
    assert await cluster.admin.list_topics() == ["connect-offsets"]
    own = await topics.of("own")
    assert await topics.to_read("own") is own
    await cluster.admin.delete_topic("own")
    assert await topics.to_read("own") is topics.shared


async def test_one_that_is_not_compacted_is_refused(cluster: Cluster) -> None:
    await cluster.admin.create_topic("own")
    with pytest.raises(ConfigError, match=r"must have cleanup\.policy=compact") as raised:
        await (await opened(cluster)).of("own")
    assert raised.value.code == "config.storage_topic"


async def test_what_its_own_topic_does_not_have_is_looked_for_in_the_workers(cluster: Cluster) -> None:
    topics = await opened(cluster)
    await topics.shared.put("c", [(P, {"n": 1}), (Q, {"n": 1})])
    own = await topics.of("own")
    assert own.get("c", P) == {"n": 1}
    await own.put("c", [(P, {"n": 2})])
    assert (own.get("c", P), own.get("c", Q)) == ({"n": 2}, {"n": 1})
    assert sorted(own.all("c"), key=str) == [(P, {"n": 2}), (Q, {"n": 1})]
    assert own.all("d") == []


async def test_what_is_committed_is_copied_so_that_a_connector_can_go_back(cluster: Cluster) -> None:
    topics = await opened(cluster)
    await (await topics.of("own")).put("c", [(P, {"n": 2})])
    assert topics.shared.get("c", P) == {"n": 2}


async def test_a_copy_that_fails_is_logged_and_no_failure(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    topics = await opened(cluster)
    own = await topics.of("own")
    await cluster.admin.delete_topic("connect-offsets")
    await own.put("c", [(P, {"n": 2})])
    assert own.get("c", P) == {"n": 2}
    assert "are committed to own and were not copied to connect-offsets" in caplog.text


async def test_what_is_forgotten_is_forgotten_in_both(cluster: Cluster) -> None:
    topics = await opened(cluster)
    await topics.shared.put("c", [(P, {"n": 1})])
    own = await topics.of("own")
    await own.put("c", [(P, {"n": 2})])
    await own.put("c", [(P, None)])
    assert (own.get("c", P), own.all("c"), topics.shared.all("c")) == (None, [], [])


async def test_a_commit_that_nobody_told_is_found_behind_a_topic_of_its_own_too(cluster: Cluster) -> None:
    topics = await opened(cluster)
    producer = cluster.producer(client_id="p", configs={"transactional.id": "id"}, internal=True)
    await producer.init_transactions()
    await producer.begin_transaction()
    await topics.shared.put_within(producer, "c", [(P, {"n": 1})])
    await producer.commit_transaction()
    own = await topics.of("own")
    await own.settle("c")
    assert own.get("c", P) == {"n": 1}


async def test_a_copy_that_nobody_waits_for_any_more_is_waited_for(cluster: Cluster) -> None:
    topics = await opened(cluster)
    own = await topics.of("own")
    copying = asyncio.create_task(own.copy("c", [(P, {"n": 1})]))
    await asyncio.sleep(0)
    copying.cancel()
    await topics.shared.settle("c")
    assert topics.shared.get("c", P) == {"n": 1}


async def test_offsets_survive_a_new_start(cluster: Cluster) -> None:
    await (await (await opened(cluster)).of("own")).put("c", [(P, {"n": 2})])
    assert (await (await opened(cluster)).of("own")).get("c", P) == {"n": 2}


async def test_a_topic_that_was_deleted_and_made_again_is_read_anew(cluster: Cluster) -> None:
    topics = await opened(cluster)
    await (await topics.of("own")).put("c", [(P, {"n": 2})])
    await cluster.admin.delete_topic("own")
    await topics.shared.put("c", [(P, None)])
    again = await topics.of("own")
    assert again.get("c", P) is None
    await again.put("c", [(P, {"n": 3})])
    assert again.get("c", P) == {"n": 3}


async def test_topics_that_are_named_are_closed_to_clients_until_nobody_names_them(cluster: Cluster) -> None:
    topics = await opened(cluster)
    await topics.of("own")
    await topics.reserve(["own"])
    with pytest.raises(InternalTopicError):
        await cluster.producer(client_id="c").append("own", Columns([b"v"], [b"k"]))
    await topics.reserve([])
    assert not cluster.is_internal("own")
    assert cluster.is_internal("connect-offsets")
    await topics.aclose()


# -- there, away and back ----------------------------------------------------------------------------------------------


class Clock:
    """Milliseconds that a test sets."""

    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


@pytest.mark.parametrize("reopened", [False, True], ids=["same worker", "new worker"])
async def test_a_connector_that_comes_back_to_its_own_topic_goes_on_where_it_was_last(
    cluster: Cluster, reopened: bool
) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    await (await topics.of("own")).put("c", [(P, {"n": 5}), (Q, {"n": 5})])
    await topics.shared.put("c", [(P, {"n": 9})])
    topics = await opened(cluster, clock) if reopened else topics
    own = await topics.of("own")
    assert (own.get("c", P), own.get("c", Q)) == ({"n": 9}, {"n": 5})
    assert sorted(own.all("c"), key=str) == [(P, {"n": 9}), (Q, {"n": 5})]
    await own.copy_missing("c")
    assert topics.shared.get("c", P) == {"n": 9}
    await own.put("c", [(P, {"n": 10})])
    topics = await opened(cluster, clock) if reopened else topics
    assert (await topics.of("own")).get("c", P) == {"n": 10}


@pytest.mark.parametrize("reopened", [False, True], ids=["same worker", "new worker"])
async def test_what_was_forgotten_while_a_connector_had_the_workers_topic_stays_so_in_its_own(
    cluster: Cluster, reopened: bool
) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    await (await topics.of("own")).put("c", [(P, {"n": 5})])
    await topics.shared.put("c", [(P, None)])
    topics = await opened(cluster, clock) if reopened else topics
    own = await topics.of("own")
    assert (own.get("c", P), own.all("c")) == (None, [])
    await own.copy_missing("c")
    assert topics.shared.all("c") == []
    await own.put("c", [(P, {"n": 1})])
    assert own.get("c", P) == topics.shared.get("c", P) == {"n": 1}


async def test_a_copy_of_an_older_offset_is_no_newer_for_being_late(cluster: Cluster) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    own = await topics.of("own")
    await cluster.admin.create_topic("out")
    producer = cluster.producer(client_id="p", configs={"transactional.id": "id"}, internal=True)
    await producer.init_transactions()
    for n in (1, 2):
        await producer.begin_transaction()
        written = await own.put_within(producer, "c", [(P, {"n": n})])
        await producer.commit_transaction()
        written.committed()
    await own.copy("c", [(P, {"n": 1})])
    assert own.get("c", P) == {"n": 2}
    assert (await (await opened(cluster, clock)).of("own")).get("c", P) == {"n": 2}


async def test_a_clock_that_goes_back_makes_no_offset_older_than_the_one_before(cluster: Cluster) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    await (await topics.of("own")).put("c", [(P, {"n": 5})])
    clock.ms = 10
    await topics.shared.put("c", [(P, {"n": 9})])
    own = await topics.of("own")
    assert own.get("c", P) == {"n": 9}
    await own.put("c", [(P, {"n": 10})])
    assert (await (await opened(cluster, clock)).of("own")).get("c", P) == {"n": 10}


async def test_what_is_written_behind_a_reset_counts_though_the_clock_has_gone_back(cluster: Cluster) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    own = await topics.of("own")
    await own.put("c", [(P, {"n": 5})])
    await own.put("c", [(P, None)])
    clock.ms = 10
    await topics.shared.put("c", [(P, {"n": 3})])
    assert own.get("c", P) == {"n": 3}


async def test_a_late_copy_of_what_was_forgotten_since_brings_nothing_back(cluster: Cluster) -> None:
    topics = await opened(cluster, Clock())
    own = await topics.of("own")
    await own.put("c", [(P, {"n": 5})])
    await own.put("c", [(P, None)])
    await own.copy("c", [(P, {"n": 5})])
    assert (own.get("c", P), topics.shared.get("c", P)) == (None, None)


@pytest.mark.parametrize("last", [{"n": 2}, None], ids=["set", "forgotten"])
async def test_of_two_offsets_of_one_partition_in_one_request_the_last_counts(
    cluster: Cluster, last: dict[str, int] | None
) -> None:
    topics = await opened(cluster)
    for store in (await topics.of("own"), topics.shared):
        await store.put("c", [({"x": 1, "y": 2}, {"n": 1}), ({"y": 2, "x": 1}, last)])
        assert store.get("c", {"x": 1, "y": 2}) == last


async def test_an_offset_that_is_written_again_behind_rubbish_keeps_its_age(cluster: Cluster) -> None:
    clock = Clock()
    topics = await opened(cluster, clock)
    await (await topics.of("own")).put("c", [(P, {"n": 5})])
    await topics.shared.put("c", [(P, {"n": 9})])
    producer = cluster.producer(client_id="x", internal=True)
    await producer.append("own", Columns([b"rubbish"], [b'["c",{"file":"p"}]'], timestamps=99))
    await producer.aclose()
    clock.ms = 10**9
    assert (await (await opened(cluster, clock)).of("own")).get("c", P) == {"n": 9}


async def test_a_topic_that_cannot_be_closed_keeps_no_other_from_being_closed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics, closed, aclose = await opened(cluster), list[str](), CompactedTopic.aclose

    async def closes(self: CompactedTopic) -> None:
        closed.append(self.topic)
        await aclose(self)
        if self.topic in ("a", "b"):
            raise EnvironmentFault(f"{self.topic} is on a broken disk")

    for name in ("a", "b", "c"):
        await topics.of(name)
    monkeypatch.setattr(CompactedTopic, "aclose", closes)
    with pytest.raises(EnvironmentFault, match="a is on a broken disk"):
        await topics.aclose()
    assert sorted(closed) == ["a", "b", "c"]
    await topics.aclose()
    assert len(closed) == 3


async def test_of_topics_that_others_write_a_store_has_all_that_is_there_when_it_is_given(cluster: Cluster) -> None:
    workers, shared = [], []
    for _ in range(2):
        topic = CompactedTopic(cluster, "shared", problem=problem_of, remembers_deletions=True, follows=True)
        await topic.open()
        shared.append(topic)
        workers.append(OffsetTopics(cluster, topic, lambda: 42, reserved=[], follows=True))
    one, two = workers
    for name in (None, "own"):
        await two.of(name)
    for number in range(5):
        for name in (None, "own"):
            await (await one.of(name)).put("c", [({"p": 1}, {"at": number})])
            assert (await two.of(name)).get("c", {"p": 1}) == {"at": number}
    await asyncio.gather(*(each.aclose() for each in (*workers, *shared)))
