"""The last failures of each connector and its tasks: when, what, and what started them anew.

A failure is taken from the statuses, wherever the task runs and whoever leads: so each worker of a group knows those
that came about since it joined, and a leader that follows another has them as well. What a status does not hold, the
details of an error, is known of what failed in this process alone.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from connect.api import DataError
from connect.runtime.model import State
from connect.runtime.secrets import redact
from connect.stores.statuses import Status

#: So many failures of a connector are kept, those of its tasks among them.
FAILURES_MAX: Final = 20
#: A trace is kept up to so many characters, its first and its last ones.
TRACE_CHARS_MAX: Final = 16_000
#: What all failures of all connectors may hold; beyond, the oldest of all goes first.
BYTES_MAX: Final = 8 << 20
#: What a failure takes beside its texts.
_OWN_BYTES: Final = 600
_DETAILS_MAX: Final = 32
_DETAIL_CHARS_MAX: Final = 1000

#: By whom a failed connector or task was started anew: by `errors.restart.*`, or as somebody asked for.
BY_ITSELF: Final = "itself"
BY_REQUEST: Final = "request"


@dataclass(slots=True, eq=False)
class Failed:
    """One failure.

    Attributes:
        at_ms: When it was seen, ms since the epoch.
        task: None: the connector itself.
        trace: As the status has it, the cause first; what is long is cut in its middle.
        details: What the error says of itself by name.
        restarted_ms: When it was started anew; None where it was not.
        restarted_by: `itself` or `request`; None where it was not, or another worker has it from.
    """

    at_ms: int
    task: int | None
    trace: str
    worker_id: str
    details: dict[str, str] = field(default_factory=dict)
    restarted_ms: int | None = None
    restarted_by: str | None = None

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        texts = sum(len(name) + len(text) for name, text in self.details.items())
        return _OWN_BYTES + len(self.trace) + texts


class Failures:
    """Keeps them. For the event loop; costs what a failure costs, and nothing where nothing fails.

    Args:
        clock_ms: The present time, ms since the epoch.
    """

    def __init__(self, clock_ms: Callable[[], int], *, bytes_max: int = BYTES_MAX) -> None:
        self._clock_ms = clock_ms
        self._bytes_max = bytes_max
        self._bytes = 0
        self._by_name: dict[str, deque[Failed]] = {}
        #: All of them, the oldest first.
        self._all: OrderedDict[Failed, str] = OrderedDict()
        #: What has failed and did not run since: when it failed first.
        self._since: dict[str, dict[int | None, int]] = {}

    def of(self, name: str) -> Sequence[Failed]:
        """Return a connector's failures, the newest first."""
        return tuple(reversed(self._by_name.get(name, ())))

    def newest(self, name: str) -> Failed | None:
        """Return the newest failure of a connector."""
        kept = self._by_name.get(name)
        return kept[-1] if kept else None

    def since_ms(self, name: str) -> int | None:
        """Return since when something of a connector has failed and not run again; None where all is well."""
        return min(self._since.get(name, {}).values(), default=None)

    def heed(self, name: str, task: int | None, before: Status | None, now: Status | None) -> None:
        """Take the change of a status, of a connector (`task` None) or of a task; `now` None: it is gone."""
        state = None if now is None else now.state
        if now is not None and state == State.FAILED:
            if before is None or before.state != State.FAILED or before.trace != now.trace:
                at_ms = self._clock_ms()
                self._since.setdefault(name, {}).setdefault(task, at_ms)
                self._keep(name, Failed(at_ms, task, _cut(now.trace or ""), now.worker_id))
            return
        if before is not None and before.state == State.FAILED and state not in (None, State.PAUSED, State.STOPPED):
            self._restarted(name, task, None)
        # One that is started anew has not run yet: it may fail again before it does.
        if state not in (State.RESTARTING, State.UNASSIGNED) and name in self._since:
            self._since[name].pop(task, None)
            if not self._since[name]:
                del self._since[name]

    def restarted(self, name: str, task: int | None, by: str) -> None:
        """Take note of who starts a connector or task anew that has failed: `BY_ITSELF` or `BY_REQUEST`."""
        self._restarted(name, task, by)

    def explain(self, name: str, task: int | None, details: Mapping[str, str]) -> None:
        """Take what the error says of itself, for the newest failure of a connector or task."""
        found = self._newest_of(name, task)
        if found is None or not details:
            return
        self._bytes -= found.size_bytes
        chosen = list(details.items())[:_DETAILS_MAX]
        found.details = {key[:100]: value[:_DETAIL_CHARS_MAX] for key, value in chosen}
        self._bytes += found.size_bytes
        self._make_room()

    def forget(self, name: str) -> None:
        """Forget a connector that was deleted."""
        self._since.pop(name, None)
        for one in self._by_name.pop(name, ()):
            self._drop(one)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _restarted(self, name: str, task: int | None, by: str | None) -> None:
        found = self._newest_of(name, task)
        if found is None:
            return
        if found.restarted_ms is None:
            found.restarted_ms = self._clock_ms()
        found.restarted_by = found.restarted_by or by

    def _newest_of(self, name: str, task: int | None) -> Failed | None:
        return next((one for one in reversed(self._by_name.get(name, ())) if one.task == task), None)

    def _keep(self, name: str, one: Failed) -> None:
        kept = self._by_name.setdefault(name, deque())
        kept.append(one)
        self._all[one] = name
        self._bytes += one.size_bytes
        if len(kept) > FAILURES_MAX:
            self._drop(kept.popleft())
        self._make_room()

    def _make_room(self) -> None:
        while self._bytes > self._bytes_max and self._all:
            oldest, name = next(iter(self._all.items()))
            kept = self._by_name[name]
            assert kept[0] is oldest, "each connector's are in the order of all"
            kept.popleft()
            if not kept:
                del self._by_name[name]
            self._drop(oldest)

    def _drop(self, one: Failed) -> None:
        del self._all[one]
        self._bytes -= one.size_bytes


def details_of(error: BaseException) -> dict[str, str]:
    """Return what an error says of itself by name, redacted; nothing of what is no error of ours."""
    found = error.details if isinstance(error, DataError) else {}
    if not isinstance(found, Mapping):  # of a plugin that takes no care
        return {}
    return {name: redact(text) for name, text in found.items() if isinstance(name, str) and isinstance(text, str)}


def _cut(trace: str) -> str:
    if len(trace) <= TRACE_CHARS_MAX:
        return trace
    half = TRACE_CHARS_MAX // 2
    return f"{trace[:half]}\n… {len(trace) - 2 * half} characters are left out …\n{trace[-half:]}"
