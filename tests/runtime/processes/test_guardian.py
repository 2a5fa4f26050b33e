from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from connect.runtime.processes.guardian import Guardian

#: A worker that watches over a group, lets go of another, and waits.
WORKER = """
import subprocess, sys, time
from connect.runtime.processes.guardian import guardian
left, over = (subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2))
guardian.begun(left.pid)
guardian.begun(over.pid)
guardian.ended(over.pid)
print(left.pid, over.pid, flush=True)
time.sleep(600)
"""


def reaches(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_groups_that_a_worker_leaves_when_it_is_killed_are_ended_and_no_others() -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        left, over = map(int, worker.stdout.readline().split())
        try:
            assert runs(left)
            worker.kill()
            assert reaches(lambda: not runs(left))
            assert runs(over)
        finally:
            os.kill(over, signal.SIGKILL)


def test_a_guardian_that_was_ended_is_followed_by_another_that_knows_of_all() -> None:
    guardian = Guardian()
    helpers = [subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2)]
    try:
        guardian.begun(helpers[0].pid)
        first = guardian._process
        assert first is not None
        first.kill()
        first.wait(10)
        guardian.begun(helpers[1].pid)
        second = guardian._process
        assert second is not None
        assert second is not first
        assert second.stdin is not None
        second.stdin.close()
        assert [helper.wait(20) for helper in helpers] == [-signal.SIGKILL] * 2
        assert second.wait(20) == 0
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait(10)
