"""Workers on a real broker, file -> topic -> file: their configs, and waiting for what they do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.engines import SOON_S
from tests.support.kafka_broker import SharedBroker
from tests.support.worker import STRING, WorkerProcess


def files(folder: Path, name: str, broker: SharedBroker, **worker: str) -> list[str | Path]:
    """Write the configs of a worker and of its connectors, and return the command's arguments."""
    config = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": name,
        **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")},
        **{f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")},
        "offset.flush.interval.ms": "200",
        "key.converter": STRING,
        "value.converter": STRING,
        "session.timeout.ms": "6000",
        "consumer.session.timeout.ms": "6000",
        **worker,
    }
    common = {"tasks.max": "1", "topic.creation.default.replication.factor": "1"}
    source = {"name": f"{name}-source", "connector.class": "FileStreamSource", "file": str(folder / "in.txt")}
    sink = {"name": f"{name}-sink", "connector.class": "FileStreamSink", "file": str(folder / "out.txt")}
    for file, content in {
        "worker.json": config,
        "source.json": {**common, **source, "topic": name},
        "sink.json": {**common, **sink, "topics": name},
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


class Lines:
    """Appends numbered lines to a file on a thread, some fifty times a second `each` of them."""

    def __init__(self, path: Path, *, each: int = 100) -> None:
        self._path = path
        self._each = each
        self._ending = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._path.open("a") as file:
            while not self._ending.wait(0.02):
                file.writelines(f"{self.count + number:08d}\n" for number in range(self._each))
                file.flush()
                self.count += self._each

    def end(self) -> set[str]:
        """Write no more; return what was written."""
        self._ending.set()
        self._thread.join()
        return {f"{number:08d}" for number in range(self.count)}
