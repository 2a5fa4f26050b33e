"""The boards and alert rules that people have for Kafka Connect find all that they ask for.

`boards/*.json` hold the expressions alone, each file with where they are from.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from connect.metrics.exposition import render
from connect.metrics.snapshot import Looks
from tests.support.monitored import monitored_worker, scrape
from tests.support.promql import MissingError, Scrape, names
from tests.support.worker import running_worker

from ..plugins.connect_postgres.cdc.conftest import keys_of

BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "boards").glob("*.json"))}
#: What a worker cannot tell: there is no JVM, and of containers the machine's own exporter tells.
ELSEWHERE = ("jvm_", "container_")
FAMILY = {
    "confluent": "confluent",
    "confluent-old-exporter": "confluent",
    "confluent-alerts": "confluent",
    "strimzi": "strimzi",
    "strimzi-alerts": "strimzi",
    "strimzi-reporter": "strimzi-reporter",
}


def expressions(board: str) -> list[str]:
    """Return the expressions that ask a worker."""
    return [one for one in BOARDS[board]["expressions"] if not any(name.startswith(ELSEWHERE) for name in names(one))]


@pytest.fixture
async def texts(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """What one worker tells, in all families and in each alone."""
    async with monitored_worker(tmp_path) as worker:
        look = await Looks(worker.herder).look()
        alone = {family: render(look, [family]).decode() for family in set(FAMILY.values())}
        yield {"all": await scrape(worker), **alone}


async def test_every_expression_of_the_boards_and_alert_rules_finds_its_series_with_its_labels(
    texts: dict[str, str],
) -> None:
    missing, count = [], 0
    for board, family in FAMILY.items():
        for which in ("all", family):
            scraped = Scrape(texts[which])
            for expression in expressions(board):
                count += 1
                try:
                    scraped.of(expression)
                except MissingError as error:
                    missing.append(f"{board}, families {which}: {error}: {expression}")
    assert missing == []
    assert count == 2 * sum(len(expressions(board)) for board in FAMILY) > 300


def test_what_is_left_out_of_the_boards_is_the_jvm_and_the_container_alone() -> None:
    left = {
        name
        for board in FAMILY
        for one in BOARDS[board]["expressions"]
        if one not in expressions(board)
        for name in names(one)
    }
    assert left == {
        "container_cpu_usage_seconds_total",
        "container_last_seen",
        "jvm_gc_collection_seconds_sum",
        "jvm_memory_bytes_max",
        "jvm_memory_bytes_used",
        "jvm_memory_used_bytes",
        "jvm_threads_current",
    }


async def test_an_alert_about_a_failed_connector_finds_that_one_alone(texts: dict[str, str]) -> None:
    found = Scrape(texts["all"]).of('kafka_connect_connector_status{status="failed"}')
    assert [one["connector"] for one in found] == ["broken"]


async def test_no_sum_counts_a_task_twice(texts: dict[str, str]) -> None:
    scraped = Scrape(texts["all"])
    for name in ("kafka_connect_connect_worker_metrics", "kafka_connect_worker"):
        counted = [one["connector"] for one in scraped.of(f"{name}_connector_total_task_count")]
        assert sorted(counted) == sorted(set(counted)), "a series for each connector"
        assert "aggregate" not in counted
        assert len(scraped.of(f"{name}_task_count")) == 1


#: What of Debezium's board is of MySQL, or of the history of schemas, which PostgreSQL does without.
NOT_POSTGRES = (
    "BinlogPosition", "ChangesApplied", "ChangesRecovered", "HoldingGlobalLock", "IsGtidModeEnabled",
    "MilliSecondsSinceLastAppliedChange", "MilliSecondsSinceLastRecoveredChange", "NumberOfDisconnects",
    "NumberOfLargeTransactions", "NumberOfNotWellFormedTransactions", "NumberOfRolledBackTransactions",
    "NumberOfSkippedEvents", "RecoveryStartTime", "SecondsBehindMaster",
)  # fmt: skip


@pytest.mark.postgres
async def test_debeziums_board_finds_what_it_asks_of_change_data_capture(tmp_path: Path, postgres_url: str) -> None:
    asked = [one for one in BOARDS["debezium"]["expressions"] if not any(word in one for word in NOT_POSTGRES)]
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
        async with running_worker(tmp_path) as worker:
            keys = {**keys_of(postgres_url), "connector.class": "PostgresCdcSource", "slot.drop.on.stop": "true"}
            await worker.client.put("/connectors/cdc/config", json=keys)
            await worker.until(lambda: worker.records("cdc") == 2)
            await connection.execute("INSERT INTO t VALUES (3)")
            await worker.until(lambda: worker.records("cdc") == 3)
            text = await scrape(worker)
    finally:
        await connection.close()
    scraped = Scrape(text)
    for expression in asked:
        assert all(one["name"] == "p" for one in scraped.of(expression)), expression
    assert len({name for one in asked for name in names(one)}) == 15
    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("debezium_"))
    labels = 'plugin="postgres",name="p",task="0"'
    assert told[f'debezium_metrics_Connected{{{labels},context="streaming"}}'] == "1"
    assert told[f'debezium_metrics_TotalNumberOfEventsSeen{{{labels},context="snapshot"}}'] == "2"
    assert told[f'debezium_metrics_TotalNumberOfEventsSeen{{{labels},context="streaming"}}'] == "1"
    assert told[f'debezium_metrics_SnapshotCompleted{{{labels},context="snapshot"}}'] == "1"
    assert 0 <= float(told[f'debezium_metrics_MilliSecondsBehindSource{{{labels},context="streaming"}}']) < 60_000
