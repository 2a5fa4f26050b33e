from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.standstill import stand_still

#: Writes as fast as it can, on several threads.
WRITES = """
import sys, threading

def write():
    with open(sys.argv[1], "ab", buffering=0) as file:
        while True:
            file.write(b".")

for _ in range(8):
    threading.Thread(target=write).start()
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="a process does not tell of its threads here")
def test_none_of_a_process_s_threads_does_anything_once_it_stands_still(tmp_path: Path) -> None:
    written = tmp_path / "written"
    with subprocess.Popen([sys.executable, "-c", WRITES, str(written)]) as process:
        try:
            deadline = time.monotonic() + 60
            while not written.exists() or not written.stat().st_size:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            for _ in range(20):
                stand_still(process.pid)
                size = written.stat().st_size
                time.sleep(0.02)
                assert written.stat().st_size == size
                os.kill(process.pid, signal.SIGCONT)
        finally:
            process.kill()
