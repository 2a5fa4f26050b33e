"""The rows of `/v1/events`: what there is to see of each connector at a glance, worked out anew where it changed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from connect.rest.answers import encode
from connect.rest.models.events import LastError, NextRestart, Row, TaskCounts
from connect.runtime.causes import Cause, cause_of
from connect.runtime.herder import Herder
from connect.runtime.live.failures import Failed
from connect.runtime.model import ConnectorState, ConnectorStateInfo, State, TaskId, TaskState
from connect.runtime.secrets import redact

#: The worst first.
_WORST: Final = (State.FAILED, State.RESTARTING, State.UNASSIGNED, State.STOPPED, State.PAUSED, State.RUNNING)
#: A cause is shown in one line, cut after so many characters.
_MESSAGE_CHARS_MAX: Final = 500
#: Over how many looks a rate is taken: one batch a second must not blink.
_LOOKS: Final = 5
#: A connector of which nothing is told for so long moves nothing: its tasks have ended.
_SILENCE_S: Final = 10.0


class Moved:
    """How many records a second each connector moves, from what its tasks tell of themselves again and again.

    A task that begins anew counts from zero and is taken as that; one that is seen for the first time tells nothing
    yet, since it may have moved much before. So no rate is ever negative, or that of an hour in a second.
    """

    def __init__(self, looks: int = _LOOKS) -> None:
        self._looks = looks
        #: What each task had moved when it was last heard of.
        self._tasks: dict[TaskId, int] = {}
        self._connectors: dict[str, deque[tuple[float, int]]] = {}

    def take(self, now_s: float, records: Iterable[tuple[TaskId, int]]) -> None:
        """Take how many records tasks have moved since their start."""
        moved: Counter[str] = Counter()
        for task, count in records:
            known = self._tasks.get(task)
            self._tasks[task] = count
            if known is None:
                moved[task.connector] += 0
            else:
                moved[task.connector] += count - known if count >= known else count
        for name, count in moved.items():
            looks = self._connectors.get(name)
            if looks is None:
                looks = self._connectors[name] = deque(maxlen=self._looks + 1)
            looks.append((now_s, (looks[-1][1] if looks else 0) + count))

    def rate(self, name: str, now_s: float) -> float:
        """Return a connector's records a second, over the last looks; 0 where nothing is told of it any more."""
        looks = self._connectors.get(name)
        if looks is None or len(looks) < 2 or now_s - looks[-1][0] > _SILENCE_S:
            return 0.0
        took_s = max(looks[-1][0], now_s) - looks[0][0]
        return (looks[-1][1] - looks[0][1]) / took_s if took_s > 0 else 0.0

    def forget(self, names: Iterable[str]) -> None:
        """Forget connectors that are gone."""
        gone = set(names)
        for name in gone:
            self._connectors.pop(name, None)
        if gone:
            self._tasks = {task: count for task, count in self._tasks.items() if task.connector not in gone}


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of a connector."""

    records_per_second: float = 0.0
    batch_ms_p99: float | None = None
    lag: int | None = None
    position: str | None = None
    restarts: int = 0


@dataclass(slots=True)
class Kept:
    """A row, and what it was made of: the same objects make the same row.

    Attributes:
        version: Of the look that made it.
    """

    seen: tuple[object, ...]
    encoded: orjson.Fragment
    version: int = 0


@dataclass(slots=True)
class Rows:
    """The rows of all connectors. For the event loop.

    Attributes:
        kept: By name.
    """

    kept: dict[str, Kept] = field(default_factory=dict)

    def look(self, herder: Herder, name: str, figures: Figures, version: int) -> bool:
        """Take a connector's row as it is now; return whether it changed."""
        info, status = herder.info(name), herder.status(name)
        newest, since_ms = herder.base.failures.newest(name), herder.base.failures.since_ms(name)
        topics = herder.topic_count(name)
        seen = (info, status, newest, since_ms, topics, figures)
        known = self.kept.get(name)
        if known is not None and _same(known.seen, seen):
            return False
        row = row_of(info.config.get("connector.class", ""), status, figures, newest, since_ms, topics)
        self.kept[name] = Kept(seen, orjson.Fragment(encode(row)), version)
        return True

    def gone(self, names: Iterable[str]) -> list[str]:
        """Forget all connectors but these; return which ones."""
        gone = sorted(self.kept.keys() - set(names))
        for name in gone:
            del self.kept[name]
        return gone


def _same(these: tuple[object, ...], those: tuple[object, ...]) -> bool:
    # The large ones are the same objects while nothing changes, and need not be looked into.
    return all(a is b for a, b in zip(these[:3], those[:3], strict=True)) and these[3:] == those[3:]


def row_of(
    class_name: str,
    status: ConnectorStateInfo,
    figures: Figures,
    newest: Failed | None,
    since_ms: int | None,
    topics: int,
) -> Row:
    """Return a connector's row."""
    states = Counter(task.state for task in status.tasks)
    return {
        "name": status.name,
        "type": status.type,
        "class": class_name,
        "state": status.connector.state.value,
        "worst": min((status.connector.state, *states), key=_WORST.index).value,
        "tasks": _counts(states, len(status.tasks)),
        "records_per_second": figures.records_per_second,
        "batch_ms_p99": figures.batch_ms_p99,
        "lag": figures.lag,
        "position": figures.position,
        "restarts": figures.restarts,
        "failed_since": since_ms,
        "last_error": None if newest is None else last_error(newest),
        "next_restart": next_restart(status),
        "topics": topics,
    }


def _counts(states: Mapping[State, int], total: int) -> TaskCounts:
    return {
        "total": total,
        "running": states.get(State.RUNNING, 0),
        "failed": states.get(State.FAILED, 0),
        "paused": states.get(State.PAUSED, 0),
        "unassigned": states.get(State.UNASSIGNED, 0),
        "restarting": states.get(State.RESTARTING, 0),
    }


def last_error(newest: Failed) -> LastError:
    """Return a failure in one line."""
    cause = cause_of(newest.trace) or Cause("no cause is known")
    message = " ".join(redact(cause.message).split())
    if len(message) > _MESSAGE_CHARS_MAX:
        message = f"{message[: _MESSAGE_CHARS_MAX - 1]}…"
    return {"at": newest.at_ms, "code": cause.code, "message": message, "task": newest.task}


def next_restart(status: ConnectorStateInfo) -> NextRestart | None:
    """Return the first restart that is planned of a connector or of one of its tasks; None where none is."""
    found: list[ConnectorState | TaskState] = [status.connector, *status.tasks]
    planned = [
        one.restart
        for one in found
        if one.restart is not None and one.restart.at_ms is not None and one.state is State.FAILED
    ]
    if not planned:
        return None
    first = min(planned, key=lambda plan: plan.at_ms or 0)
    assert first.at_ms is not None, "it has a time"
    of = None if first.max_attempts < 0 else first.max_attempts
    return {"at": first.at_ms, "attempt": first.attempts, "of": of}


def rounded(value: float) -> float:
    """Return a figure with three digits: what differs by less is no change to look at."""
    if value < 100:
        return round(value, 1)
    return float(f"{value:.3g}")
