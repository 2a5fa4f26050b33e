"""The end of a process: with the code of a clean stop where there was one, in time where there was none."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connect.runtime.border.ending import EXTRA_S

GRACE_S = 0.2
PROCESS = f"""
import asyncio, os, signal, sys, threading, time
from connect.runtime.border.ending import Ending

def ready_when_the_loop_waits():
    asleep = 0
    while asleep < 20:
        time.sleep(0.005)
        state = open(f"/proc/{{os.getpid()}}/stat").read().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
    print("ready", flush=True)

async def main(how):
    stop = asyncio.Event()
    ending = Ending(stop.set, grace_s={GRACE_S})
    ending.take_signals()
    ending.named = lambda: ["put of task k-0"] if how == "hangs" else []
    if how == "leaves a thread":
        threading.Thread(target=lambda: time.sleep(60)).start()
    if how == "another thread":  # the kernel gives the signal to one that does not block it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        threading.Thread(target=ready_when_the_loop_waits).start()
    else:
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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells by /proc that the loop waits")
def test_a_signal_that_another_thread_takes_wakes_a_loop_that_waits() -> None:
    with process("another thread") as running:
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
