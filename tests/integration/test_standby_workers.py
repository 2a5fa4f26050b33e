"""Workers of one group on a real broker: one is active, another one takes over, and nobody runs beside it."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import files, lines_of, until
from tests.support.worker import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SESSION_S = 6
DEADLINE_S = 90


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text + "\n")


def is_active(worker: WorkerProcess, times: int = 1) -> bool:
    return worker.log.count("this worker is the active one") >= times


def test_a_worker_stands_by_takes_over_and_gives_way_to_the_one_that_took_over_from_it(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    arguments = files(tmp_path, name, broker, **{"session.timeout.ms": str(SESSION_S * 1000)})
    written, read = tmp_path / "in.txt", tmp_path / "out.txt"
    write(written, "first")
    with WorkerProcess(folders[0] / "data", *arguments) as one:
        until(lambda: lines_of(read) == ["first"], one)
        with WorkerProcess(folders[1] / "data", *arguments) as two:
            until(lambda: "another worker of group" in two.log, one, two)
            write(written, "second")
            until(lambda: "second" in lines_of(read), one, two)
            assert not is_active(two)
            one.process.send_signal(signal.SIGSTOP)
            until(lambda: is_active(two), one, two)
            write(written, "third")
            until(lambda: "third" in lines_of(read), one, two)
            one.process.send_signal(signal.SIGCONT)
            until(lambda: one.log.count("another worker of group") == 1, one, two)
            assert "no longer the active one" in one.log
            two.kill()
            until(lambda: is_active(one, 2), one)
            write(written, "fourth")
            until(lambda: "fourth" in lines_of(read), one)
            status = httpx.get(f"{one.url()}/connectors/{name}-source/status").json()
            assert [task["state"] for task in status["tasks"]] == ["RUNNING"]
            assert set(lines_of(read)) == {"first", "second", "third", "fourth"}
        assert one.stop() == 0, one.log


def test_a_worker_that_stands_by_ends_at_once_and_cleanly(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    arguments = files(tmp_path, name, broker)[:2]
    with WorkerProcess(folders[0] / "data", *arguments) as one:
        one.url(deadline_s=DEADLINE_S)
        with WorkerProcess(folders[1] / "data", *arguments) as two:
            until(lambda: "another worker of group" in two.log, one, two)
            assert two.stop() == 0, two.log
        assert one.stop() == 0, one.log
