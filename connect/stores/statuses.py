"""Statuses of connectors and tasks, and the topics each connector used (KafkaStatusBackingStore, 4.3.1).

| key                                | value                                                                  |
|------------------------------------|------------------------------------------------------------------------|
| status-connector-NAME              | {"state", "trace", "worker_id", "generation", "version"}               |
| status-task-NAME-N                 | the same                                                               |
| status-topic-TOPIC:connector-NAME  | {"topic": {"name", "connector", "task", "discoverTimestamp"}}          |

A status of a task that failed has one more, which Kafka Connect passes over: "cause", what kind of failure it failed
by. Of several workers the one that runs a task tells of it, and the one that leads of the connectors.

Memory changes at once; a writer follows, and writes a status that changed many times only once. A status lost in a
crash does no harm: the worker that comes back sets every status anew. A record that does not count is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from connect.api import ConnectError
from connect.stores.compacted import CompactedTopic, set_or_drop

logger = logging.getLogger(__name__)

#: A trace is a text for people, and must fit a record.
TRACE_CHARS_MAX: Final = 100_000
#: The states that a status may have.
_STATES: Final = ("UNASSIGNED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "RESTARTING", "DESTROYED")
_CONNECTOR: Final = "status-connector-"
_TASK: Final = re.compile(r"(?s)status-task-(.+)-(0|[1-9][0-9]{0,8})")
#: A topic's name has no colon.
_TOPIC: Final = re.compile(r"(?s)status-topic-([^:]+):connector-(.+)")

#: How long after a failure statuses are written again.
RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Status:
    """A stored status. `state` is Kafka Connect's word; `trace` and `cause` are None unless it failed."""

    state: str
    worker_id: str
    trace: str | None = None
    version: str | None = None
    generation: int = 0
    cause: str | None = None


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    try:
        name = key.decode()
    except UnicodeDecodeError:
        return "its key is not UTF-8"
    kind = next((prefix for prefix in (_CONNECTOR, "status-task-", "status-topic-") if name.startswith(prefix)), "")
    if not kind or name == kind:
        return "no such key is known"
    if kind == "status-task-" and not _TASK.fullmatch(name):
        return "its key has no connector's name and task's number"
    try:
        stored = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"its value is not JSON: {error}"
    if not isinstance(stored, dict):
        return f"its value is {type(stored).__name__}; an object is expected"
    return _problem_of_topic(name, stored) if kind == "status-topic-" else _problem_of_status(stored)


def _problem_of_status(stored: dict[str, Any]) -> str | None:
    if stored.get("state") not in _STATES:
        return "its 'state' is none that is known"
    wrong = [
        name for name in ("trace", "worker_id", "version", "cause") if not isinstance(stored.get(name), str | None)
    ]
    wrong += [] if type(stored.get("generation", 0)) in (int, type(None)) else ["generation"]
    return f"its {wrong[0]!r} is {type(stored[wrong[0]]).__name__}" if wrong else None


def _problem_of_topic(name: str, stored: dict[str, Any]) -> str | None:
    found = stored.get("topic")
    if not isinstance(found, dict) or name != f"status-topic-{found.get('name')}:connector-{found.get('connector')}":
        return "its 'topic' does not name the topic and the connector of its key"
    return None


