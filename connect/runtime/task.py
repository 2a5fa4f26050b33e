"""What source and sink tasks share: the life of a task around its loop.

A runner is one asyncio task. It makes the plugin's task, starts it, runs the loop until it is asked to stop or fails,
and always stops, closes and releases. What goes wrong ends in the status, cause first; nothing escapes to the worker
but cancellation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from connect.api import ConnectError, Connector, RetriableError, Task
from connect.api.connector import config_class_of
from connect.ports import Cluster
from connect.runtime.calls import TaskThread, call
from connect.runtime.config import ConnectorConfig, WorkerConfig
from connect.runtime.context import SinkTaskContextImpl, SourceTaskContextImpl, connector_context
from connect.runtime.model import State, TaskId, TaskProgress
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.secrets import redact
from connect.runtime.states import Event, after
from connect.runtime.tolerance import Tolerance, backoff_ms

#: The longest pause between two polls of a source that has nothing, in seconds: as Kafka's file source waits.
IDLE_WAIT_MAX_S = 1.0
IDLE_WAIT_MIN_S = 0.005
#: Long idle waits end together, on multiples of this: a wake-up costs more than what it is for, half of it saved.
IDLE_TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """All that makes a task: who it is, what it runs, and with which config."""

    id: TaskId
    desc: PluginDesc
    config: ConnectorConfig
    task_config: Mapping[str, str]
    tasks: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker lends to its tasks."""

    cluster: Cluster
    plugins: PluginHost
    worker: WorkerConfig
    on_state: Callable[[TaskId, State, str | None], None]
    on_topic: Callable[[TaskId, str], None]


