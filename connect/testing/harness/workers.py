"""A whole worker of the test's own: plugins, converters, transforms and topics; its log in memory or in a folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, Final

from connect.api import (
    ConfigProvider,
    Connector,
    Converter,
    Header,
    HeaderConverter,
    Headers,
    Predicate,
    Record,
    Transform,
    hookimpl,
)
from connect.app import open_worker, serve
from connect.records import Columns, RawHeaders, TopicPartition
from connect.runtime.herder import Herder
from connect.runtime.model import State
from connect.runtime.plugins import BrokenPlugin
from connect.runtime.worker_config import WorkerConfig
from connect.testing.harness.clocks import unwatch, watch
from connect.testing.harness.loops import LoopThread, until

#: How long a step may take in all, in seconds, where the test does not say.
DEADLINE_S: Final = 30.0
#: What a test wants otherwise than one who runs a worker: values as plain JSON, offsets soon.
_CONFIG: Final = {
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    "offset.flush.interval.ms": "100",
}
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
_MEMORY_BYTES_MIN: Final = 256 << 20
_HOOKS: Final[dict[str, type]] = {
    "connect_connectors": Connector,
    "connect_converters": Converter,
    "connect_header_converters": HeaderConverter,
    "connect_transforms": Transform,
    "connect_predicates": Predicate,
    "connect_config_providers": ConfigProvider,
}


class Worker:
    """A worker in this process, on a loop of its own. Use as a context manager. For plain and `async` tests.

        with Worker(plugins=[my_module]) as worker:
            worker.run("ticks", {"connector.class": "ticks", "topic": "t", "count": "3"})
            assert worker.wait_for("t", 3) == ["tick 1", "tick 2", "tick 3"]

    Args:
        folder: Where its log is kept; left out, in memory where the system has a folder in memory with room (Linux),
            and gone at the end.
        plugins: What is tested and not installed: modules, or plugin classes and what `@source` and the like made.
        plugin_path: Folders of plugins.
        config: Keys of the worker. Values are JSON without schemas, and offsets are committed ten times a second,
            where it does not say otherwise.
        rest: Serve REST, at `url`, on a free port of the loopback.
        deadline_s: How long each step may take.

    Attributes:
        herder: The worker's herder, for its loop; see `call`.
        url: Where REST is; "" without.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        plugins: Iterable[Any] = (),
        plugin_path: Sequence[Path | str] = (),
        config: Mapping[str, str] | None = None,
        rest: bool = False,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._folder = folder
        self._plugins = list(_named(plugins))
        self._keys = {**_CONFIG, "plugin.path": ",".join(map(str, plugin_path)), **(config or {})}
        self._rest, self._deadline_s = rest, deadline_s
        self._temporary: Path | None = None
        self._loop: LoopThread | None = None
        self._stack: AsyncExitStack | None = None
        self._herder: Herder | None = None
        self.url = ""

    # -- life --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Worker:
        assert self._loop is None or self._loop.loop.is_closed(), "it is in use: one `with` at a time"
        if self._folder is None:
            self._folder = self._temporary = Path(tempfile.mkdtemp(prefix="connect-", dir=_in_memory()))
        self._loop = LoopThread("worker")
        watch(self._loop.loop)
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._shut()
        finally:
            self._close()

    def restart(self) -> None:
        """Stop the worker as SIGTERM does, and start another one on the same log."""
        self._shut()
        self._open()

    # -- connectors --------------------------------------------------------------------------------------------------

    def run(self, name: str, config: Mapping[str, str]) -> None:
        """Make a connector, or change its config, as PUT /connectors/{name}/config does.

        Raises:
            ConfigError: The config is wrong; has every problem.
        """
        self.call(lambda: self.herder.put_config(name, dict(config)))

    def delete(self, name: str) -> None:
        """Delete a connector."""
        self.call(lambda: self.herder.delete(name))

    def pause(self, name: str) -> None:
        """Pause a connector."""
        self.call(lambda: self.herder.pause(name))

    def stop(self, name: str) -> None:
        """Stop a connector: its offsets can be altered then."""
        self.call(lambda: self.herder.stop(name))

    def resume(self, name: str) -> None:
        """Have a connector go on that was paused or stopped."""
        self.call(lambda: self.herder.resume(name))

    def restart_connector(self, name: str) -> None:
        """Restart a connector and its tasks, as after a failure."""
        self.call(lambda: self.herder.restart(name, include_tasks=True))

    def states(self, name: str) -> list[str]:
        """Return the state of a connector, and of each of its tasks behind it: 'RUNNING', 'FAILED', …"""
        status = self._on_loop(lambda: self.herder.status(name))
        return [status.connector.state.value, *(task.state.value for task in status.tasks)]

    def trace(self, name: str) -> str:
        """Return why a connector or one of its tasks failed, '' where none did."""
        status = self._on_loop(lambda: self.herder.status(name))
        return next((s.trace for s in (status.connector, *status.tasks) if s.state is State.FAILED and s.trace), "")

    def offsets(self, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return a connector's committed offsets, as pairs of partition and offset, as REST shows them."""
        entries = self.call(lambda: self.herder.offsets(name))
        return [(dict(partition), dict(offset)) for partition, offset in entries if offset is not None]

    def until(self, condition: Callable[[], Any], what: str = "") -> None:
        """Wait until a condition holds.

        Raises:
            AssertionError: It does not hold within the deadline.
        """
        until(condition, deadline_s=self._deadline_s, what=what)

    def until_running(self, name: str) -> None:
        """Wait until a connector and its tasks run; there is at least one.

        Raises:
            AssertionError: They do not within the deadline, or one failed: its trace.
        """

        def runs() -> bool:
            states = self.states(name)
            assert "FAILED" not in states, self.trace(name)
            return len(states) > 1 and set(states) == {"RUNNING"}

        self.until(runs, f"{name} runs")

    def until_failed(self, name: str) -> str:
        """Wait until a connector, or one of its tasks, failed; return its trace."""
        self.until(lambda: "FAILED" in self.states(name), f"{name} fails")
        return self.trace(name)

    # -- topics ------------------------------------------------------------------------------------------------------

    def write(self, topic: str, *values: Any, key: Any = None, partition: int = 0, partitions: int = 1) -> None:
        """Append records to a topic, which is made where it is not there.

        Args:
            values: bytes as they are, text in UTF-8, None as a tombstone, anything else as JSON.
            key: Of all of them, in the same forms.
            partitions: Of a topic that is made.
        """
        columns = Columns([_bytes(value) for value in values], [_bytes(key)] * len(values) if key is not None else None)

        async def append() -> None:
            if await self.herder.cluster.admin.partitions(topic) is None:
                await self.herder.cluster.admin.create_topic(topic, partitions=partitions)
            producer = self.herder.cluster.producer(client_id="test")
            try:
                await producer.append(topic, columns, partition=partition)
            finally:
                await producer.aclose()

        self.call(append)

    def read(self, topic: str) -> list[Record]:
        """Return all records of a topic that readers of committed ones see, partition by partition; keys, values and
        headers are bytes. [] where there is no such topic."""
        found: list[Record] = self.call(lambda: self._read(topic))
        return found

    def values(self, topic: str) -> list[Any]:
        """Return all values of a topic: JSON as what it says, other bytes as text, a tombstone as None."""
        return [_value(record.value) for record in self.read(topic)]

    def wait_for(self, topic: str, count: int) -> list[Any]:
        """Wait until a topic has so many records, and return their values, as `values` does.

        Raises:
            AssertionError: They do not come within the deadline, or a connector failed: what came, or its trace.
        """
        found: list[Any] = []

        def there() -> bool:
            found[:] = self.values(topic)
            for name in self._on_loop(lambda: self.herder.connectors()):
                assert "FAILED" not in self.states(name), f"{name} failed: {self.trace(name)}"
            return len(found) >= count

        try:
            self.until(there)
        except AssertionError as error:
            raise AssertionError(
                f"{topic} has {len(found)} of {count} records; the last ones: {found[-3:]}\n{error}"
            ) from None
        return found

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def herder(self) -> Herder:
        assert self._herder is not None, "it does not run: use it as a context manager"
        return self._herder

    @property
    def broken_plugins(self) -> list[BrokenPlugin]:
        """The plugins that could not be loaded, each with its reason."""
        return list(self.herder.plugins.broken)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the worker's loop, and return what it gives, or what that awaits."""

        async def made() -> Any:
            return await function()

        return self._run(made())

    def _on_loop(self, function: Callable[[], Any]) -> Any:
        async def made() -> Any:
            return function()

        return self._run(made())

    def _run(self, coroutine: Any) -> Any:
        assert self._loop is not None, "use it as a context manager"
        return self._loop.run(coroutine, limit_s=self._deadline_s, what="a step of the worker")

    async def _read(self, topic: str) -> list[Record]:
        admin = self.herder.cluster.admin
        count = await admin.partitions(topic)
        found: list[Record] = []
        for partition in range(count or 0):
            described = (await admin.describe_topic(topic)).partitions[partition]
            at, offset = TopicPartition(topic, partition), described.log_start_offset
            # Up to what is there now: a source that does not end would have it read for ever.
            while offset < described.log_end_offset:
                fetched = await admin.fetch(at, offset, isolation="read_committed")
                if not fetched:
                    break
                for batch in fetched:
                    columns = batch.columns
                    for index, value in enumerate(columns.values):
                        found.append(
                            Record(
                                topic,
                                value,
                                key=None if columns.keys is None else columns.keys[index],
                                partition=partition,
                                timestamp=columns.stamps[index],
                                headers=None if columns.headers is None else _headers(columns.headers[index]),
                                offset=batch.offsets[index],
                            )
                        )
                offset = fetched[-1].next_offset
        return found

    def _open(self) -> None:
        keys = {**self._keys, "data.dir": str(self._folder)}
        if self._rest:
            keys.setdefault("listeners", "http://127.0.0.1:0")
        config = WorkerConfig.parse(keys)

        async def enter() -> None:
            stack = AsyncExitStack()
            try:
                self._herder = await stack.enter_async_context(open_worker(config, plugins=self._plugins))
                if self._rest:
                    self.url = (await stack.enter_async_context(serve(self._herder)))[0]
            except BaseException:
                await stack.aclose()
                raise
            self._stack = stack

        self._run(enter())

    def _shut(self) -> None:
        stack, self._stack, self._herder = self._stack, None, None
        if stack is not None:
            self._run(stack.aclose())

    def _close(self) -> None:
        try:
            if self._loop is not None:
                self._loop.close()
                unwatch(self._loop.loop)
        finally:
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)


