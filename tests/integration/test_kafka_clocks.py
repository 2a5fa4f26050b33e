"""A worker whose clock is an hour ahead of the brokers', or behind it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import create, file_sink, file_source, kafka_worker, lines_of, write

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

SOON_S = 45
#: What brokers take at most is an hour from now (message.timestamp.after.max.ms).
SKEW_S = 61 * 60


def set_clock(monkeypatch: pytest.MonkeyPatch, by_s: int) -> None:
    time_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: time_ns() + by_s * 1_000_000_000)


async def test_a_clock_that_is_behind_is_of_no_harm(
    broker: SharedBroker, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, -SKEW_S)
    write(tmp_path, "a")
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, source=file_source(tmp_path, name), sink=file_sink(tmp_path, name))
        await worker.until(lambda: lines_of(tmp_path / "out.txt") == ["a"], deadline_s=SOON_S)


async def test_a_clock_that_is_ahead_is_named_where_brokers_refuse_its_timestamps(
    broker: SharedBroker, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a")
    set_clock(monkeypatch, SKEW_S)
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        answer = await worker.client.put("/connectors/source/config", json=file_source(tmp_path, name))
        assert answer.status_code == 400
        message = answer.json()["message"]
        assert f"append to topic '{name}-config-history'" in message
        assert "from the worker's clock, which says 20" in message
        assert "message.timestamp.after.max.ms" in message
