"""Command lines of `connect` as processes that are forked from one that has imported all.

A start by fork takes a tenth of a second of processor time, by Python and its imports six tenths. What it runs is the
same command with its own process id, files, environment and signals; what it has not is a start of Python and an end of
it, which tests of these two take from `WorkerProcess` and `connect_process`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from connect.testing.crash.processes import forking
from tests.support.worker import DEADLINE_S, WorkerProcess

_LOOK_S = 0.005


class Fork:
    """A forked process, with the methods of `subprocess.Popen` that tests use."""

    def __init__(
        self, arguments: list[str], log: Path, environment: dict[str, str], errors: Path | None = None
    ) -> None:
        request = {
            "arguments": arguments,
            "log": str(log),
            "environment": {**os.environ, **environment},
            "folder": str(Path.cwd()),
            **({} if errors is None else {"errors": str(errors)}),
        }
        self.pid = int(forking().ask({"start": request}))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = forking().ask({"wait": self.pid})
        return self.returncode

    def wait(self, timeout: float = DEADLINE_S) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"process {self.pid} has not ended within {timeout} s"
            time.sleep(_LOOK_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedWorker(WorkerProcess):
    """`connect worker` as a process of its own, which starts at once."""

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Fork:
        return Fork(arguments, self.log_path, environment)


def connect_forked(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command line as a process of its own, which starts at once."""
    texts = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory(prefix="connect-test-") as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        fork = Fork(texts, out, environment, errors)
        try:
            code = fork.wait(60)
        finally:
            fork.kill()
        return subprocess.CompletedProcess(texts, code, out.read_text(), errors.read_text())
