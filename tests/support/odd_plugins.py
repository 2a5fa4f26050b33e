"""Plugins that misbehave or write down what is done to them, for tests of a task's life in a real worker.

A test makes a class of its own, with what it does in its methods, and hands it to `register`. `Journal` takes down the
calls in their order, from the loop and from the task's threads.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connect.api import Connector, Plugin, SinkConnector, SinkTask, SourceConnector, SourceTask, Transform, hookimpl
from connect.log.storage.files import Disk, SyncError
from connect.runtime.herder import Herder


class Journal:
    """What happened, in order; and gates, at which a plugin waits until the test opens them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Any] = []
        self._gates: dict[str, threading.Event] = {}

    def __call__(self, entry: Any) -> None:
        with self._lock:
            self._entries.append(entry)

    def __iter__(self) -> Iterator[Any]:
        with self._lock:
            return iter(list(self._entries))

    def __contains__(self, entry: Any) -> bool:
        return entry in list(self)

    def count(self, entry: Any) -> int:
        return list(self).count(entry)

    def gate(self, name: str) -> threading.Event:
        with self._lock:
            return self._gates.setdefault(name, threading.Event())

    def wait(self, name: str) -> None:
        """Wait at a gate; a test that never opens it fails here and not by hanging."""
        assert self.gate(name).wait(30), f"gate {name!r} was not opened"

    def open_all(self) -> None:
        with self._lock:
            for gate in self._gates.values():
                gate.set()


def source(task: type[SourceTask], name: str = "Odd") -> type[SourceConnector]:
    """Return a connector with as many tasks of a class as `tasks.max` allows."""

    def task_configs(self: Any, max_tasks: int) -> list[dict[str, str]]:
        return [dict(self.config.originals) for _ in range(max_tasks)]

    members = {"task_class": task, "class_name": f"test.{name}", "task_configs": task_configs}
    return type(name, (SourceConnector,), members)


def sink(task: type[SinkTask], name: str = "Odd") -> type[SinkConnector]:
    """Return a sink connector of a task class."""
    return type(name, (SinkConnector,), {"task_class": task, "class_name": f"test.{name}"})


def register(herder: Herder, *plugins: type[Plugin]) -> None:
    """Make plugins known to a worker, as an entry point would."""

    class Found:
        @hookimpl
        def connect_connectors(self) -> list[type[Connector]]:
            return [plugin for plugin in plugins if issubclass(plugin, Connector)]

        @hookimpl
        def connect_transforms(self) -> list[type[Transform]]:
            return [plugin for plugin in plugins if issubclass(plugin, Transform)]

    herder.plugins.register(Found(), "+".join(plugin.__name__ for plugin in plugins))


@contextmanager
def disk_refuses(monkeypatch: Any, refuses: Callable[[str], bool]) -> Iterator[list[str]]:
    """Make writes of the log fail, as on a full disk, to the files whose path `refuses` says.

    Yields the refused paths.
    """
    refused: list[str] = []
    write_at = Disk.write_at

    def refusing(self: Disk, path: Path, descriptor: int, pieces: Any, position: int) -> None:
        if refuses(str(path)):
            refused.append(str(path))
            raise OSError(errno.ENOSPC, "No space left on device")
        write_at(self, path, descriptor, pieces, position)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "write_at", refusing)
        yield refused


@contextmanager
def syncs_fail(monkeypatch: Any, fails: Callable[[str], bool]) -> Iterator[list[str]]:
    """Make fsyncs of the log fail for the files whose path `fails` says; yields the paths."""
    failed: list[str] = []
    sync_file = Disk.sync_file

    def failing(self: Disk, path: Path) -> None:
        if fails(str(path)):
            failed.append(str(path))
            raise SyncError(errno.EIO, "Input/output error")
        sync_file(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "sync_file", failing)
        yield failed
