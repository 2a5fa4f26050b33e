from __future__ import annotations

import asyncio
import logging
import tracemalloc
from pathlib import Path

import orjson
import pytest

from connect.api import ConfigError, ConnectError, EnvironmentFault, RecordTooLargeError
from connect.api.errors import CorruptBatchError, ProducerFencedError
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import Columns, TopicPartition
from connect.stores.compacted import CompactedTopic
from tests.stores.conftest import write
from tests.support.engines import now_ms
from tests.support.kafka_broker import SharedBroker
from tests.support.logs import logged


def refuse_bad(_key: bytes, value: bytes) -> str | None:
    return "it is bad" if value.startswith(b"bad") else None


async def opened(cluster: Cluster, topic: str = "state", **options: object) -> CompactedTopic:
    store = CompactedTopic(cluster, topic, problem=refuse_bad, **options)  # type: ignore[arg-type]
    await store.open()
    return store


async def test_a_record_that_does_not_count_is_logged_with_its_place_and_the_value_before_it_stays(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await write(cluster, "state", (b"a", b"1"), (b"a", b"bad secret"), (None, b"x"), (b"b", b"2"), (b"c", b"bad"))
    store = await opened(cluster)
    assert dict(store.items()) == {b"a": b"1", b"b": b"2"}
    assert store.unreadable() == [b"c"]
    lines = logged(caplog, logging.ERROR)
    assert lines == [
        "state-0: the record at offset 1 with key b'a' cannot be read and is passed over: it is bad",
        "state-0: the record at offset 2 with key None cannot be read and is passed over: its key is null",
        "state-0: the record at offset 4 with key b'c' cannot be read and is passed over: it is bad",
    ]


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_what_a_life_before_has_left_open_is_ended_by_its_name_where_the_log_does_not_tell(
    broker: SharedBroker, kafka_cluster: Cluster, name: str, tmp_path: Path
) -> None:
    store = await opened(kafka_cluster, name, replication_factor=1)
    await store.put({b"a": b"1"}, timestamp_ms=now_ms())
    await store.aclose()
    before = await open_cluster(tmp_path, {"bootstrap.servers": broker.bootstrap})
    producer = before.producer(client_id="before", configs={"transactional.id": f"{name}-0"}, internal=True)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, Columns([b"2"], [b"a"], now_ms()))
    with pytest.raises(EnvironmentFault, match="hides what lies behind it"):
        await opened(kafka_cluster, name)
    store = await opened(kafka_cluster, name, left_open=lambda: [f"{name}-0"])
    assert dict(store.items()) == {b"a": b"1"}
    with pytest.raises(ProducerFencedError):
        await producer.commit_transaction()
    for each in (store, producer, before):
        await each.aclose()


async def test_compaction_keeps_the_value_that_was_hidden_by_a_record_that_does_not_count(cluster: Cluster) -> None:
    await write(cluster, "state", (b"a", b"1"), (b"a", b"bad"))
    await opened(cluster)
    await cluster.compact("state")  # type: ignore[attr-defined]
    assert dict((await opened(cluster)).items()) == {b"a": b"1"}
    info = await cluster.admin.describe_topic("state")
    await opened(cluster)
    assert await cluster.admin.describe_topic("state") == info, "what was mended once is not written again"


async def test_a_deleted_key_stays_deleted_behind_a_record_that_does_not_count(cluster: Cluster) -> None:
    await write(cluster, "state", (b"a", b"1"), (b"a", None), (b"a", b"bad"))
    assert dict((await opened(cluster)).items()) == {}


async def test_of_two_writes_of_one_key_the_later_stays_whichever_is_answered_first(cluster: Cluster) -> None:
    store = await opened(cluster)
    inner = store._producer
    assert inner is not None
    first = asyncio.Event()

    class Late:
        """Answers the first append after the second; the log has them in order."""

        calls = 0

        async def append(self, *args: object, **options: object) -> None:
            self.calls += 1
            is_first = self.calls == 1
            await inner.append(*args, **options)  # type: ignore[arg-type]
            await first.wait() if is_first else first.set()

        async def aclose(self) -> None:
            await inner.aclose()

    store._producer = Late()  # type: ignore[assignment]
    await asyncio.gather(
        store.put({b"k": b"old", b"only": b"1"}, timestamp_ms=1), store.put({b"k": b"new"}, timestamp_ms=1)
    )
    assert dict(store.items()) == {b"k": b"new", b"only": b"1"}
    assert dict((await opened(cluster)).items()) == {b"k": b"new", b"only": b"1"}


