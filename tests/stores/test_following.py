from __future__ import annotations

import asyncio
import logging

import pytest

from connect.api import EnvironmentFault
from connect.ports import STATE_TOPIC_CONFIGS, Cluster
from connect.records import Columns, FetchedBatch
from connect.stores.compacted import CompactedTopic
from connect.stores.following import Follower
from tests.support.engines import now_ms, until
from tests.support.logs import logged


async def opened(cluster: Cluster, topic: str, **options: object) -> CompactedTopic:
    store = CompactedTopic(cluster, topic, follows=True, replication_factor=1, **options)  # type: ignore[arg-type]
    await store.open()
    return store


async def test_what_one_worker_writes_the_others_have_and_are_told_of(engine_cluster: Cluster, name: str) -> None:
    one, two = await opened(engine_cluster, name), await opened(engine_cluster, name)
    told: list[bytes] = []
    two.on_change = told.append
    await one.put({b"a": b"1", b"b": b"2"}, timestamp_ms=now_ms())
    assert one.get(b"a") == b"1", "an own write is there once it is answered"
    await two.catch_up()
    assert dict(two.items()) == {b"a": b"1", b"b": b"2"} and told == [b"a", b"b"]
    await two.put({b"a": None}, timestamp_ms=now_ms())
    await until(lambda: one.get(b"a") is None)
    await asyncio.gather(one.aclose(), two.aclose())


async def test_of_two_that_write_one_key_the_log_decides_for_both(engine_cluster: Cluster, name: str) -> None:
    one, two = await opened(engine_cluster, name), await opened(engine_cluster, name)
    for number in range(20):
        await asyncio.gather(
            one.put({b"k": b"one %d" % number}, timestamp_ms=now_ms()),
            two.put({b"k": b"two %d" % number}, timestamp_ms=now_ms()),
        )
    await asyncio.gather(one.catch_up(), two.catch_up())
    three = await opened(engine_cluster, name)
    assert one.get(b"k") == two.get(b"k") == three.get(b"k") is not None
    await asyncio.gather(*(each.aclose() for each in (one, two, three)))


async def test_an_older_record_that_is_read_late_changes_nothing(engine_cluster: Cluster, name: str) -> None:
    store = await opened(engine_cluster, name)
    assert store._follower is not None, "it follows"
    await store._follower.aclose()  # its reading comes after the own writes
    await store.put({b"k": b"new"}, timestamp_ms=now_ms())
    await store.put({b"k": b"newer"}, timestamp_ms=now_ms())
    assert store.get(b"k") == b"newer"
    late = FetchedBatch(name, 0, range(1), Columns([b"old"], [b"k"], now_ms()), 1)
    store._take_followed(late)
    assert store.get(b"k") == b"newer"
    await store.aclose()


async def test_a_follower_that_cannot_be_where_the_topic_is_says_so_and_does_not_wait_for_ever(
    engine_cluster: Cluster, name: str
) -> None:
    await engine_cluster.admin.create_topic(name, partitions=1, configs=STATE_TOPIC_CONFIGS, replication_factor=1)
    producer = engine_cluster.producer(client_id="p", configs={"transactional.id": name})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, Columns([b"1"], [b"k"], now_ms()))
    await producer.flush()
    seen: list[FetchedBatch] = []
    follower = Follower(engine_cluster, name, seen.append)
    await follower.open()
    with pytest.raises(EnvironmentFault, match="was not read within"):
        await follower.catch_up(0.5)
    await producer.commit_transaction()
    await follower.catch_up(30)
    assert [value for batch in seen for value in batch.columns.values] == [b"1"]
    await follower.aclose()
    await producer.aclose()


async def test_a_follower_goes_on_after_a_failure_and_tells_of_it_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect.stores.following._AGAIN_S", 0.01)
    store = CompactedTopic(cluster, "t", follows=True)
    await store.open()
    assert store._follower is not None and store._follower._consumer is not None
    poll, failures = store._follower._consumer.poll, [EnvironmentFault("no broker answers")] * 3

    async def failing(**given: int) -> list[FetchedBatch]:
        if failures:
            raise failures.pop()
        return await poll(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(store._follower._consumer, "poll", failing)
    other = await opened(cluster, "t")
    await other.put({b"k": b"v"}, timestamp_ms=now_ms())
    await until(lambda: store.get(b"k") == b"v" and not failures)
    assert logged(caplog, logging.WARNING) == ["t cannot be read just now: no broker answers"]
    await until(lambda: store._follower is not None and store._follower.trouble is None)
    await asyncio.gather(store.aclose(), other.aclose())


async def test_many_that_catch_up_at_once_ask_together_and_each_has_what_was_there_when_it_asked(
    engine_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await opened(engine_cluster, name), await opened(engine_cluster, name)
    looks = 0
    describe = type(engine_cluster.admin).describe_topic

    async def counted(self: object, topic: str) -> object:
        nonlocal looks
        looks += 1
        return await describe(self, topic)  # type: ignore[arg-type]

    monkeypatch.setattr(type(engine_cluster.admin), "describe_topic", counted)
    await asyncio.gather(*(two.catch_up() for _ in range(100)))
    assert looks == 1

    async def written_and_seen(number: int) -> bool:
        await one.put({b"%d" % number: b"v"}, timestamp_ms=now_ms())
        await two.catch_up()
        return two.get(b"%d" % number) == b"v"

    assert all(await asyncio.gather(*(written_and_seen(number) for number in range(50))))
    await asyncio.gather(one.aclose(), two.aclose())


async def test_a_topic_that_is_made_anew_while_it_is_followed_is_told_of_and_what_it_has_from_then_on_counts(
    engine_cluster: Cluster, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(engine_cluster, name)
    for number in range(3):
        await store.put({b"k": b"%d" % number, b"other": b"v"}, timestamp_ms=now_ms())
    await store.catch_up()
    await engine_cluster.admin.delete_topic(name)
    writer = await opened(engine_cluster, name)
    # One batch that ends behind where the topic before ended.
    await writer.put({b"k": b"new", **{b"%d" % number: b"v" for number in range(20)}}, timestamp_ms=now_ms())
    await until(lambda: store.get(b"k") == b"new")
    assert store.get(b"other") == b"v"
    assert sum(f"topic {name} was deleted and made anew" in line for line in logged(caplog, logging.ERROR)) == 1
    await store.put({b"k": b"newer"}, timestamp_ms=now_ms())
    assert store.get(b"k") == b"newer"
    await asyncio.gather(store.aclose(), writer.aclose())


async def test_who_catches_up_while_it_is_closed_hears_that_it_is_not_read_any_more(
    engine_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(engine_cluster, name)

    async def never(self: object, topic: str) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(type(engine_cluster.admin), "describe_topic", never)
    waiting = asyncio.create_task(store.catch_up())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await store.aclose()
    with pytest.raises(EnvironmentFault, match="is not read any more"):
        await waiting
