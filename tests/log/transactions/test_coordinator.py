"""Idempotent and transactional producers: what is visible when, fencing, timeouts, and every step of a crash."""

from __future__ import annotations

import asyncio
import shutil
import time

import pytest

from connect.api import ConfigError, EnvironmentFault, UnknownTopicOrPartitionError
from connect.api.errors import OutOfOrderSequenceError, ProducerFencedError, TransactionStateError
from connect.codec.encode import encode, with_producer
from connect.codec.header import iterate_batches
from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.log.transactions.records import (
    Status,
    TransactionRecord,
    decode_transaction,
    decode_transaction_key,
    encode_transaction,
    encode_transaction_key,
)
from connect.ports import Subscription
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import until

T0 = TopicPartition("t", 0)
T1 = TopicPartition("t", 1)
NOW = time.time_ns() // 1_000_000


async def producer_of(cluster, transactional_id="tx", **configs):
    producer = cluster.producer(client_id="test", configs={"transactional.id": transactional_id, **configs})
    await producer.init_transactions()
    return producer


async def put(producer, *values, partition=0, topic="t"):
    await producer.append(topic, Columns(list(values), timestamps=NOW), partition=partition)


async def read(cluster, partition=T0, isolation="read_committed"):
    offset, found = 0, []
    while batches := await cluster.admin.fetch(partition, offset, isolation=isolation):
        for batch in batches:
            found += batch.columns.values
            offset = batch.next_offset
    return found


