"""All workers of a group as the leader's lifecycle sees them: it starts and stops tasks, wherever they run.

Theory of operation. What is to run is in memory, what is placed in the table (`connect.stores.workers`), which outlives
the leader. A turn compares both with the workers that are alive, and writes what is to change; it is taken when
something has changed, and twice a second. A task moves in two steps: its worker is told to stop it, and only once that
worker has released it, or is gone for `GONE_S`, is it placed anew. All writes are fenced: those of a former leader are
refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from connect.api import ConnectError
from connect.runtime.base import Base
from connect.runtime.clock import now_ms
from connect.runtime.connector_context import of_connector
from connect.runtime.distributed.balance import balanced
from connect.runtime.distributed.member import LOST_S, Member
from connect.runtime.distributed.membership import LOOK_MS, Membership
from connect.runtime.model import TaskId
from connect.runtime.providers.references import Encoded
from connect.runtime.rates import Rates, without_live
from connect.runtime.states import Event
from connect.runtime.tasks.spec import Surroundings
from connect.runtime.tasks.task import TaskRunner
from connect.runtime.tasks.transactional import transactional_id
from connect.runtime.worker import ConnectorRunner
from connect.stores.fenced import REBALANCING, FencedProducer
from connect.stores.workers import Placement, Release, Task, WorkerTable

logger = logging.getLogger(__name__)

#: How long a worker that the group has thrown out has for stopping its tasks: to notice it, which its client does once
#: a second, and to end them.
GONE_S: Final = 1.0 + LOOK_MS / 1000 + LOST_S + 0.2
#: How often the leader looks who is alive.
_TURN_S: Final = 0.5
#: How much longer than its grace time a task on another worker may take to be released: that worker may be gone, and
#: the group knows it after `session.timeout.ms`.
_SLACK_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A task that is to run.

    Attributes:
        config: Digest of the connector's config.
        values: The same of its values; None where a leader before has placed the task.
        is_pinned: It runs with what only this process knows.
    """

    config: str
    values: str | None = None
    is_pinned: bool = False


