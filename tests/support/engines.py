"""The two engines behind the ports, for tests that hold for both; and one real broker for a whole test process."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connect.app import open_cluster
from connect.ports import Cluster, Consumer
from connect.records import Columns, FetchedBatch, TopicPartition
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_broker import KafkaBroker, SharedBroker
from tests.support.secured_kafka import Secured, SecuredBroker

#: How long a test waits for what comes by itself.
SOON_S = 45


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedBroker]:
    """A broker that all tests share, in whatever process: their topics and groups have names of their own."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    base = tmp_path_factory.getbasetemp()
    with SharedBroker((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kafka") as running:
        yield running


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker that asks who one is, which all tests share: their users, topics and groups have names of their own."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "secured-kafka"
    with SharedBroker(folder, SecuredBroker) as running:
        yield Secured(running)


@pytest.fixture(scope="session")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this process alone, which may stand still."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    with KafkaBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest_asyncio.fixture
async def own_cluster(own_broker: KafkaBroker, tmp_path: Path) -> AsyncIterator[Cluster]:
    """An open cluster of that broker."""
    opened = await open_cluster(tmp_path, {"bootstrap.servers": own_broker.bootstrap})
    yield opened
    await opened.aclose()


@dataclass(frozen=True)
class Engine:
    """One engine: its name, and how a cluster of it is opened, again with what was there before."""

    name: str
    open: Callable[[], Awaitable[Cluster]]


@pytest.fixture(params=["log", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine."""
    if request.param == "log":
        return Engine("log", lambda: open_cluster(tmp_path))
    servers = request.getfixturevalue("broker").bootstrap
    return Engine("kafka", lambda: open_cluster(tmp_path, {"bootstrap.servers": servers}))


@pytest_asyncio.fixture
async def cluster(engine: Engine) -> AsyncIterator[Cluster]:
    """An open cluster of each engine."""
    opened = await engine.open()
    yield opened
    await opened.aclose()


@pytest_asyncio.fixture
async def kafka_cluster(broker: SharedBroker, tmp_path: Path) -> AsyncIterator[Cluster]:
    """An open cluster of the shared broker."""
    opened = await open_cluster(tmp_path, {"bootstrap.servers": broker.bootstrap})
    yield opened
    await opened.aclose()


@pytest.fixture
def name() -> str:
    """A name that nobody has: for a topic, a group, a transactional id."""
    return f"t-{uuid.uuid4().hex[:12]}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def columns(*values: bytes | None, keys: list[bytes | None] | None = None, headers: Any = None) -> Columns:
    """Return records of now."""
    return Columns(list(values), keys, now_ms(), headers)


async def read(cluster: Cluster, topic: str, partition: int = 0, *, isolation: Any = "read_uncommitted") -> list[Any]:
    """Return the values of a partition, up to where readers stop for now."""
    found: list[Any] = []
    offset = 0
    while batches := await cluster.admin.fetch(TopicPartition(topic, partition), offset, isolation=isolation):
        found += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return found


async def poll_until(consumer: Consumer, is_enough: Callable[[list[FetchedBatch]], bool]) -> list[FetchedBatch]:
    """Poll until what came is enough, with a deadline."""
    found: list[FetchedBatch] = []
    deadline = time.monotonic() + SOON_S
    while not is_enough(found):
        assert time.monotonic() < deadline, f"not in {SOON_S} s: {found}, assigned {consumer.assignment}"
        found += await consumer.poll(timeout_ms=500)
    return found


async def values_of(consumer: Consumer, count: int) -> list[Any]:
    """Return the first values that a consumer gets, so many."""
    found = await poll_until(consumer, lambda batches: sum(map(len, batches)) >= count)
    return [value for batch in found for value in batch.columns.values]


async def assigned(consumer: Consumer, count: int) -> None:
    """Poll, where nothing is to be read, until a consumer has so many partitions."""
    await poll_until(consumer, lambda _: len(consumer.assignment) == count)


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < deadline, f"not in {SOON_S} s"
        await asyncio.sleep(0.02)
