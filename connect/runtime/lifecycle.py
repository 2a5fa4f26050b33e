"""Brings what runs to what is wanted: the part of the herder that acts.

`states.py` tells how a life goes. What is wanted is read from the config store each time, so a call is a hint to look,
never an order: calls that come late, twice, or after a crash do no harm. Work on one connector is done under its lock;
what goes wrong with it ends in its status, and never reaches the others or the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

from connect.api import ConfigError, ConnectError
from connect.runtime.board import StatusBoard
from connect.runtime.clock import now_ms
from connect.runtime.connector_context import of_connector
from connect.runtime.connector_locks import ConnectorLocks
from connect.runtime.failure_kinds import FailureKind, failure_kind, kind_of
from connect.runtime.live.failures import BY_ITSELF, BY_REQUEST, details_of
from connect.runtime.model import State, TargetState, TaskId
from connect.runtime.plugins import CONNECTOR_KINDS
from connect.runtime.processes.stand_ins import launch_of
from connect.runtime.providers.reloads import Reloads
from connect.runtime.rates import is_live_change, without_live
from connect.runtime.restarts import RestartConfig, Restarts
from connect.runtime.states import Event
from connect.runtime.task_host import TaskHost
from connect.runtime.tasks.task import RELEASE_S, render_trace
from connect.runtime.worker import LATE_S, ConnectorRunner, StartInterrupted
from connect.stores.configs import ConfigStore, StoredTarget
from connect.stores.fenced import REBALANCING
from connect.stores.statuses import Status, StatusStore

logger = logging.getLogger(__name__)

#: The stored words of the targets.
STORED: Final[dict[TargetState, StoredTarget]] = {
    TargetState.RUNNING: "STARTED",
    TargetState.PAUSED: "PAUSED",
    TargetState.STOPPED: "STOPPED",
}


def wanted(configs: ConfigStore, name: str) -> TargetState:
    """Return a connector's target state."""
    stored = configs.target(name)
    return next(target for target, word in STORED.items() if word == stored)


