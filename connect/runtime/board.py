"""What statuses show: the only place that sets one, and so the one that counts starts and restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from connect.runtime.clock import now_ms
from connect.runtime.failure_kinds import FailureKind
from connect.runtime.live.failures import Failures
from connect.runtime.model import State
from connect.runtime.states import INITIAL, Event, after
from connect.stores.statuses import Status, StatusStore


@dataclass(slots=True)
class Starts:
    """How many starts, of connectors or of tasks, came to something and how many failed, since the worker's own."""

    succeeded: int = 0
    failed: int = 0


class StatusBoard:
    """Sets the statuses of connectors and tasks by the table in `states.py`, and tells observers. For the event loop.

    Args:
        worker_id: Which worker a status is of.
        tell: Tells observers, by a hook's name.
        failures: Where failures are kept; they are told there by who keeps the statuses.

    Attributes:
        connector_starts, task_starts: What was shown of starts.
        restarts: Of each connector (None) and task: how often it was to be started anew, by itself or by request.
    """

    def __init__(
        self,
        statuses: StatusStore,
        *,
        worker_id: Callable[[], str],
        tell: Callable[..., None],
        failures: Failures | None = None,
    ) -> None:
        self.failures = failures or Failures(now_ms)
        self._statuses = statuses
        self._worker_id = worker_id
        self._tell = tell
        self.connector_starts, self.task_starts = Starts(), Starts()
        self.restarts: Counter[tuple[str, int | None]] = Counter()

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
        self._count(name, task, None if before is None else before.state, event)
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

    def forget(self, name: str) -> None:
        """Forget the restarts of a connector that is gone, and of its tasks."""
        for at in [at for at in self.restarts if at[0] == name]:
            del self.restarts[at]

    def _count(self, name: str, task: int | None, before: str | None, event: Event | None) -> None:
        if event is Event.RESTART:
            self.restarts[name, task] += 1
        elif before == State.UNASSIGNED.value and event in (Event.STARTED, Event.PAUSE, Event.FAIL):
            starts = self.connector_starts if task is None else self.task_starts
            if event is Event.FAIL:
                starts.failed += 1
            else:
                starts.succeeded += 1

    def show_again(self, name: str, task: int, status: Status) -> None:
        """Show what a task was before something that did not come about."""
        self._statuses.put_task(name, task, status)
