"""A worker on a real broker tells lag, and how old what waits is, as one on the bundled log does; no sizes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from connect.metrics.snapshot import Looks
from connect.records import Columns
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import file_sink, kafka_worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_lag_is_told_of_a_cluster_and_sizes_are_not(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await worker.herder.cluster.admin.create_topic(name)
        producer = worker.herder.cluster.producer(client_id="test")
        hour_ago_ms = int(time.time() * 1000) - 3_600_000
        await producer.append(name, Columns([b"a", b"b"], timestamps=[hour_ago_ms, hour_ago_ms]))
        await producer.aclose()
        body = {"name": "sink", "config": file_sink(tmp_path, name), "initial_state": "STOPPED"}
        assert (await worker.client.post("/connectors", json=body)).status_code == 201
        looks, deadline = Looks(worker.herder), time.monotonic() + 60
        while True:  # what a cluster takes its time to tell is told by a later look
            look = await looks.look()
            (found,) = look.connectors or ()
            if found.lag_s is not None:
                break
            assert time.monotonic() < deadline, "the cluster does not tell"
            await asyncio.sleep(0.05)
        await looks.aclose()
    assert look.lags == {("sink", None): 2}
    assert 3590 < found.lag_s < 3700
    assert (look.topic_bytes, look.sync_seconds) == ({}, None)