async def test_a_topic_that_retention_would_empty_is_refused_with_the_way_out(cluster: Cluster) -> None:
    await cluster.admin.create_topic("state")
    with pytest.raises(ConfigError, match=r"must have cleanup\.policy=compact; it has 'delete'") as refused:
        await opened(cluster)
    assert refused.value.code == "config.storage_topic"
    assert "connect topic alter" in refused.value.hint
    assert "kafka-configs" in refused.value.hint, "a Kafka cluster has no directory"
    await cluster.admin.alter_topic("state", {"cleanup.policy": "compact"})
    await opened(cluster)


async def test_a_damaged_batch_is_not_passed_over(cluster: Cluster) -> None:
    await write(cluster, "state", (b"a", b"1"), (b"b", b"2"))
    part = cluster._topics.get("state").partitions[0]  # type: ignore[attr-defined]
    [path] = part.directory.glob("*.log")
    raw = bytearray(path.read_bytes())
    raw[70] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CorruptBatchError) as refused:
        await opened(cluster)
    assert "connect log repair" in refused.value.hint


async def test_of_a_key_in_two_partitions_the_newer_record_counts(cluster: Cluster) -> None:
    """As where somebody raised the number of partitions, so that a key moved to one that is read earlier."""
    await cluster.admin.create_topic("state", partitions=2, configs={"cleanup.policy": "compact"})
    producer = cluster.producer(client_id="test")
    await producer.append("state", Columns([b"new", b"1"], [b"k", b"l"], 2000), partition=0)
    await producer.append("state", Columns([b"old", b"2"], [b"k", b"l"], [1000, 3000]), partition=1)
    assert dict((await opened(cluster)).items()) == {b"k": b"new", b"l": b"2"}


async def test_what_is_too_large_for_the_topic_is_refused_with_the_keys_of_the_worker(cluster: Cluster) -> None:
    store = await opened(cluster)
    with pytest.raises(RecordTooLargeError) as raised:
        await store.put({b"a": b"x" * (2 << 20)}, timestamp_ms=now_ms())
    assert "max.message.bytes of topic 'state'" in raised.value.hint
    assert (
        "the worker's producer.max.request.size" in raised.value.hint and "connector.override" not in raised.value.hint
    )
    await store.put({b"a": b"x"}, timestamp_ms=now_ms())
    assert dict(store.items()) == {b"a": b"x"}


async def test_what_is_in_the_way_of_a_state_topic_is_told(cluster: Cluster) -> None:
    directory = cluster._directory.path / "state-0"  # type: ignore[attr-defined]
    directory.mkdir()
    (directory / "mine.txt").write_text("x")
    with pytest.raises(ConnectError, match="state"):
        await opened(cluster)


async def test_tombstones_and_control_batches_are_no_rubbish(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    await cluster.admin.create_topic("state", configs={"cleanup.policy": "compact"})
    producer = cluster.producer(client_id="x", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("state", Columns([b"1", None], [b"a", b"b"], 1))
    await producer.commit_transaction()
    assert dict((await opened(cluster)).items()) == {b"a": b"1"}
    assert [r for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("connect.stores")] == []
    batches = await cluster.admin.fetch(TopicPartition("state", 0), 0)
    assert batches


async def test_a_topic_whose_records_have_one_order_must_have_one_partition(cluster: Cluster) -> None:
    await cluster.admin.create_topic("state", partitions=3, configs={"cleanup.policy": "compact"})
    with pytest.raises(ConfigError, match="'state' has 3 partitions") as caught:
        await opened(cluster, is_single=True)
    assert caught.value.code == "config.storage_topic_partitions"


async def test_what_is_kept_has_memory_of_its_own_size(cluster: Cluster) -> None:
    store = await opened(cluster)
    count = 500
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await store.put(
            {orjson.dumps(["key", n]): orjson.dumps({"value": n}) for n in range(count)}, timestamp_ms=now_ms()
        )
        await store.put({b"next": b"1"}, timestamp_ms=now_ms())  # the log's thread lets go of the work before
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / count < 1000, "a result of orjson has up to 4 KiB"
