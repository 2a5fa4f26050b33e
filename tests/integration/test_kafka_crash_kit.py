"""The promise of delivery on a real broker, by the crash kit: workers killed at marks of their progress.

The broker lets sessions be short, so that a worker takes over from one that was killed without a wait.
CONNECT_KAFKA_KILLS is the number of kills of each pair; see tests/support/lengths.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connect.testing.crash import CrashTest, FileTarget, FileUpstream, PruningServer
from connect_file.sink import FileStreamSinkConnector
from tests.integration.test_crash_kit import IN_TRANSACTIONS, TRANSACTION_MARKS, Guarantee, guarantees
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_frail import FrailBroker
from tests.support.kafka_targets import TopicTarget
from tests.support.kafka_workers import SHORT_SESSIONS, file_sink, file_source, worker_config
from tests.support.lengths import length

KILLS = length("CONNECT_KAFKA_KILLS")

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300 + 20 * KILLS)]


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailBroker]:
    """A broker of this module alone."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    with FrailBroker(tmp_path_factory.mktemp("brief"), group_min_session_timeout_ms="500") as running:
        yield running


def worker(name: str, broker: FrailBroker) -> dict[str, str]:
    """Return a worker's config; the kit knows the topic of source offsets by the end of its name."""
    own = {"offset.flush.interval.ms": "60", "offset.storage.topic": f"{name}-offsets"}
    return {**worker_config(name, broker.bootstrap), **SHORT_SESSIONS, **own}


@pytest.mark.parametrize("guarantee", guarantees(FileStreamSinkConnector))
def test_file_to_topic_to_file_loses_nothing_through_kills(
    brief: FrailBroker, tmp_path: Path, name: str, guarantee: Guarantee
) -> None:
    crash = CrashTest(
        tmp_path,
        {
            f"{name}-in": {**file_source(tmp_path, name), **guarantee.source},
            f"{name}-out": {**file_sink(tmp_path, name), **guarantee.sink},
        },
        FileUpstream(tmp_path / "in.txt"),
        FileTarget(tmp_path / "out.txt"),
        kills=KILLS,
        marks=guarantee.marks,
        worker={**worker(name, brief), **guarantee.worker},
    )
    guarantee.check(crash.run())


@pytest.mark.night
def test_a_pruning_source_delivers_exactly_once_through_kills(brief: FrailBroker, tmp_path: Path, name: str) -> None:
    with PruningServer(partitions=3) as upstream:
        source = upstream.source(name, tasks_max="2", exactly_once_support="required")
        crash = CrashTest(
            tmp_path,
            {f"{name}-in": {**source, "topic.creation.default.replication.factor": "1"}},
            upstream,
            TopicTarget(brief.bootstrap, name),
            kills=KILLS,
            marks=TRANSACTION_MARKS,
            worker={**worker(name, brief), **IN_TRANSACTIONS},
        )
        crash.run().assert_exactly_once()
        assert upstream.acknowledged > 0, "nothing was pruned, which proves nothing"
