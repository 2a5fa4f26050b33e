"""The states of connectors for people and scripts: the same words in every table, and one rule for exit codes.

A connector's own state is shown as Kafka Connect shows it: that of its instance. What its tasks do is told beside it,
by state, since a connector may well be RUNNING while all of its tasks have FAILED.

Exit codes: 0, everything is in a state that somebody wanted (RUNNING, PAUSED, STOPPED) and the tasks are in their
connector's; 1, something has FAILED; 4, neither: something is under way (UNASSIGNED, RESTARTING, a task that has not
followed).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from connect.api import ConnectError
from connect.runtime.causes import cause_of

SETTLED: Final = 0
FAILED: Final = 1
UNDER_WAY: Final = 4
#: States that somebody can want of a connector.
TARGETS: Final = ("RUNNING", "PAUSED", "STOPPED")
#: How often a state is looked at while it is waited for, and how long a connector may be RUNNING without any task.
_LOOK_S: Final = 0.2
_WITHOUT_TASKS_S: Final = 3.0


def tasks_text(states: Iterable[str]) -> str:
    """Return how many tasks are in which state, what failed first: '1 FAILED, 2 RUNNING'; '-' for no tasks."""
    counts = Counter(str(state) for state in states)
    order = sorted(counts, key=lambda state: (state != "FAILED", state))
    return ", ".join(f"{counts[state]} {state}" for state in order) or "-"


def verdict(status: dict[str, Any], wanted: str | None = None) -> int:
    """Return the exit code of a connector's status; with `wanted`, only that state is what somebody wanted."""
    own, tasks = status["connector"]["state"], [task["state"] for task in status["tasks"]]
    if "FAILED" in (own, *tasks):
        return FAILED
    is_target = own == wanted if wanted is not None else own in TARGETS
    return SETTLED if is_target and all(task == own for task in tasks) else UNDER_WAY


def worst(verdicts: Iterable[int]) -> int:
    """Return the exit code for several connectors: a failure before what is under way."""
    found = set(verdicts)
    return next((code for code in (FAILED, UNDER_WAY) if code in found), SETTLED)


def wait_for(
    look: Callable[[], dict[str, Any]],
    *,
    wanted: str | None,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Look at a connector until it has settled or FAILED, and return its status.

    A connector that is RUNNING has settled once its tasks are there and RUNNING; one that makes none, after 3 s.

    Raises:
        ConnectError: timeout, exit code 4: it was still under way.
    """
    began_s, alone_since_s = clock(), None
    while True:
        status = look()
        found = verdict(status, wanted)
        alone = found == SETTLED and status["connector"]["state"] == "RUNNING" and not status["tasks"]
        alone_since_s = (alone_since_s or clock()) if alone else None
        if found == FAILED or (
            found == SETTLED and (alone_since_s is None or clock() - alone_since_s >= _WITHOUT_TASKS_S)
        ):
            return status
        if clock() - began_s >= timeout_s:
            raise _late(status, wanted, timeout_s)
        time.sleep(_LOOK_S)


def _late(status: dict[str, Any], wanted: str | None, timeout_s: float) -> ConnectError:
    tasks = tasks_text(task["state"] for task in status["tasks"])
    error = ConnectError(
        f"connector {status['name']!r} is not {wanted or 'settled'} after {timeout_s:g} s: it is "
        f"{status['connector']['state']}, its tasks are {tasks}",
        code="timeout",
        hint=f"Wait longer with --timeout, or look at 'connect connector status {status['name']}'.",
    )
    error.exit_code = UNDER_WAY
    return error


def status_lines(status: dict[str, Any], *, trace: bool) -> list[str]:
    """Return a status for people: each state, and the cause, the hint and the place of a failure.

    With `trace`, the whole trace in place of these.
    """
    lines = [f"{status['name']} ({status['type']}): {status['connector']['state']}", *_why(status["connector"], trace)]
    for task in status["tasks"]:
        lines += [f"  task {task['id']}: {task['state']} on {task['worker_id']}", *_why(task, trace)]
        lines += [f"    waits: {task['waits']}"] if task.get("waits") else []
        lines += [f"    {name}: {value:,.10g}" for name, value in task.get("gauges", {}).items()]
    return lines


def _why(state: dict[str, Any], trace: bool) -> list[str]:
    if trace:
        return [f"    {line}" for line in (state.get("trace") or "").splitlines()]
    cause = cause_of(state.get("trace"))
    if cause is None:
        return []
    code = f" [{cause.code}]" if cause.code else ""
    told = [*f"{cause.message}{code}".splitlines()]
    told += [f"hint: {cause.hint}"] * bool(cause.hint) + [f"at {cause.place}"] * bool(cause.place)
    if (restart := state.get("restart")) is not None:
        told.append(_restart(restart))
    return [f"    {line}" for line in told]


def _restart(restart: dict[str, Any]) -> str:
    limit = restart["max_attempts"]
    of = "" if limit < 0 else f" of {limit}"
    if restart["at"] is None:
        return f"restarts by itself are used up: {restart['attempts']}{of}"
    seconds = max(0.0, restart["at"] / 1000 - time.time())
    return f"restarts by itself in {seconds:.0f} s, try {restart['attempts']}{of}"
