"""What is known of topics: durable, one for all who ask, also where several learn at once."""

from __future__ import annotations

import asyncio

import pytest

from connect.api import INT32, INT64, STRING, Schema
from connect.ports import Cluster
from connect.stores.compacted import CompactedTopic
from connect.stores.contracts import EARLIER_MAX, ContractStore, problem_of
from tests.stores.conftest import write


def store_of(cluster: Cluster, *, follows: bool = False) -> ContractStore:
    topic = CompactedTopic(
        cluster, "contracts", problem=problem_of, is_single=True, follows=follows, replication_factor=1
    )
    return ContractStore(topic, lambda: 7)


async def test_what_is_learned_is_known_after_a_restart(cluster: Cluster) -> None:
    store = store_of(cluster)
    await store.open()
    assert store.get("s", "t") is None
    await store.learn("s", "t", INT32, after=0, by="task 0")
    await store.learn("s", "t", INT64, after=1, by="task 1", earlier=[INT32])
    await store.learn("s", "u", STRING, after=0, by="ann")
    await store.learn("other", "t", STRING, after=0, by="ann")
    await store.aclose()

    again = store_of(cluster)
    await again.open()
    known = again.get("s", "t")
    assert known is not None
    assert (known.version, known.schema, known.at, known.by, known.earlier) == (2, INT64, 7, "task 1", (INT32,))
    assert list(again.all("s")) == ["t", "u"]
    await again.aclose()


async def test_who_learns_after_another_version_is_told_what_is_known(cluster: Cluster) -> None:
    store = store_of(cluster)
    await store.open()
    first, second = await asyncio.gather(
        store.learn("s", "t", INT32, after=0, by="a"), store.learn("s", "t", STRING, after=0, by="b")
    )
    assert first == second == store.get("s", "t")
    assert first is not None
    assert first.by == "a"
    assert (await store.learn("s", "t", INT64, after=0, by="c")) == first
    await store.aclose()


async def test_large_schemas_are_remembered_as_far_as_a_record_takes_them(cluster: Cluster) -> None:
    large = [Schema.struct({f"{number}-{n}": STRING for n in range(3000)}) for number in range(8)]
    store = store_of(cluster)
    await store.open()
    known = await store.learn("s", "t", large[0], after=0, by="a", earlier=large[1:])
    assert known is not None
    assert len(known.earlier) > 1
    assert known.earlier == tuple(large[-len(known.earlier) :])
    await store.aclose()


async def test_a_topic_that_was_deleted_is_made_again_with_what_is_known(engine_cluster: Cluster) -> None:
    store = store_of(engine_cluster, follows=True)
    await store.open()
    await store.learn("s", "t", INT32, after=0, by="a")
    await engine_cluster.admin.delete_topic("contracts")
    await store.open()
    known = await store.learn("s", "t", INT64, after=1, by="a")
    await store.learn("s", "u", STRING, after=0, by="a")
    await store.aclose()
    again = store_of(engine_cluster, follows=True)
    await again.open()
    assert again.get("s", "t") == known is not None
    assert list(again.all("s")) == ["t", "u"]
    await again.aclose()


async def test_workers_agree_on_who_was_first(engine_cluster: Cluster) -> None:
    workers = [store_of(engine_cluster, follows=True) for _ in range(3)]
    for worker in workers:
        await worker.open()
    schemas = (INT32, INT64, STRING)
    learned = await asyncio.gather(
        *(
            worker.learn("s", "t", schema, after=0, by=f"task {n}")
            for n, (worker, schema) in enumerate(zip(workers, schemas, strict=True))
        )
    )
    assert len({known.by for known in learned if known is not None}) == 1
    late = store_of(engine_cluster, follows=True)
    await late.open()
    assert late.get("s", "t") == learned[0]
    for worker in (*workers, late):
        await worker.aclose()


async def test_what_is_forgotten_is_learned_anew(cluster: Cluster) -> None:
    store = store_of(cluster)
    await store.open()
    for topic in ("t", "u"):
        await store.learn("s", topic, INT32, after=0, by="a")
    generation, other = store.generation("s"), store.generation("other")
    assert await store.forget("s", "t") == ["t"]
    assert (store.generation("s") != generation, store.generation("other")) == (True, other)
    assert list(store.all("s")) == ["u"]
    assert await store.forget("s") == ["u"]
    known = await store.learn("s", "t", STRING, after=0, by="a")
    assert known is not None
    assert (known.version, known.schema) == (1, STRING)
    await store.aclose()


async def test_only_so_many_earlier_schemas_are_kept(cluster: Cluster) -> None:
    store = store_of(cluster)
    await store.open()
    earlier = [Schema.struct({f"f{n}": INT32}) for n in range(EARLIER_MAX + 5)]
    known = await store.learn("s", "t", INT32, after=0, by="a", earlier=earlier)
    assert known is not None
    assert known.earlier == tuple(earlier[5:])
    await store.aclose()


async def test_a_record_that_cannot_be_read_is_passed_over(cluster: Cluster) -> None:
    good = b'{"schema":{"type":"int32","optional":false},"at":1,"by":"a"}'
    await write(cluster, "contracts", (b"odd", good), (b'["s","t",1,"x"]', b"[]"), (b'["s","u",1,"x"]', good))
    store = store_of(cluster)
    await store.open()
    assert list(store.all("s")) == ["u"]
    await store.aclose()


@pytest.mark.parametrize("key", [b"[]", b'["s","t","1","x"]', b"no JSON", b'["s",1,1,"x"]'])
def test_a_key_of_another_kind_is_a_problem(key: bytes) -> None:
    assert problem_of(key, b'{"schema":{"type":"int32"},"at":1,"by":"a"}') is not None


async def test_there_is_a_topic_once_somebody_has_learned(cluster: Cluster) -> None:
    store = store_of(cluster)
    assert store.topic == "contracts"
    assert not await store.exists()
    await store.open()
    assert await store.exists()
    await store.aclose()