class TaskRunner(ABC):
    """The life of one task. `run` is awaited once; `stop`, `pause` and `resume` may come from anywhere on the loop."""

    def __init__(
        self, spec: TaskSpec, around: Surroundings, context: SourceTaskContextImpl | SinkTaskContextImpl
    ) -> None:
        self.spec = spec
        self.id = spec.id
        self.around = around
        self.context = context
        self.state = State.UNASSIGNED
        self.failure: Exception | None = None
        self.records = 0
        self.size_bytes = 0
        self.log = logging.getLogger("connect.runtime.task")
        self.thread = TaskThread(f"connect-{spec.id}")
        self.tolerance: Tolerance | None = None
        self._stopping = asyncio.Event()
        self._resumed = asyncio.Event()
        self._resumed.set()
        #: Set while the task is asked to stop or to pause: for waits on the loop, and for those on the task's thread.
        self._asked = asyncio.Event()
        self.interrupted = threading.Event()
        connector_class = cast(type[Connector], spec.desc.cls)
        self._config_class = config_class_of(connector_class, connector_class.task_class)
        self._plugin: Task = connector_class.task_class()

    # -- from outside ----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the task to finish what is in flight and end."""
        self.context.stopping.set()
        self._stopping.set()
        self._resumed.set()
        self._asked.set()
        self.interrupted.set()

    def pause(self) -> None:
        """Ask the task to stand still after what is in flight."""
        self._resumed.clear()
        self._asked.set()
        self.interrupted.set()

    def resume(self) -> None:
        """Let the task go on."""
        self._resumed.set()
        if not self.stopping:
            self._asked.clear()
            self.interrupted.clear()

    def progress(self) -> TaskProgress:
        """How far the task has come."""
        skipped = self.tolerance.skipped if self.tolerance else 0
        return TaskProgress(self.id, self.state, self.records, self.size_bytes, skipped)

    # -- the life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until stopped or failed."""
        connector_context.set(f"[{self.id.connector}|task-{self.id.task}] ")
        self._event(Event.START)
        try:
            self._plugin.context = self.context
            # Configuring may import, parse and check: not on the loop.
            await self.thread.run(lambda: self._plugin.configure(self._config_class.parse(self.spec.task_config)))
            await self._prepare()
            await self._start_plugin()
            if not self.stopping:
                self._event(Event.STARTED)
                await self._loop()
        except Exception as error:  # a plugin may raise anything; it ends here, in the status
            self._failed(error)
        finally:
            self.context.stopping.set()
            await self._release_all()

    @abstractmethod
    async def _prepare(self) -> None:
        """Make what the loop needs, before the plugin starts."""

    @abstractmethod
    async def _loop(self) -> None:
        """Move records until `stopping`; on a clean stop, flush and commit."""

    @abstractmethod
    async def _release(self) -> None:
        """Give back what `_prepare` made."""

    @property
    def stopping(self) -> bool:
        """Whether the task was asked to end."""
        return self._stopping.is_set()

    async def wait_stopping(self, seconds: float) -> bool:
        """Wait that long, or until the task is to stop; return whether it is."""
        if seconds > 0 and not self.stopping:
            try:
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
            except TimeoutError:
                return False
        return self.stopping

    async def wait_idle(self, seconds: float) -> None:
        """Wait that long, or a little longer if that is long, since there is nothing to do; a stop ends it."""
        if seconds > IDLE_TICK_S:
            end = asyncio.get_running_loop().time() + seconds
            seconds += IDLE_TICK_S - end % IDLE_TICK_S
        await self.wait_stopping(seconds)

    async def pause_point(self) -> None:
        """Stand still here while paused."""
        if not self._resumed.is_set() and not self.stopping:
            self._event(Event.PAUSE)
            await self._resumed.wait()
            if not self.stopping:
                self._event(Event.RESUME)

    @property
    def pausing(self) -> bool:
        """Whether a pause was asked for."""
        return not self._resumed.is_set()

    async def retry_wait(self, error: ConnectError, tries: int, *, doing: str = "", until_pause: bool = False) -> bool:
        """Wait before a call is made again; return False once the task is to stop. Says the first failure, then every tenth.

        Args:
            doing: What is tried, where it is not a call of the plugin.
            until_pause: A pause ends the wait, too.
        """
        after_ms = error.retry_after_ms if isinstance(error, RetriableError) else None
        wait_ms = after_ms or backoff_ms(tries, max_ms=self.spec.config.errors_retry_delay_max_ms)
        if tries % 10 == 0:
            what = f"{doing}: " if doing else ""
            self.log.warning("%stry %d failed, next in %d ms: %s", what, tries + 1, wait_ms, error.message)
        if not until_pause:
            return not await self.wait_stopping(wait_ms / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_ms / 1000):
                await self._asked.wait()
        return not self.stopping

    async def _start_plugin(self) -> None:
        tries = 0
        while not self.stopping:
            try:
                await call(self.thread, self._plugin.start)
                return
            except RetriableError as error:
                await self.retry_wait(error, tries)
                tries += 1

    async def _release_all(self) -> None:
        # Each step on its own: a plugin whose stop fails must not keep the log's side open.
        for release in (
            lambda: call(self.thread, self._plugin.stop),
            self._release,
            lambda: self.thread.run(self._plugin.close),
        ):
            try:
                await release()
            except Exception as error:
                self.log.error("releasing failed: %s: %s", type(error).__name__, error, exc_info=True)
        self.thread.close()

    def _event(self, event: Event, trace: str | None = None) -> None:
        self.state = after(self.state, event)
        # One that was told to stop is no longer what its number stands for: the next runner may be there already.
        if not self.stopping:
            self.around.on_state(self.id, self.state, trace)

    def _failed(self, error: Exception) -> None:
        self.failure = _cause(error)
        trace = render_trace(self.failure)
        self.log.error("task failed: %s", trace)
        self._event(Event.FAIL, trace)


def _cause(error: Exception) -> Exception:
    """Return what a task group's failure was about."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def render_trace(error: BaseException) -> str:
    """Return a failure as a status shows it: the cause and what to do first, then the whole traceback."""
    lines = [f"{type(error).__name__}: {error}"]
    if isinstance(error, ConnectError):
        lines[0] = f"{error.message} [{error.code}]"
        if error.hint:
            lines.append(f"hint: {error.hint}")
    return redact("\n".join([*lines, "".join(traceback.format_exception(error)).rstrip()]))


def size_of(*columns: Any) -> int:
    """Return the bytes in columns of bytes; None counts nothing."""
    return sum(len(item) for column in columns if column is not None for item in column if item is not None)