@pytest.fixture
async def topic(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    return cluster


async def test_a_transaction_is_visible_as_a_whole_once_it_is_committed(topic):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a", b"b")
    await put(producer, b"c", partition=1)
    assert await read(topic) == []
    assert await read(topic, isolation="read_uncommitted") == [b"a", b"b"]
    await producer.commit_transaction()
    assert await read(topic) == [b"a", b"b"]
    assert await read(topic, T1) == [b"c"]


async def test_an_aborted_transaction_is_never_visible_to_read_committed(topic):
    producer = await producer_of(topic)
    for value, end in ((b"no", producer.abort_transaction), (b"yes", producer.commit_transaction)):
        await producer.begin_transaction()
        await put(producer, value)
        await end()
    assert await read(topic) == [b"yes"]
    assert await read(topic, isolation="read_uncommitted") == [b"no", b"yes"]


async def test_an_open_transaction_holds_back_what_comes_behind_it(topic):
    open_one, other = await producer_of(topic, "open"), await producer_of(topic, "other")
    plain = topic.producer(client_id="plain")
    await put(plain, b"before")
    await open_one.begin_transaction()
    await put(open_one, b"open")
    await put(plain, b"plain")
    await other.begin_transaction()
    await put(other, b"other")
    await other.commit_transaction()
    assert await read(topic) == [b"before"]
    [info, _] = (await topic.admin.describe_topic("t")).partitions
    assert (info.last_stable_offset, info.log_end_offset) == (1, 5)
    await open_one.abort_transaction()
    assert await read(topic) == [b"before", b"plain", b"other"]


async def test_a_consumer_with_read_committed_waits_for_the_marker(topic):
    consumer = await topic.consumer(
        Subscription(("t",)),
        group=None,
        client_id="test",
        configs={"isolation.level": "read_committed", "auto.offset.reset": "earliest"},
    )
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    assert await consumer.poll(timeout_ms=20) == []
    assert await consumer.end_offsets() == {T0: 0, T1: 0}
    await producer.commit_transaction()
    [batch] = await consumer.poll(timeout_ms=5_000)
    assert batch.columns.values == [b"a"]
    assert await consumer.poll(timeout_ms=20) == []
    assert consumer.position(T0) == 2  # behind the marker


async def test_the_raw_fetch_names_the_aborted_transactions_it_touches(topic):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    await producer.abort_transaction()
    fetched = await topic.admin.fetch_raw(T0, 0, isolation="read_committed")
    assert [(t.first_offset, t.last_offset, t.last_stable_offset) for t in fetched.aborted] == [(0, 1, 2)]
    assert (await topic.admin.fetch_raw(T0, 0)).aborted == ()
    assert fetched.last_stable_offset == fetched.high_watermark == 2


async def test_offsets_of_a_group_are_committed_with_the_records_or_not_at_all(topic):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    await producer.send_offsets_to_transaction("g", {T0: OffsetAndMetadata(7, metadata="here")})
    assert await topic.groups.offsets("g") == {}
    await producer.abort_transaction()
    assert await topic.groups.offsets("g") == {}
    await producer.begin_transaction()
    await producer.send_offsets_to_transaction("g", {T0: OffsetAndMetadata(8)})
    await producer.commit_transaction()
    assert (await topic.groups.offsets("g"))[T0].offset == 8


async def test_offsets_of_partitions_that_are_not_there_are_refused_in_a_transaction_and_nothing_of_the_call_counts(
    topic,
):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    for gone in (TopicPartition("t", 2), TopicPartition("gone", 0)):
        with pytest.raises(UnknownTopicOrPartitionError, match=gone.topic):
            await producer.send_offsets_to_transaction("g", {T0: OffsetAndMetadata(7), gone: OffsetAndMetadata(1)})
    await producer.commit_transaction()
    assert await topic.groups.offsets("g") == {}


async def test_offsets_sent_in_transactions_are_read_again_after_a_restart(open_log):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    producer = await producer_of(cluster)
    for offset, end in ((5, producer.commit_transaction), (6, producer.abort_transaction)):
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction("g", {T0: OffsetAndMetadata(offset)})
        await end()
    await cluster.aclose()
    again = await open_log()
    assert (await again.groups.offsets("g"))[T0].offset == 5


async def test_a_second_producer_fences_the_first_and_aborts_what_it_left_open(topic):
    first = await producer_of(topic)
    await first.begin_transaction()
    await put(first, b"lost")
    second = await producer_of(topic)
    for call in (put(first, b"late"), first.commit_transaction(), first.abort_transaction()):
        with pytest.raises(ProducerFencedError, match=r"another producer has taken transactional\.id 'tx'"):
            await call
    await second.begin_transaction()
    await put(second, b"ours")
    await second.commit_transaction()
    assert await read(topic) == [b"ours"]


async def test_a_batch_of_an_old_epoch_is_refused_by_the_partition_itself(topic):
    old = with_producer(encode(Columns([b"old"])), 5, 0, 0, is_transactional=False)
    new = with_producer(encode(Columns([b"new"])), 5, 1, 0, is_transactional=False)
    producer = topic.producer(client_id="test")
    await producer.append_raw("t", 0, raw(new))
    with pytest.raises(ProducerFencedError, match="producer 5 has epoch 1 by now"):
        await producer.append_raw("t", 0, raw(old))


def raw(batch):
    return batch.head(0) + batch.payload


async def test_a_batch_that_comes_again_is_not_appended_again(topic):
    producer = topic.producer(client_id="test")
    batches = [
        raw(with_producer(encode(Columns([b"%d" % n] * 3)), 9, 0, 3 * n, is_transactional=False)) for n in range(7)
    ]
    assert [await producer.append_raw("t", 0, batch) for batch in batches] == [0, 3, 6, 9, 12, 15, 18]
    assert [await producer.append_raw("t", 0, batch) for batch in batches[2:]] == [6, 9, 12, 15, 18]
    assert len(await read(topic)) == 21


async def test_a_gap_in_the_sequence_is_refused(topic):
    producer = topic.producer(client_id="test")
    for sequence in (0, 1):
        batch = with_producer(encode(Columns([b"a"])), 9, 0, sequence, is_transactional=False)
        await producer.append_raw("t", 0, raw(batch))
    with pytest.raises(OutOfOrderSequenceError, match="sequence number 3, expected 2"):
        await producer.append_raw("t", 0, raw(with_producer(encode(Columns([b"a"])), 9, 0, 3, is_transactional=False)))
    with pytest.raises(OutOfOrderSequenceError, match="sequence number 4, expected 0"):
        await producer.append_raw("t", 0, raw(with_producer(encode(Columns([b"a"])), 9, 1, 4, is_transactional=False)))


@pytest.mark.parametrize("shutdown", ["clean", "crash"])
async def test_sequence_numbers_are_known_after_a_restart(open_log, data_dir, shutdown):
    cluster = await open_log(configs={"segment.bytes": "300"})
    await cluster.admin.create_topic("t")
    batches = [raw(with_producer(encode(Columns([bytes(50)])), 9, 0, n, is_transactional=False)) for n in range(9)]
    for batch in batches[:8]:
        await cluster.producer(client_id="test").append_raw("t", 0, batch)
    await cluster.aclose()
    if shutdown == "crash":
        (data_dir / CLEAN_SHUTDOWN_FILE).unlink()
    producer = (await open_log()).producer(client_id="test")
    assert await producer.append_raw("t", 0, batches[7]) == 7
    with pytest.raises(OutOfOrderSequenceError):
        await producer.append_raw("t", 0, raw(with_producer(encode(Columns([b"x"])), 9, 0, 20, is_transactional=False)))
    assert await producer.append_raw("t", 0, batches[8]) == 8


async def test_an_idempotent_producer_gives_its_batches_sequence_numbers(topic):
    producer = topic.producer(client_id="test", configs={"enable.idempotence": "true", "batch.size": "100"})
    await producer.append("t", Columns([bytes(60)] * 4), partition=0)
    fetched = await topic.admin.fetch_raw(T0, 0)
    assert [(h.producer_id, h.base_sequence) for h in iterate_batches(fetched.data)] == [(0, n) for n in range(4)]


async def test_producer_ids_are_never_given_out_twice(open_log):
    seen = []
    for _ in range(3):
        cluster = await open_log()
        if not seen:
            await cluster.admin.create_topic("t")
        await put(cluster.producer(client_id="test", configs={"enable.idempotence": "true"}), b"a")
        fetched = await cluster.admin.fetch_raw(T0, 0)
        seen.append(list(iterate_batches(fetched.data))[-1].producer_id)
        await cluster.aclose()
    assert seen == [0, 1000, 2000]


async def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_goes_on(open_log):
    now = [NOW]
    cluster = await open_log(
        clock=lambda: now[0], configs={"transaction.abort.timed.out.transaction.cleanup.interval.ms": "5"}
    )
    await cluster.admin.create_topic("t", partitions=2)
    producer = await producer_of(cluster, **{"transaction.timeout.ms": "1000"})
    consumer = await cluster.consumer(
        Subscription(("t",)), group=None, client_id="c", configs={"isolation.level": "read_committed"}
    )
    await producer.begin_transaction()
    await put(producer, b"slow")
    now[0] += 1001
    await put(cluster.producer(client_id="plain"), b"plain")
    [batch] = await consumer.poll(timeout_ms=5_000)
    assert batch.columns.values == [b"plain"]
    for call in (put(producer, b"late"), producer.commit_transaction()):
        with pytest.raises(TransactionStateError, match="took longer than its 1000 ms"):
            await call
    await producer.abort_transaction()
    await producer.begin_transaction()
    await put(producer, b"again")
    await producer.commit_transaction()
    assert await read(cluster) == [b"plain", b"again"]


async def test_the_clock_going_back_ends_no_transaction(open_log):
    now = [NOW]
    cluster = await open_log(
        clock=lambda: now[0], configs={"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1"}
    )
    await cluster.admin.create_topic("t", partitions=2)
    producer = await producer_of(cluster)
    await producer.begin_transaction()
    now[0] -= 3_600_000
    await put(producer, b"a")
    await producer.commit_transaction()
    assert await read(cluster) == [b"a"]


async def test_calls_out_of_order_are_refused(topic):
    plain = topic.producer(client_id="test")
    with pytest.raises(TransactionStateError, match=r"has no transactional\.id"):
        await plain.init_transactions()
    producer = topic.producer(client_id="test", configs={"transactional.id": "tx"})
    with pytest.raises(TransactionStateError, match="init_transactions was not called"):
        await producer.begin_transaction()
    await producer.init_transactions()
    for call in (put(producer, b"a"), producer.commit_transaction(), producer.abort_transaction()):
        with pytest.raises(TransactionStateError, match="no transaction is open"):
            await call
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="open already"):
        await producer.begin_transaction()


