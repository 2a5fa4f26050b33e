"""How a worker does: is it to be restarted, can it take work, and how many connectors and tasks have failed.

Three questions with three askers. Liveness is for who restarts processes: it is denied for what a restart alone mends,
and never for a connector that failed or a broker that is away. Readiness is for who sends requests. Failures are a
matter of their own (`Threshold`), for who wants them to count: one bad connector must not take the others down.

Everything is read from memory, on the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connect.runtime.base import Base
from connect.runtime.host import Host
from connect.runtime.model import Health, State
from connect.runtime.states import INITIAL
from connect.stores.statuses import Status

ALIVE: Final = "alive"
HUNG: Final = "hung"
READY: Final = "ready"
STOPPING: Final = "stopping"
_THRESHOLD: Final = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,6})?)(?P<percent>%?)", re.ASCII)


def liveness(base: Base) -> Health:
    """Say whether the process goes on: alive, or hung, which a restart alone mends."""
    if base.is_stopping:  # its end is bounded: who ends it now only cuts it short
        return Health(ALIVE, "Worker stops.")
    if (why := base.watchdog.hung() or base.defect()) is not None:
        return Health(HUNG, why)
    return Health(ALIVE, "Worker's event loop answers.")


def readiness(host: Host) -> Health:
    """Say whether the worker can take requests and work: ready, stopping, or what `Host.health` says against it."""
    if host.base.is_stopping:
        return Health(STOPPING, "Worker stops, and takes no new work.")
    found = host.health()
    return Health(READY, found.message) if found.status == "healthy" else found


@dataclass(frozen=True, slots=True)
class Threshold:
    """How many failures are too many.

    Attributes:
        number: Failed connectors and tasks together; in per cent, of the connectors or of the tasks.
    """

    number: float
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read '3' or '50%'.

        Raises:
            ValueError: It is neither, or is reached where nothing has failed, or never.
        """
        match = _THRESHOLD.fullmatch(text)
        if match is None:
            raise ValueError("a number such as 3, or a percentage such as 50%, is expected")
        number, is_percent = float(match["number"]), bool(match["percent"])
        if is_percent and not 0 < number <= 100:
            raise ValueError("a percentage above 0% and up to 100% is expected")
        if not is_percent and (number < 1 or number != int(number)):
            raise ValueError("a whole number from 1 on is expected")
        return cls(number, is_percent)

    def is_reached(self, tally: Tally) -> bool:
        """Say whether so many have failed."""
        failed_connectors, failed_tasks = tally.failed_connectors, tally.failed_tasks
        if not self.is_percent:
            return failed_connectors + failed_tasks >= self.number
        return any(
            failed and failed * 100 >= self.number * all_of_them
            for failed, all_of_them in ((failed_connectors, tally.connectors), (failed_tasks, tally.tasks))
        )

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.is_percent else ''}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A connector (`task` None) or task that is FAILED."""

    connector: str
    task: int | None
    trace: str | None


@dataclass(frozen=True, slots=True)
class ConnectorHealth:
    """The states of a connector and its tasks.

    Attributes:
        state: None where its instance is another worker's and was not asked for.
        tasks: Numbers and states, of those that were asked for.
    """

    name: str
    state: State | None
    tasks: tuple[tuple[int, State], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many connectors and tasks there are, and which of them are FAILED."""

    seen: Sequence[ConnectorHealth]
    failures: Sequence[Failure]

    @property
    def connectors(self) -> int:
        """How many connectors were counted."""
        return sum(one.state is not None for one in self.seen)

    @property
    def tasks(self) -> int:
        """How many tasks were counted."""
        return sum(len(one.tasks) for one in self.seen)

    @property
    def failed_connectors(self) -> int:
        """How many connectors are FAILED themselves."""
        return sum(failure.task is None for failure in self.failures)

    @property
    def failed_tasks(self) -> int:
        """How many tasks are FAILED."""
        return len(self.failures) - self.failed_connectors

    def __str__(self) -> str:
        return (
            f"{self.failed_connectors} of {self.connectors} connectors and {self.failed_tasks} of {self.tasks} tasks "
            "are FAILED"
        )


def tally(base: Base, *, everywhere: bool = False) -> Tally:
    """Count the connectors and tasks of this worker, by their statuses.

    Args:
        everywhere: Those of all workers of the group.
    """
    seen, failures = [], list[Failure]()
    for name in base.configs.connectors():
        own = base.statuses.connector(name) or Status(INITIAL, base.worker_id)
        state = State(own.state) if everywhere or base.is_here(own) else None
        if state is State.FAILED:
            failures.append(Failure(name, None, own.trace))
        tasks = []
        for number, status in base.statuses.tasks(name).items():
            if everywhere or base.is_here(status):
                tasks.append((number, State(status.state)))
                if status.state == State.FAILED:
                    failures.append(Failure(name, number, status.trace))
        if state is not None or tasks:
            seen.append(ConnectorHealth(name, state, tuple(tasks)))
    return Tally(seen, failures)
