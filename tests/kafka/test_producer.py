"""The producer against a broker that stands still, and what it keeps of an append that did not end well.

What holds for both engines is in tests/ports.
"""

from __future__ import annotations

import asyncio
import gc

import pytest

from connect.api.errors import (
    ConnectError,
    EnvironmentFault,
    LogError,
    RecordTooLargeError,
    TransactionStateError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.producer import Append, Reports, _appended
from connect.ports import Cluster, Producer
from connect.records import Columns, TopicPartition
from tests.support.engines import columns, read
from tests.support.kafka_broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

#: With and without places: of records that are acknowledged librdkafka reports each, or none.
BOTH = pytest.mark.parametrize("places", [True, False])


async def warmed(cluster: Cluster, name: str) -> None:
    """Append once without a limit: a broker that has just started takes its time to give producers their ids."""
    producer = cluster.producer(client_id="warm")
    await producer.append(name, columns(b"warm"))
    await producer.aclose()


async def delivered(producer: Producer, name: str, given: Columns) -> None:
    """Append until it is acknowledged: a broker that stood still may need longer than a short delivery timeout."""
    async with asyncio.timeout(60):
        while True:
            try:
                await producer.append(name, given)
            except EnvironmentFault:
                continue
            return


@pytest.mark.slow
@BOTH
async def test_columns_that_were_not_acknowledged_in_time_are_written_once_when_they_are_appended_again(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch, places: bool
) -> None:
    await own_cluster.admin.create_topic(name)
    producer = own_cluster.producer(client_id="test", places=places)
    await producer.append(name, columns(b"first"))
    monkeypatch.setattr(producer, "_answer_s", 0.3)
    given = columns(*[b"%d" % number for number in range(100)])
    with own_broker.frozen():
        for _ in range(2):
            with pytest.raises(EnvironmentFault, match="not acknowledged all of 100 records") as raised:
                await producer.append(name, given)
            assert raised.value.code == "environment.unreachable"
    monkeypatch.setattr(producer, "_answer_s", 60)
    where = await producer.append(name, given)
    assert (where and where.pieces) == (((0, 1, 100),) if places else None)
    assert await read(own_cluster, name) == [b"first", *given.values]
    await producer.append(name, given)
    assert len(await read(own_cluster, name)) == 201, "once it is done, the same columns are others"
    await producer.aclose()


async def test_the_event_loop_goes_on_while_the_broker_stands_still(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str
) -> None:
    await own_cluster.admin.create_topic(name)
    producer = own_cluster.producer(client_id="test", configs={"buffer.memory": "1048576"})
    await producer.append(name, columns(b"first"))
    loop, longest = asyncio.get_running_loop(), 0.0
    with own_broker.frozen():  # more than its queue has room for
        appending = asyncio.create_task(producer.append(name, columns(*[bytes(1000)] * 5000)))
        for _ in range(100):
            began = loop.time()
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - began)
        assert not appending.done()
    where = await appending
    assert where is not None
    assert len(where.places()) == 5000
    assert longest < 10, "a call that waited for the broker would have held the loop until it goes on"
    await producer.aclose()