@pytest.mark.parametrize(
    ("configs", "key"),
    [
        ({"transactional.id": ""}, "transactional.id"),
        ({"transactional.id": "x", "transaction.timeout.ms": "900001"}, "transaction.timeout.ms"),
        ({"transactional.id": "x", "transaction.timeout.ms": "0"}, "transaction.timeout.ms"),
        ({"transactional.id": "x", "enable.idempotence": "false"}, "enable.idempotence"),
        ({"enable.idempotence": "maybe"}, "enable.idempotence"),
        ({"transactional.id": "x", "transaction.timeout.ms": "soon"}, "transaction.timeout.ms"),
    ],
)
async def test_wrong_configs_are_refused_by_their_key(topic, configs, key):
    with pytest.raises(ConfigError) as caught:
        await topic.producer(client_id="test", configs=configs).init_transactions()
    assert caught.value.config_path == key


async def test_an_empty_transaction_writes_nothing(topic):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await producer.commit_transaction()
    await producer.begin_transaction()
    await producer.abort_transaction()
    assert await read(topic, isolation="read_uncommitted") == []


async def test_closing_a_producer_aborts_what_it_has_open(topic):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    await producer.aclose()
    await producer.aclose()
    [info, _] = (await topic.admin.describe_topic("t")).partitions
    assert info.last_stable_offset == info.log_end_offset == 2


