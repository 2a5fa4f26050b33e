"""The worker: runs connectors and their tasks, each in an asyncio task of its own, and never fails with one of them."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from connect.api import ConfigError, Connector, PluginError
from connect.api.contract import task_configs_of
from connect.runtime import secrets
from connect.runtime.border.calls import CANCEL_S, PluginTimeoutError, TaskThread, call
from connect.runtime.border.failures import failure_of
from connect.runtime.connector_config import ConnectorConfig
from connect.runtime.connector_context import connector_context, context_text, of_connector
from connect.runtime.factory import connector_desc, framework_config, task_class_name
from connect.runtime.model import PluginKind, State, TaskId, TaskProgress
from connect.runtime.plugins import PluginDesc
from connect.runtime.promises import writes_in_transactions
from connect.runtime.providers.references import Parts
from connect.runtime.providers.resolved import Resolved, stored
from connect.runtime.providers.warnings import meant_as_references
from connect.runtime.rates import LIVE_KEYS, Rates, without_live
from connect.runtime.states import INITIAL, Event, after
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.runtime.tasks.exactly_once import ExactlyOnceSourceTaskRunner
from connect.runtime.tasks.meter import EndedMeters
from connect.runtime.tasks.sink_task import SinkTaskRunner
from connect.runtime.tasks.source_task import SourceTaskRunner
from connect.runtime.tasks.spec import Surroundings, TaskOrigin, TaskSpec
from connect.runtime.tasks.task import RELEASE_S, TaskRunner, render_trace
from connect.runtime.tasks.transactional import fence_tasks
from connect.runtime.tuning import Sweeper
from connect.runtime.worker_config import WorkerConfig
from connect.stores.offset_topics import OffsetTopics

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a cancelled task may take to release the log's side.
LATE_S: Final = 0.7
#: Keys of a connector that Kafka Connect hands on to its tasks.
_TOPICS: Final = ("topics", "topics.regex")

OnConnectorEvent = Callable[[str, Event, str | None], None]


class StartInterrupted(Exception):
    """The connector was stopped, deleted or changed while it started."""


class ConnectorRunner:
    """One running connector instance. It plans; its tasks are the worker's.

    `start`, `task_configs` and `stop` are called one after another, `start` once and first, under the connector's lock;
    each call of the plugin has a deadline (`plugin.call.timeout.ms`). The rest never waits, and may come in between.
    """

    def __init__(
        self,
        name: str,
        raw: Mapping[str, str],
        around: Surroundings,
        on_event: OnConnectorEvent,
        on_reconfigure: Callable[[str], None],
    ) -> None:
        self.name = name
        self.raw = dict(raw)
        self.state = INITIAL
        #: The config with the values of its references, since the start.
        self.resolved: Resolved | None = None
        #: As they are now, for its tasks too: a refresh changes nothing of what runs.
        self.plugins = around.plugins.snapshot()
        secrets.remember(self.plugins, raw)
        self.failure: Exception | None = None
        self._interrupted = asyncio.Event()
        self.desc: PluginDesc = connector_desc(self.plugins, raw)
        self.config: ConnectorConfig  # made by the start
        self._providers = around.providers
        self._parts: list[dict[str, Parts]] = []
        self._thread = TaskThread(
            f"connect-{name}",
            who=f"connector {name}",
            plugin=self.desc.name,
            watch=around.watchdog,
            deadline_s=around.worker.plugin_call_timeout_ms / 1000,
        )
        self._plugin: Connector | None = None
        self._on_event = on_event
        loop = asyncio.get_running_loop()

        def reconfigure() -> None:
            loop.call_soon_threadsafe(on_reconfigure, name)

        def fail(error: object) -> None:
            loop.call_soon_threadsafe(self._heard, error)

        self._context = ConnectorContextImpl(name, reconfigure=reconfigure, fail=fail)

    @property
    def waiting_for(self) -> str | None:
        """What the instance cannot divide its work without; None where it goes on, or is not to run."""
        told = self._context.waiting_for if self.state is State.RUNNING else None
        return self.resolved.hide_in_status(told) if isinstance(told, str) and self.resolved is not None else told

    @property
    def late_calls(self) -> int:
        """How many calls of the instance did not come back within their deadline."""
        return self._thread.late_calls

    @property
    def is_interrupted(self) -> bool:
        """Whether its start was ended: it will never run, and another one is to be made."""
        return self._interrupted.is_set()

    async def start(self, *, paused: bool) -> bool:
        """Make, configure and start the instance; return whether it came up. A failure ends in the status."""
        connector_context.set(context_text(self.name))
        self._event(Event.START)
        try:
            await self._unless_interrupted(self._begin())
        except StartInterrupted:
            return False
        except Exception as error:  # a plugin may raise anything; it ends here, in the status
            self.fail(error)
            return False
        if self.state is State.FAILED:  # the instance said so itself, in `start`
            return False
        self._event(Event.PAUSE if paused else Event.STARTED)
        return True

    async def _begin(self) -> None:
        for found in meant_as_references(self._providers.unknown(self.raw), self.desc.cls.config_class.keys()):
            logger.warning(
                "connector %s: %s is taken as it is: %s",
                self.name,
                found.reference,
                found.why,
                extra=of_connector(self.name),
            )
        self.resolved = await self._providers.resolve(self.raw)
        self.config = framework_config(self.desc, self.resolved.config)
        await self._thread.bounded(self._thread.deadline_s, self._make)
        assert self._plugin is not None
        await call(self._thread, self._plugin.start)

    def _make(self) -> None:
        """Make and configure the instance, on the thread: constructors and configs are plugin code too."""
        assert self.resolved is not None, "the config was resolved before"
        made = cast(Connector, self.desc.cls())
        made.context = self._context
        self._plugin = made
        made.configure(made.config_class.parse(self.resolved.config))

    async def task_configs(self) -> list[dict[str, str]]:
        """Ask the connector to divide its work. The order of the configs is that of the tasks' numbers.

        Each names the class of the task and the sink's topics, as a Java worker that takes over expects it.

        They are for the store: with references in the place of values. Tasks start from `origin`.

        Raises:
            ConfigError: It made more tasks than tasks.max, and tasks.max.enforce is true.
            PluginError: It failed, or returned what is no list of flat configs.
            StartInterrupted: The connector is to end.
        """
        assert self._plugin is not None, "the instance was started"
        asked = call(self._thread, self._plugin.task_configs, self.config.tasks_max)
        configs = task_configs_of(self._plugin, await self._unless_interrupted(asked))
        if len(configs) > self.config.tasks_max:
            message = (
                f"connector {self.name!r} made {len(configs)} task configs, "
                f"which is more than tasks.max={self.config.tasks_max}"
            )
            if self.config.tasks_max_enforce:
                raise ConfigError(message, config_path="tasks.max")
            logger.warning("%s; they run, since tasks.max.enforce is false", message)
        assert self.resolved is not None, "the instance was started"
        told = {"task.class": task_class_name(cast(type[Connector], self.desc.cls))}
        told |= {key: topics for key in _TOPICS if (topics := self.resolved.config.get(key)) is not None}
        configs = [{**config, **told} for config in configs]
        if not self.resolved.parts:
            return configs
        self._parts = [self.resolved.parts_of_task(config) for config in configs]
        return [stored(parts) for parts in self._parts]

    def origin(self, task: int) -> TaskOrigin | None:
        """Return what a task is made from, where its configs hold values of config providers."""
        return TaskOrigin(self.raw, self._parts[task]) if task < len(self._parts) else None

    def go_on_with(self, config: Mapping[str, str]) -> None:
        """Take on a config that differs in nothing but what is changed while the connector runs."""
        self.raw = dict(config)
        if self.resolved is not None:
            live = {name: config[name] for name in LIVE_KEYS & config.keys()}
            self.resolved = replace(
                self.resolved, written=self.raw, config={**without_live(self.resolved.config), **live}
            )

    def interrupt(self, *, always: bool = False) -> None:
        """End a start that is under way, since nobody wants it any more; without effect at any other time.

        Args:
            always: End any other call of the plugin too, since the worker is to stop.
        """
        if always or self.state is State.UNASSIGNED:
            self._context.stopping.set()
            self._interrupted.set()

    async def _unless_interrupted(self, work: Coroutine[Any, Any, T]) -> T:
        task, interrupted = asyncio.ensure_future(work), asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({task, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise StartInterrupted
            return task.result()
        finally:
            interrupted.cancel()
            task.cancel()
            await asyncio.wait({task, interrupted}, timeout=2 * CANCEL_S)

    def pause(self) -> None:
        """Show the connector as paused."""
        self._event(Event.PAUSE)

    def resume(self) -> None:
        """Show the connector as running."""
        self._event(Event.RESUME)

    def fail(self, error: Exception) -> None:
        """Take a failure of the instance: it is FAILED, and its tasks go on. Never waits."""
        trace = render_trace(error)
        if self.resolved is not None:
            trace = self.resolved.hide_in_status(trace)
        self.failure = error
        logger.error("connector %s failed: %s", self.name, trace, extra=of_connector(self.name))
        self._event(Event.FAIL, trace)

    def _heard(self, error: object) -> None:
        """Take what the instance gave to `raise_error`: at any time, from any thread, perhaps no exception at all."""
        if self._context.stopping.is_set():  # it speaks for nobody any more: the next instance may be there already
            return
        whom = self._thread.full_name
        if not isinstance(error, BaseException):
            self.fail(PluginError(f"raise_error of {whom} was given {type(error).__name__}; expected an exception"))
            return
        failure = failure_of(error, "raise_error", whom)
        if failure is not error:
            failure.__cause__ = error
        self.fail(failure)

    async def stop(self, timeout_s: float) -> None:
        """Stop and release the instance; one that does not come back in time is left behind.

        Never raises for what the plugin does.

        Args:
            timeout_s: For `stop` and `close` together; each gets at least `RELEASE_S`.
        """
        self._context.stopping.set()
        connector_context.set(context_text(self.name))
        by, clock = asyncio.get_running_loop().time() + timeout_s, asyncio.get_running_loop().time
        if (plugin := self._plugin) is not None:
            for name in ("stop", "close"):
                try:
                    await call(self._thread, getattr(plugin, name), limit_s=max(RELEASE_S, by - clock()))
                except PluginTimeoutError as error:
                    by = 0.0
                    logger.error(
                        "connector %s did not stop within %d ms and is left behind: %s",
                        self.name,
                        timeout_s * 1000,
                        error,
                    )
                except Exception as error:
                    logger.error(
                        "connector %s failed to stop: %s",
                        self.name,
                        error,
                        exc_info=True,
                        extra=of_connector(self.name),
                    )
        self._thread.close()

    def _event(self, event: Event, trace: str | None = None) -> None:
        self.state = after(self.state, event)
        self._on_event(self.name, event, trace)


class Worker:
    """Starts and stops tasks. Use as an async context manager, on the event loop.

    On exit every task has ended, or is named and left behind.

    Attributes:
        rates: How fast each connector may go, all of its tasks together.
        ended: What tasks which were stopped had counted.
    """

    def __init__(self, around: Surroundings, offsets: OffsetTopics) -> None:
        self.around = around
        self.rates = Rates()
        self.ended = EndedMeters()
        self._offsets = offsets
        self._tasks: dict[TaskId, tuple[TaskRunner, asyncio.Task[None]]] = {}
        #: Tasks that were cancelled and have not ended; kept, since the event loop keeps no task alive.
        self._late: set[asyncio.Task[None]] = set()
        self._sweeper = Sweeper()
        #: Stops of tasks that are under way.
        self._ending: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def config(self) -> WorkerConfig:
        """The worker's config."""
        return self.around.worker

    @property
    def grace_s(self) -> float:
        """How long a stopping task may take, in seconds."""
        return self.config.task_shutdown_graceful_timeout_ms / 1000

    async def __aenter__(self) -> Worker:
        self.around.watchdog.start()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._closing = True
        try:
            await self.stop_tasks(list(self._tasks))
            if self._ending:  # each within its own time
                await asyncio.wait(list(self._ending))
        finally:
            for message in self.around.watchdog.left_behind():
                logger.error("left behind: %s", message)
            self.around.watchdog.close()
            self._sweeper.close()

    def tasks(self, connector: str) -> list[TaskId]:
        """Return a connector's tasks that were started and not stopped, failed ones too."""
        return sorted((t for t in self._tasks if t.connector == connector), key=lambda t: t.task)

    def runner(self, task: TaskId) -> TaskRunner | None:
        """Return a task's runner."""
        found = self._tasks.get(task)
        return found[0] if found else None

    def runners(self) -> list[TaskRunner]:
        """Return the runners of the tasks that were started and not stopped, failed ones too."""
        return [runner for runner, _ in self._tasks.values()]

    def moved_bytes(self) -> tuple[int, int]:
        """Return the bytes that all tasks of this worker have read from the log, and written to it, since its start."""
        read, written = self.ended.read_bytes, self.ended.sent_bytes
        for runner, _ in self._tasks.values():
            read += runner.meter.read_bytes
            written += runner.meter.sent_bytes
        return read, written

    def specs(self) -> list[TaskSpec]:
        """What the tasks run that were started and not stopped."""
        return [runner.spec for runner, _ in self._tasks.values()]

    def progress(self) -> list[TaskProgress]:
        """How far every task has come."""
        return [runner.progress() for runner, _ in self._tasks.values()]

    def start_tasks(
        self,
        connector: ConnectorRunner,
        configs: Sequence[Mapping[str, str]],
        *,
        paused: bool,
        only: Sequence[int] | None = None,
    ) -> None:
        """Start tasks from their configs; `only` names some of them by number.

        Returns at once: what fails ends in a status. Tasks of these numbers must have been stopped.
        """
        assert connector.resolved is not None, "the instance was started"
        limit = self.rates.set(connector.name, connector.resolved.texts)
        for number, config in enumerate(configs):
            if only is not None and number not in only:
                continue
            spec = TaskSpec(
                TaskId(connector.name, number),
                connector.desc,
                connector.plugins,
                connector.config,
                dict(config),
                len(configs),
                connector.origin(number),
                limit,
            )
            self.start_task(spec, paused=paused)

    def start_task(self, spec: TaskSpec, *, paused: bool) -> None:
        """Start one task; as `start_tasks`."""
        runner = self._runner(spec)
        task = asyncio.create_task(runner.run(), name=str(spec.id))
        task.add_done_callback(functools.partial(self._ended, runner))
        self._tasks[spec.id] = (runner, task)
        if paused:  # it has not begun yet
            runner.pause()

    async def stop_outdated(self, connector: str, raw: Mapping[str, str]) -> None:
        """Stop tasks that run with another config: here all, for none is to outlive the instance that made it."""
        await self.stop_tasks(self.tasks(connector))

    def is_outdated(self, connector: ConnectorRunner, task: TaskId) -> bool:
        """Say whether a task runs with other values of config providers, or another code, than its connector, which was
        made anew."""
        found = self.runner(task)
        if found is None or connector.resolved is None or found.state is State.FAILED:
            return False
        if found.spec.desc.cls is not connector.desc.cls:
            return True
        if not connector.resolved.parts:
            return False
        return without_live(found.spec.config.originals) != without_live(connector.resolved.config)

    def let_go(self) -> None:
        """Nothing runs elsewhere."""

    async def stop_tasks(self, tasks: Sequence[TaskId], *, by: float | None = None) -> None:
        """Stop these tasks together: each drains, and one that does not in time is cancelled and left behind.

        Waits until `by`, and where one does not let itself be cancelled up to twice `LATE_S` more. Never raises for
        what plugins do. Goes on where its caller is cancelled: who closes the worker waits for it.

        Args:
            by: When the time to drain is over, in the event loop's time; left out, `grace_s` from now.
        """
        running = [self._tasks.pop(task) for task in tasks if task in self._tasks]
        if not running:
            return
        by = asyncio.get_running_loop().time() + self.grace_s if by is None else by
        for runner, _ in running:
            self.ended.leaves(runner.id.connector, runner.meter)
            runner.stop(by)
        ending = asyncio.create_task(self._finish(running, by))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def _finish(self, running: Sequence[tuple[TaskRunner, asyncio.Task[None]]], by: float) -> None:
        """Wait until tasks have ended, and cancel those that have not until `by`."""
        try:
            await self._end_all(running, by)
        finally:
            others = {task.connector for task in self._tasks}
            for runner, _ in running:
                self.ended.ended(runner.meter, others)

    async def _end_all(self, running: Sequence[tuple[TaskRunner, asyncio.Task[None]]], by: float) -> None:
        clock = asyncio.get_running_loop().time
        _, late = await asyncio.wait([task for _, task in running], timeout=max(0.0, by - clock()))
        for task in late:
            logger.error(
                "task %s did not stop within task.shutdown.graceful.timeout.ms=%d and is cancelled",
                task.get_name(),
                self.grace_s * 1000,
            )
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            task.cancel()
        if not late:
            return
        # A cancelled task releases the log's side itself, unless a coroutine of the plugin does not let it go on.
        _, stuck = await asyncio.wait(late, timeout=LATE_S)
        releases = [asyncio.create_task(runner.abandon(task)) for runner, task in running if task in stuck]
        if releases:
            await asyncio.wait(releases, timeout=LATE_S)

    def _ended(self, runner: TaskRunner, task: asyncio.Task[None]) -> None:
        if not self._closing:
            self._sweeper.soon()
            runner.ended(task)
        elif not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain

    def _runner(self, spec: TaskSpec) -> TaskRunner:
        if spec.desc.kind is PluginKind.SINK:
            return SinkTaskRunner(spec, self.around)
        runner = ExactlyOnceSourceTaskRunner if writes_in_transactions(self.config, spec.config) else SourceTaskRunner
        return runner(spec, self.around, self._offsets)

    async def fence(self, connector: ConnectorRunner, *, tasks: int = 0) -> bool:
        """Shut out what tasks of a source connector were left behind with, before the work is divided anew.

        Returns whether its tasks write in transactions: there is nothing to shut out where they do not.

        Args:
            tasks: How many it may have had.

        Raises:
            EnvironmentFault: The log cannot take it now.
        """
        if not writes_in_transactions(self.config, connector.config):
            return False
        await fence_tasks(self.around.cluster, self.config, connector.name, tasks=tasks)
        return True
