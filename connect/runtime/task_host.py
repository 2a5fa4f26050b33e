"""Where a connector's tasks run, as the lifecycle sees it: in this process, or on all workers of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from connect.runtime.model import TaskId
from connect.runtime.rates import Rates
from connect.runtime.tasks.spec import Surroundings
from connect.runtime.tasks.task import TaskRunner
from connect.runtime.worker import ConnectorRunner


class TaskHost(Protocol):
    """Starts and stops tasks. For the event loop. `Worker` and `Crew` are two."""

    rates: Rates

    @property
    def around(self) -> Surroundings:
        """What the process lends to plugins."""

    @property
    def grace_s(self) -> float:
        """How long a stopping task may take, in seconds."""

    def tasks(self, connector: str) -> list[TaskId]:
        """Return a connector's tasks that were started and not stopped, failed ones too."""

    def runner(self, task: TaskId) -> TaskRunner | None:
        """Return a task's runner, where it is this one's to pause and to ask."""

    def start_tasks(
        self,
        connector: ConnectorRunner,
        configs: Sequence[Mapping[str, str]],
        *,
        paused: bool,
        only: Sequence[int] | None = None,
    ) -> None:
        """Start tasks from their configs; `only` names some of them by number. Returns at once."""

    async def stop_tasks(self, tasks: Sequence[TaskId], *, by: float | None = None) -> None:
        """Stop these tasks together, within the grace time or by a time of the event loop; never raises."""

    async def stop_outdated(self, connector: str, raw: Mapping[str, str]) -> None:
        """Stop the tasks of a connector that run with another config of it than this one."""

    def is_outdated(self, connector: ConnectorRunner, task: TaskId) -> bool:
        """Say whether a task runs with other values of config providers, or another code, than its connector."""

    async def fence(self, connector: ConnectorRunner, *, tasks: int = 0) -> bool:
        """Shut out what tasks of a source connector were left behind with; return whether its tasks write in
        transactions."""

    def let_go(self) -> None:
        """Stop nothing any more that runs elsewhere: another one looks after it."""
