"""What was polled on its way into a real log: around what it does not allow, and through what it cannot take now."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConnectError, DataError, EnvironmentFault, UnknownTopicOrPartitionError
from connect.app import open_cluster
from connect.log.clients.producer import LogProducer
from connect.ports import Cluster
from connect.records import Appended, Columns, TopicPartition
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.tasks.appending import Appends
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from connect.runtime.tasks.topic_creation import TopicCreation, topic_groups
from tests.support.odd_plugins import disk_refuses


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path / "data")
    yield opened
    await opened.aclose()


class Way:
    """A way into the log, with what it told, and how often it may try again."""

    def __init__(self, cluster: Cluster, *, tries: int = 0, makes_topics: bool = True, **keys: str) -> None:
        raw = {"name": "s", "connector.class": "S", **{k.replace("_", "."): v for k, v in keys.items()}}
        config = SourceConnectorConfig.parse(raw)
        self.tolerance = Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event())
        self.landed: list[tuple[int, int]] = []
        self.waits: list[str] = []
        self.went_on: list[str] = []
        self.tries = tries
        self.left: deque[Outgoing] = deque()
        self.appended: list[Outgoing] = []
        self.appends = Appends(
            cluster.producer(client_id="test"),
            TopicCreation(cluster, topic_groups({}, []), is_enabled=makes_topics),
            self.tolerance,
            delivery_timeout_s=60,
            retry_wait=self.retry_wait,
            went_on=self.went_on.append,
            before=lambda out: None,
            after=self.after,
        )

    async def retry_wait(self, error: ConnectError, tries: int, doing: str) -> bool:
        self.waits.append(doing)
        return len(self.waits) <= self.tries

    def after(self, out: Outgoing, where: Appended | None) -> None:
        assert where is not None
        self.landed += where.places()

    async def append(self, *values: bytes, topic: str = "t") -> None:
        self.left.append(Outgoing(topic, None, Columns(values)))
        await self.appends.append(self.left, self.appended)

    async def append_all(self, *outgoing: Outgoing) -> None:
        self.left.extend(outgoing)
        await self.appends.append(self.left, self.appended)


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the log's producers gather; return how many records each append has, also one that fails."""
    counts: list[int] = []
    append = LogProducer.append

    async def counted(self: LogProducer, topic: str, columns: Columns, **options: Any) -> Appended | None:
        counts.append(len(columns))
        return await append(self, topic, columns, **options)

    monkeypatch.setattr(LogProducer, "gathered_bytes", 1000)
    monkeypatch.setattr(LogProducer, "append", counted)
    return counts


def out(*values: bytes, topic: str = "t") -> Outgoing:
    return Outgoing(topic, None, Columns(values))


async def values(cluster: Cluster, topic: str = "t") -> Sequence[bytes | None]:
    return [v for batch in await cluster.admin.fetch(TopicPartition(topic, 0), 0) for v in batch.columns.values]


async def test_a_missing_topic_is_made_and_where_records_are_is_told(cluster: Cluster) -> None:
    way = Way(cluster)
    await way.append(b"a", b"b")
    assert await values(cluster) == [b"a", b"b"]
    assert way.landed == [(0, 0), (0, 1)]
    assert (len(way.left), [len(out) for out in way.appended]) == (0, [2])


async def test_a_topic_that_was_deleted_meanwhile_is_made_again(cluster: Cluster) -> None:
    way = Way(cluster)
    await way.append(b"a")
    await cluster.admin.delete_topic("t")
    await way.append(b"b")
    assert await values(cluster) == [b"b"]


async def test_where_topics_are_not_to_be_made_a_missing_one_ends_it_with_what_to_do(cluster: Cluster) -> None:
    with pytest.raises(UnknownTopicOrPartitionError) as raised:
        await Way(cluster, makes_topics=False).append(b"a")
    assert raised.value.hint == "Create it with 'connect topic create t'."


async def test_an_internal_topic_is_refused_before_it_is_made(cluster: Cluster) -> None:
    with pytest.raises(ConnectError, match="a connector cannot write to it"):
        await Way(cluster).append(b"a", topic="__connect_mine")
    assert await cluster.admin.partitions("__connect_mine") is None


