"""The one writer of each task: its id, its timeout, and that nobody else of its connector writes any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError
from connect.api.errors import ProducerFencedError
from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import Columns
from connect.runtime.tasks.transactional import fence_tasks, task_of, tasks_max, timeout_ms, transactional_id
from connect.runtime.worker_config import WorkerConfig
from tests.support.engines import now_ms
from tests.support.kafka_broker import SharedBroker

WORKER = WorkerConfig.parse({"group.id": "connect-cluster"})


def test_an_id_leads_back_to_its_task_also_where_names_begin_alike() -> None:
    assert transactional_id(WORKER, "s", 3) == "connect-cluster-s-3"
    found = task_of(WORKER, ["s", "s-1"], transactional_id(WORKER, "s-1", 0))
    assert found == "s-1-0"
    assert task_of(WORKER, ["s"], "connect-cluster-s-x") is None
    assert task_of(WORKER, ["s"], "mine") is None


async def test_all_tasks_of_a_connector_are_shut_out_and_no_other_connectors(tmp_path: Path) -> None:
    cluster: Any = await open_cluster(tmp_path / "data")
    for name in ("connect-cluster-s-0", "connect-cluster-s-11", "connect-cluster-s-1-0", "connect-cluster-s-x"):
        await cluster.producer(client_id="p", configs={"transactional.id": name}).init_transactions()
    epochs = {name: entry.record.epoch for name, entry in cluster._transactions._entries.items()}
    await fence_tasks(cluster, WORKER, "s")
    after = {name: entry.record.epoch for name, entry in cluster._transactions._entries.items()}
    assert {n for n, epoch in after.items() if epoch != epochs[n]} == {"connect-cluster-s-0", "connect-cluster-s-11"}
    await cluster.aclose()


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_tasks_of_another_process_are_shut_out_by_their_number(
    broker: SharedBroker, kafka_cluster: Cluster, name: str, tmp_path: Path
) -> None:
    config = WorkerConfig.parse({"group.id": name})
    other = await open_cluster(tmp_path, {"bootstrap.servers": broker.bootstrap})
    producers = []
    for task in range(3):
        producers.append(other.producer(client_id="p", configs={"transactional.id": f"{name}-s-{task}"}))
        await producers[-1].init_transactions()
        await producers[-1].begin_transaction()
    await fence_tasks(kafka_cluster, config, "s", tasks=2)
    await kafka_cluster.admin.create_topic("t" + name)
    for producer in producers[:2]:
        with pytest.raises(ProducerFencedError):
            await producer.append("t" + name, Columns([b"late"], timestamps=now_ms()))
    await producers[2].append("t" + name, Columns([b"v"], timestamps=now_ms()))
    await producers[2].commit_transaction()
    for each in (*producers, other):
        await each.aclose()


@pytest.mark.parametrize(("text", "tasks"), [("3", 3), (" 2 ", 2), ("many", 1), (None, 1)])
def test_a_connector_has_as_many_tasks_as_its_config_says_and_one_where_it_does_not(
    text: str | None, tasks: int
) -> None:
    assert tasks_max({} if text is None else {"tasks.max": text}) == tasks


@pytest.mark.parametrize(
    ("given", "interval_ms", "timeout"),
    [
        (None, 0, 60_000),
        (None, 5000, 65_000),
        ("4000", 0, "4000"),
        ("5001", 5000, "5001"),
        ("soon", 5000, "soon"),
        ("0", 0, "0"),
    ],
)
def test_a_timeout_grows_with_the_interval_unless_one_is_given(given: Any, interval_ms: int, timeout: Any) -> None:
    configs = {} if given is None else {"transaction.timeout.ms": given}
    assert timeout_ms(configs, interval_ms=interval_ms) == timeout  # what is none at all the producer refuses


def test_a_timeout_that_is_over_before_the_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"transaction\.timeout\.ms=5000 .*interval\.ms=5000 ends"):
        timeout_ms({"transaction.timeout.ms": "5000"}, interval_ms=5000)