async def test_a_topic_deleted_in_a_transaction_does_not_hold_up_the_rest(topic):
    await topic.admin.create_topic("other")
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    await put(producer, b"b", topic="other")
    await topic.admin.delete_topic("other")
    await producer.commit_transaction()
    assert await read(topic) == [b"a"]


async def test_aborted_transactions_are_known_after_a_restart(open_log, data_dir):
    cluster = await open_log(configs={"segment.bytes": "400"})
    await cluster.admin.create_topic("t")
    producer = await producer_of(cluster)
    for number in range(12):
        await producer.begin_transaction()
        await put(producer, b"%02d" % number + bytes(60))
        await (producer.abort_transaction() if number % 3 else producer.commit_transaction())
    expected = [b"%02d" % number + bytes(60) for number in range(0, 12, 3)]
    await cluster.aclose()
    for _ in ("clean", "crash", "no transaction indexes"):
        cluster = await open_log()
        assert await read(cluster) == expected
        await cluster.aclose()
        if _ == "clean":
            (data_dir / CLEAN_SHUTDOWN_FILE).unlink()
        for path in data_dir.glob("t-0/*.txnindex") if _ == "crash" else ():
            path.unlink()


async def test_a_transactional_id_that_nobody_uses_is_forgotten(open_log):
    now = [NOW]
    configs = {
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "5",
        "transactional.id.expiration.ms": "1000",
    }
    cluster = await open_log(clock=lambda: now[0], configs=configs)
    await cluster.admin.create_topic("t", partitions=2)
    producer = await producer_of(cluster)
    now[0] += 1001
    await until(lambda: "tx" not in cluster._transactions._entries)
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="is forgotten"):
        await put(producer, b"a")
    again = await producer_of(cluster)
    await again.begin_transaction()
    await put(again, b"a")
    await again.commit_transaction()
    assert await read(cluster) == [b"a"]


async def test_a_transactional_id_that_is_taken_while_it_is_being_forgotten_stays_known(open_log):
    now = [NOW]
    cluster = await open_log(clock=lambda: now[0], configs={"transactional.id.expiration.ms": "1000"})
    await cluster.admin.create_topic("t", partitions=2)
    await producer_of(cluster)
    now[0] += 1001
    transactions = cluster._transactions
    async with transactions._entries["tx"].lock:
        # Both wait for the id: who takes it comes first.
        taking = asyncio.create_task(producer_of(cluster))
        await asyncio.sleep(0)
        forgetting = asyncio.create_task(transactions.abort_timed_out())
        await until(lambda: len(transactions._running) == 2)
        await asyncio.sleep(0)
    producer, _ = await asyncio.gather(taking, forgetting)
    await producer.begin_transaction()
    await put(producer, b"a")
    await producer.commit_transaction()
    assert await read(cluster) == [b"a"]


async def test_a_raw_batch_of_a_transaction_that_nobody_began_is_refused(topic):
    stray = with_producer(encode(Columns([b"a"])), 5, 0, 0, is_transactional=True)
    with pytest.raises(TransactionStateError, match="producer 5 of epoch 0 has no open transaction with t-0"):
        await topic.producer(client_id="test").append_raw("t", 0, raw(stray))
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    mine = with_producer(encode(Columns([b"b"])), 0, 0, 1, is_transactional=True)
    await topic.producer(client_id="test").append_raw("t", 0, raw(mine))
    await producer.commit_transaction()
    assert await read(topic) == [b"a", b"b"]


# -- crashes: the data directory is copied at a step, and opened as after a kill -------------------------------------


async def copy_opened(open_log, tmp_path, data_dir, name):
    shutil.copytree(data_dir, tmp_path / name)
    return await LogCluster.open(tmp_path / name)


async def test_a_crash_before_the_decision_aborts_once_the_timeout_has_passed_or_at_once_by_the_next_producer(
    topic, open_log, tmp_path, data_dir
):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"lost")
    copy = await copy_opened(open_log, tmp_path, data_dir, "copy")
    try:
        assert (await copy.admin.describe_topic("t")).partitions[0].last_stable_offset == 0
        again = await producer_of(copy)
        assert (await copy.admin.describe_topic("t")).partitions[0].last_stable_offset == 2
        await again.begin_transaction()
        await put(again, b"kept")
        await again.commit_transaction()
        assert await read(copy) == [b"kept"]
    finally:
        await copy.aclose()