def _named(plugins: Iterable[Any]) -> Iterable[tuple[str, object]]:
    classes: list[type] = []
    for plugin in plugins:
        if isinstance(plugin, type):
            classes.append(plugin)
        elif isinstance(plugin, ModuleType):
            yield plugin.__name__, plugin
        else:
            yield type(plugin).__name__, plugin
    given = {hook: [cls for cls in classes if issubclass(cls, base)] for hook, base in _HOOKS.items()}
    odd = [cls for cls in classes if not any(cls in found for found in given.values())]
    assert not odd, f"{odd[0].__qualname__} is no class of a plugin; expected a connector, a transform, a converter, …"
    if classes:
        yield "tested", SimpleNamespace(**{hook: _hook(found) for hook, found in given.items() if found})


def _hook(classes: list[type]) -> Callable[[], list[type]]:
    @hookimpl
    def give() -> list[type]:
        return classes

    return give


def _bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _headers(raw: RawHeaders | None) -> Headers | None:
    return None if raw is None else Headers(Header(name, value) for name, value in raw)


def _in_memory() -> Path | None:
    """Return a folder of the system's memory, where it has room: a container's may have next to none."""
    try:
        has_room = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES_MIN
    except OSError:  # there is none
        return None
    return _MEMORY if has_room else None


def _value(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