async def test_what_nobody_waits_for_any_more_does_not_keep_a_producer_from_closing(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_cluster.admin.create_topic(name)
    producer = own_cluster.producer(client_id="test")
    await producer.append(name, columns(b"first"))
    with own_broker.frozen():
        appending = asyncio.create_task(producer.append(name, columns(b"v")))
        await asyncio.sleep(0.05)
        appending.cancel()
        await asyncio.wait({appending})
        async with asyncio.timeout(20):
            await producer.aclose()
    with pytest.raises(LogError, match="closed"):
        await producer.append(name, columns(b"w"))


async def test_an_append_that_was_cancelled_and_fails_is_of_no_harm(kafka_cluster: Cluster, name: str) -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    producer = kafka_cluster.producer(client_id="test")
    appending = asyncio.create_task(producer.append(name, columns(b"v")))
    await asyncio.sleep(0)
    appending.cancel()
    await asyncio.wait({appending})
    await producer.aclose()
    del appending
    gc.collect()
    await asyncio.sleep(0)
    assert told == []


@BOTH
async def test_what_was_not_delivered_in_time_is_told_as_an_outage(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str, places: bool
) -> None:
    await own_cluster.admin.create_topic(name)
    await warmed(own_cluster, name)
    configs = {"delivery.timeout.ms": "2000", "linger.ms": "0"}
    producer = own_cluster.producer(client_id="test", configs=configs, places=places)
    await producer.append(name, columns(b"first"))
    given = columns(b"a", b"b")
    with own_broker.frozen(), pytest.raises(EnvironmentFault):
        await producer.append(name, given)
    await delivered(producer, name, given)
    found = await read(own_cluster, name)
    assert found[1] == b"first"
    assert found[-2:] == [b"a", b"b"], "what timed out may be there twice, as with Kafka; it is never missing"
    await producer.aclose()


async def test_where_a_report_was_lost_nothing_is_taken_for_acknowledged(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(reports: Reports, row: int, error: object, message: object) -> None:
        if row:
            raise RuntimeError("lost")

    await own_cluster.admin.create_topic(name)
    await warmed(own_cluster, name)
    configs = {"delivery.timeout.ms": "1000", "linger.ms": "0"}
    producer = own_cluster.producer(client_id="test", configs=configs, places=False)
    given = columns(b"a", b"b")
    with monkeypatch.context() as patch:
        patch.setattr(Reports, "_report", lose)
        with own_broker.frozen(), pytest.raises(LogError, match="not known what became of its records"):
            await producer.append(name, given)
    await delivered(producer, name, given)
    assert (await read(own_cluster, name))[-2:] == [b"a", b"b"]
    await producer.aclose()


async def test_a_transaction_of_which_a_record_was_not_delivered_can_only_be_aborted(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str
) -> None:
    await own_cluster.admin.create_topic(name)
    configs = {"transactional.id": name, "delivery.timeout.ms": "2000", "linger.ms": "0"}
    await warmed(own_cluster, name)
    producer = own_cluster.producer(client_id="test", configs=configs)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, columns(b"a"))
    given = columns(b"b")
    with own_broker.frozen(), pytest.raises(EnvironmentFault):
        await producer.append(name, given)
    with pytest.raises(TransactionStateError) as raised:
        await producer.append(name, given)
    assert isinstance(raised.value.__cause__, EnvironmentFault), "who hears it knows that it passes"
    async with asyncio.timeout(60):
        while True:  # a broker that stood still may need longer than the delivery timeout
            await producer.abort_transaction()
            await producer.begin_transaction()
            try:
                await producer.append(name, given)
            except EnvironmentFault:
                continue
            break
    await producer.commit_transaction()
    assert await read(own_cluster, name, isolation="read_committed") == [b"warm", b"b"]
    await producer.aclose()


async def test_a_transaction_that_its_failed_commit_has_aborted_may_be_aborted_by_its_caller_too(
    own_broker: KafkaBroker, own_cluster: Cluster, name: str
) -> None:
    await own_cluster.admin.create_topic(name)
    configs = {"transactional.id": name, "delivery.timeout.ms": "2000", "linger.ms": "0"}
    await warmed(own_cluster, name)
    producer = own_cluster.producer(client_id="test", configs=configs)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, columns(b"a"))
    with own_broker.frozen(), pytest.raises(EnvironmentFault):
        await producer.append(name, columns(b"b"))
    with pytest.raises(ConnectError):
        await producer.commit_transaction()
    await producer.abort_transaction()
    with pytest.raises(TransactionStateError, match="no transaction is open"):
        await producer.abort_transaction()
    await producer.begin_transaction()
    await producer.abort_transaction()
    assert await read(own_cluster, name, isolation="read_committed") == [b"warm"]
    await producer.aclose()


async def test_a_timestamp_of_zero_is_not_taken_for_now(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, configs={"retention.ms": "-1"})
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, Columns([b"v"], timestamps=0))
    (batch,) = await kafka_cluster.admin.fetch(TopicPartition(name, 0), 0)
    assert batch.columns.stamps == [1]
    await producer.aclose()


