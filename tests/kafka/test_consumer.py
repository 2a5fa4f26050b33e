"""The consumer as a member of a real group: slow tasks, and partitions that are taken. For the rest see tests/ports."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka import TopicPartition as TheirPartition
from confluent_kafka.admin import AdminClient

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.kafka import consumer as module
from connect.ports import Cluster, Subscription
from connect.records import FetchedBatch, OffsetAndMetadata, TopicPartition
from tests.support.engines import SOON_S, assigned, columns, poll_until, until, values_of
from tests.support.kafka_broker import KafkaBroker, SharedBroker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

EARLIEST = {"auto.offset.reset": "earliest"}
#: The shortest that a broker takes.
SHORT = {**EARLIEST, "max.poll.interval.ms": "6500", "session.timeout.ms": "6000"}


@pytest.mark.slow
async def test_a_task_that_is_slow_stays_a_member_and_loses_nothing(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It polls nothing for longer than max.poll.interval.ms, and nobody else asks for its partition."""
    monkeypatch.setattr(module, "REST_S", 0.2)
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a"))
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=SHORT)
    assert await values_of(consumer, 1) == [b"a"]
    await producer.append(name, columns(b"b", b"c"))
    await asyncio.sleep(7.5)  # it is the time itself that counts here
    at = TopicPartition(name, 0)
    assert consumer.assignment == {at}
    await consumer.commit({at: OffsetAndMetadata(1)})
    assert await values_of(consumer, 2) == [b"b", b"c"]
    for each in (consumer, producer):
        await each.aclose()


@pytest.mark.slow
async def test_what_is_not_released_in_time_is_taken_and_commits_for_it_are_refused(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    first = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="first", configs=SHORT)
    await assigned(first, 2)
    second = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="second", configs=SHORT)
    polling = asyncio.create_task(assigned(second, 1))
    await poll_until(first, lambda _: bool(first.revoking))
    (given,) = first.revoking
    assert await first.poll(timeout_ms=0) == []
    await poll_until(first, lambda _: given not in first.assignment)
    await polling
    assert second.assignment == {given}
    with pytest.raises(LogError) as raised:
        await first.commit({given: OffsetAndMetadata(1)})
    assert raised.value.code == "log.illegal_generation"
    for each in (first, second):
        await each.aclose()


async def test_a_fetch_may_be_as_small_as_java_s_clients_let_it_be_and_brings_records_that_are_larger(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    values = [bytes([number]) * 5_000 for number in range(5)]
    producer = kafka_cluster.producer(client_id="test")
    for value in values:
        await producer.append(name, columns(value))
    small = {**EARLIEST, "fetch.max.bytes": "1", "max.partition.fetch.bytes": "1", "fetch.min.bytes": "0"}
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=small)
    assert await values_of(consumer, len(values)) == values
    for each in (consumer, producer):
        await each.aclose()


async def test_a_time_between_polls_may_be_shorter_than_the_shortest_session_that_brokers_take(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a"))
    short = {**EARLIEST, "max.poll.interval.ms": "1000"}
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=short)
    assert await values_of(consumer, 1) == [b"a"]
    await consumer.commit({TopicPartition(name, 0): OffsetAndMetadata(1)})
    for each in (consumer, producer):
        await each.aclose()


async def test_a_member_without_partitions_leaves_its_group_at_once_too(
    broker: SharedBroker, kafka_cluster: Cluster, name: str
) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def is_shared_out() -> bool:
        found = admin.describe_consumer_groups([name])[name].result(30)
        return found.state == ConsumerGroupState.STABLE and len(found.members) == 2

    await kafka_cluster.admin.create_topic(name)
    subscribed, long = Subscription((name,)), {"session.timeout.ms": "45000"}
    first = await kafka_cluster.consumer(subscribed, group=name, client_id="first", configs=long)
    await assigned(first, 1)
    second = await kafka_cluster.consumer(subscribed, group=name, client_id="second", configs=long)
    async with asyncio.timeout(SOON_S):
        while not await asyncio.to_thread(is_shared_out):
            await asyncio.gather(first.poll(timeout_ms=100), second.poll(timeout_ms=100))
    await second.poll(timeout_ms=500)  # the broker has answered it, and now it knows
    await second.aclose()
    assert (await kafka_cluster.groups.describe(name)).members == ("first",)
    await first.aclose()


