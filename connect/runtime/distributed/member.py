"""A worker of a group as one that runs tasks: those that the leader has placed on it.

Theory of operation. What is placed is read from the table each time, so news is a hint to look, never an order. A task
is started when a start of it is placed here, and stopped when that is over; of the stop the leader learns by a release,
and nobody starts the task elsewhere before. Once the membership is lost nothing is told any more: the leader waits long
enough for that instead (`crew.GONE_S`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Final

from connect.api import ConfigError, ConnectError, NotFoundError
from connect.api.errors import ProducerFencedError
from connect.runtime.base import Base
from connect.runtime.connector_context import connector_context, context_text, of_connector
from connect.runtime.factory import connector_desc, framework_config
from connect.runtime.failure_kinds import FailureKind, kind_of
from connect.runtime.model import TaskId
from connect.runtime.providers.resolved import parts_of_stored
from connect.runtime.rates import is_live_change
from connect.runtime.states import Event
from connect.runtime.tasks.spec import TaskOrigin, TaskSpec
from connect.runtime.tasks.task import render_trace
from connect.stores.configs import CONNECTOR, LOGGER, TARGET
from connect.stores.workers import Release, Task, WorkerTable

logger = logging.getLogger(__name__)

#: How long a task may take to stop once the membership is lost; what it has in hand cannot be committed anyway.
LOST_S: Final = 0.8
#: How long the member waits before it tells again what the brokers did not take.
_AGAIN_S: Final = 1.0


class Member:
    """Runs what is placed on one worker. For the event loop.

    Args:
        me: The ID of this worker's membership.

    Attributes:
        origins: What tasks are made from where this process has planned them; else it is read from their configs.
    """

    def __init__(self, base: Base, table: WorkerTable, me: str) -> None:
        self.origins: dict[TaskId, TaskOrigin] = {}
        self._base = base
        self._table = table
        self._me = me
        #: Which start of a task runs here, a failed one too.
        self._running: dict[Task, int] = {}
        self._raw: dict[Task, Mapping[str, str]] = {}
        self._jobs: dict[Task, asyncio.Task[None]] = {}
        self._again: set[Task] = set()
        #: The last one: all has been stopped, and nobody waits for what is begun now.
        self._is_leaving = self._is_lost = self._is_over = False
        base.on_task_event = self._on_task_event
        base.check_placed = self._check_placed

    @property
    def running(self) -> Collection[Task]:
        """The tasks that run here, failed ones too."""
        return self._running.keys()

    def begin(self) -> None:
        """Run what is placed here already, and hear of what is written from now on."""
        self._base.config_topic.on_change = self._heed
        for task in list(self._table.placements):
            self.look(task)

    def look(self, task: Task) -> None:
        """Look what is placed, since something has changed."""
        if self._is_over:
            return
        if task in self._jobs:
            self._again.add(task)
            return
        placement = self._table.placements.get(task)
        if task in self._running or (placement is not None and placement.worker == self._me):
            job = self._jobs[task] = asyncio.create_task(self._bring(task), name=f"task {task[0]}-{task[1]}: placing")
            job.add_done_callback(lambda _: self._brought(task))

    def _brought(self, task: Task) -> None:
        del self._jobs[task]
        if task in self._again:  # heard of once the job had looked for the last time
            self._again.discard(task)
            self.look(task)

    async def leave(self) -> None:
        """Stop everything within the grace time, and tell the leader."""
        self._is_leaving = True
        await self._stop(asyncio.get_running_loop().time() + self._base.worker.grace_s)

    async def abandon(self) -> None:
        """Stop everything at once, and tell nobody: the membership is lost."""
        self._is_lost = self._is_leaving = True
        await self._stop(asyncio.get_running_loop().time() + LOST_S)

    async def _stop(self, by: float) -> None:
        running = [TaskId(*task) for task in self._running]
        await self._base.worker.stop_tasks(running, by=by)
        for task in [*self._running, *self._table.placements]:
            self.look(task)
        clock = asyncio.get_running_loop().time
        if self._jobs:
            await asyncio.wait(list(self._jobs.values()), timeout=max(_AGAIN_S, by - clock()))
        self._is_over = True
        for job in self._jobs.values():
            job.cancel()

    # -- one task ----------------------------------------------------------------------------------------------------

    async def _bring(self, task: Task) -> None:
        told = ""
        while True:
            self._again.discard(task)
            try:
                await self._step(task)
            except ConnectError as error:  # the brokers did not take what was told
                if error.message != told:  # once for a cause that stays
                    logger.warning("task %s-%d: %s", *task, error.message, extra=of_connector(*task))
                told = error.message
                await asyncio.sleep(_AGAIN_S)
                continue
            except Exception:  # a defect: the leader waits for a release all the same
                logger.exception("task %s-%d: the look at its placement failed", *task, extra=of_connector(*task))
                await asyncio.sleep(_AGAIN_S)
                continue
            if task not in self._again:
                return

    async def _step(self, task: Task) -> None:
        placement = self._table.placements.get(task)
        mine = placement if placement is not None and placement.worker == self._me else None
        wanted = mine.start if mine is not None and mine.run and not self._is_leaving else None
        has = self._running.get(task)
        if has is not None and has != wanted:
            await self._base.worker.stop_tasks([TaskId(*task)])
            await self._release(task, has)
            self._running.pop(task, None)
            self._raw.pop(task, None)
            has = None
        if wanted is None and mine is not None:
            await self._release(task, mine.start)
        elif wanted is not None and has is None:
            await self._start(task, wanted)
        else:
            self._align(task)

    async def _release(self, task: Task, start: int) -> None:
        if not self._is_lost and self._table.releases.get(task) != (release := Release(self._me, start)):
            await self._base.statuses.write()
            await self._table.release(task, release)

    async def _start(self, task: Task, start: int) -> None:
        name = TaskId(*task)
        connector_context.set(context_text(name.connector))
        try:
            await self._base.config_topic.catch_up()
            await self._base.reserve()
            spec = await self._spec(name)
        except Exception as error:  # a provider or a plugin's class may raise anything; it ends in the status
            self._running[task] = start
            trace = render_trace(error)
            logger.error("task %s-%d failed to start: %s", *task, trace, extra=of_connector(*task))
            self._base.board.show(*task, Event.START)
            self._base.board.show(*task, Event.FAIL, trace, cause=kind_of(error))
            self._base.statuses.on_task(*task)
            return
        if spec is None or self._is_leaving:
            return
        self._running[task] = start
        self._base.worker.start_task(spec, paused=self._is_paused(name.connector))

    async def _spec(self, task: TaskId) -> TaskSpec | None:
        """Return what a task is to run with; None where its connector is gone meanwhile."""
        base = self._base
        raw, configs = base.configs.config(task.connector), base.configs.task_configs(task.connector)
        if raw is None or task.task >= len(configs):
            return None
        plugins = base.plugins.snapshot()
        desc = connector_desc(plugins, raw)
        resolved = await base.providers.resolve(raw)
        origin = self.origins.get(task)
        if origin is None and resolved.parts:
            origin = TaskOrigin(raw, parts_of_stored(configs[task.task], resolved))
        share = 1 / max(1, len(configs))
        here = sum(name == task.connector for name, _ in self._running) + 1
        limit = base.worker.rates.set(task.connector, resolved.texts, share=min(1.0, here * share))
        self._raw[task.connector, task.task] = raw
        config = framework_config(desc, resolved.config)
        return TaskSpec(task, desc, plugins, config, dict(configs[task.task]), len(configs), origin, limit)

    async def _check_placed(self, task: TaskId) -> None:
        await self._table.catch_up()
        at = (task.connector, task.task)
        placement = self._table.placements.get(at)
        if placement is None or (placement.worker, placement.start) != (self._me, self._running.get(at)):
            raise ProducerFencedError("another worker runs it by now, or it was started anew")

    def _is_paused(self, connector: str) -> bool:
        return self._base.configs.target(connector) == "PAUSED"

    def _align(self, task: Task) -> None:
        """Let a task run or stand still, as its connector is to."""
        runner = self._base.worker.runner(TaskId(*task))
        if runner is not None:
            (runner.pause if self._is_paused(task[0]) else runner.resume)()

    # -- hearing -----------------------------------------------------------------------------------------------------

    def _heed(self, stored: bytes) -> None:
        """Look at a key of the configs that has changed: targets and live keys reach tasks that run, levels the log."""
        key = stored.decode(errors="replace")
        if key.startswith(TARGET):
            for task in [task for task in self._running if task[0] == key.removeprefix(TARGET)]:
                self.look(task)
        elif key.startswith(CONNECTOR):
            self._heed_live_keys(key.removeprefix(CONNECTOR))
        elif key.startswith(LOGGER):
            self._heed_level(key.removeprefix(LOGGER))

    def _heed_level(self, logger_name: str) -> None:
        level = self._base.configs.level(logger_name)
        try:
            if level is not None:
                self._base.loggers.set(logger_name, level)
        except NotFoundError as error:  # a level that only others know
            logger.warning("%s", error.message)

    def _heed_live_keys(self, name: str) -> None:
        mine = [task for task in self._running if task[0] == name]
        config = self._base.configs.config(name)
        if config is None or not mine:
            return
        if all(is_live_change(self._raw.get(task, {}), config) for task in mine):
            share = len(mine) / max(len(mine), len(self._base.configs.task_configs(name)))
            try:
                self._base.worker.rates.set(name, config, share=share)
            except ConfigError as error:
                logger.warning("connector %s: %s", name, error.message, extra=of_connector(name))
            for task in mine:
                self._raw[task] = config

    def _on_task_event(self, task: TaskId, event: Event, trace: str | None) -> None:
        runner = self._base.worker.runner(task)
        if runner is None or self._is_lost:  # it is stopped, and what it says of its end is no news
            return
        failure = runner.failure if event is Event.FAIL else None
        self._base.board.show(
            task.connector,
            task.task,
            event,
            trace,
            version=runner.spec.desc.cls.version,
            cause=None if failure is None else _cause_of(failure),
        )
        self._base.statuses.on_task(task.connector, task.task)


def _cause_of(failure: BaseException) -> FailureKind:
    """Return what a task failed by.

    To be shut out passes, where the leader has placed the task here and nowhere else: whoever did so was late.
    """
    return "outage" if isinstance(failure, ProducerFencedError) else kind_of(failure)