async def test_partitions_that_are_added_are_written_to_at_once(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test")
    await producer.append(name, columns(b"first"))
    await kafka_cluster.admin.add_partitions(name, 3)
    await producer.append(name, columns(b"v"), partition=2)
    assert await read(kafka_cluster, name, 2) == [b"v"]
    await producer.aclose()


async def test_records_with_keys_go_on_in_a_topic_that_was_made_again_with_fewer_partitions(
    kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=5)
    producer = kafka_cluster.producer(client_id="test")
    keys: list[bytes | None] = [b"%d" % number for number in range(20)]
    await producer.append(name, columns(*keys, keys=keys))
    await kafka_cluster.admin.delete_topic(name)
    await kafka_cluster.admin.create_topic(name)
    given = columns(*keys, keys=keys)
    try:
        await producer.append(name, given)
    except UnknownTopicOrPartitionError:  # as the runtime does, which makes a topic that is gone
        await producer.append(name, given)
    assert await read(kafka_cluster, name) == keys
    await producer.aclose()


@BOTH
async def test_a_topic_with_a_small_limit_that_has_changed_takes_what_fits_and_names_the_rest(
    kafka_cluster: Cluster, name: str, places: bool
) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test", places=places)
    await producer.append(name, columns(b"v"))
    await kafka_cluster.admin.alter_topic(name, {"max.message.bytes": "1000"})
    with pytest.raises(RecordTooLargeError):
        await producer.append(name, columns(bytes(2000)))
    await producer.append(name, columns(*[bytes(300)] * 10))
    assert len(await read(kafka_cluster, name)) == 11
    await producer.aclose()


async def test_record_batches_as_bytes_are_refused(kafka_cluster: Cluster, name: str) -> None:
    producer = kafka_cluster.producer(client_id="test")
    with pytest.raises(LogError, match="append"):
        await producer.append_raw(name, 0, b"")
    await producer.aclose()


async def test_without_acknowledgements_nobody_says_where_records_are(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name)
    producer = kafka_cluster.producer(client_id="test", configs={"acks": "0"})
    assert await producer.append(name, columns(b"v")) is None
    await producer.aclose()


def test_reports_are_used_again_and_know_their_rows() -> None:
    class Message:
        def __init__(self, offset: int) -> None:
            self.offset = lambda: offset

    reports = Reports(of_all=True)
    reports.begin(2)
    reports.left = 2
    first, second = list(reports.callbacks(range(2)))[:2]
    second(None, Message(8))
    first("why", Message(-1))
    assert (reports.offsets, reports.failures, reports.left) == ([-1, 8], {0: "why"}, 0)
    reports.begin(1)
    assert (reports.offsets, reports.failures) == ([-1], {})
    assert list(reports.callbacks([0])) == [first]


def test_of_what_was_produced_all_is_acknowledged_that_was_not_reported_to_have_failed() -> None:
    reports = Reports(of_all=False)
    reports.begin(6)
    first, *_, fourth = list(reports.callbacks(range(6)))[:4]
    fourth("why", None)
    first("why", None)
    assert reports.todo(range(6), 5) == [0, 3, 5]
    assert reports.todo([0, 3, 5], 3) == [0, 3]
    reports.begin_round()
    assert reports.todo([0, 3, 5], 3) == []
    reports.is_broken = True
    assert reports.todo([0, 3, 5], 3) == [0, 3, 5]


@pytest.mark.parametrize(
    ("numbers", "offsets", "places"),
    [
        (0, [5, 6, 7], [(0, 5), (0, 6), (0, 7)]),
        (0, [5, 9, 10], [(0, 5), (0, 9), (0, 10)]),
        ([1, 0, 1], [4, 2, 5], [(1, 4), (0, 2), (1, 5)]),
        ([1, 1], [7, 3], [(1, 7), (1, 3)]),
    ],
)
def test_where_records_are_is_told_in_the_order_in_which_they_were_given(
    numbers: int | list[int], offsets: list[int], places: list[tuple[int, int]]
) -> None:
    append = Append("t", Columns([b""] * len(offsets)), None)
    append.numbers = numbers
    assert _appended(append, offsets).places() == places
