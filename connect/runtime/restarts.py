"""Restarting what failed, by itself: `errors.restart.*`, after outages by default.

An outage passes: the target was away, a disk was full, a plugin raised a `RetriableError` until its time was up. A bad
record, a wrong config and a defect do not: the same restart meets them again. So policy 'outages' restarts after
the first kind alone, and 'all' after every failure. The waits grow as n^2 + n does, from `errors.restart.delay.ms` to
`errors.restart.delay.max.ms`; a run that lasted longer than the longest wait begins the count anew. Only what a status
shows is kept, nothing is durable: a worker that comes back starts everything anyway.

Source of the back-off: Strimzi's auto-restart, which counts in minutes (2, 6, 12, 20, ...); halved, since its first is
2, ours are 1, 3, 6, 10, ... times `errors.restart.delay.ms`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from connect.api import Config, Problem, config_key
from connect.runtime.backoff import jittered
from connect.runtime.failure_kinds import FailureKind
from connect.runtime.model import RestartInfo


class RestartConfig(Config):
    """When a connector or task that failed is restarted without anybody asking."""

    errors_restart_policy: str = config_key(
        "Which failures are restarted by themselves: 'none'; "
        "'outages': what passes by itself, such as a server that is away; 'all': bad records and defects too.",
        default="outages",
        one_of=("none", "outages", "all"),
        group="Error Handling",
        display_name="Restart Policy",
    )
    errors_restart_max_attempts: int = config_key(
        "How often a failure is restarted before it stays FAILED; -1 for ever.",
        default=-1,
        ge=-1,
        group="Error Handling",
        display_name="Maximum Restarts",
    )
    errors_restart_delay_ms: int = config_key(
        "Wait before the first restart, in ms; the next are 3, 6, 10, ... times as long, give or take a fifth.",
        type="LONG",
        default=1000,
        ge=1,
        group="Error Handling",
        display_name="First Delay Before a Restart",
    )
    errors_restart_delay_max_ms: int = config_key(
        "Longest wait before a restart, in ms; a run that lasted longer begins the count anew.",
        type="LONG",
        default=300_000,
        ge=1,
        group="Error Handling",
        display_name="Maximum Delay Before a Restart",
    )

    def problems(self) -> Iterable[Problem]:
        if self.errors_restart_delay_max_ms < self.errors_restart_delay_ms:
            yield Problem(
                "errors.restart.delay.max.ms",
                f"Invalid value {self.errors_restart_delay_max_ms} for configuration errors.restart.delay.max.ms: "
                f"it is less than errors.restart.delay.ms={self.errors_restart_delay_ms}",
            )


def restart_wait_ms(attempts: int, *, first_ms: int, max_ms: int) -> int:
    """Return the wait in ms before the restart that follows so many: `first_ms` times 1, 3, 6, 10, ..., capped."""
    n = attempts + 1
    return min(first_ms * (n * n + n) // 2, max_ms)


@dataclass(slots=True)
class _Case:
    """One connector's (`task` None) or task's failures since it last ran well. `timer` runs while it waits."""

    attempts: int = 0
    since_ms: int = 0
    info: RestartInfo | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Restarts:
    """Counts failures and sets timers, on the event loop; nothing here waits.

    `restart` is called when a timer runs out, with the name and a task's number, None for the connector itself.
    """

    def __init__(self, restart: Callable[[str, int | None], None], clock_ms: Callable[[], int]) -> None:
        self._restart = restart
        self._clock_ms = clock_ms
        self._cases: dict[tuple[str, int | None], _Case] = {}
        self._kinds: dict[tuple[str, int | None], FailureKind] = {}
        #: Changes with everything that `info` returns.
        self.revision = 0

    def running(self, name: str, task: int | None) -> None:
        """Take note that it runs, from now on."""
        self._kinds.pop((name, task), None)
        if case := self._cases.get((name, task)):
            case.since_ms, case.info = self._clock_ms(), None
            self.revision += 1

    def failed(self, name: str, task: int | None, kind: FailureKind, config: RestartConfig) -> RestartInfo | None:
        """Take a failure; return what will be done about it, None where nothing is to be done by itself."""
        self.revision += 1
        policy = config.errors_restart_policy
        self._kinds[name, task] = kind
        if policy == "none" or (policy == "outages" and kind != "outage"):
            self.forget(name, task)
            return None
        case = self._cases.setdefault((name, task), _Case())
        self._stop(case)
        now_ms, most = self._clock_ms(), config.errors_restart_max_attempts
        if case.since_ms and now_ms - case.since_ms > config.errors_restart_delay_max_ms:
            case.attempts = 0
        if 0 <= most <= case.attempts:
            case.info = RestartInfo(kind, case.attempts, most, None)
            return case.info
        first_ms, max_ms = config.errors_restart_delay_ms, config.errors_restart_delay_max_ms
        wait_ms = min(jittered(restart_wait_ms(case.attempts, first_ms=first_ms, max_ms=max_ms)), max_ms)
        case.attempts += 1
        case.info = RestartInfo(kind, case.attempts, most, now_ms + wait_ms)
        case.timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._restart, name, task)
        return case.info

    def info(self, name: str, task: int | None) -> RestartInfo | None:
        """Return what a status shows of it."""
        case = self._cases.get((name, task))
        return case.info if case else None

    def kind(self, name: str, task: int | None) -> FailureKind | None:
        """Return what it failed by: an outage, a bad record, a wrong config or a defect. None where it runs, or a
        worker of before has seen it fail."""
        return self._kinds.get((name, task))

    def forget(self, name: str, *tasks: int | None) -> None:
        """Drop what was planned, since a user's request decides now: for these tasks, or all of a connector's."""
        self.revision += 1
        for at in [at for at in self._cases if at[0] == name and (not tasks or at[1] in tasks)]:
            self._stop(self._cases.pop(at))
        if not tasks:
            self._kinds = {at: kind for at, kind in self._kinds.items() if at[0] != name}

    def close(self) -> None:
        """Drop everything."""
        for name in {name for name, _ in self._cases}:
            self.forget(name)

    def _stop(self, case: _Case) -> None:
        if case.timer is not None:
            case.timer.cancel()
            case.timer = None