class StatusStore:
    """The present statuses. Run `write_forever` in a task of its own.

    For the event loop. Setting and reading never wait; what is set is shown at once, and written soon, the newest of
    each alone: a crash may lose the last, and the next worker sets all anew.

    Attributes:
        trouble: Why the last write failed; None where it did not.
        on_task: Called with a connector's name and a task's number when another worker has told of that task.
        counts: Says whether what a worker has told of a task, or of a connector itself (None), is to be believed: not
            where another one runs the task, or leads.
        on_late: Called with a connector's name and a task's number, or None, where it is not.
        on_shown: Called with a connector's name, a task's number or None, the status that was shown and the one that
            is shown from now on, whoever set it; None: there was none, or it is gone.
    """

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self._connectors: dict[str, Status] = {}
        self._tasks: dict[str, dict[int, Status]] = {}
        self._topics: dict[str, dict[str, dict[str, Any]]] = {}
        self._dirty: dict[bytes, bytes | None] = {}
        self._written: dict[bytes, bytes | None] = {}  # what is on its way
        self._writing = asyncio.Lock()
        self.on_task: Callable[[str, int], None] = lambda _name, _task: None
        self.counts: Callable[[str, int | None, Status], bool] = lambda _name, _task, _status: True
        self.on_late: Callable[[str, int | None], None] = lambda _name, _task: None
        self.on_shown: Callable[[str, int | None, Status | None, Status | None], None] = _nobody
        topic.on_change = self._on_change
        self._revisions: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.trouble: str | None = None

    def load(self) -> None:
        """Take what the topic holds; call after it was opened."""
        for key, _ in self._topic.items():
            self._heed(key)

    def forget_unreadable(self) -> None:
        """Forget what does not count; for the one who may write."""
        for key in self._topic.unreadable():
            if key.startswith(b"status-"):  # what is not ours at all may be somebody's
                self._dirty[key] = None
                self._changed.set()

    def _on_change(self, key: bytes) -> None:
        """Take what another worker has written, unless something of our own comes behind it."""
        if key not in self._dirty and key not in self._written:
            self._heed(key)

    def _heed(self, key: bytes) -> None:
        """Have in memory what the topic has of a key."""
        text, value = key.decode(errors="replace"), self._topic.get(key)
        stored = None if value is None else orjson.loads(value)
        if (found := _told_of(text)) is not None:
            name, number = found
            status = None if stored is None else _status(stored)
            if status is not None and not self.counts(name, number, status):
                self.on_late(name, number)
                return
            self._revisions[name] += 1
            before = self._shown(name, number)
            if number is None:
                set_or_drop(self._connectors, name, status)
            else:
                set_or_drop(self._tasks.setdefault(name, {}), number, status)
                self.on_task(name, number)
            if before is not None or status is not None:
                self.on_shown(name, number, before, status)
        elif topic := _TOPIC.fullmatch(text):
            set_or_drop(self._topics.setdefault(topic[2], {}), topic[1], stored and stored["topic"])

    def is_late(self, name: str, task: int | None) -> bool:
        """Say whether what the topic has of a task, or of a connector itself, does not count."""
        value = self._topic.get(_key(name, task).encode())
        return value is not None and not self.counts(name, task, _status(orjson.loads(value)))

    def look_again(self, name: str, task: int | None) -> None:
        """Take what the topic has of a task, or of a connector itself, since another status may count now; not behind
        something of our own."""
        key = _key(name, task).encode()
        value = self._topic.get(key)
        if value is not None and _status(orjson.loads(value)) != self._shown(name, task):
            self._on_change(key)

    def look_again_at_all(self) -> None:
        """Take what the topic has of all connectors and tasks, as `look_again` does."""
        for key, _ in self._topic.items():
            if (found := _told_of(key.decode(errors="replace"))) is not None:
                self.look_again(*found)

    def tell_again(self, name: str, task: int | None) -> None:
        """Write what is shown of a task, or of a connector itself, behind what another worker has told too late."""
        status = self._shown(name, task)
        if status is not None:
            self._mark(_key(name, task), _value(status))

    def _shown(self, name: str, task: int | None) -> Status | None:
        return self._connectors.get(name) if task is None else self._tasks.get(name, {}).get(task)

    def connectors(self) -> list[str]:
        """Return the names that have any status, sorted."""
        return sorted(self._connectors.keys() | self._tasks.keys())

    def revision(self, name: str) -> int:
        """Return a number that changes with every status of a connector or its tasks."""
        return self._revisions[name]

    def connector(self, name: str) -> Status | None:
        """Return a connector's own status."""
        return self._connectors.get(name)

    def tasks(self, name: str) -> dict[int, Status]:
        """Return the statuses of a connector's tasks by number, in order."""
        return dict(sorted(self._tasks.get(name, {}).items()))

    def topics(self, name: str) -> list[str]:
        """Return the topics that a connector used, sorted."""
        return sorted(self._topics.get(name, {}))

    def topic_count(self, name: str) -> int:
        """Return how many topics a connector used."""
        return len(self._topics.get(name, ()))

    def put_connector(self, name: str, status: Status) -> None:
        """Set a connector's status."""
        before = self._connectors.get(name)
        status = self._connectors[name] = _storable(status)
        self._revisions[name] += 1
        self._mark(_key(name, None), _value(status))
        self.on_shown(name, None, before, status)

    def put_task(self, name: str, task: int, status: Status) -> None:
        """Set a task's status."""
        before = self._shown(name, task)
        status = self._tasks.setdefault(name, {})[task] = _storable(status)
        self._revisions[name] += 1
        self._mark(_key(name, task), _value(status))
        self.on_shown(name, task, before, status)

    def put_topic(self, name: str, task: int, topic: str) -> None:
        """Record that a connector's task used a topic; the first record counts."""
        known = self._topics.setdefault(name, {})
        if topic not in known:
            known[topic] = {"name": topic, "connector": name, "task": task, "discoverTimestamp": self._clock_ms()}
            self._mark(f"status-topic-{topic}:connector-{name}", orjson.dumps({"topic": known[topic]}))

    def drop_tasks(self, name: str, *, keep: int = 0) -> None:
        """Forget the tasks numbered `keep` and above."""
        tasks = self._tasks.get(name, {})
        self._revisions[name] += 1
        for task in [t for t in tasks if t >= keep]:
            before = tasks.pop(task)
            self._mark(_key(name, task), None)
            self.on_shown(name, task, before, None)

    def forget(self, name: str, task: int | None) -> None:
        """Forget a task, or a connector's own status, also where only the topic knows of it, from one that told of it
        too late."""
        before = self._shown(name, task)
        if task is None:
            self._connectors.pop(name, None)
        else:
            self._tasks.get(name, {}).pop(task, None)
        self._revisions[name] += 1
        self._mark(_key(name, task), None)
        if before is not None:
            self.on_shown(name, task, before, None)

    def drop_topics(self, name: str) -> None:
        """Forget which topics a connector used."""
        for topic in self._topics.pop(name, {}):
            self._mark(f"status-topic-{topic}:connector-{name}", None)

    def drop(self, name: str) -> None:
        """Forget everything of a connector."""
        self.drop_tasks(name)
        self._tasks.pop(name, None)
        self.drop_topics(name)
        if (before := self._connectors.pop(name, None)) is not None:
            self._mark(_key(name, None), None)
            self.on_shown(name, None, before, None)

    def _mark(self, key: str, value: bytes | None) -> None:
        self._dirty[key.encode()] = value
        self._changed.set()

    async def write_forever(self) -> None:
        """Write what changes, until cancelled. What is refused is tried again every `RETRY_S`; why is logged once for
        a cause that stays."""
        while True:
            try:
                async with asyncio.timeout(None if self.trouble is None else RETRY_S):
                    await self._changed.wait()
            except TimeoutError:
                logger.debug("statuses are written again")
            await self.write()

    async def write(self) -> None:
        """Write what has changed now. Never raises for the disk, see `trouble`.

        What a cancelled call has not written is left to the next one.
        """
        # One after the other: of two that fail, the older would be written last.
        async with self._writing:
            self._changed.clear()
            dirty, self._dirty = self._dirty, {}
            self._written |= dirty
            try:
                await self._topic.put(dirty, acks="written", timestamp_ms=self._clock_ms())
                if dirty and self.trouble is not None:
                    logger.info("statuses are written again")
                    self.trouble = None
            except ConnectError as error:
                self._dirty = dirty | self._dirty
                if error.message != self.trouble:
                    logger.error("statuses cannot be written: %s", error)
                self.trouble = error.message
            except BaseException:  # cancelled: whoever writes next writes these too
                self._dirty = dirty | self._dirty
                raise
            finally:
                for key in dirty:
                    self._written.pop(key, None)
            for key, value in dirty.items():
                # Another worker's may lie behind it by now.
                if key not in self._dirty and self._topic.get(key) != value:
                    self._heed(key)


