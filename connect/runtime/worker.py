"""The worker: runs connectors and their tasks, each in an asyncio task of its own, and never fails with one of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

from connect.api import ConfigError, Connector
from connect.runtime import secrets
from connect.runtime.calls import TaskThread, call
from connect.runtime.config import ConnectorConfig, WorkerConfig
from connect.runtime.context import ConnectorContextImpl, connector_context
from connect.runtime.factory import connector_desc, framework_config
from connect.runtime.model import PluginKind, State, TaskId, TaskProgress
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.sink_task import SinkTaskRunner
from connect.runtime.source_task import SourceTaskRunner
from connect.runtime.states import Event, after
from connect.runtime.task import Surroundings, TaskRunner, TaskSpec, render_trace
from connect.stores.offsets import OffsetStore

logger = logging.getLogger(__name__)

OnConnectorState = Callable[[str, State, str | None], None]


class StartInterrupted(Exception):
    """The connector was stopped, deleted or changed while it started."""


class ConnectorRunner:
    """One running connector instance. It plans; its tasks are the worker's."""

    def __init__(self, name: str, raw: Mapping[str, str], plugins: PluginHost, on_state: OnConnectorState,
                 on_reconfigure: Callable[[str], None]) -> None:  # fmt: skip
        self.name = name
        self.raw = dict(raw)
        self.state = State.UNASSIGNED
        secrets.remember(plugins, raw)
        self.failure: Exception | None = None
        self._interrupted = asyncio.Event()
        self.desc: PluginDesc = connector_desc(plugins, raw)
        self.config: ConnectorConfig = framework_config(self.desc, raw)
        self._thread = TaskThread(f"connect-{name}")
        self._plugin = cast(Connector, self.desc.cls())
        self._on_state = on_state
        loop = asyncio.get_running_loop()

        def reconfigure() -> None:
            loop.call_soon_threadsafe(on_reconfigure, name)

        def fail(error: Exception) -> None:
            loop.call_soon_threadsafe(self.fail, error)

        self._context = ConnectorContextImpl(name, reconfigure=reconfigure, fail=fail)

    async def start(self, *, paused: bool) -> bool:
        """Configure and start the instance; return whether it came up. A failure ends in the status."""
        connector_context.set(f"[{self.name}|worker] ")
        self._event(Event.START)
        try:
            self._plugin.context = self._context
            own = self._plugin.config_class
            await self._thread.run(lambda: self._plugin.configure(own.parse(self.raw)))
            await self._unless_interrupted(call(self._thread, self._plugin.start))
        except StartInterrupted:
            return False
        except Exception as error:  # a plugin may raise anything; it ends here, in the status
            self.fail(error)
            return False
        self._event(Event.PAUSE if paused else Event.STARTED)
        return True

    async def task_configs(self) -> list[dict[str, str]]:
        """Ask the connector to divide its work.

        Raises:
            ConfigError: It made more tasks than tasks.max, and tasks.max.enforce is true.
        """
        configs: list[dict[str, str]] = await call(self._thread, self._plugin.task_configs, self.config.tasks_max)
        if len(configs) > self.config.tasks_max:
            message = f"connector {self.name!r} made {len(configs)} task configs, which is more than tasks.max={self.config.tasks_max}"
            if self.config.tasks_max_enforce:
                raise ConfigError(message, config_path="tasks.max")
            logger.warning("%s; they run, since tasks.max.enforce is false", message)
        return configs

    def interrupt(self) -> None:
        """End a start that is under way, since nobody wants it any more; without effect at any other time."""
        if self.state is State.UNASSIGNED:
            self._context.stopping.set()
            self._interrupted.set()

    async def _unless_interrupted(self, starting: Coroutine[Any, Any, Any]) -> None:
        start, interrupted = asyncio.ensure_future(starting), asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({start, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                raise StartInterrupted
            start.result()
        finally:
            interrupted.cancel()
            start.cancel()
            await asyncio.gather(start, interrupted, return_exceptions=True)

    def pause(self) -> None:
        """Show the connector as paused."""
        self._event(Event.PAUSE)

    def resume(self) -> None:
        """Show the connector as running."""
        self._event(Event.RESUME)

    def fail(self, error: Exception) -> None:
        """Take a failure of the instance."""
        trace = render_trace(error)
        self.failure = error
        logger.error("connector %s failed: %s", self.name, trace)
        self._event(Event.FAIL, trace)

    async def stop(self, timeout_s: float) -> None:
        """Stop and release the instance; one that does not come back in time is left behind."""
        self._context.stopping.set()
        try:
            async with asyncio.timeout(timeout_s):
                await call(self._thread, self._plugin.stop)
                await self._thread.run(self._plugin.close)
        except TimeoutError:
            logger.error("connector %s did not stop within %d ms and is left behind", self.name, timeout_s * 1000)
        except Exception as error:
            logger.error("connector %s failed to stop: %s", self.name, error, exc_info=True)
        self._thread.close()

    def _event(self, event: Event, trace: str | None = None) -> None:
        self.state = after(self.state, event)
        self._on_state(self.name, self.state, trace)


class Worker:
    """Starts and stops tasks. Use as an async context manager: on the way out every task has ended."""

    def __init__(self, around: Surroundings, offsets: OffsetStore) -> None:
        self.around = around
        self._offsets = offsets
        self._group = asyncio.TaskGroup()
        self._tasks: dict[TaskId, tuple[TaskRunner, asyncio.Task[None]]] = {}

    @property
    def config(self) -> WorkerConfig:
        """The worker's config."""
        return self.around.worker

    @property
    def grace_s(self) -> float:
        """How long a stopping task may take."""
        return self.config.task_shutdown_graceful_timeout_ms / 1000

    async def __aenter__(self) -> Worker:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.stop_tasks(list(self._tasks))
        await self._group.__aexit__(None, None, None)

    def tasks(self, connector: str) -> list[TaskId]:
        """Return a connector's tasks that were started and not stopped, failed ones too."""
        return sorted((t for t in self._tasks if t.connector == connector), key=lambda t: t.task)

    def runner(self, task: TaskId) -> TaskRunner | None:
        """Return a task's runner."""
        found = self._tasks.get(task)
        return found[0] if found else None

    def progress(self) -> list[TaskProgress]:
        """How far every task has come."""
        return [runner.progress() for runner, _ in self._tasks.values()]

    def start_tasks(self, connector: ConnectorRunner, configs: Sequence[Mapping[str, str]], *, paused: bool,
                    only: Sequence[int] | None = None) -> None:  # fmt: skip
        """Start tasks from their configs; `only` names some of them by number."""
        for number, config in enumerate(configs):
            if only is not None and number not in only:
                continue
            spec = TaskSpec(
                TaskId(connector.name, number), connector.desc, connector.config, dict(config), len(configs)
            )
            runner = self._runner(spec)
            if paused:
                runner.pause()
            self._tasks[spec.id] = (runner, self._group.create_task(runner.run(), name=str(spec.id)))

    async def stop_tasks(self, tasks: Sequence[TaskId]) -> None:
        """Stop these tasks together: each drains, and one that does not in time is cancelled and left behind."""
        running = [self._tasks.pop(task) for task in tasks if task in self._tasks]
        for runner, _ in running:
            runner.stop()
        if not running:
            return
        _, late = await asyncio.wait([task for _, task in running], timeout=self.grace_s)
        for task in late:
            logger.error("task %s did not stop within task.shutdown.graceful.timeout.ms=%d and is cancelled", task.get_name(), self.grace_s * 1000)  # fmt: skip
            task.cancel()
        if late:
            # A cancelled task still waits for its thread to come back; a plugin that hangs there is left behind.
            await asyncio.wait(late, timeout=1.0)

    def _runner(self, spec: TaskSpec) -> TaskRunner:
        if spec.desc.kind is PluginKind.SINK:
            return SinkTaskRunner(spec, self.around)
        return SourceTaskRunner(spec, self.around, self._offsets)
