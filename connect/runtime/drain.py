"""A herder's connectors run until nothing is left: sources have brought all, and sinks have taken all of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from connect.api import ConnectError
from connect.runtime.causes import Cause, cause_of
from connect.runtime.herder import Herder
from connect.runtime.lag import SinkLag
from connect.runtime.model import ConnectorState, ConnectorStateInfo, State, TaskProgress, TaskState

#: How often it is looked, and how often in a row an end must be seen: a record may be between a source and the log.
_LOOK_S: Final = 0.15
_SEEN_TIMES: Final = 3
#: The figure by which a source tells what it has still to read.
BYTES_LEFT: Final = "bytes.left"
#: How long a connector that has done its work may take to stop.
_STOPPED_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a run: a connector, or one of its tasks.

    Attributes:
        task: None: the connector itself.
    """

    connector: str
    task: int | None
    cause: Cause | None


@dataclass(slots=True)
class Tally:
    """What a connector has done so far; it stays when its tasks are gone.

    Attributes:
        left: Records that wait for a sink; None where that is not known.
        left_bytes: What a source has still to read, of one that tells.
    """

    records: int = 0
    size_bytes: int = 0
    skipped: int = 0
    left: int | None = None
    left_bytes: int | None = None
    waiting_for: str | None = None


class Drain:
    """Watches the connectors of a herder. For the event loop.

    Args:
        on_look: Called after each look, between two awaits.

    Attributes:
        tallies: What each connector has done, by name.
    """

    def __init__(self, herder: Herder, names: Sequence[str], on_look: Callable[[], None] = lambda: None) -> None:
        self.tallies = {name: Tally() for name in names}
        self._herder = herder
        self._on_look = on_look
        #: Since when all is in the log that the sinks are to put, in the event loop's time: an older lag says nothing.
        self._all_there_s = 0.0

    async def until_drained(self) -> Failure | None:
        """Return once the sources have brought all, are stopped, the sinks have put all of it, and are stopped; or
        with the first failure that nothing is going to restart.

        Cancelling leaves the connectors as they are.
        """
        sources = [name for name in self.tallies if self._herder.info(name).type == "source"]
        sinks = [name for name in self.tallies if name not in sources]
        for names, is_over in (
            (sources, lambda: self._are_drained(sources)),
            (sinks, lambda: self._have_caught_up(sinks)),
        ):
            if (failure := await self._until(is_over)) is not None:
                return failure
            for name in names:
                await self._herder.stop(name)
            if (failure := await self._until_stopped(names)) is not None:
                return failure
            self._all_there_s = asyncio.get_running_loop().time()
        return None

    async def until(self, event: asyncio.Event) -> None:
        """Look until an event comes."""
        while not event.is_set():
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await event.wait()

    async def look(self) -> None:
        """Take the figures as they are now."""
        lags: Mapping[str, SinkLag] = {}
        with suppress(ConnectError, OSError):  # a log that does not answer just now: what is left is not known
            lags = await self._herder.lags(since_s=self._all_there_s)
        progress: dict[str, list[TaskProgress]] = {}
        for one in self._herder.progress():
            progress.setdefault(one.id.connector, []).append(one)
        for name, tally in self.tallies.items():
            if rows := progress.get(name):
                tally.records = max(tally.records, sum(row.records for row in rows))
                tally.size_bytes = max(tally.size_bytes, sum(row.size_bytes for row in rows))
                tally.skipped = max(tally.skipped, sum(row.skipped for row in rows))
            lefts = [row.gauges[BYTES_LEFT] for row in rows or () if BYTES_LEFT in row.gauges]
            tally.left_bytes = int(sum(lefts)) if lefts else None
            waits = [row.waiting_for for row in rows or () if row.waiting_for]
            tally.waiting_for = waits[0] if waits else self._herder.waiting().get(name)
            lag = lags.get(name)
            tally.left = None if lag is None or lag.unknown else lag.lag
        self._on_look()

    def failure(self) -> Failure | None:
        """Return what has failed for good, the connector before its tasks; None where nothing has."""
        for name in self.tallies:
            status = self._herder.status(name)
            states: list[tuple[int | None, ConnectorState | TaskState]] = [(None, status.connector)]
            states += [(task.id, task) for task in status.tasks]
            for task, state in states:
                is_planned = state.restart is not None and state.restart.at_ms is not None
                if state.state is State.FAILED and not is_planned:
                    return Failure(name, task, cause_of(state.trace))
        return None

    async def _until(self, is_over: Callable[[], bool]) -> Failure | None:
        seen = 0
        while seen < _SEEN_TIMES:
            await self.look()
            if (failure := self.failure()) is not None:
                return failure
            seen = seen + 1 if is_over() else 0
            await asyncio.sleep(_LOOK_S)
        return None

    async def _until_stopped(self, names: Sequence[str]) -> Failure | None:
        """Wait until they are stopped, which may not take long."""
        deadline = time.monotonic() + _STOPPED_WITHIN_S
        while not all(_is_stopped(self._herder.status(name)) for name in names):
            if (failure := self.failure()) is not None:
                return failure
            if time.monotonic() >= deadline:
                left = [name for name in names if not _is_stopped(self._herder.status(name))]
                raise ConnectError(
                    f"connector {left[0]!r} has done its work, and did not stop within {_STOPPED_WITHIN_S:g} s",
                    code="timeout",
                )
            await asyncio.sleep(_LOOK_S)
        return None

    def _are_drained(self, sources: Sequence[str]) -> bool:
        drained: dict[str, list[bool]] = {}
        for one in self._herder.progress():
            drained.setdefault(one.id.connector, []).append(one.drained)
        for name in sources:
            tasks = self._herder.status(name).tasks
            found = drained.get(name, [])
            if not tasks or len(found) != len(tasks) or not all(found):
                return False
        return True

    def _have_caught_up(self, sinks: Sequence[str]) -> bool:
        return all(
            self.tallies[name].left == 0
            and (tasks := self._herder.status(name).tasks)
            and all(task.state is State.RUNNING for task in tasks)
            for name in sinks
        )


def _is_stopped(status: ConnectorStateInfo) -> bool:
    return status.connector.state is State.STOPPED and not status.tasks
