"""Five clients at once, with transactions, in a process that is killed again and again: nothing odd is ever seen.

CONNECT_HISTORY_S is how many seconds they work in all; see tests/support/lengths.py.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connect.log import LogCluster
from connect.records import Isolation, TopicPartition
from tests.support.histories import Final, Records, anomalies, copies_out_of_step, interleavings, operations_of
from tests.support.history_clients import CONFIGS, PARTITIONS, TRANSACTIONAL_IDS
from tests.support.lengths import length

SECONDS = length("CONNECT_HISTORY_S")
ROOT = Path(__file__).parents[2]
KEYS = [*(("t", number) for number in range(PARTITIONS)), ("copy", 0)]


def run_and_kill(data_dir: Path, incarnation: int, seed: int, seconds: float) -> list[dict[str, Any]]:
    """Run the clients for a while, kill them, and return the events that they told."""
    command = [sys.executable, "-m", "tests.support.history_clients", str(data_dir), str(incarnation), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as clients:
        assert clients.stdout is not None
        first = clients.stdout.readline()
        assert first, "the clients ended by themselves"
        killing = threading.Timer(seconds, clients.kill)
        killing.start()
        lines = [first, *clients.stdout]
        assert clients.wait() == -9, "the clients ended by themselves"
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


async def held(cluster: LogCluster, key: tuple[str, int], isolation: Isolation) -> Records:
    offset, found = 0, []
    while batches := await cluster.admin.fetch(TopicPartition(*key), offset, isolation=isolation):
        for batch in batches:
            found += [
                (o, v.decode()) for o, v in zip(batch.offsets, batch.columns.values, strict=True) if v is not None
            ]
            offset = batch.next_offset
    return found


async def final_of(data_dir: Path) -> Final:
    """Let what the dead left open be aborted, and read everything."""
    cluster = await LogCluster.open(data_dir, configs=CONFIGS)
    try:
        for transactional_id in TRANSACTIONAL_IDS:
            producer = cluster.producer(client_id="last", configs={"transactional.id": transactional_id})
            await producer.init_transactions()
        everything = {key: await held(cluster, key, "read_uncommitted") for key in KEYS}
        return Final(everything, {key: await held(cluster, key, "read_committed") for key in KEYS})
    finally:
        await cluster.aclose()


@pytest.mark.slow
@pytest.mark.timeout(120 + 4 * SECONDS)
async def test_a_history_of_five_clients_with_kills_and_transactions_shows_no_anomaly(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng, events, incarnation = random.Random(seed), [], 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline or incarnation < 3:
        events += run_and_kill(tmp_path / "data", incarnation, seed + incarnation, rng.uniform(0.3, 3.0))
        incarnation += 1
    operations = operations_of(events)
    final = await final_of(tmp_path / "data")

    found = anomalies(operations, final) + copies_out_of_step(final.committed["t", 0], final.committed["copy", 0])
    print(Counter(f"{'transaction' if op.is_transaction else 'send'} {op.outcome}" for op in operations))
    print(f"{len(events)} events, {incarnation} kills, interleaved: {interleavings(operations, final)}")
    assert not found, f"{len(found)} anomalies, of which: " + "; ".join(map(str, found[:10]))
    # And the history is one in which they could have shown.
    assert Counter(op.outcome for op in operations).keys() == {"ok", "fail", "unknown"}
    assert sum(len(op.polls) for op in operations) > 100
    assert final.committed["copy", 0]
