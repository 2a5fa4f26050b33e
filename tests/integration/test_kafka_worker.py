"""A whole worker on a real broker: file -> topic -> file, killed with -9 while it works.

Nothing is lost, and nothing comes twice into the topic where its sources write in transactions.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from connect.app import open_cluster
from tests.support.engines import read
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import Lines, files, lines_of, until
from tests.support.lengths import IS_LONG
from tests.support.worker import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = 2


@pytest.mark.night
@pytest.mark.parametrize("support", ["disabled", "enabled"] if IS_LONG else ["enabled"])
async def test_a_worker_that_is_killed_loses_nothing_on_a_cluster_either(
    broker: SharedBroker, tmp_path: Path, name: str, support: str
) -> None:
    arguments = files(tmp_path, name, broker, **{"exactly.once.source.support": support})
    out = tmp_path / "out.txt"
    lines = Lines(tmp_path / "in.txt")
    for _ in range(KILLS):
        with WorkerProcess(tmp_path / "data", *arguments) as worker:
            enough = len(lines_of(out)) + 100
            until(lambda enough=enough: len(lines_of(out)) > enough, worker)
            worker.kill()
    written = lines.end()
    with WorkerProcess(tmp_path / "data", *arguments) as worker:
        until(lambda: written <= set(lines_of(out)), worker)
        assert worker.stop() == 0, worker.log
    assert set(lines_of(out)) == written, "nothing torn, and nothing from nowhere"

    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": broker.bootstrap})
    values = [value.decode() for value in await read(cluster, name, isolation="read_committed")]
    await cluster.aclose()
    assert list(dict.fromkeys(values)) == sorted(written), "in order, but for what comes again"
    if support == "enabled":
        assert [line for line, count in Counter(values).items() if count > 1] == []
