"""What the harnesses of sources and sinks have in common: a connector and one of its tasks, from start to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from connect.api import Connector
from connect.testing.harness.clocks import unwatch, watch
from connect.testing.harness.instances import Instance, forget, started_connector, started_task
from connect.testing.harness.loops import LoopThread

#: What the connector is called.
NAME: Final = "harness"


class TaskHarness:
    """One task of a connector, without a worker. A context manager: it starts the task, and stops it.

    Args:
        task, max_tasks: Which of how many tasks; the config of each is the connector's `task_configs`.
        deadline_s: How long one call of the plugin may take.
    """

    def __init__(
        self,
        connector_class: type[Connector],
        config: Mapping[str, str],
        *,
        task: int,
        max_tasks: int,
        deadline_s: float,
    ) -> None:
        self._class, self._config = connector_class, dict(config)
        self._number, self._max_tasks, self._deadline_s = task, max_tasks, deadline_s
        self._loop: LoopThread | None = None
        self._connector: Instance | None = None
        self._task: Instance | None = None
        self._abandoned: list[Instance] = []
        #: The loops of what was abandoned.
        self._frozen: list[LoopThread] = []

    # -- for subclasses ----------------------------------------------------------------------------------------------

    def _context(self, number: int) -> Any:
        """Return what the task is given."""
        raise NotImplementedError

    def _started(self) -> None:
        """Do what follows a start."""

    def _before_end(self, task: Instance) -> None:
        """Do what goes before the end of a task."""

    def _before_exit(self) -> None:
        """Do what goes before the end of a `with` that nothing has broken off."""

    # -- life --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        assert self._loop is None or self._loop.loop.is_closed(), "it is in use: one `with` at a time"
        self._loop = LoopThread(f"{NAME}-loop")
        watch(self._loop.loop)
        try:
            self._start()
        except BaseException:
            self._loop.close()
            unwatch(self._loop.loop)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None and self._task is not None:
                self._before_exit()
        finally:
            try:
                self._end()
            finally:
                self.loop.close()
                unwatch(self.loop.loop)
                while self._frozen:
                    frozen = self._frozen.pop()
                    frozen.forget()
                    unwatch(frozen.loop)
                if self._abandoned:
                    forget(self._abandoned)

    def crash(self) -> None:
        """Start a new instance at the committed offsets, and leave the old one without `stop`, as after a kill.

        What the old one does on the event loop ends there. What it holds open it holds on to until the end of the
        harness, which is one process, and so do threads of its own.
        """
        for instance in (self._task, self._connector):
            if instance is not None:
                instance.abandon()
                self._abandoned.append(instance)
        self._task = self._connector = None
        self.loop.freeze()
        self._frozen.append(self.loop)
        self._loop = LoopThread(f"{NAME}-loop")
        watch(self._loop.loop)
        self._start()

    def _start(self) -> None:
        self._connector = started_connector(self.loop, self._class, self._config, NAME, self._deadline_s)
        try:
            configs = self.task_configs(self._max_tasks)
            assert self._number < len(configs), (
                f"there is no task {self._number}: task_configs({self._max_tasks}) gave {len(configs)}"
            )
            context = self._context(self._number)
            self._task = started_task(self.loop, self._class, configs[self._number], context, self._deadline_s)
            self._started()
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        """Stop task and connector as a worker does; nothing where they are stopped already."""
        task, self._task = self._task, None
        connector, self._connector = self._connector, None
        try:
            if task is not None:
                task.plugin.context.stopping.set()
                try:
                    self._before_end(task)
                finally:
                    task.end()
        finally:
            if connector is not None:
                connector.plugin.context.stopping.set()
                connector.end()

    def fresh_context(self) -> Any:
        """Return what another instance of the task would be given."""
        return self._context(self._number)

    # -- looking and calling -----------------------------------------------------------------------------------------

    @property
    def connector(self) -> Any:
        assert self._connector is not None, "it is not started: use it as a context manager"
        return self._connector.plugin

    @property
    def task(self) -> Any:
        return self._running.plugin

    @property
    def loop(self) -> LoopThread:
        """Where the plugin's `async def` methods run."""
        assert self._loop is not None, "it is not started: use it as a context manager"
        return self._loop

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the task by its name, as the runtime does."""
        return self._running.call(method, *args)

    def call_connector(self, method: str, *args: Any) -> Any:
        """Call a method of the connector by its name, as the runtime does."""
        assert self._connector is not None, "it is not started: use it as a context manager"
        return self._connector.call(method, *args)

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """Return how the connector divides its work."""
        configs: Sequence[Mapping[str, str]] = self.call_connector("task_configs", max_tasks)
        return configs

    @property
    def _running(self) -> Instance:
        assert self._task is not None, "it is not started: use it as a context manager, and restart after a stop"
        if self._connector is not None:
            self._connector.raise_failure()
        return self._task