def _nobody(_name: str, _task: int | None, _before: Status | None, _now: Status | None) -> None:
    """Hear of a status that nobody wants to hear of."""


def _key(name: str, task: int | None) -> str:
    return f"{_CONNECTOR}{name}" if task is None else f"status-task-{name}-{task}"


def _told_of(key: str) -> tuple[str, int | None] | None:
    """Return of which connector, and which of its tasks (None: itself), a key has the status; None where of none."""
    if key.startswith(_CONNECTOR):
        return key.removeprefix(_CONNECTOR), None
    task = _TASK.fullmatch(key)
    return None if task is None else (task[1], int(task[2]))


def _status(stored: dict[str, Any]) -> Status:
    return Status(
        state=stored["state"],
        worker_id=stored.get("worker_id") or "",
        trace=stored.get("trace"),
        version=stored.get("version"),
        generation=stored.get("generation") or 0,
        cause=stored.get("cause"),
    )


def _storable(status: Status) -> Status:
    """Return a status that can be stored and shown: a plugin's texts may be endless, or hold half a character."""
    trace = status.trace
    if trace is not None and len(trace) > TRACE_CHARS_MAX:
        half = TRACE_CHARS_MAX // 2
        trace = f"{trace[:half]}\n… {len(trace) - 2 * half} characters are left out …\n{trace[-half:]}"
    version = None if status.version is None else _utf8(str(status.version))
    return replace(status, trace=None if trace is None else _utf8(trace), version=version)


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _value(status: Status) -> bytes:
    return orjson.dumps(
        {
            "state": status.state,
            "trace": status.trace,
            "worker_id": status.worker_id,
            "generation": status.generation,
            "version": status.version,
            **({"cause": status.cause} if status.cause is not None else {}),
        }
    )
