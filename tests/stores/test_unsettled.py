"""What was written within a transaction: it counts once that is committed, and the log knows when nobody tells."""

from __future__ import annotations

import pytest

from connect.api import EnvironmentFault
from connect.ports import Cluster, Producer
from connect.stores.compacted import CompactedTopic

ENTRIES: dict[bytes, bytes | None] = {b"k": b"1"}


async def opened(cluster: Cluster) -> CompactedTopic:
    topic = CompactedTopic(cluster, "state")
    await topic.open()
    return topic


async def transactional(cluster: Cluster, name: str = "id") -> Producer:
    producer = cluster.producer(client_id="p", configs={"transactional.id": name}, internal=True)
    await producer.init_transactions()
    await producer.begin_transaction()
    return producer


async def test_an_entry_counts_once_its_transaction_is_committed(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    written = await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    assert topic.get(b"k") is None
    await producer.commit_transaction()
    written.committed()
    assert topic.get(b"k") == b"1"
    assert (await opened(cluster)).get(b"k") == b"1"


async def test_the_log_is_asked_where_nobody_told(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    await producer.commit_transaction()
    await topic.settle("somebody else")
    assert topic.get(b"k") is None
    await topic.settle("me")
    assert topic.get(b"k") == b"1"


async def test_what_was_aborted_never_counts(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    await producer.abort_transaction()
    await topic.settle("me")
    assert topic.get(b"k") is None
    assert (await opened(cluster)).get(b"k") is None


async def test_an_answer_that_comes_late_changes_nothing(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    late = await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    await producer.commit_transaction()
    await topic.settle("me")
    await topic.put({b"k": b"2"}, timestamp_ms=2)
    late.committed()
    assert topic.get(b"k") == b"2"


async def test_a_transaction_that_stays_open_is_told(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    with pytest.raises(EnvironmentFault, match=r"was not to be known within 0\.05 s"):
        await topic.settle("me", within_s=0.05)
    await cluster.admin.fence_producers(["id"])
    await topic.settle("me")
    assert topic.get(b"k") is None


async def test_what_a_life_before_left_open_hides_nothing(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    await topic.put({b"behind": b"it"}, timestamp_ms=2)
    again = await opened(cluster)
    assert (again.get(b"k"), again.get(b"behind")) == (None, b"it")


async def test_compaction_keeps_what_is_committed_and_not_what_was_aborted_after_it(cluster: Cluster) -> None:
    topic, producer = await opened(cluster), await transactional(cluster)
    await topic.append_within(producer, ENTRIES, owner="me", timestamp_ms=1)
    await producer.commit_transaction()
    await producer.begin_transaction()
    await topic.append_within(producer, {b"k": b"aborted"}, owner="me", timestamp_ms=2)
    await producer.abort_transaction()
    await cluster.compact("state")  # type: ignore[attr-defined]
    assert (await opened(cluster)).get(b"k") == b"1"
