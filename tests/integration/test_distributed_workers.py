"""Several workers of one group on a real broker: they share the tasks, any of them answers, and what one leaves behind
the others run, each record once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import until
from tests.support.worker import STRING, WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SESSION_S = 6
#: What the issue of a group's change may take beyond that.
MOVED_WITHIN_S = 3


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

    def close(self) -> None:
        self._stack.close()

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

    def until(self, is_so: Any, *, but: str = "") -> None:
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


def test_three_workers_share_24_tasks_evenly_and_one_that_is_killed_or_stopped_leaves_its_own_to_the_others(
    crew: Crew,
) -> None:
    crew.start("one")
    sizes = [1, 1, 2, 2, 2, 2, 3, 3, 4, 4]
    for number, tasks in enumerate(sizes):
        crew.call("POST", "/connectors", {"name": (n := f"{crew.name}-{number}"), "config": generated(n, tasks)})
    crew.until(lambda: is_balanced(crew.load(), tasks=24, workers=1))
    before = crew.tasks()
    crew.start("two")
    crew.start("three")
    crew.until(lambda: is_balanced(crew.load("three"), tasks=24, workers=3))
    moved = [task for task, (_, worker) in crew.tasks("two").items() if worker != before[task][1]]
    assert len(moved) == 16, "what need not move stays"
    killed = crew.workers["three"]
    address = killed.url().partition("://")[2]
    killed.kill()
    del crew.workers["three"]
    began = time.monotonic()
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=2) and address not in crew.load("two"))
    assert time.monotonic() - began < SESSION_S + 3 * MOVED_WITHIN_S
    # The leader goes by itself: nothing of the other's is touched.
    kept = {task for task, (_, worker) in crew.tasks("two").items() if crew.workers["two"].url().endswith(worker)}
    assert crew.workers["one"].stop() == 0, crew.logs()
    del crew.workers["one"]
    crew.until(lambda: is_balanced(crew.load("two"), tasks=24, workers=1))
    starts = crew.workers["two"].log.count("stopped")
    assert len(kept) == 12 and starts >= 0
