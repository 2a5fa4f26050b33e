"""Workers on a real broker, file -> topic -> file: their configs, what they are fed, and waiting for what they do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.engines import SOON_S
from tests.support.kafka_broker import KafkaBroker, SharedBroker
from tests.support.worker import STRING, RunningWorker, WorkerProcess, running_worker

#: For a broker that lets sessions be so short: who was killed is missed soon.
SHORT_SESSIONS = {
    f"{prefix}{key}": value
    for prefix in ("", "consumer.")
    for key, value in (("session.timeout.ms", "1500"), ("heartbeat.interval.ms", "300"))
}


class Lines:
    """Appends numbered lines to a file, a few thousand a second, on a thread."""

    def __init__(self, path: Path, *, at_once: int = 100) -> None:
        self._path = path
        self._at_once = at_once
        self._ending = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._path.open("a") as file:
            while not self._ending.wait(0.02):
                file.writelines(f"{self.count + number:08d}\n" for number in range(self._at_once))
                file.flush()
                self.count += self._at_once

    def end(self) -> set[str]:
        """Write no more; return what was written."""
        self._ending.set()
        self._thread.join()
        return {f"{number:08d}" for number in range(self.count)}


def write(folder: Path, *lines: str) -> None:
    """Append lines to `in.txt`."""
    with (folder / "in.txt").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def worker_config(name: str, bootstrap: str) -> dict[str, str]:
    """Return the config of a worker whose group and topics have a name of their own."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": name,
        **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")},
        **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        "offset.flush.interval.ms": "200",
        "key.converter": STRING,
        "value.converter": STRING,
        "session.timeout.ms": "6000",
        "consumer.session.timeout.ms": "6000",
        # A coordinator that has just started may wait so long for who was a member before.
        "consumer.max.poll.interval.ms": "10000",
    }


@asynccontextmanager
async def kafka_worker(tmp_path: Path, name: str, bootstrap: str, **worker: str) -> AsyncIterator[RunningWorker]:
    """Run a worker on a cluster, in this process, alone; keys as they are."""
    async with running_worker(tmp_path, alone=True, **{**worker_config(name, bootstrap), **worker}) as running:
        yield running


def file_source(folder: Path, topic: str, **config: str) -> dict[str, str]:
    """Return the config of a source of `in.txt`."""
    own = {"connector.class": "FileStreamSource", "file": str(folder / "in.txt"), "topic": topic}
    return {**own, "tasks.max": "1", "topic.creation.default.replication.factor": "1", **config}


def file_sink(folder: Path, topic: str, **config: str) -> dict[str, str]:
    """Return the config of a sink into `out.txt`."""
    own = {"connector.class": "FileStreamSink", "file": str(folder / "out.txt"), "topics": topic}
    return {**own, "tasks.max": "1", **config}


async def create(worker: RunningWorker, **connectors: dict[str, str]) -> None:
    """Create connectors by their names."""
    for name, config in connectors.items():
        answer = await worker.client.put(f"/connectors/{name}/config", json=config)
        assert answer.status_code == 201, answer.text


def files(folder: Path, name: str, broker: SharedBroker | KafkaBroker, **worker: str) -> list[str | Path]:
    """Write the configs of a worker and of its connectors, and return the command's arguments."""
    config = {**worker_config(name, broker.bootstrap), **worker}
    source = {"name": f"{name}-source", **file_source(folder, name)}
    sink = {"name": f"{name}-sink", **file_sink(folder, name)}
    for file, content in {
        "worker.json": config,
        "source.json": source,
        "sink.json": sink,
    }.items():
        (folder / file).write_text(json.dumps(content))
    return ["--config", folder / "worker.json", folder / "source.json", folder / "sink.json"]


def until(is_so: Callable[[], Any], *workers: WorkerProcess) -> None:
    """Wait for a condition, with a deadline; the logs of the workers say why it did not come."""
    deadline = time.monotonic() + 2 * SOON_S
    while not is_so():
        assert time.monotonic() < deadline, "\n\n".join(worker.log for worker in workers)
        for worker in workers:
            assert worker.process.poll() is None, worker.log
        time.sleep(0.05)


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file, none where it is not there."""
    return path.read_text().splitlines() if path.exists() else []
