"""kill -9 of a process that writes in every way, again and again, and a model of what must be there afterwards.

CONNECT_KILLS sets how often; see tests/support/lengths.py.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connect.log import LogCluster
from connect.records import Isolation, TopicPartition
from tests.support.lengths import length

KILLS = length("CONNECT_KILLS")

WRITER = """
import asyncio, sys, time
from connect.codec.encode import encode, with_producer
from connect.log import LogCluster
from connect.records import Columns, OffsetAndMetadata, TopicPartition

CONFIGS = {
    "segment.bytes": "4000", "index.interval.bytes": "500", "log.cleaner.backoff.ms": "20",
    "log.retention.check.interval.ms": "50",
}

def say(*words):
    print(*words, flush=True)

async def plain(cluster, topic, start, acks):
    # A line a batch: each is answered before the next.
    producer = cluster.producer(client_id=topic, configs={"batch.size": "3000"})
    while True:
        values = [b"%08d" % n + b"." * (n % 90) for n in range(start, start + 20)]
        await producer.append(topic, Columns(values, timestamps=NOW), partition=0, acks=acks)
        start += 20
        say(topic, start)

async def idempotent(cluster, start):
    # Every batch is sent twice, as a client does that did not get the answer.
    producer_id = await cluster._transactions.producer_id()
    producer = cluster.producer(client_id="idempotent")
    for sequence in range(1 << 30):
        batch = encode(Columns([b"%08d" % (start + sequence)], timestamps=NOW))
        batch = with_producer(batch, producer_id.producer_id, 0, sequence, is_transactional=False)
        raw = batch.head(0) + batch.payload
        for _ in range(2):
            await producer.append_raw("idempotent", 0, raw)
        say("idempotent", start + sequence + 1)

async def transactional(cluster, start):
    producer = cluster.producer(client_id="tx", configs={"transactional.id": "tx"})
    await producer.init_transactions()
    for number in range(start, 1 << 30):
        await producer.begin_transaction()
        commits = number % 3 != 0
        value = (b"yes %08d" if commits else b"no %08d") % number
        for partition in (0, 1):
            await producer.append("tx", Columns([value, value], timestamps=NOW), partition=partition)
        await producer.send_offsets_to_transaction("g", {TopicPartition("in", 0): OffsetAndMetadata(number)})
        if commits:
            await producer.commit_transaction()
            say("tx", number)
        else:
            await producer.abort_transaction()

async def state(cluster, start):
    # A compacted topic: the cleaner is at work while the process is killed.
    producer = cluster.producer(client_id="state")
    for number in range(start, 1 << 30):
        await producer.append("state", Columns([b"%08d" % number], [b"k%d" % (number % 10)], NOW), partition=0)
        say("state", number + 1)

async def main():
    global NOW
    NOW = time.time_ns() // 1_000_000
    starts = [int(word) for word in sys.argv[2:]]
    cluster = await LogCluster.open(sys.argv[1], configs=CONFIGS)
    for topic, partitions in (("written", 1), ("durable", 1), ("idempotent", 1), ("in", 1), ("tx", 2), ("state", 1)):
        if await cluster.admin.partitions(topic) is None:
            compact = {"cleanup.policy": "compact", "segment.bytes": "2000"} if topic == "state" else {}
            await cluster.admin.create_topic(topic, partitions=partitions, configs=compact)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(plain(cluster, "written", starts[0], "written"))
        tasks.create_task(plain(cluster, "durable", starts[1], "durable"))
        tasks.create_task(idempotent(cluster, starts[2]))
        tasks.create_task(transactional(cluster, starts[3]))
        tasks.create_task(state(cluster, starts[4]))

