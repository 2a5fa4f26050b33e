"""Five clients of one log, in a process that is made to be killed.

Run it as `python -m tests.support.history_clients DIR NAME SEED`.

Each event (see `tests.support.histories`) is a line of JSON on the standard output, in the order in which they came.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from connect.api.errors import ProducerFencedError, TransactionStateError
from connect.codec.encode import encode
from connect.log import LogCluster
from connect.ports import Consumer, Producer, Subscription
from connect.records import Columns, OffsetAndMetadata, TopicPartition

#: Small segments and busy upkeep, so that rolls, checkpoints and looks at transactions fall among the clients' work.
CONFIGS = {
    "segment.bytes": "8000",
    "index.interval.bytes": "500",
    "log.cleaner.backoff.ms": "50",
    "log.retention.check.interval.ms": "50",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "20",
}
PARTITIONS = 3
TRANSACTIONAL_IDS = ("alone", "serial-1", "serial-2", "copier")


class Client:
    """What all clients share: a name, its randomness, one consumer, and the telling of what it does."""

    def __init__(self, cluster: LogCluster, name: str, seed: int) -> None:
        self.cluster = cluster
        self.name = name
        self.random = random.Random(f"{seed} {name}")
        self.group = name.split("/")[-1]
        self.is_committed_only = self.random.random() < 0.5
        self.numbers = itertools.count()
        self._consumer: Consumer | None = None

    def tell(self, event: str, **details: Any) -> None:
        print(json.dumps({"client": self.name, "event": event, **details}), flush=True)

    def planned(self, count: int) -> list[tuple[tuple[str, int], str]]:
        """Values to write, each of its own, and where to."""
        return [(("t", self.random.randrange(PARTITIONS)), f"{self.name}.{next(self.numbers)}") for _ in range(count)]

    async def polled(self) -> None:
        """Read some records; now and then commit, or begin anew from somewhere."""
        if self._consumer is None:
            self.tell("moved")
            isolation = "read_committed" if self.is_committed_only else "read_uncommitted"
            configs = {"auto.offset.reset": "earliest", "isolation.level": isolation}
            self._consumer = await self.cluster.consumer(
                Subscription(("t",)), group=self.group, client_id=self.name, configs=configs
            )
        await told_poll(self, self._consumer, is_committed_only=self.is_committed_only)
        dice = self.random.random()
        if dice < 0.1:
            at = {p: OffsetAndMetadata(self._consumer.position(p)) for p in self._consumer.assignment}
            await self._consumer.commit(at)
        elif dice < 0.12:
            self.tell("moved")
            for partition in self._consumer.assignment:
                self._consumer.seek(partition, self.random.randrange(self._consumer.position(partition) + 1))

    async def pause(self) -> None:
        await asyncio.sleep(self.random.choice((0, 0, 0.001, 0.01)))


async def told_poll(client: Client, consumer: Consumer, *, is_committed_only: bool) -> dict[TopicPartition, int]:
    """Poll once and tell it; return where each partition that brought something goes on."""
    batches = await consumer.poll(timeout_ms=client.random.choice((0, 5)), max_bytes=client.random.choice((300, 5000)))
    ends: dict[TopicPartition, int] = {}
    for batch in batches:
        records = [
            [offset, value.decode()]
            for offset, value in zip(batch.offsets, batch.columns.values, strict=True)
            if value is not None
        ]
        client.tell("read", key=[batch.topic, batch.partition], records=records, committed=is_committed_only)
        ends[TopicPartition(batch.topic, batch.partition)] = batch.next_offset
    return ends


def columns(*values: str) -> Columns:
    return Columns([value.encode() for value in values], timestamps=time.time_ns() // 1_000_000)


async def plain(client: Client) -> None:
    """Sends single batches, and learns their offsets; polls between them."""
    producer = client.cluster.producer(client_id=client.name)
    while True:
        plan = client.planned(1)
        client.tell("invoke", transaction=False, writes=plan)
        for (topic, partition), value in plan:
            batch = encode(columns(value))
            acks = client.random.choice(("written", "written", "durable"))
            offset = await producer.append_raw(topic, partition, batch.head(0) + batch.payload, acks=acks)
            client.tell("wrote", value=value, offset=offset)
        await client.polled()
        client.tell("ok")
        await client.pause()


async def transactional(client: Client, transactional_id: str, lock: asyncio.Lock | None) -> None:
    """Writes and reads in transactions, some of which are aborted, time out, or are fenced."""
    configs = {"transactional.id": transactional_id, "transaction.timeout.ms": "400"}
    producer = client.cluster.producer(client_id=client.name, configs=configs)
    await producer.init_transactions()
    while True:
        if lock is not None:
            async with lock:
                ended = await _transaction(client, producer, is_serial=True)
        else:
            ended = await _transaction(client, producer, is_serial=False)
        if not ended:
            producer = client.cluster.producer(client_id=client.name, configs=configs)
            await producer.init_transactions()
        await client.pause()


async def _transaction(client: Client, producer: Producer, *, is_serial: bool) -> bool:
    """Do one transaction; return False where the producer has lost its id."""
    plan = client.planned(client.random.randrange(1, 5))
    client.tell("invoke", transaction=True, serial=is_serial, writes=plan)
    try:
        await producer.begin_transaction()
        for (topic, partition), value in plan:
            await producer.append(topic, columns(value), partition=partition)
            client.tell("wrote", value=value)
            if client.random.random() < 0.3:
                await client.polled()
        if client.random.random() < 0.02:
            await asyncio.sleep(0.6)  # longer than its timeout
        if client.random.random() < 0.15:
            await producer.abort_transaction()
            client.tell("fail")
            return True
        client.tell("committing")
        await producer.commit_transaction()
        client.tell("ok")
    except TransactionStateError:  # it took too long, and was aborted
        client.tell("fail")
        await producer.abort_transaction()
    except ProducerFencedError:  # somebody has taken the id, which aborted it
        client.tell("fail")
        return False
    return True


async def copier(client: Client) -> None:
    """Copies one partition in transactions, with the offsets of what was read in the same transaction."""
    configs = {"transactional.id": "copier"}
    producer = client.cluster.producer(client_id=client.name, configs=configs)
    await producer.init_transactions()
    isolation = {"auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    source = TopicPartition("t", 0)
    consumer = await client.cluster.consumer(
        Subscription(("t",)), group="copier", client_id=client.name, configs=isolation
    )
    for partition in consumer.assignment - {source}:
        consumer.pause(partition)
    while True:
        began = consumer.position(source)
        batches = await consumer.poll(timeout_ms=20, max_bytes=client.random.choice((300, 5000)))
        values = [value.decode() for batch in batches for value in batch.columns.values if value is not None]
        if not values:
            continue
        attempt = next(client.numbers)  # what is copied again after an abort is another value
        plan = [(("copy", 0), f"copy {client.name}.{attempt} of {value}") for value in values]
        client.tell("invoke", transaction=True, writes=plan)
        await producer.begin_transaction()
        await producer.append("copy", columns(*(value for _, value in plan)), partition=0)
        await producer.send_offsets_to_transaction("copier", {source: OffsetAndMetadata(batches[-1].next_offset)})
        if client.random.random() < 0.2:
            await producer.abort_transaction()
            client.tell("fail")
            consumer.seek(source, began)
            continue
        client.tell("committing")
        await producer.commit_transaction()
        client.tell("ok")


async def thief(cluster: LogCluster, rng: random.Random) -> None:
    """Takes the id of the client that works alone, now and then: a zombie's successor."""
    while True:
        await asyncio.sleep(rng.uniform(0.1, 0.6))
        other = cluster.producer(client_id="thief", configs={"transactional.id": "alone"})
        await other.init_transactions()


async def main(data_dir: str, incarnation: str, seed: int) -> None:
    """Run all clients until the process is killed."""
    cluster = await LogCluster.open(data_dir, configs=CONFIGS)
    for topic, partitions in (("t", PARTITIONS), ("copy", 1)):
        if await cluster.admin.partitions(topic) is None:
            await cluster.admin.create_topic(topic, partitions=partitions)
    client: Callable[[str], Client] = lambda name: Client(cluster, f"{incarnation}/{name}", seed)  # noqa: E731
    lock = asyncio.Lock()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(plain(client("plain")))
        tasks.create_task(transactional(client("alone"), "alone", None))
        tasks.create_task(transactional(client("serial-1"), "serial-1", lock))
        tasks.create_task(transactional(client("serial-2"), "serial-2", lock))
        tasks.create_task(copier(client("copier")))
        tasks.create_task(thief(cluster, random.Random(seed)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
