"""What these tests need beyond `connect.api` and pytest, so that they can move with the plugin."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector, looking


class Context:
    """The part of a task's context that files need."""

    def __init__(self, position: Any = None, offset: dict[str, Any] | None = None) -> None:
        #: Those of many files, by the partition's text; for who keeps them between two tasks.
        self.offsets: dict[str, dict[str, Any]] = {}
        self.waiting_for: str | None = None
        self.commits = 0
        self.connector = "test"
        self.task = 0
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.is_preview = False
        self.poll_wait_s: float | None = None
        self.drained: bool | None = None
        self.gauges: dict[str, float] = {}
        self.woken = threading.Event()
        self._offset = offset if position is None else {"position": position}

    def wakeup(self) -> None:
        self.woken.set()

    def request_commit(self) -> None:
        self.commits += 1

    def offset(self, partition: Any) -> dict[str, Any] | None:
        return self.offsets.get(text_of(partition), self._offset)


def text_of(partition: Any) -> str:
    return json.dumps(partition, sort_keys=True)


class Driver:
    """A started task, driven as the runtime drives it but in plain code."""

    def __init__(self, connector: type[Any], config: dict[str, str], context: Context) -> None:
        self.runner = asyncio.Runner()
        self.task = connector.task_class()
        self.task.context = context
        self.task.configure(connector.config_class.parse(config))

    def call(self, name: str, *args: Any) -> Any:
        method: Callable[..., Any] = getattr(self.task, name)
        return self.runner.run(method(*args)) if inspect.iscoroutinefunction(method) else method(*args)

    def poll(self) -> list[str]:
        """Poll once and return the lines."""
        return [value for batch in self.batches() for value in batch.values]

    def batches(self) -> list[Batch]:
        return list(self.call("poll_batch"))

    def put(self, *values: Any) -> None:
        self.call("put_batch", Batch("t", list(values), partition=0))

    def stop(self) -> None:
        self.call("stop")
        self.runner.close()


class Many:
    """A connector of many files as the runtime runs it: its tasks, and the offsets that outlive them."""

    def __init__(self, *files: Path | str, **config: str) -> None:
        named = {"files": ",".join(map(str, files))} if files else {}
        self.config = {"topic": "lines", **named, **config}
        self.offsets: dict[str, dict[str, Any]] = {}
        self.drivers: list[Driver] = []
        self.start()

    def start(self, tasks: int = 1) -> None:
        connector = FileStreamSourceConnector()
        connector.configure(connector.config_class.parse(self.config))
        for config in connector.task_configs(tasks):
            context = Context()
            context.offsets = self.offsets
            driver = Driver(FileStreamSourceConnector, config, context)
            driver.call("start")
            self.drivers.append(driver)

    def stop(self) -> None:
        while self.drivers:
            self.drivers.pop().stop()

    def restart(self, tasks: int = 1) -> None:
        self.stop()
        self.start(tasks)

    def read(self, *, commits: bool = True, looks: int = 6) -> list[Any]:
        """Return the values that come until nothing does, and commit them where that is asked for."""
        lines: list[Any] = []
        for _ in range(looks):
            for driver in self.drivers:
                driver.task._input._looking.next_at = 0.0  # the time has come
                while batches := driver.batches():
                    for batch in batches:
                        lines += batch.values
                        if commits:
                            self.offsets[text_of(batch.source_partition)] = batch.source_offset
        return lines


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def drivers() -> Iterator[list[Driver]]:
    started: list[Driver] = []
    yield started
    for driver in started:
        driver.stop()


@pytest.fixture(scope="session")
def start_source() -> Callable[..., Driver]:
    """Return a function that starts a source task on a file, which the caller stops."""

    def start(file: Path | None, position: Any = None, offset: Any = None, **config: str) -> Driver:
        named = {} if file is None else {"file": str(file)}
        driver = Driver(FileStreamSourceConnector, {"topic": "lines", **named, **config}, Context(position, offset))
        driver.call("start")
        return driver

    return start


@pytest.fixture
def source(drivers: list[Driver], start_source: Callable[..., Driver]) -> Callable[..., Driver]:
    """Return a function that starts a source task on a file, at a committed position where one is given."""

    def start(*args: Any, **config: str) -> Driver:
        drivers.append(start_source(*args, **config))
        return drivers[-1]

    return start


@pytest.fixture
def sink(drivers: list[Driver]) -> Callable[..., Driver]:
    """Return a function that starts a sink task on a file."""

    def start(file: Path | None) -> Driver:
        driver = Driver(FileStreamSinkConnector, {} if file is None else {"file": str(file)}, Context())
        drivers.append(driver)
        driver.call("start")
        return driver

    return start


@pytest.fixture(scope="session")
def start_many() -> Callable[..., Many]:
    """Return a function that starts a connector of many files, which the caller stops."""
    return Many


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Many]]:
    """Return a function that starts a connector of many files. What has lost its name is left at once."""
    monkeypatch.setattr(looking, "LINGER_S", 0.0)
    started: list[Many] = []

    def start(*files: Path | str, **config: str) -> Many:
        started.append(Many(*files, **config))
        return started[-1]

    yield start
    for one in started:
        one.stop()