async def test_a_record_that_the_topic_does_not_allow_is_skipped_alone_where_that_is_tolerated(
    cluster: Cluster,
) -> None:
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "500"})
    way = Way(cluster, errors_tolerance="all")
    await way.append(b"a", b"b", b"x" * 1000, b"c", b"d")
    assert await values(cluster) == [b"a", b"b", b"c", b"d"]
    [failure] = way.appends.take_failures()
    assert failure.columns is not None
    assert (failure.step, list(failure.columns.values)) == ("KAFKA_PRODUCE", [b"x" * 1000])
    assert way.appends.take_failures() == []


async def test_without_tolerance_it_ends_the_append_and_what_is_left_begins_with_it(cluster: Cluster) -> None:
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "500"})
    way = Way(cluster)
    with pytest.raises(DataError, match="a record without a key and a value of 1000 bytes"):
        await way.append(b"a", b"x" * 1000, b"c")
    assert await values(cluster) == [b"a"]
    assert [value for out in way.left for value in out.columns.values] == [b"x" * 1000, b"c"]


async def test_a_full_disk_is_waited_for_and_nothing_is_there_twice(cluster: Cluster, monkeypatch: Any) -> None:
    way = Way(cluster, tries=1)
    await way.append(b"a")
    with disk_refuses(monkeypatch, lambda path: "t-0" in path and not way.waits):
        await way.append(b"b", b"c")
    assert way.waits == ["append to topic 't'"]
    assert way.went_on == way.waits, "who shows what is waited for shows it no more"
    assert await values(cluster) == [b"a", b"b", b"c"]
    assert not way.appends.outage.is_set()


async def test_a_stop_ends_the_wait_without_a_verdict(cluster: Cluster, monkeypatch: Any) -> None:
    way = Way(cluster)
    await way.append(b"a")
    with disk_refuses(monkeypatch, lambda path: "t-0" in path), pytest.raises(Interrupted) as raised:
        await way.append(b"b")
    assert isinstance(raised.value.__cause__, EnvironmentFault)
    assert len(way.left) == 1


async def test_what_follows_one_another_to_one_topic_is_one_append_where_the_producer_gathers(
    cluster: Cluster, gathered: list[int]
) -> None:
    way = Way(cluster)
    given = [out(b"a"), out(b"b", b"c"), out(b"d", topic="u"), out(b"e"), out(b"x" * 600), out(b"y" * 600)]
    await way.append_all(*given)
    assert gathered == [3, 1, 2, 1]
    assert await values(cluster) == [b"a", b"b", b"c", b"e", b"x" * 600, b"y" * 600]
    assert await values(cluster, "u") == [b"d"]
    assert way.appended == given, "each is known by itself, with its offsets"


async def test_of_what_the_topic_refuses_together_each_is_appended_by_itself_and_in_order(
    cluster: Cluster, gathered: list[int]
) -> None:
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "500"})
    way = Way(cluster, errors_tolerance="all")
    await way.append_all(out(b"a"), out(b"b", b"x" * 600), out(b"c"))
    assert await values(cluster) == [b"a", b"b", b"c"]
    assert gathered[0] == 4
    assert len(way.appends.take_failures()) == 1
    way = Way(cluster)
    with pytest.raises(DataError):
        await way.append_all(out(b"d"), out(b"x" * 600), out(b"e"))
    assert await values(cluster) == [b"a", b"b", b"c", b"d"]
    assert [len(part) for part in way.left] == [1, 1]


async def test_what_was_gathered_waits_for_a_full_disk_and_is_there_once(
    cluster: Cluster, gathered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way(cluster, tries=1)
    await way.append(b"a")
    with disk_refuses(monkeypatch, lambda path: "t-0" in path and not way.waits):
        await way.append_all(out(b"b"), out(b"c"))
    assert await values(cluster) == [b"a", b"b", b"c"]
    with disk_refuses(monkeypatch, lambda path: "t-0" in path), pytest.raises(Interrupted):
        await way.append_all(out(b"d"), out(b"e"))
    assert [list(part.columns.values) for part in way.left] == [[b"d"], [b"e"]]
    assert gathered == [1, 2, 2, 2]
