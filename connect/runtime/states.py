"""The states of connectors and tasks, and every way between them.

Theory of operation. A connector is what a user asked for; its tasks do the work. What the user wants is the target
(RUNNING, PAUSED or STOPPED), stored beside the config; what is, is the state, stored as status. The herder compares
the two and tells the worker; only runners change a state, and only along this table, one event at a time:

| event    | meaning                                                                |
|----------|------------------------------------------------------------------------|
| START    | the runner begins: `start` of the plugin is called                     |
| STARTED  | `start` came back: it runs                                             |
| PAUSE    | the target became PAUSED                                               |
| RESUME   | the target became RUNNING                                              |
| FAIL     | plugin or pipeline raised: the cause is kept in the status             |
| RESTART  | a restart was asked for: shown until the new runner begins             |
| STOP     | the target became STOPPED (a connector), or the runner was taken away  |

A failed task leaves its connector RUNNING, and PAUSE and RESUME leave a failed one failed: only RESTART, or a new
config, brings it back. STOPPED is a connector's state only; a stopped connector has no tasks.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from connect.runtime.model import State


class Event(Enum):
    """What can happen to a connector or task; see the module."""

    START = auto()
    STARTED = auto()
    PAUSE = auto()
    RESUME = auto()
    FAIL = auto()
    RESTART = auto()
    STOP = auto()


_S, _E = State, Event

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (_S.UNASSIGNED, _E.START): _S.UNASSIGNED,
    (_S.UNASSIGNED, _E.STARTED): _S.RUNNING,
    (_S.UNASSIGNED, _E.PAUSE): _S.PAUSED,
    (_S.UNASSIGNED, _E.RESUME): _S.UNASSIGNED,
    (_S.UNASSIGNED, _E.FAIL): _S.FAILED,
    (_S.UNASSIGNED, _E.RESTART): _S.RESTARTING,
    (_S.UNASSIGNED, _E.STOP): _S.STOPPED,
    (_S.RUNNING, _E.STARTED): _S.RUNNING,
    (_S.RUNNING, _E.PAUSE): _S.PAUSED,
    (_S.RUNNING, _E.RESUME): _S.RUNNING,
    (_S.RUNNING, _E.FAIL): _S.FAILED,
    (_S.RUNNING, _E.RESTART): _S.RESTARTING,
    (_S.RUNNING, _E.STOP): _S.STOPPED,
    (_S.PAUSED, _E.STARTED): _S.PAUSED,
    (_S.PAUSED, _E.PAUSE): _S.PAUSED,
    (_S.PAUSED, _E.RESUME): _S.RUNNING,
    (_S.PAUSED, _E.FAIL): _S.FAILED,
    (_S.PAUSED, _E.RESTART): _S.RESTARTING,
    (_S.PAUSED, _E.STOP): _S.STOPPED,
    (_S.FAILED, _E.PAUSE): _S.FAILED,
    (_S.FAILED, _E.RESUME): _S.FAILED,
    (_S.FAILED, _E.FAIL): _S.FAILED,
    (_S.FAILED, _E.RESTART): _S.RESTARTING,
    (_S.FAILED, _E.STOP): _S.STOPPED,
    (_S.RESTARTING, _E.START): _S.UNASSIGNED,
    (_S.RESTARTING, _E.FAIL): _S.FAILED,
    (_S.RESTARTING, _E.RESTART): _S.RESTARTING,
    (_S.RESTARTING, _E.STOP): _S.STOPPED,
    (_S.STOPPED, _E.START): _S.UNASSIGNED,
    (_S.STOPPED, _E.PAUSE): _S.PAUSED,
    (_S.STOPPED, _E.STOP): _S.STOPPED,
    (_S.STOPPED, _E.FAIL): _S.FAILED,
}


def after(state: State, event: Event) -> State:
    """Return the state that follows. A pair that is not in the table is a defect of ours."""
    following = TRANSITIONS.get((state, event))
    assert following is not None, f"no transition from {state} by {event.name}"
    return following
