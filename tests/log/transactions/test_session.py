"""One producer's state, from its first append to its last transaction."""

from __future__ import annotations

import pytest

from connect.api import LogError
from connect.api.errors import ProducerFencedError, TransactionStateError
from connect.codec.header import iterate_batches
from connect.records import Columns, OffsetAndMetadata, TopicPartition

NAME = TopicPartition("t", 0)


@pytest.fixture
async def topic(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    return cluster


def transactional(cluster, name="id"):
    return cluster.producer(client_id="p", configs={"transactional.id": name})


async def headers_of(cluster, partition=0):
    raw = (await cluster.admin.fetch_raw(TopicPartition("t", partition), 0)).data
    return list(iterate_batches(raw))


async def visible(cluster):
    values, offset = [], 0
    while batches := await cluster.admin.fetch(NAME, offset, isolation="read_committed"):
        values += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return values


async def test_an_idempotent_producer_numbers_its_batches_in_each_partition(topic):
    producer = topic.producer(client_id="p", configs={"enable.idempotence": "true"})
    for partition in (0, 1, 0):
        await producer.append("t", Columns([b"a", b"b"]), partition=partition)
    first, second = await headers_of(topic)
    [other] = await headers_of(topic, 1)
    assert [header.base_sequence for header in (first, second, other)] == [0, 2, 0]
    assert len({header.producer_id for header in (first, second, other)}) == 1
    assert not first.is_transactional


async def test_two_idempotent_producers_have_two_ids(topic):
    for _ in range(2):
        producer = topic.producer(client_id="p", configs={"enable.idempotence": "true"})
        await producer.append("t", Columns([b"a"]), partition=0)
    assert len({header.producer_id for header in await headers_of(topic)}) == 2


async def test_each_call_has_its_place(topic):
    producer = transactional(topic)
    with pytest.raises(TransactionStateError, match="init_transactions was not called"):
        await producer.begin_transaction()
    await producer.init_transactions()
    calls = (
        lambda: producer.append("t", Columns([b"a"]), partition=0),
        lambda: producer.send_offsets_to_transaction("g", {NAME: OffsetAndMetadata(1)}),
        producer.commit_transaction,
        producer.abort_transaction,
    )
    for call in calls:
        with pytest.raises(TransactionStateError, match="no transaction is open"):
            await call()
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="open already"):
        await producer.begin_transaction()


async def test_a_producer_without_a_transactional_id_has_no_transactions(topic):
    producer = topic.producer(client_id="p", configs={"enable.idempotence": "true"})
    for call in (producer.init_transactions, producer.begin_transaction, producer.commit_transaction):
        with pytest.raises(TransactionStateError, match=r"no transactional\.id"):
            await call()


async def test_offsets_are_part_of_the_transaction_whether_it_is_committed_or_not(topic):
    producer = transactional(topic)
    await producer.init_transactions()
    for offset, end in ((1, producer.abort_transaction), (2, producer.commit_transaction)):
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction("g", {NAME: OffsetAndMetadata(offset)})
        assert await topic.groups.offsets("g") == {}
        await end()
    assert (await topic.groups.offsets("g"))[NAME].offset == 2


async def test_closing_aborts_what_is_open_and_nothing_where_nothing_is(topic):
    await transactional(topic).aclose()
    producer = transactional(topic)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a"]), partition=0)
    await producer.aclose()
    assert await visible(topic) == []
    assert (await topic.admin.fetch_raw(NAME, 0)).last_stable_offset == 2  # the batch and its marker


async def test_a_fenced_producer_can_do_nothing_and_closes_quietly(topic):
    old, new = transactional(topic), transactional(topic)
    await old.init_transactions()
    await old.begin_transaction()
    await old.append("t", Columns([b"old"]), partition=0)
    await new.init_transactions()
    with pytest.raises(ProducerFencedError):
        await old.append("t", Columns([b"more"]), partition=0)
    with pytest.raises(LogError):
        await old.commit_transaction()
    await old.aclose()
    await new.begin_transaction()
    await new.append("t", Columns([b"new"]), partition=0)
    await new.commit_transaction()
    assert await visible(topic) == [b"new"]


async def test_a_closed_producer_writes_nothing_more(topic):
    producer = transactional(topic)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"open"]), partition=0)
    await producer.aclose()
    with pytest.raises(TransactionStateError, match="the producer is closed"):
        await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="the producer is closed"):
        await producer.init_transactions()
    with pytest.raises(TransactionStateError):
        await producer.append("t", Columns([b"late"]), partition=0)
    assert await visible(topic) == []
