"""One transaction after the other: records and offsets together, or nothing of either."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, SourceTask
from connect.api.errors import ProducerFencedError, TransactionStateError
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import Columns, TopicPartition
from connect.runtime.model import TaskId
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.transaction import Part, Transaction
from connect.stores.compacted import CompactedTopic
from connect.stores.offsets import OffsetStore

P = {"p": 0}
ID = {"transactional.id": "g-s-0"}


class Writer:
    """A task's side of a transaction: appends, and hears what was committed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.heard: list[tuple[int, list[int]]] = []
        self.acks = Acknowledgements(SourceTask())

    async def begin(self) -> Writer:
        await self.cluster.admin.create_topic("t")
        topic = CompactedTopic(self.cluster, "connect-offsets")
        await topic.open()
        self.store = OffsetStore(topic, lambda: 42)
        producer = self.cluster.producer(client_id="test", configs=ID, internal=True)
        await producer.init_transactions()
        self.producer = producer

        async def nothing() -> None:
            """There are no letters, and no other workers."""

        self.transaction = Transaction(
            TaskId("s", 0),
            producer,
            self.store,
            self.acks,
            flush_letters=nothing,
            on_committed=lambda parts, offsets: self.heard.append(
                (sum(part.records for part in parts), [offset["n"] for _, offset in offsets])
            ),
            check_placed=nothing,
            log=logging.getLogger("test"),
        )
        return self

    async def append(self, number: int) -> None:
        self.transaction.enter()
        await self.transaction.begin()
        await self.producer.append("t", Columns([b"v%d" % number]))
        self.transaction.appended(Part("t", None, 1, 2))
        self.reach(number)

    def reach(self, number: int) -> None:
        self.transaction.reached([(P, {"n": number})])
        batch = Batch("t", ["v"], source_partition=P, source_offsets=[{"n": number}])
        self.acks.polled(self.acks.told_apart([batch]), is_whole=True)

    async def values(self) -> list[bytes | None]:
        found: list[bytes | None] = []
        offset = 0
        while fetched := await self.cluster.admin.fetch(TopicPartition("t", 0), offset, isolation="read_committed"):
            found += [value for batch in fetched for value in batch.columns.values]
            offset = fetched[-1].next_offset
        return found


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    cluster = await open_cluster(tmp_path / "data")
    yield await Writer(cluster).begin()
    await cluster.aclose()


async def test_records_their_offsets_and_acknowledgements_are_committed_together(writer: Writer) -> None:
    await writer.append(1)
    await writer.append(2)
    assert (await writer.values(), writer.store.get("s", P), writer.heard) == ([], None, [])
    await writer.transaction.end()
    assert (await writer.values(), writer.store.get("s", P), writer.heard) == ([b"v1", b"v2"], {"n": 2}, [(2, [2])])
    assert [told.source_offset["n"] for told in writer.acks.news()] == [1, 2]
    assert not writer.transaction.is_begun


async def test_an_end_of_nothing_is_none_and_offsets_alone_are_a_transaction(writer: Writer) -> None:
    await writer.transaction.end()
    assert writer.heard == []
    writer.transaction.enter()
    writer.reach(7)
    assert writer.transaction.is_begun
    assert not writer.transaction.is_open
    await writer.transaction.end()
    assert (writer.store.get("s", P), writer.heard) == ({"n": 7}, [(0, [7])])


async def test_one_begins_with_its_first_part_and_grows_no_younger_with_the_others(writer: Writer) -> None:
    await writer.append(1)
    began_at = writer.transaction.began_at
    await writer.append(2)
    assert writer.transaction.began_at == began_at
    await writer.transaction.end()
    await writer.append(3)
    assert writer.transaction.began_at > began_at


async def test_an_abort_leaves_nothing_of_what_is_in_hand(writer: Writer) -> None:
    await writer.append(1)
    writer.transaction.is_broken = True
    await writer.transaction.end()  # as who ends intervals may, before whoever broke it comes to abort it
    assert (await writer.values(), writer.store.get("s", P), writer.heard) == ([], None, [])
    await writer.transaction.abort()
    await writer.transaction.end()
    assert (await writer.values(), writer.store.get("s", P), writer.heard) == ([], None, [])
    assert (writer.acks.take(), writer.acks.news()) == ([], [])
    assert (writer.transaction.is_begun, writer.transaction.is_broken, writer.transaction.parts) == (False, False, 0)
    await writer.append(1)
    await writer.transaction.end()
    assert await writer.values() == [b"v1"]


async def test_what_a_connector_aborts_counts_as_read_and_is_told_without_a_place(writer: Writer) -> None:
    await writer.append(1)
    await writer.transaction.end_as_asked(None)
    assert writer.transaction.is_open
    await writer.transaction.end_as_asked(False)
    assert (await writer.values(), writer.store.get("s", P), writer.heard) == ([], {"n": 1}, [(0, [1])])
    assert [(told.source_offset["n"], told.metadata) for told in writer.acks.news()] == [(1, None)]
    await writer.append(2)
    await writer.transaction.end_as_asked(True)
    assert await writer.values() == [b"v2"]


async def test_a_writer_that_is_shut_out_is_told_so_once_and_commits_nothing(writer: Writer) -> None:
    await writer.append(1)
    thief = writer.cluster.producer(client_id="thief", configs=ID)
    await thief.init_transactions()
    with pytest.raises(ProducerFencedError) as caught:
        await writer.transaction.end()
    assert caught.value.message.count("task s-0 is shut out") == 1
    assert "group.id of its own" in (caught.value.hint or "")
    assert (writer.transaction.is_broken, await writer.values(), writer.heard) == (True, [], [])


async def test_a_transaction_that_the_log_has_ended_is_explained(writer: Writer, monkeypatch: Any) -> None:
    await writer.append(1)
    await writer.producer.abort_transaction()
    with pytest.raises(TransactionStateError) as caught:
        await writer.transaction.end()
    assert caught.value.message.startswith("task s-0 cannot commit, and its records come again")
    assert "transaction.timeout.ms" in (caught.value.hint or "")
