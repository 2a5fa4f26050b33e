"""The process of workers under test: `python -m connect.testing.crash.worker`.

It imports all that a worker needs, once, and forks a process for each worker that is asked for: a start then takes a
tenth of what it takes otherwise, so that a thousand kills are a matter of minutes. What the forked process runs is the
command `connect worker`, but for the log, which does what a plan says (`faults`), and for the count of awaits.

It reads a line of JSON a request, and writes one a request:

- `{"start": {"arguments": [...], "log": PATH, "errors": PATH, "environment": {...}, "folder": PATH, "faults": [...],
  "await": N}}` gives the process id; all but the first two may be left out. What is written to standard error is in the
  log too, where no file for `errors` is named;
- `{"wait": PID}` gives the exit status, as `subprocess` has it, or null while it runs.

When its input ends, it kills what still runs.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import importlib
import importlib.metadata
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from connect import app
from connect.api.hooks import ENTRY_POINT_GROUP
from connect.cli.main import run
from connect.runtime.host import Host
from connect.runtime.worker_config import WorkerConfig
from connect.testing.crash.await_points import AwaitPoints
from connect.testing.crash.faults import Fault, Plan, faulty, kill_this_process

#: What a start of a worker imports late.
_LATE: Final = (
    "connect.api.java.regex",
    "connect.cli.worker",
    "connect.cli.settings",
    "connect.log",
    "connect.rest.app",
    "connect.rest.server",
    "connect.runtime.border.ending",
    "connect.runtime.border.kept_loop",
    "connect.runtime.file_rules",
    "connect.runtime.providers.worker_config",
    "connect.runtime.tuning",
)


def work(request: Mapping[str, Any]) -> int:
    """Run one command line with the log of a plan, in this process, and return its exit code."""
    faults, at = request.get("faults", ()), int(request.get("await", 0))
    if not faults and not at:
        return app.run(request["arguments"])
    plan = Plan(Fault(**fault) for fault in faults)

    def kill() -> None:
        kill_this_process()

    @asynccontextmanager
    async def open_host(config: WorkerConfig) -> AsyncIterator[Host]:
        if at:
            AwaitPoints(at, kill).install(asyncio.get_running_loop())
        cluster = await app.open_cluster(config.data_path, config.originals)
        try:
            async with app.open_host(config, faulty(cluster, plan)) as host:
                yield host
        finally:
            await cluster.aclose()

    wiring = replace(app.wiring(), open_host=open_host)
    return run(wiring, request["arguments"])


class Forks:
    """The workers of one such process, by their process ids."""

    def __init__(self) -> None:
        self._running: set[int] = set()

    def answer(self, request: Mapping[str, Any]) -> int | None:
        """Do what a line asks for."""
        if "start" in request:
            return self._start(request["start"])
        return self._status(int(request["wait"]))

    def end(self) -> None:
        """Kill what still runs."""
        for pid in list(self._running):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._running.discard(pid)

    def _start(self, request: Mapping[str, Any]) -> int:
        pid = os.fork()
        if pid:
            self._running.add(pid)
            return pid
        code = 1
        try:
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            nothing = os.open(os.devnull, os.O_RDONLY)
            errors = log
            if "errors" in request:
                errors = os.open(request["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for source, target in ((nothing, 0), (log, 1), (errors, 2)):
                os.dup2(source, target)
            faulthandler.enable(2)  # who ends by a signal of the processor says where
            if "environment" in request:
                os.environ.clear()
                os.environ.update(request["environment"])
            os.chdir(request.get("folder", "."))
            code = work(request)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # nothing of the process that forked is cleaned up here

    def _status(self, pid: int) -> int | None:
        if pid not in self._running:
            return None
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        self._running.discard(pid)
        return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Answer on the standard output, which is nobody else's from now on, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for name in _LATE:
        importlib.import_module(name)
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()
        except Exception as error:  # a stranger's plugin: the worker says it, and goes on without it
            print(f"plugin {entry.name} cannot be loaded: {error}", file=sys.stderr)  # noqa: T201
    # What is imported is in no cycle that ends: looking through it in each fork would copy all of its memory.
    gc.collect()
    gc.freeze()
    forks = Forks()
    try:
        for line in sys.stdin:
            answers.write(json.dumps(forks.answer(json.loads(line))) + "\n")
    finally:
        forks.end()


if __name__ == "__main__":
    main()
