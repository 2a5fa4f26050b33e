"""Several workers of one group on real brokers, as processes that can be killed and frozen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from connect.api import ConnectError
from connect.ports import Cluster
from connect.records import TopicPartition
from tests.support.forks import ForkedWorker
from tests.support.kafka_workers import until
from tests.support.plain import NO_TLS
from tests.support.worker import STRING, WorkerProcess

SESSION_S = 6


class Crew:
    """The workers of one group, each a process in a folder of its own."""

    def __init__(self, folder: Path, bootstrap: str, name: str, *, copies: int = 1, **keys: str) -> None:
        self.folder = folder
        self.name = name
        self.workers: dict[str, WorkerProcess] = {}
        self._stack = ExitStack()
        #: Where the group keeps its state, by kind.
        self.topics = {kind: f"{name}-{kind}" for kind in ("config", "offset", "status")}
        config = {
            "bootstrap.servers": bootstrap,
            "group.id": name,
            **{f"{kind}.storage.topic": topic for kind, topic in self.topics.items()},
            **{f"{kind}.storage.replication.factor": str(copies) for kind in self.topics},
            "offset.flush.interval.ms": "200",
            "key.converter": STRING,
            "value.converter": STRING,
            "session.timeout.ms": str(SESSION_S * 1000),
            "consumer.session.timeout.ms": str(SESSION_S * 1000),
            **keys,
        }
        self.config = folder / "worker.json"
        self.config.write_text(json.dumps(config))

    def start(self, which: str, *arguments: str) -> WorkerProcess:
        """Start a worker, and wait until it answers."""
        data = self.folder / which / "data"
        data.parent.mkdir(exist_ok=True)
        worker = self._stack.enter_context(ForkedWorker(data, "--config", self.config, *arguments))
        self.workers[which] = worker
        worker.url(deadline_s=60)
        return worker

    def kill(self, which: str) -> None:
        """End a worker as a crash does."""
        self.workers.pop(which).kill()

    def stop(self, which: str) -> int:
        """Stop a worker; return its exit code."""
        return self.workers.pop(which).stop()

    def close(self) -> None:
        self._stack.close()

    def holder(self, task: str, at: str | None = None) -> str:
        """Wait until a task runs, and return the name of the worker that runs it."""
        found: list[str] = []

        def runs() -> bool:
            state, address = self.tasks(at).get(task, ("", ""))
            found[:] = [which for which, worker in self.workers.items() if worker.url().endswith(address)]
            return state == "RUNNING" and bool(found)

        self.until(runs)
        return found[0]

    def call(self, method: str, path: str, body: Any = None, *, at: str | None = None) -> Any:
        """Ask a worker, the first where none is named; again while the group is on its way, and in the moment
        in which REST of a worker that joins it anew takes the place of the one before."""
        worker = self.workers[at] if at is not None else next(iter(self.workers.values()))
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = httpx.request(method, worker.url() + path, json=body, timeout=30, verify=NO_TLS)
            except httpx.TransportError:
                assert time.monotonic() < deadline, f"{method} {path} is not answered\n{self.logs()}"
                assert worker.process.poll() is None, worker.log
                time.sleep(0.1)
                continue
            if answer.status_code != 409 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert answer.status_code < 400, f"{answer.text}\n{self.logs()}"
        return answer.json() if answer.content else None

    def tasks(self, at: str | None = None) -> dict[str, tuple[str, str]]:
        """Return the state and the worker of every task."""
        found = self.call("GET", "/connectors?expand=status", at=at)
        return {
            f"{name}-{task['id']}": (task["state"], task["worker_id"])
            for name, one in found.items()
            for task in one["status"]["tasks"]
        }

    def load(self, at: str | None = None) -> Counter[str]:
        """Return how many tasks run on each worker."""
        return Counter(worker for state, worker in self.tasks(at).values() if state == "RUNNING")

    def until(self, is_so: Callable[[], Any], *, but: str = "") -> None:
        until(is_so, *(worker for which, worker in self.workers.items() if which != but))

    def logs(self) -> str:
        return "\n\n".join(f"== {which}\n{worker.log}" for which, worker in self.workers.items())


def generated(name: str, tasks: int, **keys: str) -> dict[str, str]:
    return {
        "name": name,
        "connector.class": "Datagen",
        "kafka.topic": name,
        "quickstart": "users",
        "max.interval": "200",
        "tasks.max": str(tasks),
        "topic.creation.default.replication.factor": "1",
        **keys,
    }


def is_balanced(load: Counter[str], *, tasks: int, workers: int) -> bool:
    return sum(load.values()) == tasks and len(load) == workers and max(load.values()) - min(load.values()) <= 1


class Committed:
    """The lines that are committed in a topic, read as they come.

    Args:
        crew: Who writes them; asked how it is where they do not come.
    """

    def __init__(self, cluster: Cluster, topic: str, crew: Crew) -> None:
        self._cluster = cluster
        self._at = TopicPartition(topic, 0)
        self._crew = crew
        self._offset = 0
        self._trouble = ""
        self.lines: list[str] = []

    async def until(self, count: int) -> None:
        """Wait until so many different lines are there, with a deadline."""
        deadline = time.monotonic() + 90
        while len(set(self.lines)) < count:
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{count} lines are not in {self._at}: {len(set(self.lines))} are, read up to {self._offset}; "
                    f"{await self._why()}"
                )
            try:
                batches = await self._cluster.admin.fetch(self._at, self._offset, isolation="read_committed")
                self._trouble = ""
            except ConnectError as error:  # the topic is not there yet, or a broker was killed
                batches, self._trouble = [], str(error)
            for batch in batches:
                self.lines += [(value or b"").decode() for value in batch.columns.values]
                self._offset = batch.next_offset
            if not batches:
                await asyncio.sleep(0.2)

    async def _why(self) -> str:
        """Say how the topic and the workers are."""
        try:
            topic: object = (await self._cluster.admin.describe_topic(self._at.topic)).partitions
        except ConnectError as error:
            topic = error
        paths = ("/v1/workers", "/v1/throughput", "/v1/warnings", "/connectors?expand=status")
        told = [await asyncio.to_thread(self._crew.call, "GET", path) for path in paths]
        return f"the last read: {self._trouble or 'good'}; {topic}; {told}\n{self._crew.logs()}"
