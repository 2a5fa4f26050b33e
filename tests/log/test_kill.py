"""kill -9 of a process that writes: every record that was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
from pathlib import Path

from tests.log.conftest import values_of

WRITER = """
import asyncio, sys
from connect.log import LogCluster
from connect.ports import Columns

async def main():
    cluster = await LogCluster.open(sys.argv[1], configs={"segment.bytes": "200000", "index.interval.bytes": "500"})
    if await cluster.admin.partitions("t") is None:
        await cluster.admin.create_topic("t", partitions=2)
    producer = cluster.producer(client_id="writer", configs={"batch.size": "3000"})
    start = int(sys.argv[2])
    while True:
        for partition in (0, 1):
            values = [b"%08d" % n + b"." * (n % 300) for n in range(start, start + 50)]
            await producer.append("t", Columns(values, timestamps=start), partition=partition)
        start += 50
        print(start, flush=True)

asyncio.run(main())
"""


def write_and_kill(data_dir: Path, start: int, lines: int) -> int:
    """Run the writer until it has acknowledged some times, kill it, and return how far it said it had come."""
    acknowledged = start
    command = [sys.executable, "-c", WRITER, str(data_dir), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        for line in writer.stdout.read().splitlines(keepends=True):
            if line.endswith(b"\n"):
                acknowledged = int(line)
    return acknowledged


async def test_every_acknowledged_record_survives_kill_9(open_log, data_dir):
    rng = random.Random(1)
    acknowledged = 0
    for _ in range(5):
        acknowledged = await asyncio.to_thread(write_and_kill, data_dir, acknowledged, rng.randrange(1, 60))
        cluster = await open_log()
        for partition in (0, 1):
            numbers = [int(value[:8]) for value in await values_of(cluster, "t", partition) if value is not None]
            # In order, and without a gap; a run after a kill may repeat what was written but not acknowledged.
            assert numbers[0] == 0
            assert all(b == a + 1 or b % 50 == 0 for a, b in itertools.pairwise(numbers))
            assert set(range(acknowledged)) <= set(numbers)
        await cluster.aclose()