async def test_a_crash_behind_the_decision_commits_when_the_log_is_opened(topic, open_log, tmp_path, data_dir):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    await put(producer, b"b", partition=1)
    await producer.send_offsets_to_transaction("g", {T0: OffsetAndMetadata(3)})
    # As the coordinator does up to the decision, and no further.
    record = TransactionRecord(0, 0, 60_000, Status.PREPARE_COMMIT, {T0, T1, TopicPartition("__consumer_offsets", 0)})
    columns = Columns([encode_transaction(record)], [encode_transaction_key("tx")], NOW)
    await topic.producer(client_id="test", internal=True).append("__transaction_state", columns, partition=0)
    copy = await copy_opened(open_log, tmp_path, data_dir, "copy")
    try:
        assert await read(copy) == [b"a"]
        assert await read(copy, T1) == [b"b"]
        assert (await copy.groups.offsets("g"))[T0].offset == 3
    finally:
        await copy.aclose()


async def test_a_transaction_whose_beginning_was_lost_is_aborted_on_opening(topic, open_log, tmp_path, data_dir):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    shutil.copytree(data_dir, tmp_path / "copy")
    for path in (tmp_path / "copy" / "__transaction_state-0").glob("*.log"):
        path.write_bytes(b"")
    copy = await LogCluster.open(tmp_path / "copy")
    try:
        info = (await copy.admin.describe_topic("t")).partitions[0]
        assert info.last_stable_offset == info.log_end_offset == 2
        assert await read(copy) == []
    finally:
        await copy.aclose()


async def test_a_disk_that_refuses_the_decision_leaves_the_transaction_open_to_be_ended_again(topic, data_dir):
    producer = await producer_of(topic)
    await producer.begin_transaction()
    await put(producer, b"a")
    part = topic._topics.get("__transaction_state").partitions[0]  # the file is taken away under the log
    part.release()
    [path] = (data_dir / "__transaction_state-0").glob("*.log")
    path.rename(path.with_suffix(".away"))
    with pytest.raises(EnvironmentFault):
        await producer.commit_transaction()
    path.with_suffix(".away").rename(path)
    await producer.commit_transaction()
    assert await read(topic) == [b"a"]


async def test_a_disk_that_refuses_a_marker_delays_the_end_and_changes_nothing_about_it(open_log, data_dir):
    cluster = await open_log(configs={"transaction.abort.timed.out.transaction.cleanup.interval.ms": "5"})
    await cluster.admin.create_topic("t", partitions=2)
    consumer = await cluster.consumer(
        Subscription(("t",)), group=None, client_id="c", configs={"isolation.level": "read_committed"}
    )
    producer = await producer_of(cluster)
    await producer.begin_transaction()
    await put(producer, b"a")
    await put(producer, b"b", partition=1)
    part = cluster._topics.get("t").partitions[0]
    part.sync()
    part.release()
    [path] = (data_dir / "t-0").glob("*.log")
    path.rename(path.with_suffix(".away"))
    with pytest.raises(EnvironmentFault):
        await producer.commit_transaction()
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="is decided, and is still being ended"):
        await put(producer, b"next")
    path.with_suffix(".away").rename(path)
    found = set()
    while len(found) < 2:
        batches = await consumer.poll(timeout_ms=5_000)
        assert batches, "the marker is written once the disk allows"
        found |= {value for batch in batches for value in batch.columns.values}
    assert found == {b"a", b"b"}


# -- stored records ----------------------------------------------------------------------------------------------------


def test_the_state_s_records_are_kafka_s_bytes():
    record = TransactionRecord(4000, 2, 60_000, Status.ONGOING, {T1, T0, TopicPartition("other", 3)}, 1, 2)
    value = encode_transaction(record)
    assert value.hex() == (
        "0000" + "0000000000000fa0" + "0002" + "0000ea60" + "01" + "00000002"
        "00056f74686572" + "00000001" + "00000003" + "000174" + "00000002" + "00000000" + "00000001"
        "0000000000000001" + "0000000000000002"
    )
    assert decode_transaction(value) == record
    assert decode_transaction_key(encode_transaction_key("größe")) == "größe"
