"""Workers from outside: up, killed, stopped, and ended at a call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from connect.testing.crash import Fault
from connect.testing.crash.processes import Workers, forking, until
from tests.support.plain import NO_TLS


def test_a_worker_answers_is_killed_and_the_next_one_stops_cleanly(tmp_path: Path) -> None:
    with Workers(tmp_path, []) as workers:
        first = workers.start()
        assert httpx.get(first.url(), verify=NO_TLS).status_code == 200
        assert first.status() is None
        first.kill()
        assert first.status() == -signal.SIGKILL
        second = workers.start()
        assert second.url()
        deadline = time.monotonic() + 30
        while "REST is ready" not in second.log() and time.monotonic() < deadline:
            time.sleep(0.01)  # a thread writes the log
        assert second.log().count("REST is ready") == 1, "its own lines alone"
        assert second.stop() == 0


def test_a_worker_ends_at_the_call_that_is_planned(tmp_path: Path) -> None:
    connector = tmp_path / "in.properties"
    connector.write_text("name=in\nconnector.class=FileStreamSource\ntopic=t\nfile=not-there\n")
    with Workers(tmp_path, [connector]) as workers:
        assert workers.start(faults=[Fault("store", action="kill")]).ended() == -signal.SIGKILL


def test_a_worker_that_does_not_come_up_is_told_with_its_log(tmp_path: Path) -> None:
    with Workers(tmp_path, ["--config", tmp_path / "not-there.properties"]) as workers:
        worker = workers.start()
        with pytest.raises(AssertionError, match=r"(?s)the worker ended with 2.*not-there"):
            worker.url()


def test_a_worker_that_runs_is_left_by_nobody(tmp_path: Path) -> None:
    with Workers(tmp_path, []) as workers:
        worker = workers.start()
        assert worker.url()
    assert worker.status() == -signal.SIGKILL


def test_a_worker_has_the_environment_of_its_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_LOG_LEVEL", "ERROR")
    with Workers(tmp_path, []) as workers:
        worker = workers.start()
        assert worker.url()
        assert worker.stop() == 0
        assert worker.log() == ""


def test_what_does_not_become_so_is_told_at_the_deadline() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.02 s: pigs fly"):
        until(lambda: False, "pigs fly", deadline_s=0.02)


@pytest.mark.parametrize(("number", "told"), [(signal.SIGSTOP, "does not answer within 0.2 s"), (signal.SIGKILL, "-9")])
def test_a_starting_process_that_hangs_or_ends_is_told_of_and_the_next_one_is_another(number: int, told: str) -> None:
    first = forking()
    assert first.ask({"wait": 0}) is None
    os.kill(first._process.pid, number)
    with pytest.raises(AssertionError, match=told):
        first.ask({"wait": 0}, limit_s=0.2)
    first.end()
    assert forking() is not first
    assert forking().ask({"wait": 0}) is None