asyncio.run(main())
"""


@dataclass
class Model:
    """What the writer said was done, since the log was made."""

    written: int = 0
    durable: int = 0
    idempotent: int = 0
    state: int = 0
    committed: list[int] = field(default_factory=list)

    def heard(self, line: bytes) -> None:
        topic, number = line.decode().split()
        if topic == "tx":
            self.committed.append(int(number))
        else:
            setattr(self, topic, int(number))


def write_and_kill(data_dir: Path, model: Model, starts: list[int], lines: int) -> None:
    """Run the writer until it has said some lines, kill it, and note all that it said."""
    command = [sys.executable, "-c", WRITER, str(data_dir), *map(str, starts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            line = writer.stdout.readline()
            assert line, "the writer ended by itself"
            model.heard(line)
        writer.kill()
        for line in writer.stdout.read().splitlines(keepends=True):
            if line.endswith(b"\n"):
                model.heard(line)


async def values(
    cluster: LogCluster, topic: str, partition: int = 0, isolation: Isolation = "read_uncommitted"
) -> list[tuple[int, bytes | None, bytes]]:
    name = TopicPartition(topic, partition)
    offset, found = 0, []
    while batches := await cluster.admin.fetch(name, offset, isolation=isolation):
        for batch in batches:
            keys = batch.columns.keys or itertools.repeat(None)
            found += [
                (o, k, v) for o, k, v in zip(batch.offsets, keys, batch.columns.values, strict=False) if v is not None
            ]
            offset = batch.next_offset
    return found


async def check(cluster: LogCluster, model: Model) -> list[int]:
    """Compare the log with the model; return where each task goes on."""
    starts = []
    for topic, acknowledged in (("written", model.written), ("durable", model.durable)):
        numbers = [int(value[:8]) for _, _, value in await values(cluster, topic)]
        # In order, and without a gap; what was written but not acknowledged is there or not, in whole batches.
        assert numbers == list(range(len(numbers)))
        assert len(numbers) >= acknowledged
        starts.append(len(numbers))

    numbers = [int(value) for _, _, value in await values(cluster, "idempotent")]
    assert numbers == list(range(len(numbers))), "each once, though it was sent twice"
    assert len(numbers) >= model.idempotent
    starts.append(len(numbers))

    starts.append(await check_transactions(cluster, model))

    found = await values(cluster, "state")
    newest = {key: int(value) for _, key, value in found}
    last = max(newest.values(), default=-1)
    assert last + 1 >= model.state
    assert newest == {b"k%d" % (n % 10): n for n in range(max(0, last - 9), last + 1)}
    starts.append(last + 1)
    return starts


async def check_transactions(cluster: LogCluster, model: Model) -> int:
    shares = [await values(cluster, "tx", partition, "read_committed") for partition in (0, 1)]
    texts = [[value for _, _, value in share] for share in shares]
    assert texts[0] == texts[1], "a transaction is in both partitions or in none"
    assert all(value.startswith(b"yes") for value in texts[0]), "aborted records are invisible"
    numbers = [int(value[4:]) for value in texts[0]]
    assert numbers == [number for number in numbers[::2] for _ in range(2)]
    assert numbers[::2] == sorted(set(numbers))
    assert set(model.committed) <= set(numbers)
    committed = (await cluster.groups.offsets("g")).get(TopicPartition("in", 0))
    assert (committed.offset if committed else -1) == (numbers[-1] if numbers else -1), "offsets and records as one"
    everything = [int(value.split()[1]) for _, _, value in await values(cluster, "tx")]
    return max(everything, default=-1) + 1


@pytest.mark.slow
@pytest.mark.timeout(60 + 5 * KILLS)
async def test_everything_acknowledged_survives_kill_9_and_nothing_is_there_that_should_not_be(tmp_path, capsys):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    model, starts = Model(), [0] * 5
    for _ in kills():
        await asyncio.to_thread(write_and_kill, tmp_path / "data", model, starts, rng.randrange(1, 400))
        cluster = await LogCluster.open(tmp_path / "data")
        try:
            # The last producer is dead: as the next one would, or the timeout, let what it left open be aborted.
            producer = cluster.producer(client_id="tx", configs={"transactional.id": "tx"})
            await producer.init_transactions()
            starts = await check(cluster, model)
        finally:
            await cluster.aclose()
    assert len(model.committed) > KILLS / 2


def kills() -> Iterator[int]:
    return iter(range(KILLS))
