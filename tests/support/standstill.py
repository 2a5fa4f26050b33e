"""Lets a process stand still, as on a machine that hangs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

DEADLINE_S = 30


def stand_still(pid: int) -> None:
    """Stop a process, and return once none of its threads runs any more.

    A signal stops a process when one of its threads takes it. On a machine that does much else that one waits for its
    turn, and the others go on meanwhile: a broker that was to stand still answered.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + DEADLINE_S
    while not _stands(pid):
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.005)


def _stands(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        return True  # a system that does not tell
    states = []
    for task in tasks.iterdir():
        try:
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return all(state in "TtZX" for state in states)
