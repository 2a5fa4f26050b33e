from __future__ import annotations

import asyncio

import pytest

from connect.api.errors import LogError, OffsetOutOfRangeError
from connect.ports import Cluster, Consumer, Producer, Subscription
from connect.records import OffsetAndMetadata, TopicPartition
from tests.support.engines import assigned, columns, poll_until, values_of
from tests.support.ports import assert_offers

EARLIEST = {"auto.offset.reset": "earliest"}


async def test_the_consumer_is_called_as_the_port_says(cluster: Cluster) -> None:
    await assert_offers(
        cluster,
        Consumer,
        lambda cluster: cluster.consumer(Subscription(pattern="orders"), group=None, client_id="test"),
    )


def test_a_subscription_is_the_whole_of_a_group_unless_said() -> None:
    assert Subscription(("orders",)) == Subscription(("orders",), pattern=None, member=0, members=1)


async def filled(cluster: Cluster, name: str, *, partitions: int = 1, count: int = 3) -> Producer:
    """Make a topic with records in each partition, and return the producer that made them."""
    await cluster.admin.create_topic(name, partitions=partitions)
    producer = cluster.producer(client_id="test")
    for partition in range(partitions):
        values = [b"%d-%d" % (partition, number) for number in range(count)]
        await producer.append(name, columns(*values), partition=partition)
    return producer


async def test_each_member_without_a_group_reads_its_share(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name, partitions=3, count=1)
    shares = []
    for member in range(2):
        subscription = Subscription((name,), member=member, members=2)
        consumer = await cluster.consumer(subscription, group=None, client_id="test", configs=EARLIEST)
        await poll_until(consumer, lambda batches: len(batches) >= 1)
        shares.append(consumer.assignment)
        await consumer.aclose()
    await producer.aclose()
    assert frozenset.union(*shares) == {TopicPartition(name, n) for n in range(3)}
    assert not shares[0] & shares[1]


