"""A whole worker on a real broker: file -> topic -> file, killed with -9 while it works.

Nothing is lost, and nothing comes twice into the topic where its sources write in transactions.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from connect.app import open_cluster
from tests.support.engines import read
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import files, lines_of, until
from tests.support.worker import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

KILLS = 2


class Lines:
    """Appends numbered lines to a file, a few thousand a second, on a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ending = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._path.open("a") as file:
            while not self._ending.wait(0.02):
                file.writelines(f"{self.count + number:08d}\n" for number in range(100))
                file.flush()
                self.count += 100

    def end(self) -> set[str]:
        """Write no more; return what was written."""
        self._ending.set()
        self._thread.join()
        return {f"{number:08d}" for number in range(self.count)}


@pytest.mark.parametrize("support", ["disabled", "enabled"])
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
