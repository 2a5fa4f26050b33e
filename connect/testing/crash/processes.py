"""Workers under test as processes, from outside: started, watched, killed."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from connect.testing.crash.faults import Fault

#: How long a process may take to do what it always does.
DEADLINE_S: Final = 60.0
_LOOK_S: Final = 0.005


class Forking:
    """The process that forks workers: one for all that this process runs, since it takes a second to start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "connect.testing.crash.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any], *, limit_s: float = DEADLINE_S) -> Any:
        """Send one request, and return its answer. Any thread.

        Raises:
            AssertionError: It has ended, or does not answer within the limit. It is ended then, and who asks next has
                another one.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                is_there = _can_be_read(process.stdout.fileno(), limit_s)
                line = process.stdout.readline() if is_there else ""
            except OSError:  # it has gone
                is_there, line = True, ""
        if not line:
            forking.cache_clear()
            why = f"has ended with {process.wait(DEADLINE_S)}" if is_there else f"does not answer within {limit_s:g} s"
            process.kill()
            raise AssertionError(
                f"the process that starts workers {why}; it imports all installed plugins, and one may hang or exit"
            )
        return json.loads(line)

    def end(self) -> None:
        """Let it end, with all that it has started."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
            process.wait(DEADLINE_S)
        except OSError:  # what it was asked last it never heard
            process.kill()
        finally:
            process.kill()
            process.stdout.close()


@functools.cache
def forking() -> Forking:
    """Return the one of this process, started with the first worker."""
    started = Forking()
    atexit.register(started.end)
    return started


def _can_be_read(end: int, limit_s: float) -> bool:
    """Whether there is something to read, or the end, before the limit. `select.select` takes none above 1023."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(limit_s * 1000))


class Workers:
    """Starts workers on one data directory, one at a time; see `worker` for how. Use in a `with`: none is left behind.

    Args:
        folder: Holds `data`, `worker.log`, and what `arguments` name.
        arguments: Of `connect worker`.
    """

    def __init__(self, folder: Path, arguments: Sequence[str | Path]) -> None:
        self.data_dir = folder / "data"
        self.log_path = folder / "worker.log"
        self._arguments = [str(argument) for argument in arguments]
        self._last: RunningWorker | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None:
            self._last.kill()

    def start(self, *, faults: Sequence[Fault] = (), at_await: int = 0) -> RunningWorker:
        """Start a worker; it has not come up yet when this returns."""
        listen = ["--data-dir", str(self.data_dir), "--listeners", "http://127.0.0.1:0"]
        request = {
            "arguments": ["worker", *listen, *self._arguments],
            "log": str(self.log_path),
            "environment": dict(os.environ),
            "folder": str(Path.cwd()),
            "faults": [fault.as_dict() for fault in faults],
            "await": at_await,
        }
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._last = RunningWorker(int(forking().ask({"start": request})), self, log_start)
        return self._last


class RunningWorker:
    """One worker, until it has ended."""

    def __init__(self, pid: int, workers: Workers, log_start: int) -> None:
        self.pid = pid
        self._workers = workers
        self._log_start = log_start
        self._status: int | None = None

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        if self._status is None:
            self._status = forking().ask({"wait": self.pid})
        return self._status

    def log(self) -> str:
        """Return what this very worker has logged."""
        if not self._workers.log_path.exists():
            return ""
        with self._workers.log_path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")

    def url(self) -> str:
        """Wait until it answers REST, and return where."""
        found: dict[str, Any] = {}

        def is_up() -> bool:
            try:
                found.update(json.loads((self._workers.data_dir / "worker.json").read_text()))
            except (OSError, ValueError):  # not there yet, or half written
                return False
            return found.get("pid") == self.pid

        until(lambda: is_up() or self.status() is not None, f"worker {self.pid} answers")
        assert self.status() is None, f"the worker ended with {self.status()}:\n{self.log()[-3000:]}"
        return str(found["url"])

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self.status() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        if self.status() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended, and return its exit status."""
        until(lambda: self.status() is not None, f"worker {self.pid} has ended")
        status = self.status()
        assert status is not None
        return status


def until(condition: Callable[[], Any], what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Wait until something is so; fail at the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s:g} s: {what}"
        time.sleep(_LOOK_S)
