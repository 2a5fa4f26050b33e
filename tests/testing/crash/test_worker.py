"""The process that forks workers: requests in, answers out, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


class Forking:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "connect.testing.crash.worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def status(self, pid: int) -> int:
        deadline = time.monotonic() + 60
        while (status := self.ask(wait=pid)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return int(status)

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.mark.slow
def test_a_fork_runs_the_command_with_its_log_and_its_exit_code(tmp_path: Path) -> None:
    forking, log = Forking(), tmp_path / "log"
    try:
        fine = forking.ask(start={"arguments": ["--version"], "log": str(log)})
        assert forking.status(fine) == 0
        wrong = forking.ask(start={"arguments": ["worker", "--no-such-option"], "log": str(log)})
        assert forking.status(wrong) == 2
        assert forking.ask(wait=wrong) is None, "who has ended is told of once"
    finally:
        forking.end()
    assert log.read_text().startswith("connect, version")
    assert "no-such-option" in log.read_text()


@pytest.mark.slow
def test_what_a_fork_says_on_standard_error_has_a_file_of_its_own_where_one_is_named(tmp_path: Path) -> None:
    forking, log, errors = Forking(), tmp_path / "log", tmp_path / "errors"
    try:
        start = {"arguments": ["worker", "--no-such-option"], "log": str(log), "errors": str(errors)}
        assert forking.status(forking.ask(start=start)) == 2
    finally:
        forking.end()
    assert log.read_text() == ""
    assert "no-such-option" in errors.read_text()


@pytest.mark.slow
def test_workers_end_with_the_one_that_asked_for_them(tmp_path: Path) -> None:
    forking = Forking()
    data = tmp_path / "data"
    arguments = ["worker", "--data-dir", str(data), "--listeners", "http://127.0.0.1:0"]
    pid = forking.ask(start={"arguments": arguments, "log": str(tmp_path / "log")})
    deadline = time.monotonic() + 60
    while not (data / "worker.json").exists():
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.01)
    forking.end()
    assert not _is_there(pid)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