class Crew:
    """See `TaskHost` for the contract. Made by the leader, for as long as it leads. For the event loop.

    Args:
        through: What the leader writes through.
    """

    def __init__(
        self, base: Base, table: WorkerTable, membership: Membership, member: Member, through: FencedProducer
    ) -> None:
        self.rates = Rates()
        self._base = base
        self._table = table
        self._membership = membership
        self._member = member
        self._through = through
        self._wanted: dict[Task, _Wanted] = {
            # One that is told to stop was on its way to another worker, or to a new start.
            task: _Wanted(placement.config)
            for task, placement in table.placements.items()
        }
        #: Where a task was last, so that it comes back there.
        self._last: dict[Task, str] = {}
        self._alive: frozenset[str] = frozenset()
        self._gone_at: dict[str, float] = {}
        #: Starts of tasks that nobody waits for any more.
        self._left_behind: set[tuple[Task, int]] = set()
        #: Tasks whose placement is on its way into the table.
        self._placing: frozenset[Task] = frozenset()
        self._kicked = asyncio.Event()
        self._turned = asyncio.Event()
        #: Nobody else places: the next start is behind all that the table has, and behind those from here on.
        self._last_start = max((at.start for at in table.placements.values()), default=0)
        self._has_let_go = False
        self._turning: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to place tasks. What a leader before has placed stays, if it is still wanted."""
        configs = self._base.configs
        for task in list(self._wanted):
            name, number = task
            if configs.target(name) == "STOPPED" or number >= len(configs.task_configs(name)):
                del self._wanted[task]
        self._turning = asyncio.create_task(self._turn_forever(), name="placing tasks")

    async def aclose(self) -> None:
        """Place nothing any more; what runs goes on. Safe to call twice."""
        self.let_go()
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)

    def kick(self) -> None:
        """Take a turn now, since something has changed."""
        self._kicked.set()

    # -- what the lifecycle asks -------------------------------------------------------------------------------------

    @property
    def around(self) -> Surroundings:
        """What the process lends to plugins."""
        return self._base.around

    @property
    def grace_s(self) -> float:
        """How long a stopping task may take, in seconds."""
        return self._base.worker.grace_s

    def tasks(self, connector: str) -> list[TaskId]:
        """Return a connector's tasks that are to run."""
        return sorted((TaskId(*task) for task in self._wanted if task[0] == connector), key=lambda task: task.task)

    def runner(self, task: TaskId) -> TaskRunner | None:
        """None: each worker looks after its own."""

    def start_tasks(
        self,
        connector: ConnectorRunner,
        configs: Sequence[Mapping[str, str]],
        *,
        paused: bool,
        only: Sequence[int] | None = None,
    ) -> None:
        """Have tasks placed; whether they are paused is read by the workers that run them."""
        assert connector.resolved is not None, "the instance was started"
        self.rates.set(connector.name, connector.resolved.texts)
        config, values = digest(connector.raw), digest(connector.resolved.texts)
        for number in range(len(configs)):
            if only is not None and number not in only:
                continue
            origin = connector.origin(number)
            self._member.origins.pop(TaskId(connector.name, number), None)
            if origin is not None:
                self._member.origins[TaskId(connector.name, number)] = origin
            parts = () if origin is None else (part for parts in origin.parts.values() for part in parts)
            is_pinned = any(isinstance(part, Encoded) for part in parts)
            is_new = (connector.name, number) not in self._wanted
            self._wanted[connector.name, number] = _Wanted(config, values, is_pinned)
            if is_new:  # else a leader before has placed it, and it runs
                self._base.board.show(connector.name, number, Event.START, version=connector.desc.cls.version)
        self.kick()

    async def stop_tasks(self, tasks: Sequence[TaskId], *, by: float | None = None) -> None:
        """Have tasks stopped, and wait until their workers have released them, or are gone."""
        if self._has_let_go:
            return
        gone = [(task.connector, task.task) for task in tasks]
        for task in gone:
            self._wanted.pop(task, None)
        self.kick()
        clock = asyncio.get_running_loop().time
        deadline = (clock() + self.grace_s if by is None else by) + _SLACK_S
        while left := [task for task in gone if self._is_placed(task) and task not in self._wanted]:
            if self._has_let_go or clock() >= deadline:
                break
            self._turned.clear()
            try:
                async with asyncio.timeout(min(_TURN_S, max(0.0, deadline - clock()))):
                    await self._turned.wait()
            except TimeoutError:
                continue
        for task in [] if self._has_let_go else left:
            placement = self._table.placements.get(task)
            if placement is None:  # it was never told to run
                continue
            logger.error(
                "task %s-%d was not released by worker %s and is left behind",
                *task,
                placement.worker,
                extra=of_connector(*task),
            )
            self._left_behind.add((task, placement.start))

    async def stop_outdated(self, connector: str, raw: Mapping[str, str]) -> None:
        """Stop tasks that a leader before has placed with another config."""
        now = digest(raw)
        await self.stop_tasks(
            [task for task in self.tasks(connector) if self._wanted[connector, task.task].config != now]
        )

    def is_outdated(self, connector: ConnectorRunner, task: TaskId) -> bool:
        """Say whether a task runs with other values of config providers than its connector."""
        wanted = self._wanted.get((task.connector, task.task))
        if wanted is None or connector.resolved is None or not connector.resolved.parts:
            return False
        return wanted.values != digest(connector.resolved.texts)

    async def fence(self, connector: ConnectorRunner, *, tasks: int = 0) -> bool:
        """Shut out what tasks of a source connector were left behind with."""
        return await self._base.worker.fence(connector, tasks=tasks)

    def let_go(self) -> None:
        """Stop nothing any more: the next leader looks after it."""
        self._has_let_go = True
        self._turned.set()

    # -- placing -----------------------------------------------------------------------------------------------------

    async def _turn_forever(self) -> None:
        trouble = ""
        while not self._has_let_go:
            try:
                self._kicked.clear()
                await self._turn()
                self._turned.set()
                trouble = ""
            except Exception as error:  # without turns nothing would be placed any more, and nobody would know
                if isinstance(error, ConnectError) and error.code == REBALANCING:  # another one leads
                    return
                trouble = self._tell_trouble(error, trouble)
                await asyncio.sleep(_TURN_S)
            try:
                async with asyncio.timeout(_TURN_S):
                    await self._kicked.wait()
            except TimeoutError:
                continue

    def _tell_trouble(self, error: Exception, before: str) -> str:
        """Say why tasks are not placed, once for a cause that stays; return it."""
        is_outage = isinstance(error, ConnectError)
        cause = error.message if isinstance(error, ConnectError) else f"{type(error).__name__}: {error}"
        if cause != before:
            level = logging.WARNING if is_outage else logging.ERROR
            logger.log(level, "tasks are not placed just now: %s", cause, exc_info=None if is_outage else error)
        return cause

    async def _turn(self) -> None:
        await self._look_who_is_alive()
        usable = [worker for worker, info in self._table.workers.items() if worker in self._alive and not info.leaving]
        placements = self._table.placements
        present = {task: at.worker for task, at in placements.items() if task in self._wanted}
        me = self._membership.id
        pinned = {task: me for task, wanted in self._wanted.items() if wanted.is_pinned}
        target = balanced(self._wanted, usable, self._last | present, pinned)
        changes: dict[Task, Placement] = {}
        gone: list[Task] = []
        for task, at in placements.items():
            if task in self._wanted:
                continue
            if self._is_free(task, at):
                gone.append(task)
            elif at.run:
                changes[task] = replace(at, run=False)
        for task, wanted in self._wanted.items():
            to, found = target.get(task), placements.get(task)
            if found is not None and not self._is_free(task, found):
                if found.run and found.worker != to and to is not None:
                    changes[task] = replace(found, run=False)
            elif to is not None:
                changes[task] = Placement(to, self._next_start(), True, wanted.config)
            elif found is not None:
                gone.append(task)
        await self._write(changes, gone)

    async def _write(self, changes: Mapping[Task, Placement], gone: list[Task]) -> None:
        self._placing = frozenset(task for task, change in changes.items() if change.run)
        try:
            await self._place(changes)
        finally:
            self._placing = frozenset()
        dead = [worker for worker in self._table.workers if self._is_dead(worker)]
        if gone or dead:
            await self._table.forget(gone, dead, self._through)
            for task in gone:
                if self._base.configs.config(task[0]) is None:
                    self._last.pop(task, None)
                    self._member.origins.pop(TaskId(*task), None)
            self._left_behind = {(task, start) for task, start in self._left_behind if task in self._table.placements}
        if gone or changes:
            self.kick()

    async def _place(self, changes: Mapping[Task, Placement]) -> None:
        await self._fence(changes)
        for task, change in changes.items():
            before = self._table.placements.get(task)
            if change.run and before is not None and before.worker != change.worker:
                self._base.board.show(*task, None)
            if change.run:
                self._last[task] = change.worker
        # A worker tells of a task once it is placed: what is told here comes before.
        await self._base.statuses.write()
        if changes:
            await self._table.place(changes, self._through)

    async def _fence(self, changes: Mapping[Task, Placement]) -> None:
        """Shut out the producers of tasks that were not released, and abort what they left open: it would hide the
        offsets that lie behind it from the tasks that start now."""
        if not self._base.config.exactly_once_sources:
            return
        left = [
            task
            for task, change in changes.items()
            if change.run
            and (before := self._table.placements.get(task)) is not None
            and not self._is_released(task, before)
        ]
        if left:
            # One that led and was frozen would shut out who runs them now: this is refused to it.
            await self._table.lead(self._membership.id, self._through)
            ids = [transactional_id(self._base.config, name, number) for name, number in left]
            await self._base.cluster.admin.fence_producers(ids)

    async def _look_who_is_alive(self) -> None:
        self._alive = await self._membership.alive()
        now = asyncio.get_running_loop().time()
        known = {*self._table.workers, *(at.worker for at in self._table.placements.values())}
        for worker in known:
            if worker in self._alive:
                self._gone_at.pop(worker, None)
            else:
                self._gone_at.setdefault(worker, now)
        self._gone_at = {worker: since for worker, since in self._gone_at.items() if worker in known}

    def _is_placed(self, task: Task) -> bool:
        return task in self._table.placements or task in self._placing

    def _is_dead(self, worker: str) -> bool:
        since = self._gone_at.get(worker)
        return since is not None and asyncio.get_running_loop().time() - since >= GONE_S

    def _is_free(self, task: Task, at: Placement) -> bool:
        return self._is_released(task, at) or self._is_dead(at.worker) or (task, at.start) in self._left_behind

    def _is_released(self, task: Task, at: Placement) -> bool:
        return self._table.releases.get(task) == Release(at.worker, at.start)

    def _next_start(self) -> int:
        self._last_start = max(now_ms(), self._last_start + 1)
        return self._last_start


def digest(config: Mapping[str, str]) -> str:
    """Return what tells a connector's config from others, but for the keys that change while tasks run."""
    return hashlib.sha256(orjson.dumps(without_live(config), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