class Lifecycle:
    """Starts, stops, pauses and restarts connectors and their tasks, and keeps the states that their statuses show.

    For the event loop's thread; nothing here blocks it. `reconcile` and `restart` return the task that does the work,
    in the order of the calls for one connector: who awaits it may stop waiting, and the work goes on.

    Attributes:
        locks: One a connector: who acts on it, or changes what its tasks start from (offsets), holds it.
        restarts: What is planned for failures.
        reloads: Watches values that hold for a time only.
    """

    def __init__(
        self,
        worker: TaskHost,
        configs: ConfigStore,
        statuses: StatusStore,
        board: StatusBoard,
    ) -> None:
        self.locks = ConnectorLocks()
        self.restarts = Restarts(self._restart_failed, now_ms)
        self.reloads = Reloads(worker.around.providers, self._reload)
        self._worker = worker
        self._configs = configs
        self._statuses = statuses
        self._board = board
        self._runners: dict[str, ConnectorRunner] = {}
        self._work: set[asyncio.Task[None]] = set()
        #: What tasks were before they were shown as RESTARTING.
        self._before: dict[tuple[str, int], Status] = {}
        #: Connectors that have asked for new task configs and not been asked for them since.
        self._to_divide: set[str] = set()
        self._closing = False
        self._stop_by: float | None = None

    async def __aenter__(self) -> Lifecycle:
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """Take everything down, all at once and within one grace time; what hangs is left behind."""
        self.stop_soon()
        await self.drained()
        for task in self._work:
            logger.error("%s did not end and is left behind", task.get_name())
            task.cancel()
        if self._work:
            await asyncio.wait(self._work, timeout=RELEASE_S)

    async def drained(self) -> None:
        """Wait until what `stop_soon` began is done, or its time is over."""
        assert self._stop_by is not None, "it was told to stop"
        if self._work:
            # Longer than the worker waits for what it has cancelled: it gives up what is left of that, and names it.
            left_s = max(0.0, self._stop_by - asyncio.get_running_loop().time())
            await asyncio.wait(self._work, timeout=left_s + LATE_S + RELEASE_S)

    def stop_soon(self) -> None:
        """Begin to take everything down; safe to call twice."""
        if self._closing:
            return
        self._closing = True
        self._worker.let_go()
        self._stop_by = asyncio.get_running_loop().time() + self._worker.grace_s
        self.restarts.close()
        self.reloads.close()
        for name, runner in self._runners.items():
            runner.interrupt(always=True)
            self._spawn(name, self._take_down(name), "stopping")

    # -- asked by the herder ---------------------------------------------------------------------------------------

    def running_config(self, name: str) -> Mapping[str, str] | None:
        """Return the config that a connector runs with, its references resolved; None where it runs with none."""
        runner = self._runners.get(name)
        if runner is None or runner.resolved is None or runner.raw != self._configs.config(name):
            return None
        return runner.resolved.texts

    def waiting(self) -> dict[str, str]:
        """Return what connectors wait for, by name, of those that do."""
        return {name: what for name, runner in self._runners.items() if (what := runner.waiting_for)}

    def late_calls(self) -> dict[str, int]:
        """Return how many calls of each connector's instance did not come back within their deadline."""
        return {name: runner.late_calls for name, runner in self._runners.items()}

    def begin(self) -> None:
        """Take over what the last worker left: its statuses tell of a life that is over, so none of them is shown."""
        known = self._configs.connectors()
        for name in set(self._statuses.connectors()) - set(known):
            self._statuses.drop(name)
        for name in known:
            self._show(name, None, None)
            tasks = len(self._configs.task_configs(name))
            self._statuses.drop_tasks(name, keep=tasks)
            running = {task.task for task in self._worker.tasks(name)}
            for task in range(tasks):
                status = self._statuses.tasks(name).get(task)
                if task not in running or status is None:
                    self._show(name, task, None)
                else:  # on another worker, which tells of it; what the leader before has planned is planned anew
                    self.on_told(TaskId(name, task), status)
            self.reconcile(name)

    def reconcile(self, name: str, *, renew: bool = False) -> asyncio.Task[None]:
        """Bring a connector to what is wanted of it, under its lock. A start that is not wanted any more is ended.

        Args:
            renew: Begin anew where something has failed, though the config is what it was: it was sent again.
        """
        runner = self._runners.get(name)
        if runner is not None:
            self._heed_live_keys(runner)
        if runner is not None and (
            runner.raw != self._configs.config(name) or wanted(self._configs, name) is TargetState.STOPPED
        ):
            runner.interrupt()
        return self._spawn(name, self._bring(name, renew=renew), "bringing it to its target state")

    def restart(self, name: str, *, instance: bool, tasks: Sequence[int], by: str = BY_REQUEST) -> asyncio.Task[None]:
        """Restart the instance, if asked, and these tasks; show them as RESTARTING from now on.

        Args:
            by: For the record of what has failed: `BY_REQUEST` or `BY_ITSELF`.
        """
        for restarted in [*([None] if instance else []), *tasks]:
            status = self._board.shown(name, restarted)
            if restarted is not None and status is not None and status.state != State.RESTARTING.value:
                self._before[name, restarted] = status
            if status is not None and status.state == State.FAILED.value:
                self._board.failures.restarted(name, restarted, by)
            self._show(name, restarted, Event.RESTART, status.trace if status else None)
        return self._spawn(name, self._restart(name, instance=instance, tasks=tasks), "restarting")

    # -- one connector, under its lock -----------------------------------------------------------------------------

    def _spawn(self, name: str, work: Coroutine[Any, Any, None], doing: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._locked(name, work, doing), name=f"connector {name}: {doing}")
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _locked(self, name: str, work: Coroutine[Any, Any, None], doing: str) -> None:
        try:
            async with self.locks.take(name, doing):
                await work
        except Exception as error:  # one connector's trouble must not reach the others
            self._failed(name, error)
        finally:
            work.close()  # where it never got the lock

    async def _bring(self, name: str, *, renew: bool) -> None:
        config, target = self._configs.config(name), wanted(self._configs, name)
        runner = self._runners.get(name)
        if self._closing:
            return
        if config is None:
            await self._take_down(name)
            self._worker.rates.forget(name)
            self._statuses.drop(name)
            self._board.forget(name)
        elif target is TargetState.STOPPED:
            await self._take_down(name)
            self._statuses.drop_tasks(name)
            self._show(name, None, Event.STOP)
        elif runner is None or runner.is_interrupted or runner.raw != config or (renew and self._has_failed(name)):
            if runner is not None:
                await self._take_down(name)
            else:  # tasks may run that a leader before has placed
                if renew:
                    self.restarts.forget(name)
                await self._worker.stop_outdated(name, config)
            if not self._closing:
                await self._bring_up(name, config, paused=target is TargetState.PAUSED)
        elif runner.state is not State.FAILED:
            await self._pause_or_resume(runner, paused=target is TargetState.PAUSED)

    def _heed_live_keys(self, runner: ConnectorRunner) -> None:
        """Take on a config that differs in nothing but what is changed while the connector runs."""
        config = self._configs.config(runner.name)
        if config is None or not is_live_change(runner.raw, config):
            return
        self._worker.rates.set(runner.name, config)
        runner.go_on_with(config)

    async def _pause_or_resume(self, runner: ConnectorRunner, *, paused: bool) -> None:
        """Pause or resume what runs."""
        if paused:
            runner.pause()
        else:
            runner.resume()
            # A connector that was created paused has no tasks yet, and one that was changed meanwhile has old ones.
            await self._divide(runner, paused=False)
        for task in self._worker.tasks(runner.name):
            found = self._worker.runner(task)
            if found is not None:
                (found.pause if paused else found.resume)()

    async def _bring_up(self, name: str, config: Mapping[str, str], *, paused: bool) -> None:
        runner = ConnectorRunner(name, config, self._worker.around, self._on_connector_event, self._on_reconfigure)
        self._runners[name] = runner
        # One that was created paused has no tasks until it is resumed.
        if await self._started(runner, paused=paused) and (not paused or self._configs.task_configs(name)):
            await self._divide(runner, paused=paused)

    async def _started(self, runner: ConnectorRunner, *, paused: bool) -> bool:
        """Start an instance, and watch the values that it has; return whether it came up."""
        self.reloads.forget(runner.name)
        if not await runner.start(paused=paused):
            return False
        assert runner.resolved is not None, "the instance has its config"
        self._worker.rates.set(runner.name, runner.resolved.texts)
        if runner.config.config_action_reload == "restart" and not self._closing:
            self.reloads.watch(runner.name, runner.resolved)
        return True

    async def _take_down(self, name: str) -> None:
        self.restarts.forget(name)
        self.reloads.forget(name)
        runner = self._runners.pop(name, None)
        await self._worker.stop_tasks(self._worker.tasks(name), by=self._stop_by)
        if runner is not None:
            await runner.stop(self._grace_s())

    def _grace_s(self) -> float:
        """How long an instance may take to stop: the worker's own stop gives one grace time to all together."""
        if self._stop_by is None:
            return self._worker.grace_s
        return max(RELEASE_S, self._stop_by - asyncio.get_running_loop().time())

    async def _divide(self, runner: ConnectorRunner, *, paused: bool) -> None:
        """Ask for task configs; the tasks are made anew where they differ, or none run."""
        try:
            configs = await runner.task_configs()
        except StartInterrupted:
            return
        except Exception as error:  # the plugin's planning failed: the connector is what failed
            runner.fail(error)
            return
        name, running = runner.name, self._worker.tasks(runner.name)
        stored = self._configs.task_configs(name)
        # What is in force already, since it is changed while tasks run, is stored with them and restarts none.
        is_running = len(running) == len(configs) and list(map(without_live, configs)) == list(
            map(without_live, stored)
        )
        if configs != stored:
            if not is_running:
                await self._worker.stop_tasks(running)
            if not await self._configs.put_tasks(name, configs):
                return  # stopped or deleted meanwhile; that request comes next
        if is_running:
            return
        self._statuses.drop_tasks(name, keep=len(configs))
        before = max(len(stored), len(configs), self._configs.fenced_tasks(name))
        if await self._worker.fence(runner, tasks=before):
            await self._configs.put_fenced_tasks(name, len(configs))
        self._worker.start_tasks(runner, configs, paused=paused)

    async def _restart(self, name: str, *, instance: bool, tasks: Sequence[int]) -> None:
        config, target = self._configs.config(name), wanted(self._configs, name)
        runner = self._runners.get(name)
        if config is None or target is TargetState.STOPPED or self._closing:
            return
        paused = target is TargetState.PAUSED
        # Tasks start from what the instance has.
        if instance or runner is None or runner.resolved is None or self._is_replaced(runner):
            if runner is not None:
                await runner.stop(self._grace_s())
            self._runners.pop(name, None)
            try:
                runner = ConnectorRunner(
                    name, config, self._worker.around, self._on_connector_event, self._on_reconfigure
                )
            except ConnectError:  # its plugin is gone
                self._show_as_before(name, tasks)
                raise
            self._runners[name] = runner
            if not await self._started(runner, paused=paused):
                self._show_as_before(name, tasks)
                return
            if not paused or self._configs.task_configs(name):
                await self._divide(runner, paused=paused)
            tasks = [
                *tasks,
                *(task.task for task in self._worker.tasks(name) if self._worker.is_outdated(runner, task)),
            ]
        configs = self._configs.task_configs(name)
        chosen = [task for task in dict.fromkeys(tasks) if task < len(configs)]
        await self._worker.stop_tasks([TaskId(name, task) for task in chosen])
        self._worker.start_tasks(runner, configs, paused=paused, only=chosen)

    def _is_replaced(self, runner: ConnectorRunner) -> bool:
        """Whether what a connector and its tasks ran is no more: a folder that they run from, in processes of their
        own, is another one now, or gone."""
        launch, name = launch_of(runner.desc.cls), runner.raw.get("connector.class", "").strip()
        if launch is None or launch.source is None or launch.source.folder is None:
            return False
        then, now = (host.find(name, *CONNECTOR_KINDS) for host in (runner.plugins, self._worker.around.plugins))
        return (then and then.cls) is not (now and now.cls)

    def _show_as_before(self, name: str, tasks: Sequence[int]) -> None:
        """Show tasks that were to be restarted, and were not since their connector failed, as what they are."""
        for task in tasks:
            status, shown = self._before.pop((name, task), None), self._board.shown(name, task)
            if status is not None and shown is not None and shown.state == State.RESTARTING.value:
                self._board.show_again(name, task, status)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def _on_reconfigure(self, name: str) -> None:
        if not self._closing and name not in self._to_divide:  # however often it asks, the next round answers all
            self._to_divide.add(name)
            self._spawn(name, self._reconfigure(name), "dividing the work anew")

    async def _reconfigure(self, name: str) -> None:
        self._to_divide.discard(name)
        runner = self._runners.get(name)
        if runner is not None and wanted(self._configs, name) is TargetState.RUNNING and not self._closing:
            await self._divide(runner, paused=False)

    def _restart_failed(self, name: str, task: int | None) -> None:
        """Restart what failed, now that its time has come."""
        if self._closing or self._configs.config(name) is None:
            return
        what = f"connector {name}" if task is None else f"task {name}-{task}"
        logger.info("restarting %s", what, extra=of_connector(name, task))
        if task is None:
            self.restart(name, instance=True, tasks=[], by=BY_ITSELF)
        elif task in self._statuses.tasks(name):
            self.restart(name, instance=False, tasks=[task], by=BY_ITSELF)

    def _reload(self, name: str) -> None:
        """Restart a connector whose values have changed, with all of its tasks."""
        if self._closing or self._configs.config(name) is None:
            return
        logger.info(
            "restarting connector %s, since values of its config providers have changed", name, extra=of_connector(name)
        )
        self.restart(name, instance=True, tasks=list(self._statuses.tasks(name)), by=BY_ITSELF)

    def _on_connector_event(self, name: str, event: Event, trace: str | None) -> None:
        runner = self._runners.get(name)
        self._take(name, None, event, trace, runner.failure if runner else None)

    def on_task_event(self, task: TaskId, event: Event, trace: str | None) -> None:
        """Take what happened to a task."""
        runner = self._worker.runner(task)
        self._take(task.connector, task.task, event, trace, runner.failure if runner else None)

    def on_told(self, task: TaskId, status: Status) -> None:
        """Take what the worker that runs a task has told of it."""
        if status.state == State.FAILED.value and (cause := failure_kind(status.cause)) is not None:
            self._plan_restart(task.connector, task.task, cause)
        elif status.state == State.RUNNING.value:
            self.restarts.running(task.connector, task.task)

    def _take(self, name: str, task: int | None, event: Event, trace: str | None, failure: Exception | None) -> None:
        state = self._show(name, task, event, trace)
        if state is State.FAILED and failure is not None:
            self._board.failures.explain(name, task, details_of(failure))
            self._plan_restart(name, task, kind_of(failure))
        elif state is State.RUNNING:
            self.restarts.running(name, task)

    def _plan_restart(self, name: str, task: int | None, cause: FailureKind) -> None:
        config = self._configs.config(name)
        if config is None or self._closing:
            return
        try:
            own = RestartConfig.parse(self.running_config(name) or config)
            plan = self.restarts.failed(name, task, cause, own)
        except ConfigError as wrong:  # stored by a worker that did not know these keys
            logger.warning("connector %s is not restarted by itself: %s", name, wrong.message, extra=of_connector(name))
            return
        if plan is not None and plan.at_ms is None:
            logger.warning(
                "connector %s: all %d restarts of errors.restart.max.attempts are used up",
                name,
                plan.attempts,
                extra=of_connector(name, task),
            )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _failed(self, name: str, error: Exception) -> None:
        if isinstance(error, ConnectError) and error.code == REBALANCING:  # it goes on with who leads by now
            logger.warning("connector %s: %s", name, error.message, extra=of_connector(name))
            return
        runner = self._runners.get(name)
        if runner is not None:
            runner.fail(error)
        elif self._configs.config(name) is not None:
            logger.error("connector %s failed: %s", name, render_trace(error), extra=of_connector(name))
            self._show(name, None, Event.FAIL, render_trace(error))

    def _has_failed(self, name: str) -> bool:
        own = self._statuses.connector(name)
        return any(
            status.state == State.FAILED for status in (*([own] if own else []), *self._statuses.tasks(name).values())
        )

    def _version(self, name: str) -> str | None:
        runner = self._runners.get(name)
        return runner.desc.cls.version if runner else None

    def _show(self, name: str, task: int | None, event: Event | None, trace: str | None = None) -> State:
        return self._board.show(name, task, event, trace, version=self._version(name))
