"""One life of a worker in its group: it follows the stores, runs what is placed on it, and leads when it is its turn.

A life ends when the worker is to stop, or when the group goes on without it; then its process begins another one.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

import connect
from connect.api import ConflictError, ConnectError, EnvironmentFault
from connect.ports import Cluster
from connect.runtime.base import Base
from connect.runtime.clock import now_ms
from connect.runtime.distributed.crew import Crew
from connect.runtime.distributed.member import Member
from connect.runtime.distributed.membership import Membership
from connect.runtime.herder import Herder
from connect.runtime.model import Health, TaskId, WorkerView, worker_id_of
from connect.runtime.plugins import PluginHost
from connect.runtime.rates import either
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.worker_config import WorkerConfig
from connect.stores import workers
from connect.stores.compacted import CompactedTopic
from connect.stores.fenced import REBALANCING, FencedProducer
from connect.stores.statuses import Status
from connect.stores.workers import Task, WorkerInfo, WorkerTable

logger = logging.getLogger(__name__)

#: How long a worker that was to lead and could not waits before it tries again.
_AGAIN_S: Final = 2.0
#: How long a worker that stops tries to tell the others.
_TELL_S: Final = 3.0


class Node:
    """A worker that shares the tasks of its group. Use as an async context manager, and `join` once REST listens.

    Entering raises ConfigError or EnvironmentFault where the group or a store does not take this worker in.

    Attributes:
        lost: Set once the group goes on without this worker: close it, and begin anew.
        herder: The herder, while this worker leads.
    """

    def __init__(
        self, config: WorkerConfig, cluster: Cluster, plugins: PluginHost, *, engine_keys: Collection[str] = ()
    ) -> None:
        topic = self._topic = CompactedTopic(
            cluster,
            config.workers_topic,
            problem=workers.problem_of,
            is_single=True,
            replication_factor=config.config_storage_replication_factor,
            follows=True,
        )
        self.base = Base(config, cluster, plugins, engine_keys=engine_keys, follows=True, more=(topic,))
        self.lost = asyncio.Event()
        self.herder: Herder | None = None
        self._table = WorkerTable(topic, now_ms)
        self._membership = Membership(cluster, config)
        self._member = Member(self.base, self._table, self._membership.id)
        self._leader_before: str | None = None
        self._crew: Crew | None = None
        self._leading: AsyncExitStack | None = None
        self._info: WorkerInfo | None = None
        self._following: list[asyncio.Task[Any]] = []
        self._announcing: asyncio.Task[None] | None = None
        #: Tasks, and connectors, of which somebody told too late, until that is settled.
        self._late: set[tuple[str, int | None]] = set()
        self._settling: asyncio.Task[None] | None = None
        self._failure: ConnectError | None = None
        self._is_closing = False
        #: Gives all up; once.
        self._ending: asyncio.Task[None] | None = None

    @property
    def leader_url(self) -> str | None:
        """Where the leader's REST answers, if that is another worker; None where none is known."""
        if self._table.leader == self._membership.id:
            return None
        info = self._table.workers.get(self._table.leader or "")
        return None if info is None or info.leaving else info.url

    def workers(self) -> list[WorkerView]:
        """Return the workers of the group, in the order of their URLs."""
        table, tasks = self._table, dict[str, list[TaskId]]()
        for task, placement in sorted(table.placements.items()):
            tasks.setdefault(placement.worker, []).append(TaskId(*task))
        views = [
            WorkerView(info.url, info.version, worker == table.leader, info.leaving, tuple(tasks.get(worker, ())))
            for worker, info in table.workers.items()
        ]
        return sorted(views, key=lambda view: view.url)

    def leading(self) -> Herder:
        """Return the herder.

        Raises:
            ConflictError: worker.rebalancing: this worker does not lead.
        """
        if self.herder is None:
            raise ConflictError(
                "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was "
                "underway.",
                code=REBALANCING,
            )
        return self.herder

    def health(self) -> Health:
        """Say whether this worker can serve: it is in the group, and writes its statuses."""
        if self._info is None or not self._following:
            return Health("starting", "Worker is still starting up.")
        if self.lost.is_set():
            return Health("unhealthy", "Worker is no member of its group just now")
        return self.base.health()

    # -- life ------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Node:
        try:
            await self._membership.join()  # first: nothing is written beside workers of another kind
            await self.base.open()
        except BaseException:
            await self.base.aclose(self._membership.aclose)
            raise
        self._table.load()
        return self

    async def join(self, url: str) -> None:
        """Begin to take part in the group.

        Args:
            url: Where the other workers reach this one's REST.

        Raises:
            EnvironmentFault: The brokers do not take it.
        """
        self._info = WorkerInfo(url, connect.__version__)
        await self._table.announce(self._membership.id, self._info)
        self._leader_before = self._table.leader
        self._table.on_change = self._on_table
        self.base.statuses.on_task = self._on_status
        self.base.statuses.counts = self._counts
        self.base.statuses.on_late = self._on_late_status
        self._member.begin()
        self._following = [
            asyncio.create_task(self._lead_in_turn(), name="leading"),
            asyncio.create_task(self._hear_of_the_end(), name="hearing of the group"),
        ]
        for task in self._following:
            task.add_done_callback(self._ended)
        logger.info("this worker is a member of group %s", self.base.config.group_id)

    async def __aexit__(self, *exc_info: Any) -> None:
        """Give all up within the grace time and a little more, whatever hangs or fails."""
        try:
            await self.drain()
        finally:
            await self.base.aclose(self._membership.aclose)

    async def drain(self) -> None:
        """Give up the lead and the tasks, and leave the group; `__aexit__` closes what they stand on."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._give_up(), name="leaving the group")
        await asyncio.shield(self._ending)

    async def _give_up(self) -> None:
        self._is_closing = True
        ending = [*self._following, *(task for task in (self._announcing, self._settling) if task is not None)]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self.lost.is_set():
            await self._member.abandon()  # first, for others run the tasks by now
            await self._lead_no_more()
        else:
            await self._leave()
            # Now, and not once REST has closed: the others choose who leads, and run what was given up.
            await self._membership.aclose()

    def raise_failure(self) -> None:
        """Raise what this life ended by, if it was no loss of the membership."""
        if self._failure is not None:
            raise self._failure

    def stop_soon(self) -> None:
        """Begin to stop connectors, while REST and others close; `drain` does the rest."""
        self.base.is_stopping = True
        if self.herder is not None:
            self.herder.stop_soon()

    async def _leave(self) -> None:
        """Give up the lead, then the tasks, and tell the others."""
        if (info := self._info) is not None:
            gone = WorkerInfo(info.url, info.version, leaving=True)
            await self._told("that this one stops", self._table.announce(self._membership.id, gone))
        await self._lead_no_more()
        await self._member.leave()
        if info is not None:
            await self._told("that this one has stopped", self._table.withdraw(self._membership.id))

    async def _told(self, what: str, telling: Coroutine[Any, Any, None]) -> None:
        """Tell the other workers something on the way out, but not for long."""
        try:
            async with asyncio.timeout(_TELL_S):
                await telling
        except (ConnectError, TimeoutError) as error:
            logger.warning("the other workers were not told %s: %s", what, str(error) or "no broker took it")

    # -- leading -----------------------------------------------------------------------------------------------------

    async def _lead_in_turn(self) -> None:
        await self._membership.leads.wait()
        while True:
            try:
                await self._lead()
                return
            except EnvironmentFault as error:
                if not may_pass(error):  # it may not lead, ever
                    self._failure = error
                    self.lost.set()
                    return
                logger.warning("this worker is to lead group %s: %s", self.base.config.group_id, error.message)
                await self._lead_no_more()
                await asyncio.sleep(_AGAIN_S)
            except ConnectError as error:
                if error.code == REBALANCING:  # another one leads by now: this one was frozen on its way
                    logger.warning("this worker was to lead group %s: %s", self.base.config.group_id, error.message)
                else:
                    self._failure = error
                self.lost.set()
                return

    async def _lead(self) -> None:
        """Become the leader: shut out the one before, know all that it has written, and go on where it was."""
        config, base = self.base.config, self.base
        stack = self._leading = AsyncExitStack()
        through = FencedProducer(base.cluster, f"connect-cluster-{config.group_id}", self.lost.set)
        stack.push_async_callback(through.aclose)
        await through.open()
        # Nobody else writes these in transactions, so nothing of a task can be in the way.
        written = (base.config_topic, *((base.history_topic,) if base.configs.history is not None else ()))
        for topic in (*written, self._topic):
            await topic.catch_up()
        for topic in written:
            topic.through = through
        for topic in base.topics:
            await topic.mend()
        base.statuses.forget_unreadable()
        crew = Crew(base, self._table, self._membership, self._member, through)
        stack.push_async_callback(crew.aclose)
        crew.begin()
        herder = Herder(config, base.cluster, base.plugins, base=base, tasks=crew)
        await base.reserve()
        await stack.enter_async_context(herder)
        self._crew, self.herder = crew, herder
        await self._table.lead(self._membership.id, through)
        logger.info("this worker leads group %s", config.group_id)

    async def _lead_no_more(self) -> None:
        self._crew = self.herder = None
        stack, self._leading = self._leading, None
        if stack is not None:
            await stack.aclose()
        self.base.config_topic.through = self.base.history_topic.through = None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Begin another life where a part of this one has ended by a defect: nobody would do its work."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s ended by a defect; this worker joins its group anew", task.get_name(), exc_info=error)
            self.lost.set()

    async def _hear_of_the_end(self) -> None:
        """Stop all that runs here as soon as the group goes on without this worker, before REST and others close."""
        await either(self._membership.lost, self.lost, math.inf)
        self.lost.set()
        if self._crew is not None:
            self._crew.let_go()
        await self._member.abandon()

    # -- hearing -----------------------------------------------------------------------------------------------------

    def _on_table(self, task: Task | None) -> None:
        if task is not None:
            self.base.statuses.look_again(*task)  # the topics are read one beside the other
            self._member.look(task)
        elif self._table.leader != self._leader_before:  # what it told while nobody knew that it leads
            self._leader_before = self._table.leader
            self.base.statuses.look_again_at_all()
        if self._crew is not None:
            self._crew.kick()
        if not self._is_closing and self._membership.id not in self._table.workers and self._announcing is None:
            # A leader that did not see this worker in the group for a while has forgotten it.
            self._announcing = asyncio.create_task(self._announce_again(), name="announcing this worker again")

    async def _announce_again(self) -> None:
        assert self._info is not None, "it was announced"
        try:
            while self._membership.id not in self._table.workers:
                await asyncio.sleep(_AGAIN_S)
                try:
                    await self._table.announce(self._membership.id, self._info)
                except ConnectError as error:
                    logger.warning("the other workers were not told of this one: %s", error.message)
        finally:
            self._announcing = None

    def _counts(self, name: str, task: int | None, status: Status) -> bool:
        """Say whether a status is of who runs the task, or of who leads: what others tell comes too late, as from one
        that was frozen while its task was placed elsewhere, or ended, or while another one took the lead. Of a
        connector only who leads tells. Who is not known here is believed."""
        if task is None and self._leading is not None:  # the table does not say so yet
            return status.worker_id == self.base.worker_id
        placement = None if task is None else self._table.placements.get((name, task))
        leader = self._table.workers.get(self._table.leader or "")
        holder = leader if placement is None else self._table.workers.get(placement.worker)
        if holder is None:
            return True
        return status.worker_id in (worker_id_of(holder.url), worker_id_of((leader or holder).url))

    def _on_late_status(self, name: str, task: int | None) -> None:
        self._late.add((name, task))
        if self._settling is None and not self._is_closing:
            self._settling = asyncio.create_task(self._settle_late_statuses(), name="looking at late statuses")
            self._settling.add_done_callback(self._ended)

    async def _settle_late_statuses(self) -> None:
        """Tell against what came too late, once it is known who runs what by now: else two workers, of which one reads
        the table late, would tell against each other until it has."""
        try:
            while self._late:
                try:
                    await self._table.catch_up()
                except ConnectError as error:
                    logger.warning("statuses that came too late stay as they are just now: %s", error.message)
                    await asyncio.sleep(_AGAIN_S)
                    continue
                late, self._late = self._late, set()
                for name, task in late:
                    if self.base.statuses.is_late(name, task):
                        self._settle_late_status(name, task)
                    else:
                        self.base.statuses.look_again(name, task)
        finally:
            self._settling = None

    def _settle_late_status(self, name: str, task: int | None) -> None:
        base = self.base
        if task is None:
            if self._leading is not None and base.configs.config(name) is not None:
                base.statuses.tell_again(name, None)
            elif self.herder is not None:
                base.statuses.forget(name, None)
            return
        placement = self._table.placements.get((name, task))
        if placement is not None:
            if placement.worker == self._membership.id and (name, task) in self._member.running:
                base.statuses.tell_again(name, task)
        elif self.herder is not None and task >= len(base.configs.task_configs(name)):
            base.statuses.forget(name, task)

    def _on_status(self, name: str, task: int) -> None:
        status = self.base.statuses.tasks(name).get(task)
        if self.herder is not None and status is not None:
            self.herder.on_told(TaskId(name, task), status)
