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
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector


class Context:
    """The part of a task's context that files need."""

    def __init__(self, position: Any = None, offset: dict[str, Any] | None = None) -> None:
        #: Those of many files, by the partition's text; for who keeps them between two tasks.
        self.offsets: dict[str, dict[str, Any]] = {}
        self.waiting_for: str | None = None
        self.connector = "test"
        self.task = 0
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.poll_wait_s: float | None = None
        self.woken = threading.Event()
        self._offset = offset if position is None else {"position": position}

    def wakeup(self) -> None:
        self.woken.set()

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
