"""Real workers for tests: in the process, or as a process that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from connect.api import EnvironmentFault
from connect.app import open_host, open_worker
from connect.runtime.herder import Herder
from connect.runtime.host import Host
from connect.runtime.model import State
from connect.runtime.worker_config import WorkerConfig
from tests.support.declared import checked_app

STRING = "org.apache.kafka.connect.storage.StringConverter"
JSON = "org.apache.kafka.connect.json.JsonConverter"
DEADLINE_S = 30.0


@dataclass(slots=True)
class RunningWorker:
    """A worker in this process, and a client of its REST."""

    herder: Herder
    client: httpx.AsyncClient

    async def until(self, condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S) -> None:
        await until(condition, deadline_s=deadline_s)

    async def until_state(self, name: str, state: State, *, tasks: int | None = None) -> None:
        """Wait until a connector and all of its tasks are in a state."""

        def holds() -> bool:
            status = self.herder.status(name)
            states = [status.connector.state, *(task.state for task in status.tasks)]
            return all(s is state for s in states) and (tasks is None or len(status.tasks) == tasks)

        await until(holds)

    async def until_failed(self, name: str) -> str:
        """Wait until a task, or the connector itself, failed; return its trace."""
        found: list[str] = []

        def failed() -> bool:
            status = self.herder.status(name)
            found[:] = [s.trace or "" for s in (status.connector, *status.tasks) if s.state is State.FAILED]
            return bool(found)

        await until(failed)
        return found[0]

    def records(self, name: str) -> int:
        return sum(p.records for p in self.herder.progress() if p.id.connector == name)

    async def values(self, topic: str, partition: int = 0) -> list[bytes | None]:
        """Everything in a partition."""
        from connect.records import TopicPartition

        admin, at, offset = self.herder.cluster.admin, TopicPartition(topic, partition), 0
        values: list[bytes | None] = []
        while batches := await admin.fetch(at, offset):
            for batch in batches:
                values += batch.columns.values
            offset = batches[-1].next_offset
        return values


async def until(condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {condition}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running_worker(tmp_path: Path, *, alone: bool = False, **config: str) -> AsyncIterator[RunningWorker]:
    """Run a worker on a log in `tmp_path`; keys with '_' for '.'.

    Args:
        alone: On a Kafka cluster, as no member of a group: its life goes on where the brokers are away for longer than
            a session, and nobody begins another one for it.
    """
    keys = {"data.dir": str(tmp_path / "data"), **{k.replace("_", "."): v for k, v in config.items()}}
    opened: AbstractAsyncContextManager[Host] = (open_worker if alone else open_host)(WorkerConfig.parse(keys))
    async with opened as host:
        with checked_app(host) as app:
            if keys.get("bootstrap.servers") and not alone:
                host.base.url = "http://worker"
                await host.join(host.base.url)
                await until(lambda: host.herder is not None or host.lost.is_set())
                host.raise_failure()
            herder = host.leading()
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
                yield RunningWorker(herder, client)


@asynccontextmanager
async def worker_on_a_broken_disk(tmp_path: Path, **config: str) -> AsyncIterator[RunningWorker]:
    """As `running_worker`, of a worker whose log cannot be closed whole either: that is no failure of the test, and
    what is raised before the end of the block is one."""
    is_ended = False
    try:
        async with running_worker(tmp_path, **config) as worker:
            yield worker
            is_ended = True
    except EnvironmentFault:
        if not is_ended:
            raise


class WorkerProcess:
    """`connect worker` as a process, from Python's start to its end; `forks.ForkedWorker` is one that costs less."""

    def __init__(self, data_dir: Path, *arguments: str | Path, **environment: str) -> None:
        self.data_dir = data_dir
        command = ["worker", "--data-dir", str(data_dir), "--listeners", "http://127.0.0.1:0"]
        self.log_path = data_dir.parent / "worker.log"
        self.process = self._start([*command, *(str(argument) for argument in arguments)], environment)

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Any:
        with self.log_path.open("ab") as log:
            command = [str(CONNECT), *arguments]
            return subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **environment})

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def url(self, *, deadline_s: float = DEADLINE_S) -> str:
        """Wait until this very process answers, and return where."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                found = json.loads((self.data_dir / "worker.json").read_text())
            except (OSError, ValueError):
                found = {}
            if found.get("pid") == self.process.pid:
                return str(found["url"])
            time.sleep(0.01)
        raise AssertionError(f"the worker did not come up:\n{self.log}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE_S)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.poll() is None:
            self.kill()


CONNECT = Path(sys.executable).with_name("connect")
