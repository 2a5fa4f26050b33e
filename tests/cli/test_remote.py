"""The ports over a worker's REST: what the bundled log does, and a clear refusal of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connect.api import (
    ConfigError,
    ConflictError,
    ConnectError,
    EnvironmentFault,
    LogError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from connect.api.errors import OffsetOutOfRangeError, TransactionStateError
from connect.app import open_cluster, open_worker, serve
from connect.cli.remote import APPEND_COUNT_MAX, RemoteCluster
from connect.ports import Cluster, Subscription
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.runtime.worker_config import WorkerConfig

T0 = TopicPartition("t", 0)
TRANSACTIONAL = {"transactional.id": "x"}


@asynccontextmanager
async def through_a_worker(data_dir: Path) -> AsyncIterator[RemoteCluster]:
    """The log of a worker in this process, over a socket."""
    keys = {"data.dir": str(data_dir), "listeners": "http://127.0.0.1:0"}
    async with (
        open_worker(WorkerConfig.parse(keys)) as herder,
        serve(herder) as urls,
        aclosing(await RemoteCluster.open(urls[0])) as cluster,
    ):
        yield cluster


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[RemoteCluster]:
    async with through_a_worker(tmp_path) as cluster:
        yield cluster


@pytest.fixture(params=["directory", "worker"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A log: opened in its directory, and through a worker. What is asserted of one is asserted of the other."""
    if request.param == "worker":
        async with through_a_worker(tmp_path) as remote:
            yield remote
        return
    async with aclosing(await open_cluster(tmp_path)) as own:
        yield own


async def append(cluster: Cluster, topic: str, *values: bytes | None, **options: Any) -> None:
    producer = cluster.producer(client_id="test")
    await producer.append(topic, Columns(list(values), timestamps=options.pop("timestamp", 7)), **options)
    await producer.aclose()


async def values(cluster: Cluster, topic: str = "t", **options: Any) -> list[bytes | None]:
    found: list[bytes | None] = []
    offset = 0
    while batches := await cluster.admin.fetch(TopicPartition(topic, 0), offset, **options):
        for batch in batches:
            found += batch.columns.values
        offset = batches[-1].next_offset
    return found


async def test_a_topic_is_made_described_and_gone(cluster: Cluster) -> None:
    made = await cluster.admin.create_topic("t", partitions=2, configs={"retention.ms": "5"})
    assert (made.name, len(made.partitions), made.configs, made.internal) == ("t", 2, {"retention.ms": "5"}, False)
    assert await cluster.admin.describe_topic("t") == made
    assert (await cluster.admin.describe_topics(["t", "none"])) == {"t": made}
    assert "t" in await cluster.admin.list_topics()
    assert (await cluster.admin.partitions("t"), await cluster.admin.partitions("none")) == (2, None)
    await cluster.admin.delete_topic("t")
    assert await cluster.admin.partitions("t") is None


