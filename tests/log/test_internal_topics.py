"""Topics that the log and the worker live by: who may write into them, and what rubbish in them does."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connect.api.errors import ConfigError, CorruptBatchError, InternalTopicError
from connect.codec.encode import encode
from connect.log import LogCluster
from connect.log.groups.offset_records import decode_key, decode_value, encode_key, encode_value
from connect.log.transactions.records import (
    Status,
    TransactionRecord,
    decode_transaction,
    decode_transaction_key,
    encode_transaction,
    encode_transaction_key,
)
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import Open
from tests.support.lengths import examples

RECORD = Columns([b"v"], [b"k"], 1_700_000_000_000)
OFFSETS = {TopicPartition("t", 0): OffsetAndMetadata(7)}


@pytest.fixture
async def busy(cluster: LogCluster) -> LogCluster:
    """A log with all of its own topics, and a worker's."""
    await cluster.admin.create_topic("t")
    await cluster.admin.create_topic("__connect_mine")
    await cluster.reserve(["state-of-mine"])
    await cluster.admin.create_topic("state-of-mine")
    producer = cluster.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", RECORD)
    await producer.send_offsets_to_transaction("g", OFFSETS)
    await producer.commit_transaction()
    return cluster


INTERNAL = ["__consumer_offsets", "__transaction_state", "__connect_mine", "state-of-mine"]


@pytest.mark.parametrize("topic", INTERNAL)
async def test_an_internal_topic_takes_no_records_of_clients_however_they_come(busy: LogCluster, topic: str) -> None:
    before = (await busy.admin.describe_topic(topic)).partitions[0].log_end_offset
    raw = encode(RECORD)
    with pytest.raises(InternalTopicError, match=f"topic '{topic}' is internal") as refused:
        await busy.producer(client_id="x").append(topic, RECORD)
    assert (refused.value.code, refused.value.kafka_error, refused.value.status) == ("log.internal_topic", 17, 403)
    for configs in ({"enable.idempotence": "true"}, {"client.id": f"connect-{topic}", "internal": "true"}):
        with pytest.raises(InternalTopicError):
            await busy.producer(client_id=f"connect-{topic}", configs=configs).append(topic, RECORD, acks="none")
    with pytest.raises(InternalTopicError):
        await busy.producer(client_id="x").append_raw(topic, 0, raw.head(0, 0) + bytes(raw.payload))
    transactional = busy.producer(client_id="x", configs={"transactional.id": "b"})
    await transactional.init_transactions()
    await transactional.begin_transaction()
    with pytest.raises(InternalTopicError):
        await transactional.append(topic, RECORD)
    await transactional.abort_transaction()
    ends = (await busy.admin.describe_topic(topic)).partitions[0].log_end_offset
    assert ends == before + 1 if topic == "__transaction_state" else ends == before  # the new id's own record


@pytest.mark.parametrize("topic", INTERNAL)
async def test_who_was_given_the_capability_writes(busy: LogCluster, topic: str) -> None:
    before = (await busy.admin.describe_topic(topic)).partitions[0].log_end_offset
    await busy.producer(client_id="x", internal=True).append(topic, RECORD)
    assert (await busy.admin.describe_topic(topic)).partitions[0].log_end_offset == before + len(RECORD)


async def test_what_a_worker_reserved_stays_reserved_for_whoever_opens_the_log_next(
    busy: LogCluster, open_log: Open
) -> None:
    await busy.aclose()
    again = await open_log()
    with pytest.raises(InternalTopicError):
        await again.producer(client_id="x").append("state-of-mine", RECORD)
    await again.reserve(["other"])
    await again.producer(client_id="x").append("state-of-mine", RECORD)
    with pytest.raises(InternalTopicError):
        await again.producer(client_id="x").append("other", RECORD)


