"""The end of a process: with the code of a clean stop where there was one, in time where there was none."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from connect.runtime.border.ending import EXTRA_S

GRACE_S = 0.2
PROCESS = f"""
import asyncio, sys, threading, time
from connect.runtime.border.ending import Ending

async def main(how):
    stop = asyncio.Event()
    ending = Ending(stop.set, grace_s={GRACE_S})
    ending.take_signals()
    ending.named = lambda: ["put of task k-0"] if how == "hangs" else []
    if how == "leaves a thread":
        threading.Thread(target=lambda: time.sleep(60)).start()
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    if how in ("hangs", "waits"):
        await asyncio.sleep(60)
    ending.closed(0)

asyncio.run(main(sys.argv[1]))
"""


@contextmanager
def process(how: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            running.send_signal(signal.SIGTERM)
            assert running.stdout.readline() == "stopping\n"
            yield running
        finally:
            running.kill()


def test_a_stop_that_ends_gives_its_own_code() -> None:
    with process("stops") as running:
        assert running.wait(30) == 0


def test_a_stop_that_hangs_ends_after_the_grace_time_and_what_hung_is_named() -> None:
    began = time.monotonic()
    with process("hangs") as running:
        assert running.wait(30) == 128 + signal.SIGTERM
        assert time.monotonic() - began >= GRACE_S + EXTRA_S - 0.5
        assert running.stderr is not None
        assert "did not stop in time; left behind: put of task k-0" in running.stderr.read()


def test_a_thread_that_is_left_does_not_keep_the_process_and_the_stop_was_clean() -> None:
    with process("leaves a thread") as running:
        assert running.wait(30) == 0


def test_a_second_signal_ends_it_at_once() -> None:
    with process("waits") as running:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 128 + signal.SIGTERM
        assert running.stderr is not None
        assert "stopping was asked for twice: leaving at once" in running.stderr.read()