async def test_a_topic_is_altered(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t", configs={"retention.ms": "5"})
    altered = await cluster.admin.alter_topic("t", {"retention.ms": None, "segment.bytes": "2000"})
    assert altered.configs == {"segment.bytes": "2000"}
    assert len((await cluster.admin.add_partitions("t", 3)).partitions) == 3
    entries = {entry.name: entry for entry in await cluster.admin.topic_configs("t")}
    assert (entries["segment.bytes"].value, entries["segment.bytes"].source) == ("2000", "topic")
    assert entries["retention.ms"].source == "default"


async def test_records_are_read_as_they_were_appended(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t", partitions=2)
    producer = cluster.producer(client_id="test", configs={"compression.type": "zstd"})
    headers = [[("h", b"\xff"), ("n", None)], None, None]
    columns = Columns([b"\x00a", None, b""], [b"k", b"k", b"k"], [5, 6, 7], headers)
    await producer.append("t", columns, partition=1, acks="durable")
    await producer.flush()
    await producer.aclose()
    found = await cluster.admin.fetch(TopicPartition("t", 1), 1)
    assert [(b.topic, b.partition, list(b.offsets)[-2:], b.next_offset) for b in found] == [("t", 1, [1, 2], 3)]
    rows = [
        row
        for batch in await cluster.admin.fetch(TopicPartition("t", 1), 0)
        for row in zip(batch.columns.keys or (), batch.columns.values, batch.columns.stamps, strict=True)
    ]
    assert rows == [(b"k", b"\x00a", 5), (b"k", None, 6), (b"k", b"", 7)]
    assert (await cluster.admin.fetch(TopicPartition("t", 1), 0))[0].columns.headers == headers
    assert await cluster.admin.fetch(TopicPartition("t", 1), 3) == []


async def test_more_records_than_a_request_takes_keep_their_order(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t")
    given = [b"%d" % number for number in range(2 * APPEND_COUNT_MAX + 1)]
    await append(cluster, "t", *given)
    assert await values(cluster) == given


async def test_offsets_are_found_by_time_and_records_deleted_before_one(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t")
    for timestamp in (10, 20, 30):
        await append(cluster, "t", b"v", timestamp=timestamp)
    assert await cluster.admin.offset_for_time(T0, 20) == 1
    assert await cluster.admin.offset_for_time(T0, 31) is None
    assert await cluster.admin.delete_records(T0, 2) == 2
    assert await cluster.admin.delete_records(T0, -1) == 3
    assert (await cluster.admin.describe_topic("t")).partitions[0].log_start_offset == 3


async def test_a_groups_offsets_are_set_and_forgotten(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t", partitions=2)
    t1 = TopicPartition("t", 1)
    await append(cluster, "t", b"v", partition=0)
    await cluster.groups.commit("g", {T0: OffsetAndMetadata(1, metadata="m"), t1: OffsetAndMetadata(0)})
    info = await cluster.groups.describe("g")
    assert (info.name, info.state, info.members) == ("g", "Empty", ())
    assert {at: (found.offset, found.metadata) for at, found in info.offsets.items()} == {T0: (1, "m"), t1: (0, "")}
    assert await cluster.groups.offsets("g") == info.offsets
    assert await cluster.groups.list() == ["g"]
    await cluster.groups.delete_offsets("g", [t1])
    assert list(await cluster.groups.offsets("g")) == [T0]
    await cluster.groups.delete_offsets("g")
    assert await cluster.groups.list() == []
    assert (await cluster.groups.describe("none")).offsets == {}
    await cluster.groups.delete_offsets("none")


async def test_a_transaction_is_seen_as_a_whole_or_not_at_all(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test", configs=TRANSACTIONAL)
    await producer.init_transactions()
    for value in (b"kept", b"aborted"):
        await producer.begin_transaction()
        await producer.append("t", Columns([value]), partition=0)
        await producer.append("t", Columns([value]), partition=0)
        assert value not in await values(cluster, isolation="read_committed")
        await (producer.commit_transaction() if value == b"kept" else producer.abort_transaction())
    await producer.begin_transaction()
    await producer.append("t", Columns([b"left open"]), partition=0)
    await producer.aclose()
    assert await values(cluster, isolation="read_committed") == [b"kept", b"kept"]


async def test_transactions_have_their_order(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t")
    with pytest.raises(TransactionStateError, match=r"no transactional\.id"):
        await cluster.producer(client_id="test").init_transactions()
    producer = cluster.producer(client_id="test", configs=TRANSACTIONAL)
    with pytest.raises(TransactionStateError, match="init_transactions was not called"):
        await producer.begin_transaction()
    await producer.init_transactions()
    with pytest.raises(TransactionStateError, match="no transaction is open"):
        await producer.append("t", Columns([b"v"]))
    with pytest.raises(TransactionStateError, match="no transaction is open"):
        await producer.commit_transaction()
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError, match="open already"):
        await producer.begin_transaction()
    await producer.aclose()


REFUSED: dict[str, tuple[type[ConnectError], str, Callable[[Cluster], Awaitable[Any]]]] = {
    "an unknown topic": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: c.admin.describe_topic("none"),
    ),
    "an unknown partition": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: c.admin.fetch(TopicPartition("t", 7), 0),
    ),
    "an append to an unknown topic": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: append(c, "none", b"v"),
    ),
    "nothing for an unknown topic": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: append(c, "none"),
    ),
    "deleting an unknown topic": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: c.admin.delete_topic("none"),
    ),
    "a commit for an unknown partition": (
        UnknownTopicOrPartitionError,
        "log.unknown_topic_or_partition",
        lambda c: c.groups.commit("g", {TopicPartition("none", 0): OffsetAndMetadata(0)}),
    ),
    "an offset behind the end": (OffsetOutOfRangeError, "log.offset_out_of_range", lambda c: c.admin.fetch(T0, 9)),
    "a topic that is there": (ConflictError, "log.topic_exists", lambda c: c.admin.create_topic("t")),
    "a name that is not legal": (ConfigError, "log.invalid_topic", lambda c: c.admin.create_topic("a b")),
    "no partitions": (ConfigError, "log.invalid_partitions", lambda c: c.admin.create_topic("u", partitions=0)),
    "fewer partitions": (ConfigError, "log.invalid_partitions", lambda c: c.admin.add_partitions("t", 1)),
    "a config that there is not": (ConfigError, "config.invalid", lambda c: c.admin.alter_topic("t", {"x": "1"})),
    "a record too large": (RecordTooLargeError, "log.record_too_large", lambda c: append(c, "t", bytes(3000))),
    "an internal topic": (LogError, "log.internal_topic", lambda c: append(c, "__consumer_offsets", b"v")),
}


@pytest.mark.parametrize("what", list(REFUSED))
async def test_what_is_refused_has_the_same_class_and_code(cluster: Cluster, what: str) -> None:
    kind, code, call = REFUSED[what]
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "2000"})
    await cluster.groups.commit("g", {T0: OffsetAndMetadata(0)})  # makes the internal topic
    with pytest.raises(kind) as caught:
        await call(cluster)
    assert (caught.value.code, type(caught.value).exit_code) == (code, kind.exit_code)


