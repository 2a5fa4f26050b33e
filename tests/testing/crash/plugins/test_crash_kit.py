"""The kit's source reads its server as any source does, and acknowledges what it is told of."""

from __future__ import annotations

import time

import pytest

from connect.api import Batch, CommittedRecord, RetriableError
from connect.testing.crash import PruningServer
from connect.testing.crash.plugins.crash_kit import PruningEachSource, PruningSource, Slow, SlowConfig
from tests.support.tasks import connector, poll, source_task, stop


async def test_queues_are_shared_out_to_tasks() -> None:
    with PruningServer(partitions=3) as server:
        made = await connector(PruningSource, server.source("t"))
        assert [config["shares"] for config in made.task_configs(2)] == ["0,2", "1"]
        assert len(made.task_configs(9)) == 3


async def test_a_task_resumes_behind_its_offset_and_acknowledges_what_was_committed() -> None:
    with PruningServer(partitions=1) as server:
        server.write(6)
        config = {**server.source("t", batch="2"), "shares": "0"}
        task = await source_task(PruningSource, config, [({"queue": 0}, {"number": 1})])
        (batch,) = await poll(task)
        assert (batch.source_offset, batch.keys) == ({"number": 3}, ["p0", "p0"])
        task.commit([({"queue": 0}, {"number": 3})])
        assert server.waiting() == 2
        await stop(task)


async def test_a_task_that_acknowledges_each_record_begins_with_all_that_are_left() -> None:
    with PruningServer(partitions=1) as server:
        server.write(3)
        config = {**server.source("t"), "shares": "0"}
        task = await source_task(PruningEachSource, config, [({"queue": 0}, {"number": 1})])
        (batch,) = await poll(task)
        assert [offset["number"] for offset in batch.source_offsets] == [0, 1, 2]
        task.commit([({"queue": 0}, {"number": 2})])
        assert server.waiting() == 3
        task.commit_records([CommittedRecord({"queue": 0}, {"number": 1}, None)])
        assert server.waiting() == 2
        await stop(task)


async def test_a_server_that_is_away_may_come_back() -> None:
    with PruningServer(partitions=1) as server:
        config = {**server.source("t"), "shares": "0"}
    task = await source_task(PruningSource, config)
    with pytest.raises(RetriableError, match="is away"):
        await poll(task)
    await stop(task)


def test_a_slow_transform_hands_a_batch_on_later() -> None:
    slow = Slow()
    slow.configure(SlowConfig.parse({"delay.ms": "20"}))
    batch, began = Batch("t", ["v"]), time.monotonic()
    assert slow.apply_batch(batch) is batch
    assert time.monotonic() - began >= 0.02