async def test_a_topic_that_holds_state_cannot_be_given_to_retention_or_be_divided(busy: LogCluster) -> None:
    for topic in ("__consumer_offsets", "__transaction_state", "state-of-mine"):
        for policy in ("delete", "compact,delete"):
            with pytest.raises(ConfigError, match=r"its cleanup\.policy is compact and nothing else"):
                await busy.admin.alter_topic(topic, {"cleanup.policy": policy})
        with pytest.raises(ConfigError):
            await busy.admin.alter_topic(topic, {"cleanup.policy": None})
        with pytest.raises(InternalTopicError, match="no more partitions"):
            await busy.admin.add_partitions(topic, 3)
        assert (await busy.admin.describe_topic(topic)).configs["cleanup.policy"] == "compact"
    await busy.admin.delete_topic("state-of-mine")
    with pytest.raises(ConfigError):
        await busy.admin.create_topic("state-of-mine", configs={"cleanup.policy": "delete"})
    await busy.admin.alter_topic("__connect_mine", {"cleanup.policy": "delete"})
    await busy.admin.add_partitions("__connect_mine", 2)


async def test_the_logs_own_topics_are_compacted_also_when_somebody_else_makes_them(cluster: LogCluster) -> None:
    made = await cluster.admin.create_topic("__consumer_offsets")
    assert made.configs["cleanup.policy"] == "compact"


# -- rubbish -------------------------------------------------------------------------------------------------------


async def fill(cluster: LogCluster, topic: str, *records: tuple[bytes | None, bytes | None]) -> None:
    """Write records as nobody may, each in a batch of its own."""
    if await cluster.admin.partitions(topic) is None:
        await cluster.admin.create_topic(topic, configs={"cleanup.policy": "delete"} if topic.startswith("x") else {})
    part = cluster._topics.get(topic).partitions[0]
    for key, value in records:
        batch = encode(Columns([value], None if key is None else [key], 1_700_000_000_000))
        await asyncio.to_thread(part.append, [batch])


def transaction(value: bytes, topics: int = 0) -> bytes:
    return b"\0\0" + (7).to_bytes(8) + b"\0\0" + b"\0\0\0\1" + b"\1" + topics.to_bytes(4) + value


RUBBISH: list[tuple[bytes | None, bytes | None]] = [
    (b"hello", b"\0\0zz"), (b"", b""), (None, b"x"), (None, None), (b"\0\1\0\1g\0\1t", b""), (b"\0\0\0\5abc", b"x"),
    (b"\xff\xff", b"x"), (encode_key("g", TopicPartition("t", 0)), b"\0\3"), (encode_transaction_key("a"), b"\0\0"),
    (encode_transaction_key("a"), b"\0\1" + bytes(40)), (encode_key("g", TopicPartition("t", 0)), b"\0\4" + bytes(40)),
    (encode_transaction_key("a"), transaction(b"\xff\xfa" + bytes(40), topics=(1 << 31) - 1)),
    (encode_transaction_key("a"), transaction(b"\0\1t" + b"\x7f\xff\xff\xff", topics=1)),
    (b"\0\0\0\1\xff", b"x"), (b"\0\1\0\1\xff\0\1t\0\0\0\0", b"x"), (b"\0\0\0\3big", b"\7" * 300_000),
]  # fmt: skip