async def test_another_producer_takes_a_transactional_id(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t")
    for value in (b"a", b"b"):
        producer = cluster.producer(client_id="test", configs=TRANSACTIONAL)
        await producer.init_transactions()
        await producer.begin_transaction()
        await producer.append("t", Columns([value]))
        await producer.commit_transaction()
        await producer.aclose()
    assert await values(cluster, isolation="read_committed") == [b"a", b"b"]


def unsupported() -> dict[str, Callable[[RemoteCluster], Any]]:
    offsets = {T0: OffsetAndMetadata(0)}
    return {
        "a consumer": lambda c: c.consumer(Subscription(("t",)), group="g", client_id="test"),
        "a producer for internal topics": lambda c: c.producer(client_id="test", internal=True),
        "is_internal": lambda c: c.is_internal("t"),
        "holds_state": lambda c: c.holds_state("t"),
        "reserve": lambda c: c.reserve(["t"]),
        "fetch_raw": lambda c: c.admin.fetch_raw(T0, 0),
        "append_raw": lambda c: c.producer(client_id="test").append_raw("t", 0, b""),
        "offsets in a transaction": lambda c: c.producer(client_id="test").send_offsets_to_transaction("g", offsets),
    }


@pytest.mark.parametrize("what", list(unsupported()))
async def test_what_rest_does_not_offer_is_refused(remote: RemoteCluster, what: str) -> None:
    async def call() -> None:
        await unsupported()[what](remote)

    with pytest.raises(LogError, match="a worker's REST does not offer") as caught:
        await call()
    assert caught.value.code == "log.unsupported"
    assert "--data-dir" in caught.value.hint


async def test_a_transaction_that_is_no_single_request_is_refused(remote: RemoteCluster) -> None:
    producer = remote.producer(client_id="test", configs=TRANSACTIONAL)
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"v"]))
    with pytest.raises(LogError, match="several topics"):
        await producer.append("u", Columns([b"v"]))
    with pytest.raises(LogError, match="more than 2000 records"):
        await producer.append("t", Columns([b"v"] * APPEND_COUNT_MAX))


async def test_it_tells_the_workers_own_cluster(remote: RemoteCluster) -> None:
    assert len(remote.cluster_id) == 22
    await remote.aclose()
    await remote.aclose()


async def test_a_worker_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        await RemoteCluster.open("http://127.0.0.1:1")
    assert caught.value.code == "environment.unreachable"


def test_it_is_a_cluster_of_the_ports() -> None:
    made: Callable[[str], Awaitable[Cluster]] = RemoteCluster.open
    assert made
