"""Records of a source that are left out: counted once their letters are there, and not before."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, ConnectError, DataError
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import TopicPartition
from connect.runtime.connector_config import DeadLetterConfig, SourceConnectorConfig
from connect.runtime.model import TaskId
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from connect.runtime.tasks.failures import Failure
from connect.runtime.tasks.settling import Settling
from connect.runtime.tasks.tolerance import Tolerance
from tests.support.odd_plugins import disk_refuses

KEYS = {"name": "s", "connector.class": "S", "errors.tolerance": "all"}


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path / "data")
    yield opened
    await opened.aclose()


def tolerance(**keys: str) -> Tolerance:
    config = SourceConnectorConfig.parse({**KEYS, **keys})
    return Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event())


async def queue(cluster: Cluster) -> DeadLetterQueue:
    async def never(*told: Any) -> bool:
        raise AssertionError(told)

    config = DeadLetterConfig.parse({**KEYS, "errors.deadletterqueue.topic.name": "dead"})
    made = await DeadLetterQueue.open(config, TaskId("s", 0), cluster, {}, never)
    assert made is not None
    return made


def failed(rules: Tolerance, value: str = "bad") -> Failure:
    batch = Batch("t", [value], source_partition={"p": 0}, source_offset={"n": 1})
    return rules.failed(DataError("no"), stage="converter", batch=batch, at=("VALUE_CONVERTER", None))


async def letters(cluster: Cluster) -> int:
    return sum(len(batch) for batch in await cluster.admin.fetch(TopicPartition("dead", 0), 0))


async def test_without_a_queue_records_are_counted(cluster: Cluster) -> None:
    rules = tolerance()
    settling = Settling(None, rules, logging.getLogger("test"))
    await settling.settle([failed(rules), failed(rules)])
    assert await settling.settle_at_last([failed(rules)])
    await settling.keep_last()
    await settling.flush()
    assert rules.skipped == 3


async def test_with_a_queue_each_that_is_counted_has_its_letter(cluster: Cluster) -> None:
    rules, dead = tolerance(), await queue(cluster)
    settling = Settling(dead, rules, logging.getLogger("test"))
    await settling.settle([failed(rules), failed(rules)])
    assert await settling.settle_at_last([failed(rules)])
    await settling.flush()
    assert (rules.skipped, await letters(cluster)) == (3, 3)
    await dead.aclose()


async def test_where_the_queue_cannot_be_written_a_poll_that_failed_skips_nothing_and_says_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rules, dead = tolerance(), await queue(cluster)
    settling = Settling(dead, rules, logging.getLogger("test"))
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path):
        assert not await settling.settle_at_last([failed(rules)])
    assert rules.skipped == 0
    assert "so nothing is skipped" in caplog.text
    await dead.aclose()


async def test_the_record_that_ends_the_task_has_its_letter_and_is_not_counted(cluster: Cluster) -> None:
    rules, dead = tolerance(**{"errors.tolerance": "none"}), await queue(cluster)
    with pytest.raises(ConnectError):
        failed(rules)
    await Settling(dead, rules, logging.getLogger("test")).keep_last()
    assert (rules.skipped, await letters(cluster)) == (0, 1)
    await dead.aclose()