@pytest.mark.slow
async def test_those_that_leave_hand_their_partitions_over_at_once(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    first, second = [
        await kafka_cluster.consumer(Subscription((name,)), group=name, client_id=each, configs=EARLIEST)
        for each in ("first", "second")
    ]

    async def reads(consumer) -> None:
        while True:
            await consumer.poll(timeout_ms=100)
            if consumer.revoking:
                await consumer.release(consumer.revoking)

    reading = [asyncio.create_task(reads(each)) for each in (first, second)]
    await until(lambda: len(first.assignment) == len(second.assignment) == 1)
    reading[0].cancel()
    await asyncio.wait({reading[0]})
    await first.aclose()
    began = time.monotonic()
    await until(lambda: len(second.assignment) == 2)
    assert time.monotonic() - began < 6, "not after the session's timeout"
    reading[1].cancel()
    await asyncio.wait({reading[1]})
    await second.aclose()


@pytest.mark.slow
async def test_a_partition_that_was_lost_while_its_member_rested_is_read_when_it_comes_again(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST_S", 0.2)
    monkeypatch.setattr(module, "_SERVE_S", 0.05)
    await own_cluster.admin.create_topic(name)
    consumer = await own_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=SHORT)
    await assigned(consumer, 1)
    await until(lambda: len(consumer._applied_pauses) == 1)
    with own_broker.frozen():  # until the session is over
        await until(lambda: any(isinstance(news, module._Lost) for news in consumer._news))
    assert await consumer.poll(timeout_ms=0) == []
    assert not consumer.assignment
    producer = own_cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    assert await values_of(consumer, 1) == [b"v"]
    for each in (consumer, producer):
        await each.aclose()


async def test_partitions_that_are_added_come_to_a_member_soon(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.2)
    monkeypatch.setattr(module, "_LOOK_SOON_S", 0.2)
    await kafka_cluster.admin.create_topic(name)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await assigned(consumer, 1)
    await kafka_cluster.admin.add_partitions(name, 3)
    await assigned(consumer, 3)
    await consumer.aclose()


async def test_what_was_wanted_of_a_partition_before_does_not_count_when_it_comes_again(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a", b"b", b"c"))
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    at = TopicPartition(name, 0)
    consumer._wishes.seeks[at] = (2, 7)
    consumer._wishes.released.add(at)
    assert await values_of(consumer, 3) == [b"a", b"b", b"c"]
    assert at not in consumer._wishes.released
    for each in (consumer, producer):
        await each.aclose()


@pytest.mark.slow
async def test_a_poll_ends_in_its_time_while_the_broker_stands_still(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str
) -> None:
    await own_cluster.admin.create_topic(name)
    consumer = await own_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await assigned(consumer, 1)
    with own_broker.frozen():
        began = time.monotonic()
        assert await consumer.poll(timeout_ms=300) == []
        assert time.monotonic() - began < 5
    producer = own_cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    assert await values_of(consumer, 1) == [b"v"]
    for each in (consumer, producer):
        await each.aclose()


@pytest.mark.parametrize(("code", "passes"), [(KafkaError._TRANSPORT, True), (KafkaError._AUTHENTICATION, False)])
async def test_a_cluster_that_is_away_brings_nothing_and_one_that_refuses_is_told(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch, code: int, passes: bool
) -> None:
    await kafka_cluster.admin.create_topic(name)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)

    def fail(**_: object) -> None:
        raise KafkaException(KafkaError(code))

    with monkeypatch.context() as patched:
        patched.setattr(consumer._topics, "names", fail)
        consumer._look_at = 0.0
        if passes:
            assert await consumer.poll(timeout_ms=500) == []
        else:
            with pytest.raises(EnvironmentFault) as raised:
                await poll_until(consumer, bool)
            assert raised.value.code == "kafka.authentication"
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    assert await values_of(consumer, 1) == [b"v"]
    for each in (consumer, producer):
        await each.aclose()


async def test_who_waits_for_what_topics_there_are_reads_and_commits_meanwhile(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    asked, answered = threading.Event(), threading.Event()

    def hang(**_: object) -> list[str]:
        asked.set()
        answered.wait(60)
        return [name]

    monkeypatch.setattr(consumer._topics, "names", hang)
    consumer._look_at = 0.0
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    assert await values_of(consumer, 1) == [b"v"]
    await consumer.commit({TopicPartition(name, 0): OffsetAndMetadata(1)})
    assert await consumer.member_id() and asked.is_set()
    answered.set()
    for each in (consumer, producer):
        await each.aclose()


async def test_records_that_were_taken_when_a_step_failed_come_again(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a", b"b"))
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    assert await values_of(consumer, 2) == [b"a", b"b"]
    taken: list[int] = []

    def fail(messages: list[object]) -> None:
        if messages:
            taken.append(len(messages))
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    with monkeypatch.context() as patched:
        patched.setattr(consumer, "_take", fail)
        await producer.append(name, columns(b"c", b"d"))
        polling = asyncio.create_task(consumer.poll(timeout_ms=10_000))
        await until(lambda: taken)
        polling.cancel()
        await asyncio.wait({polling})
    assert await values_of(consumer, 2) == [b"c", b"d"]
    for each in (consumer, producer):
        await each.aclose()


class UntilRevoked:
    """A consumer's client, one of whose portions ends as a partition goes: as where that comes amid many records."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._client = consumer._client
        self.taken: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def consume(self, count: int, timeout_s: float) -> list[Any]:
        found = self._client.consume(count, timeout_s)
        if count > 1 and not self.taken:
            deadline = time.monotonic() + SOON_S
            while len(self._consumer._held) > 1:
                assert time.monotonic() < deadline, "no partition is asked back"
                found += self._client.consume(count, 0.1)
            self.taken = [(message.topic(), message.partition()) for message in found]
        return found


async def test_records_that_were_taken_as_their_partition_went_are_not_given_as_another_partitions(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    producer = kafka_cluster.producer(client_id="test")
    subscribed = Subscription((name,))
    first = await kafka_cluster.consumer(subscribed, group=name, client_id="first", configs=EARLIEST)
    await assigned(first, 2)
    first._client = client = UntilRevoked(first)
    second = await kafka_cluster.consumer(subscribed, group=name, client_id="second", configs=EARLIEST)
    polling = asyncio.create_task(assigned(second, 1))
    found: list[FetchedBatch] = []
    count = 0
    async with asyncio.timeout(SOON_S):
        while not (polling.done() and client.taken):
            for partition in range(2):
                await producer.append(name, columns(b"%d-%d" % (partition, count)), partition=partition)
            count += 1
            found += await first.poll(timeout_ms=50)
            if first.revoking:
                await first.release(first.revoking)
        (kept,) = first.assignment
        while first.position(kept) < count:
            found += await first.poll(timeout_ms=100)
    assert len(set(client.taken)) == 2, "there are records of both in that portion"
    told = [
        (batch.partition, offset, value)
        for batch in found
        for offset, value in zip(batch.offsets, batch.columns.values, strict=True)
    ]
    assert [one for one in told if one[2] != b"%d-%d" % one[:2]] == []
    assert [offset for partition, offset, _ in told if partition == kept.partition] == list(range(count))
    for each in (first, second, producer):
        await each.aclose()


async def test_a_consumer_that_could_not_be_closed_in_time_leaves_its_group_as_soon_as_it_can(
    kafka_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.2)
    long = {**EARLIEST, "session.timeout.ms": "45000"}
    await kafka_cluster.admin.create_topic(name)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=long)
    await assigned(consumer, 1)
    go = threading.Event()
    consumer._thread.post(lambda: go.wait(SOON_S) and None)  # as where it waits for a broker that stands still
    await consumer.aclose()
    assert await kafka_cluster.groups.members(name) == ("test",)
    go.set()
    deadline = time.monotonic() + 20
    while await kafka_cluster.groups.members(name):
        assert time.monotonic() < deadline, "it is a member still"


async def test_who_a_member_is_is_told_while_its_thread_waits_for_a_broker(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await assigned(consumer, 1)
    go = threading.Event()
    consumer._thread.post(lambda: go.wait(SOON_S) and None)
    try:
        async with asyncio.timeout(5):
            assert await consumer.member_id()
    finally:
        go.set()
    await consumer.aclose()
    with pytest.raises(LogError, match="the consumer is closed"):
        await consumer.member_id()


@pytest.mark.parametrize("is_seen", [True, False])
async def test_partitions_that_a_topic_made_anew_does_not_have_are_not_waited_for(
    kafka_cluster: Cluster, name: str, is_seen: bool
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    await assigned(consumer, 2)
    consumer._look_at = time.monotonic() + 3600  # it sees the topic again when that is another one already
    await kafka_cluster.admin.delete_topic(name)
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a"))
    if is_seen:
        consumer._look_at = 0.0
        await poll_until(consumer, lambda _: consumer.assignment == {TopicPartition(name, 0)})
    if consumer.position(TopicPartition(name, 0)) == 0:  # else it came with the look
        assert await values_of(consumer, 1) == [b"a"]
    asking = SimpleNamespace(incremental_unassign=lambda _: None)
    consumer._thread.post(lambda: consumer._on_revoke(asking, [TheirPartition(name, 1)]))  # as its group does in time
    await producer.append(name, columns(b"b"))
    assert await values_of(consumer, 1) == [b"b"]
    for each in (consumer, producer):
        await each.aclose()


async def test_an_error_behind_records_that_may_not_be_had_hides_nothing_of_the_group(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"a"))
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    (batch,) = await poll_until(consumer, bool)
    at = TopicPartition(name, 0)
    consumer._ready.append(module._Batch(batch, 0))  # in hand, and paused
    consumer.pause(at)
    consumer._fail(LogError("what the brokers refuse"))
    consumer._tell(module._Revoking(frozenset({at})))
    with pytest.raises(LogError, match="what the brokers refuse"):
        await consumer.poll(timeout_ms=0)
    await consumer.poll(timeout_ms=0)
    assert consumer.revoking == {at}
    for each in (consumer, producer):
        await each.aclose()


async def test_a_poll_is_about_as_large_as_was_asked(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(*[bytes(1000)] * 3000))
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=EARLIEST)
    sizes: list[int] = []
    while sum(sizes) < 3_000_000:
        sizes.append(sum(batch.columns.size_bytes for batch in await consumer.poll(timeout_ms=1000, max_bytes=100_000)))
    assert max(sizes) <= 300_000
    for each in (consumer, producer):
        await each.aclose()


@pytest.mark.parametrize(
    ("configs", "mentions"),
    [
        ({"auto.offset.reset": "soon"}, "auto.offset.reset"),
        ({"isolation.level": "read_all"}, "isolation.level"),
        ({"max.poll.interval.ms": "0"}, "max.poll.interval.ms"),
    ],
)
async def test_a_config_that_cannot_be_is_refused(
    kafka_cluster: Cluster, name: str, configs: dict[str, str], mentions: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=configs)
    assert raised.value.config_path == mentions


async def test_a_pattern_that_is_none_is_refused(kafka_cluster: Cluster, name: str) -> None:
    with pytest.raises(ConfigError, match="no regular expression"):
        await kafka_cluster.consumer(Subscription(pattern="("), group=name, client_id="test")


async def test_a_closed_consumer_is_not_polled(kafka_cluster: Cluster, name: str) -> None:
    consumer = await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test")
    await consumer.aclose()
    with pytest.raises(LogError, match="closed"):
        await consumer.poll(timeout_ms=0)
