"""What statuses show: the only place that sets one."""

from __future__ import annotations

from collections.abc import Callable

from connect.runtime.failure_kinds import FailureKind
from connect.runtime.model import State
from connect.runtime.states import INITIAL, Event, after
from connect.stores.statuses import Status, StatusStore


class StatusBoard:
    """Sets the statuses of connectors and tasks by the table in `states.py`, and tells observers. For the event loop.

    Args:
        worker_id: Which worker a status is of.
        tell: Tells observers, by a hook's name.
    """

    def __init__(self, statuses: StatusStore, *, worker_id: Callable[[], str], tell: Callable[..., None]) -> None:
        self._statuses = statuses
        self._worker_id = worker_id
        self._tell = tell

    def shown(self, name: str, task: int | None) -> Status | None:
        """Return the status of a connector (`task` None) or a task."""
        return self._statuses.connector(name) if task is None else self._statuses.tasks(name).get(task)

    def show(
        self,
        name: str,
        task: int | None,
        event: Event | None,
        trace: str | None = None,
        *,
        version: str | None = None,
        cause: FailureKind | None = None,
    ) -> State:
        """Show what follows an event, of the connector or of a task; no event: nothing is known of it in this life.

        Args:
            version: The plugin's.
            cause: What kind of failure it failed by.
        """
        before = self.shown(name, task)
        state = INITIAL if event is None else after(State(before.state) if before else INITIAL, event)
        status = Status(state.value, self._worker_id(), trace, version, cause=cause)
        if task is None:
            self._statuses.put_connector(name, status)
            return state
        self._statuses.put_task(name, task, status)
        previous = None if before is None or event is None else before.state
        if state != previous:
            self._tell(
                "connect_task_state_changed",
                connector=name,
                task=task,
                state=state.value,
                previous=previous,
                trace=status.trace,
            )
        return state

    def show_again(self, name: str, task: int, status: Status) -> None:
        """Show what a task was before something that did not come about."""
        self._statuses.put_task(name, task, status)