@pytest.mark.parametrize("topic", ["__consumer_offsets", "__transaction_state"])
async def test_a_record_that_cannot_be_read_is_logged_with_its_offset_and_passed_over(
    busy: LogCluster, open_log: Open, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    offset = (await busy.admin.describe_topic(topic)).partitions[0].log_end_offset
    await fill(busy, topic, *RUBBISH)
    await busy.aclose()
    caplog.clear()
    again = await open_log()
    assert await again.groups.list() == ["g"]
    assert (await again.groups.offsets("g"))[TopicPartition("t", 0)].offset == 7
    logged = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert f"{topic}-0: the record at offset {offset} cannot be read and is passed over" in logged[0]
    assert len(logged) == len(RUBBISH) - sum(_is_foreign(key) for key, _ in RUBBISH) * (topic == "__consumer_offsets")
    producer = again.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", RECORD)
    await producer.commit_transaction()


def _is_foreign(key: bytes | None) -> bool:
    try:
        return key is not None and decode_key(key) is None
    except CorruptBatchError:
        return False


async def test_rubbish_without_end_is_counted_and_not_logged_line_by_line(
    busy: LogCluster, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(busy, "__transaction_state", *[(b"x", b"y")] * 150)
    await busy.aclose()
    await open_log()
    lines = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert (len(lines), lines[-1]) == (101, "__transaction_state-0: 50 more records cannot be read and are passed over")


async def test_a_decided_transaction_that_cannot_be_ended_holds_up_no_start(
    busy: LogCluster, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    record = TransactionRecord(0, 0, 1000, Status.PREPARE_COMMIT, {TopicPartition("t", 0), TopicPartition("gone", 5)})
    producer = busy.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", RECORD)  # of epoch 1, so that a marker of epoch 0 is refused
    await fill(busy, "__transaction_state", (encode_transaction_key("other"), encode_transaction(record)))
    await producer.abort_transaction()
    part = busy._topics.get("t").partitions[0]
    await asyncio.to_thread(part.append, [_open_batch()])
    await busy.aclose()
    again = await open_log()
    assert (await again.groups.offsets("g"))[TopicPartition("t", 0)].offset == 7
    assert any("'other' cannot be ended yet" in r.getMessage() for r in caplog.records)


def _open_batch():  # type: ignore[no-untyped-def]
    from connect.codec.header import TRANSACTIONAL

    return encode(RECORD, attributes=TRANSACTIONAL, producer_id=0, producer_epoch=2, base_sequence=0)


@settings(max_examples=examples(300))
@given(st.binary(max_size=80))
@example(transaction(b"\xff\xfa" + bytes(40), topics=(1 << 31) - 1))
@example(transaction(b"\0\1t\x7f\xff\xff\xff", topics=1))
def test_any_bytes_are_a_record_of_the_log_or_are_told_apart_at_once(raw: bytes) -> None:
    began = time.thread_time()  # its own, however busy the machine is
    for decode in (decode_transaction_key, decode_transaction, decode_key, decode_value):
        for given_ in (raw, b"\0\0" + raw, b"\0\1" + raw, b"\0\3" + raw):
            try:
                decode(given_)
            except CorruptBatchError:
                continue
    assert time.thread_time() - began < 0.2


@pytest.mark.parametrize(
    "tail",
    [b"\xff\xfe" + bytes(40), b"\0\0" + bytes(40), b"\0\1t" + b"\0\0\0\1" + b"\xff\xff\xff\xff" + bytes(16)],
    ids=["a name of negative length", "no name", "a negative partition"],
)
def test_a_transaction_of_partitions_that_cannot_be_is_told_apart(tail: bytes) -> None:
    decode_transaction(transaction(b"\0\1t" + b"\0\0\0\1" + b"\0\0\0\3" + bytes(16), topics=1))
    with pytest.raises(CorruptBatchError):
        decode_transaction(transaction(tail, topics=1))


_KEYS = st.one_of(
    st.none(),
    st.binary(max_size=30),
    st.builds(encode_transaction_key, st.sampled_from(["a", "b"])),
    st.builds(lambda g: encode_key(g, TopicPartition("t", 0)), st.sampled_from(["g", "h"])),
)
_VALUES = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.builds(lambda raw: b"\0\3" + raw, st.binary(min_size=24, max_size=30)),
    st.builds(lambda raw: b"\0\0" + raw, st.binary(min_size=30, max_size=50)),
)


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=8), st.lists(st.tuples(_KEYS, _VALUES), max_size=8))
async def test_any_records_in_the_logs_topics_let_it_open_and_valid_ones_count(
    tmp_path_factory: pytest.TempPathFactory, before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]]
) -> None:
    directory: Path = tmp_path_factory.mktemp("any") / "data"
    cluster = await LogCluster.open(directory)
    await cluster.admin.create_topic("t")
    mine = encode_key("mine", TopicPartition("t", 0)), encode_value(OffsetAndMetadata(5, commit_timestamp=1))
    for topic in ("__consumer_offsets", "__transaction_state"):
        await fill(cluster, topic, *before, mine, *after)
    await cluster.aclose()
    again = await LogCluster.open(directory)
    try:
        assert (await again.groups.offsets("mine"))[TopicPartition("t", 0)].offset == 5
        producer = again.producer(client_id="p", configs={"transactional.id": "z"})
        await producer.init_transactions()
    finally:
        await again.aclose()