async def test_a_member_that_only_takes_part_has_partitions_and_reads_nothing(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    at = TopicPartition(name, 0)
    subscription = Subscription((name,), reads=False)
    member = await cluster.consumer(subscription, group=name, client_id="member", configs=EARLIEST)
    assert not await poll_until(member, lambda _: bool(member.assignment))
    assert member.assignment == {at} and await member.member_id()
    await producer.append(name, columns(b"later"))
    assert await member.poll(timeout_ms=300) == [] and member.position(at) == 0
    await member.aclose()
    await producer.aclose()


async def test_a_group_goes_on_where_it_has_committed(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    at = TopicPartition(name, 0)
    first = await cluster.consumer(Subscription((name,)), group=name, client_id="first", configs=EARLIEST)
    assert await values_of(first, 3) == [b"0-0", b"0-1", b"0-2"]
    assert first.position(at) == 3
    assert await first.end_offsets() == {at: 3}
    await first.commit({at: OffsetAndMetadata(2)})
    assert {key: one.offset for key, one in (await first.committed()).items()} == {at: 2}
    await first.aclose()
    await first.aclose()
    second = await cluster.consumer(Subscription((name,)), group=name, client_id="second", configs=EARLIEST)
    assert await values_of(second, 1) == [b"0-2"]
    for each in (second, producer):
        await each.aclose()


async def test_seeks_and_pauses_say_what_comes_next(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    consumer = await cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await values_of(consumer, 6)
    consumer.pause(first)
    consumer.seek(first, 1)
    consumer.seek(second, 2)
    assert await values_of(consumer, 1) == [b"1-2"]
    assert consumer.position(first) == 1
    assert await consumer.poll(timeout_ms=50) == []
    consumer.resume(first)
    assert await values_of(consumer, 2) == [b"0-1", b"0-2"]
    consumer.seek(first, 0)
    consumer.seek(first, 2)
    assert await values_of(consumer, 1) == [b"0-2"]
    with pytest.raises(LogError):
        consumer.seek(TopicPartition(name, 7), 0)
    for each in (consumer, producer):
        await each.aclose()


async def test_a_partition_that_was_paused_sought_and_resumed_is_read(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    at = TopicPartition(name, 0)
    consumer = await cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await values_of(consumer, 3)
    consumer.pause(at)
    assert await consumer.poll(timeout_ms=300) == []
    consumer.seek(at, 1)
    consumer.resume(at)
    assert await values_of(consumer, 2) == [b"0-1", b"0-2"]
    for each in (consumer, producer):
        await each.aclose()


async def test_a_cancelled_poll_moves_nothing(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name, count=0)
    consumer = await cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await assigned(consumer, 1)
    polls = 0
    for number in range(20):
        poll = asyncio.create_task(consumer.poll(timeout_ms=10_000))
        await producer.append(name, columns(b"%d" % number))
        poll.cancel()
        await asyncio.wait({poll})
        polls += poll.cancelled()
        if not poll.cancelled():
            consumer.seek(TopicPartition(name, 0), 0)
    consumer.seek(TopicPartition(name, 0), 0)
    assert await values_of(consumer, 20) == [b"%d" % number for number in range(20)]
    assert polls, "at least one was cancelled in time"
    for each in (consumer, producer):
        await each.aclose()


async def test_what_another_member_is_to_read_is_released_first(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name, partitions=2)
    first = await cluster.consumer(
        Subscription((name,), member=0, members=2), group=name, client_id="first", configs=EARLIEST
    )
    await assigned(first, 2)  # also where the share of those that come later is kept for a while
    await poll_until(first, lambda _: all(first.position(at) == 3 for at in first.assignment))
    second = await cluster.consumer(
        Subscription((name,), member=1, members=2), group=name, client_id="second", configs=EARLIEST
    )
    polling = asyncio.create_task(values_of(second, 2))
    await poll_until(first, lambda _: bool(first.revoking))
    (given,) = first.revoking
    assert given in first.assignment
    assert not second.assignment, "it waits for the release"
    await first.commit({given: OffsetAndMetadata(1)})
    await first.release([given])
    assert first.assignment.isdisjoint({given})
    expected = [b"%d-%d" % (given.partition, number) for number in (1, 2)]
    assert await polling == expected, "it goes on where the first one committed"
    assert second.assignment == {given}
    with pytest.raises(LogError) as raised:
        await first.commit({given: OffsetAndMetadata(2)})
    assert raised.value.code == "log.illegal_generation"
    for each in (first, second, producer):
        await each.aclose()


async def test_the_latest_is_what_comes_from_now_on(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    consumer = await cluster.consumer(
        Subscription((name,)), group=name, client_id="test", configs={"auto.offset.reset": "latest"}
    )
    await assigned(consumer, 1)
    await producer.append(name, columns(b"new"))
    assert await values_of(consumer, 1) == [b"new"]
    for each in (consumer, producer):
        await each.aclose()


async def test_without_a_reset_a_group_without_offsets_does_not_begin(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)

    async def begin() -> None:
        consumer = await cluster.consumer(
            Subscription((name,)), group=name, client_id="test", configs={"auto.offset.reset": "none"}
        )
        try:
            await assigned(consumer, 1)
        finally:
            await consumer.aclose()

    with pytest.raises(OffsetOutOfRangeError, match=r"auto\.offset\.reset is none"):
        await begin()
    await producer.aclose()


async def test_a_position_out_of_range_is_reset_as_the_config_says(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    at = TopicPartition(name, 0)
    for reset, expected in (("earliest", b"0-0"), ("none", None)):
        await cluster.groups.commit(name, {at: OffsetAndMetadata(3)})
        consumer = await cluster.consumer(
            Subscription((name,)), group=name, client_id="test", configs={"auto.offset.reset": reset}
        )
        await assigned(consumer, 1)
        consumer.seek(at, 99)
        if expected is not None:
            assert (await values_of(consumer, 3))[0] == expected
        else:
            with pytest.raises(OffsetOutOfRangeError):
                await values_of(consumer, 1)
        await consumer.aclose()
    await producer.aclose()


async def test_a_pattern_takes_topics_that_come_later_from_their_beginning(cluster: Cluster, name: str) -> None:
    consumer = await cluster.consumer(
        Subscription(pattern=f"{name}-[ab]"), group=name, client_id="test", configs={"auto.offset.reset": "latest"}
    )
    for last in ("a", "c"):
        producer = await filled(cluster, f"{name}-{last}", count=1)
        await producer.aclose()
    assert await values_of(consumer, 1) == [b"0-0"]
    assert consumer.assignment == {TopicPartition(f"{name}-a", 0)}
    await consumer.aclose()


async def test_a_topic_that_is_deleted_leaves_and_one_made_anew_is_read_from_its_beginning(
    cluster: Cluster, name: str
) -> None:
    producer = await filled(cluster, name)
    at = TopicPartition(name, 0)
    consumer = await cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    assert len(await values_of(consumer, 3)) == 3
    await consumer.commit({at: OffsetAndMetadata(3)})
    await cluster.admin.delete_topic(name)
    await cluster.admin.create_topic(name)
    await producer.append(name, columns(*[b"new %d" % number for number in range(5)]))
    seen: list[bytes | None] = []
    left = False
    for _ in range(200):
        batches = await consumer.poll(timeout_ms=500)
        left = left or at not in consumer.assignment or bool(consumer.revoking)
        if consumer.revoking:
            await consumer.release(consumer.revoking)
        seen += [value for batch in batches for value in batch.columns.values]
        if b"new 0" in seen and b"new 4" in seen:
            break
    assert left
    assert seen[-5:] == [b"new %d" % number for number in range(5)]
    for each in (consumer, producer):
        await each.aclose()


async def test_the_position_goes_past_what_holds_no_records(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    await producer.init_transactions()
    for value, end in ((b"a", producer.commit_transaction), (b"b", producer.abort_transaction)):
        await producer.begin_transaction()
        await producer.append(name, columns(value))
        await end()
    consumer = await cluster.consumer(
        Subscription((name,)), group=name, client_id="test", configs={**EARLIEST, "isolation.level": "read_committed"}
    )
    assert await values_of(consumer, 1) == [b"a"]
    at = TopicPartition(name, 0)
    await poll_until(consumer, lambda _: consumer.position(at) == 4)
    assert await consumer.end_offsets() == {at: 4}
    for each in (consumer, producer):
        await each.aclose()


async def test_a_consumer_without_a_group_commits_nothing(cluster: Cluster, name: str) -> None:
    producer = await filled(cluster, name)
    consumer = await cluster.consumer(Subscription((name,)), group=None, client_id="test", configs=EARLIEST)
    assert len(await values_of(consumer, 3)) == 3
    with pytest.raises(LogError, match="group"):
        await consumer.commit({TopicPartition(name, 0): OffsetAndMetadata(3)})
    assert await consumer.committed() == {}
    for each in (consumer, producer):
        await each.aclose()
