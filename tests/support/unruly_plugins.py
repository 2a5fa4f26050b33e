"""Plugins that break every law there is; what a connector does wrong is in its config, as `how` = 'method:what'.

Read by workers as a module of `plugin.path`, so it imports `connect.api` alone.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from connect.api import (
    Config,
    Connector,
    Converter,
    Predicate,
    Problem,
    Record,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
    config_key,
    hookimpl,
)
from connect.api import Plugin as Base


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def _swallow_all() -> None:
    while True:
        try:
            time.sleep(0.001)
        except BaseException:
            continue


def _spin() -> None:
    while True:
        pass


def _recurse() -> None:
    _recurse()


def _with_thread() -> None:
    threading.Thread(target=time.sleep, args=(1e6,), name="left-by-odd").start()


RAISED: dict[str, Callable[[], BaseException]] = {
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "base": lambda: BaseException("bare"),
    "group": lambda: BaseExceptionGroup("several", [SystemExit(4)]),
    "cancel": asyncio.CancelledError,
    "stop-iteration": lambda: StopIteration("oops"),
    "unprintable": Unprintable,
    "memory": MemoryError,
    "type": lambda: TypeError("a bug"),
    "key": lambda: KeyError("k"),
}
RETURNED: dict[str, Any] = {
    "none": None, "dict": {}, "text": "text", "number": 42, "texts": ["a"], "object": object(),
    "topic-none": Record(None, "x"), "timestamp-text": Record("odd", "x", timestamp="now"),  # type: ignore[arg-type]
    "offset-object": Record("odd", "x", source_partition={"p": 1}, source_offset={"n": object()}),
    "offset-text": Record("odd", "x", source_partition={"p": 1}, source_offset="abc"),  # type: ignore[arg-type]
    "partition-nan": Record("odd", "x", source_partition={"p": float("nan")}, source_offset={"n": 1}),
    "config-number": [{"topic": 5}], "config-none": [None],
}  # fmt: skip
DONE = {"hang": lambda: time.sleep(1e6), "spin": _spin, "swallow": _swallow_all, "recurse": _recurse}


class OddConfig(Config):
    """What is done wrong."""

    how: str = config_key("'method:what'.", default="")
    topic: str = config_key("Where records go.", default="odd")
    plain: str = config_key("Checked.", default="", validators=[lambda value: _do(value)])

    def problems(self) -> Iterable[Problem]:
        return _at(self, "problems", ())


def _do(what: str, otherwise: Any = None) -> Any:
    if what in RAISED:
        raise RAISED[what]()
    if what in DONE:
        return DONE[what]()
    if what.startswith("sleep-"):
        time.sleep(float(what.removeprefix("sleep-")))
    if what == "thread":
        _with_thread()
    return RETURNED.get(what, otherwise)


def _at(config: Any, method: str, otherwise: Any = None) -> Any:
    where, _, what = config.how.partition(":")
    return _do(what, otherwise) if where == method else otherwise


class Odd(Base):
    config_class = OddConfig

    def configure(self, config: Any) -> None:
        super().configure(config)
        _at(config, f"{self.role}-configure")

    role = "connector"


class OddTask(Odd):
    role = "task"

    def start(self) -> Any:
        return _at(self.config, "task-start")

    def stop(self) -> Any:
        return _at(self.config, "task-stop")

    def close(self) -> Any:
        return _at(self.config, "task-close")


class OddSourceTask(OddTask, SourceTask):
    number = 0

    def poll(self) -> Any:
        self.number += 1
        self.context.stopping.wait(0.05)
        good = Record(self.config.topic, "x", source_partition={"p": 1}, source_offset={"n": self.number})
        otherwise = None if self.config.how.startswith("commit") else good
        return good if self.number == 1 else _at(self.config, "poll", otherwise)

    def commit(self, offsets: Any) -> Any:
        return _at(self.config, "commit")


class OddSinkTask(OddTask, SinkTask):
    def open(self, partitions: Any) -> Any:
        return _at(self.config, "open")

    def put(self, records: Any) -> Any:
        return _at(self.config, "put")

    def flush(self) -> Any:
        return _at(self.config, "flush")

    def close_partitions(self, partitions: Any) -> Any:
        return _at(self.config, "close-partitions")


class OddConnector(Odd):
    def start(self) -> Any:
        return _at(self.config, "start")

    def task_configs(self, max_tasks: int) -> Any:
        return _at(self.config, "task-configs", [dict(self.config.originals)])

    def check(self) -> Any:
        return _at(self.config, "check", ())

    def alter_offsets(self, offsets: Any) -> Any:
        return _at(self.config, "alter-offsets", True)

    def stop(self) -> Any:
        return _at(self.config, "stop")

    def close(self) -> Any:
        return _at(self.config, "close")


_kept: list[asyncio.Task[None]] = []


async def _exiting() -> None:
    sys.exit(6)


async def _later(what: str, otherwise: Any = None) -> Any:
    await asyncio.sleep(0)
    if what == "hang":
        await asyncio.sleep(1e6)
    while what == "swallow":
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    if what == "hold":
        time.sleep(1e6)  # noqa: ASYNC251 - the very thing that is not to be done
    if what == "takes-signals":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what == "task-exits":
        _kept.append(asyncio.create_task(_exiting()))
    if what == "callback-exits":
        asyncio.get_running_loop().call_later(0.1, sys.exit, 5)
    if what == "task-hangs-on-a-thread":
        _kept.append(asyncio.create_task(asyncio.to_thread(time.sleep, 1e6)))
    if what == "closes-stderr":
        sys.stdout.close()
        sys.stderr.close()
    if what == "cancels-all":
        for task in asyncio.all_tasks():
            task.cancel()
    if what == "stops-loop":
        asyncio.get_running_loop().stop()
    if what == "stops-loop-later":
        asyncio.get_running_loop().call_soon_threadsafe(asyncio.get_running_loop().stop)
    if what == "shuts-executor":
        await asyncio.get_running_loop().shutdown_default_executor()
    if what == "hold-spin":
        _spin()
    return _do(what, otherwise)


def _asynchronous(method: str, otherwise: Any = None) -> Any:
    async def odd(self: Any, *args: Any) -> Any:
        where, _, what = self.config.how.partition(":")
        return await _later(what if where == method else "", otherwise)

    return odd


class OddAsyncSourceTask(OddTask, SourceTask):
    start = _asynchronous("task-start")  # type: ignore[assignment]
    stop = _asynchronous("task-stop")  # type: ignore[assignment]
    commit = _asynchronous("commit")
    number = 0

    async def poll(self) -> Any:
        self.number += 1
        good = Record(self.config.topic, "x", source_partition={"p": 1}, source_offset={"n": self.number})
        await asyncio.sleep(0.05)
        where, _, what = self.config.how.partition(":")
        return await _later(what if where == "poll" and self.number > 1 else "", good)


class OddAsyncSinkTask(OddTask, SinkTask):
    start = _asynchronous("task-start")  # type: ignore[assignment]
    stop = _asynchronous("task-stop")  # type: ignore[assignment]
    open = _asynchronous("open")
    put = _asynchronous("put")
    flush = _asynchronous("flush")
    close_partitions = _asynchronous("close-partitions")


class OddSource(OddConnector, SourceConnector):
    task_class = OddSourceTask


class OddAsyncSource(OddConnector, SourceConnector):
    task_class = OddAsyncSourceTask
    start = _asynchronous("start")  # type: ignore[assignment]
    stop = _asynchronous("stop")  # type: ignore[assignment]


class OddSink(OddConnector, SinkConnector):
    task_class = OddSinkTask


class OddAsyncSink(OddConnector, SinkConnector):
    task_class = OddAsyncSinkTask


class OddConstructed(OddSource):
    def __init__(self) -> None:
        raise SystemExit(7)


class ExitingTask(OddSourceTask):
    def __init__(self) -> None:
        raise SystemExit(8)


class OddTaskConstructed(OddSource):
    task_class = ExitingTask


class OddTransform(Odd, Transform):
    role = "transform"

    def apply(self, record: Record) -> Any:
        return _at(self.config, "apply", record)

    def close(self) -> Any:
        return _at(self.config, "transform-close")


class OddBatchTransform(OddTransform):
    def apply_batch(self, batch: Any) -> Any:
        return _at(self.config, "apply", batch)


class OddPredicate(Odd, Predicate):
    role = "predicate"

    def test_batch(self, batch: Any) -> Any:
        return _at(self.config, "test", True)


class OddConverter(Odd, Converter):
    role = "converter"

    def encode(self, topic: str, schema: Any, values: Any) -> Any:
        return _at(self.config, "encode", [b"x"] * len(values))

    def decode(self, topic: str, data: Any) -> Any:
        return _at(self.config, "decode", [(None, list(data))])


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    return [OddSource, OddAsyncSource, OddSink, OddAsyncSink, OddConstructed, OddTaskConstructed]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [OddTransform, OddBatchTransform]


@hookimpl
def connect_predicates() -> list[type[Predicate]]:
    return [OddPredicate]


@hookimpl
def connect_converters() -> list[type[Converter]]:
    return [OddConverter]
