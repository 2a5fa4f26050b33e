"""Several workers of one group on a real broker: they share the tasks, any of them answers, and what one leaves behind
the others run, each record once."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.app import open_cluster
from connect.ports import Cluster
from connect.records import TopicPartition
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import Lines, until
from tests.support.lengths import length
from tests.support.worker import STRING, WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SESSION_S = 6


class Crew:
    """The workers of one group, each in a folder of its own."""

    def __init__(self, folder: Path, broker: SharedBroker, name: str, **keys: str) -> None:
        self.folder = folder
        self.name = name
        self.workers: dict[str, WorkerProcess] = {}
        self._stack = ExitStack()
        kinds = ("config", "offset", "status")
        config = {
            "bootstrap.servers": broker.bootstrap,
            "group.id": name,
            **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in kinds},
            **{f"{kind}.storage.replication.factor": "1" for kind in kinds},
            "offset.flush.interval.ms": "200",
            "key.converter": STRING,
            "value.converter": STRING,
            "session.timeout.ms": str(SESSION_S * 1000),
            "consumer.session.timeout.ms": str(SESSION_S * 1000),
            **keys,
        }
        self._config = folder / "worker.json"
        self._config.write_text(json.dumps(config))

    def start(self, which: str) -> WorkerProcess:
        """Start a worker, and wait until it answers."""
        data = self.folder / which / "data"
        data.parent.mkdir(exist_ok=True)
        worker = self._stack.enter_context(WorkerProcess(data, "--config", self._config))
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
        """Ask a worker, the first where none is named; again while the group is on its way."""
        worker = self.workers[at] if at is not None else next(iter(self.workers.values()))
        deadline = time.monotonic() + 60
        while True:
            answer = httpx.request(method, worker.url() + path, json=body, timeout=30)
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


@pytest.fixture
def crew(tmp_path: Path, broker: SharedBroker, name: str) -> Iterator[Crew]:
    made = Crew(tmp_path, broker, name)
    yield made
    made.close()


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


def test_three_workers_share_24_tasks_evenly_and_what_one_leaves_behind_the_others_run(crew: Crew) -> None:
    crew.start("one")
    for number, tasks in enumerate([1, 1, 2, 2, 2, 2, 3, 3, 4, 4]):
        name = f"{crew.name}-{number}"
        crew.call("POST", "/connectors", {"name": name, "config": generated(name, tasks)})
    crew.until(lambda: is_balanced(crew.load(), tasks=24, workers=1))
    before = crew.tasks()
    crew.start("two")
    crew.start("three")
    crew.until(lambda: is_balanced(crew.load("three"), tasks=24, workers=3))
    moved = [task for task, (_, worker) in crew.tasks("two").items() if worker != before[task][1]]
    assert len(moved) == 16, "what need not move stays"
    crew.kill("three")
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=2))
    here = {task for task, (_, worker) in crew.tasks("two").items() if crew.workers["two"].url().endswith(worker)}
    log = crew.workers["two"].log
    assert crew.stop("one") == 0, crew.logs()
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=1))
    started = crew.workers["two"].log.removeprefix(log)
    assert len(here) == 12 and not [task for task in here if f"task {task} " in started], "they were left alone"
    assert crew.stop("two") == 0, crew.logs()


@pytest.mark.parametrize("support", ["disabled", "enabled"])
async def test_workers_that_are_killed_and_frozen_in_turn_lose_nothing_and_with_exactly_once_nothing_comes_twice(
    broker: SharedBroker, tmp_path: Path, name: str, support: str
) -> None:
    crew = Crew(tmp_path, broker, name, **{"exactly.once.source.support": support})
    lines = Lines(tmp_path / "in.txt", at_once=10)
    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": broker.bootstrap})
    committed = Committed(cluster, name)
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": name}
    topics = {"topic.creation.default.replication.factor": "1"}
    try:
        for which in ("a", "b"):
            crew.start(which)
        crew.call("PUT", f"/connectors/{name}/config", {**source, **topics}, at="b")
        for turn in range(length("CONNECT_WORKER_KILLS")):
            holder = crew.holder(f"{name}-0")
            other = next(which for which in crew.workers if which != holder)
            if turn % 2:
                crew.workers[holder].process.send_signal(signal.SIGSTOP)
            else:
                crew.kill(holder)
            crew.until(lambda other=other: crew.holder(f"{name}-0", at=other) == other, but=holder)
            await committed.until(lines.count)
            if turn % 2:
                crew.workers[holder].process.send_signal(signal.SIGCONT)
            else:
                crew.start(holder)
            crew.until(lambda other=other: len(crew.call("GET", "/v1/workers", at=other)["workers"]) == 2)
        wanted = lines.end()
        await committed.until(len(wanted))
        assert [crew.stop(which) for which in list(crew.workers)] == [0, 0], crew.logs()
    finally:
        lines.end()
        crew.close()
        await cluster.aclose()
    assert set(committed.lines) == wanted
    if support == "enabled":
        assert committed.lines == sorted(wanted), "each once, in order"


class Committed:
    """The lines that are committed in a topic, read as they come."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster = cluster
        self._at = TopicPartition(topic, 0)
        self._offset = 0
        self.lines: list[str] = []

    async def until(self, count: int) -> None:
        """Wait until so many different lines are there, with a deadline."""
        deadline = time.monotonic() + 90
        while len(set(self.lines)) < count:
            assert time.monotonic() < deadline, f"{count} lines are not in {self._at}"
            batches = await self._cluster.admin.fetch(self._at, self._offset, isolation="read_committed")
            for batch in batches:
                self.lines += [(value or b"").decode() for value in batch.columns.values]
                self._offset = batch.next_offset
            if not batches:
                await asyncio.sleep(0.2)
