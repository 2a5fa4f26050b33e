r"""The life cycle: what a request makes of a connector, and the states of connectors and tasks with every way between.

Theory of operation. Two things are kept apart. The *target* (RUNNING, PAUSED or STOPPED) is what users want; it is
stored beside the config, durable before anything is done about it. The *state* is what is; it is shown in the status,
and set anew by every worker that comes up. A request changes config and target, as the first table says, in one write
to the log: so after a crash a request has happened or it has not. `Lifecycle` then compares what is wanted with what
runs and makes the difference; doing that twice, or once more after a crash, comes to the same.

| request \ target | RUNNING      | PAUSED       | STOPPED      | what follows                                        |
|------------------|--------------|--------------|--------------|-----------------------------------------------------|
| PUT_CONFIG       | RUNNING      | PAUSED       | STOPPED      | all anew, if the config changed or something failed |
| PAUSE            | PAUSED       | PAUSED       | PAUSED       | tasks stand still; a stopped one gets none          |
| RESUME           | RUNNING      | RUNNING      | RUNNING      | the work is divided anew, tasks go on or are made   |
| STOP             | STOPPED      | STOPPED      | STOPPED      | tasks finish, commit and are gone                   |
| RESTART          | RUNNING      | PAUSED       | STOPPED      | the instance, and tasks if asked; STOPPED: nothing  |
| RESTART_TASK     | RUNNING      | PAUSED       | refused, 409 | that task                                           |
| ALTER_OFFSETS    | refused, 400 | refused, 400 | STOPPED      | offsets are set or forgotten                        |
| DELETE           | gone         | gone         | gone         | all of it ends; committed offsets stay              |

Requests for one connector are handled one after the other; one that was overtaken, so that what it found no longer
holds, gets 409.

A state changes by an event alone, along the second table; a new worker begins with `INITIAL` whatever was before.
Runners tell what happens to what they run, and `Lifecycle` what it makes of a request: RESTART and STOP. It keeps the
states that the status shows. Between RESTART and the START of the new runner, what the old one still tells changes
nothing but that it failed.

| event    | meaning                                                                |
|----------|------------------------------------------------------------------------|
| START    | the runner begins: `start` of the plugin is called                     |
| STARTED  | `start` came back: it runs                                             |
| PAUSE    | it stands still, since the target is PAUSED                            |
| RESUME   | it goes on, since the target is RUNNING                                |
| FAIL     | plugin or pipeline raised: the cause is kept in the status             |
| RESTART  | a restart was asked for: shown until the new runner begins             |
| STOP     | a connector's target became STOPPED, and all of it has ended           |

A failed task leaves its connector RUNNING. Nobody pauses or resumes what failed: only RESTART, or a new config, brings
it back. STOPPED is a connector's state only; a stopped connector has no tasks.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from connect.api import ConfigError, ConflictError, ConnectError
from connect.api.error_codes import register_code
from connect.runtime.model import State, TargetState

NOT_STOPPED = register_code(
    "connector.not_stopped",
    "Offsets can be changed only while their connector is STOPPED.",
    "Stop the connector with PUT /connectors/{name}/stop, and resume it afterwards.",
)
STOPPED = register_code(
    "connector.stopped", "The connector is STOPPED, so it has no tasks.", "Resume the connector first."
)


class Request(Enum):
    """What users ask of a connector that is there; see the module."""

    PUT_CONFIG = auto()
    PAUSE = auto()
    RESUME = auto()
    STOP = auto()
    RESTART = auto()
    RESTART_TASK = auto()
    ALTER_OFFSETS = auto()
    DELETE = auto()


_T, _R = TargetState, Request

#: The target that follows; None: the connector is gone. A pair that is not there is refused.
TARGETS: Final[dict[tuple[Request, TargetState], TargetState | None]] = {
    **{(_R.PUT_CONFIG, target): target for target in _T},
    **{(_R.PAUSE, target): _T.PAUSED for target in _T},
    **{(_R.RESUME, target): _T.RUNNING for target in _T},
    **{(_R.STOP, target): _T.STOPPED for target in _T},
    **{(_R.RESTART, target): target for target in _T},
    (_R.RESTART_TASK, _T.RUNNING): _T.RUNNING,
    (_R.RESTART_TASK, _T.PAUSED): _T.PAUSED,
    (_R.ALTER_OFFSETS, _T.STOPPED): _T.STOPPED,
    **{(_R.DELETE, target): None for target in _T},
}


def target_after(name: str, request: Request, target: TargetState) -> TargetState | None:
    """Return the target that follows a request for connector `name`; None: it is gone.

    Raises:
        ConfigError: connector.not_stopped.
        ConflictError: connector.stopped.
    """
    if (request, target) in TARGETS:
        return TARGETS[request, target]
    raise _refusal(name, request)


def _refusal(name: str, request: Request) -> ConnectError:
    if request is Request.RESTART_TASK:
        return ConflictError(f"Connector {name} is STOPPED and has no tasks to restart", code=STOPPED)
    assert request is Request.ALTER_OFFSETS, "every other request is taken in every state"
    return ConfigError(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the "
        f"specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint",
        code=NOT_STOPPED,
        hint="",
    )


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

#: What everything is before its first event.
INITIAL: Final = State.UNASSIGNED

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    **{(state, _E.START): _S.UNASSIGNED for state in _S},
    (_S.UNASSIGNED, _E.STARTED): _S.RUNNING,
    (_S.RESTARTING, _E.STARTED): _S.RESTARTING,
    (_S.UNASSIGNED, _E.PAUSE): _S.PAUSED,
    (_S.RUNNING, _E.PAUSE): _S.PAUSED,
    (_S.PAUSED, _E.PAUSE): _S.PAUSED,
    (_S.RESTARTING, _E.PAUSE): _S.RESTARTING,
    (_S.RUNNING, _E.RESUME): _S.RUNNING,
    (_S.PAUSED, _E.RESUME): _S.RUNNING,
    (_S.RESTARTING, _E.RESUME): _S.RESTARTING,
    **{(state, _E.FAIL): _S.FAILED for state in _S},
    **{(state, _E.RESTART): _S.RESTARTING for state in _S},
    **{(state, _E.STOP): _S.STOPPED for state in _S},
}


def after(state: State, event: Event) -> State:
    """Return the state that follows. A pair that is not in the table is a defect of ours."""
    following = TRANSITIONS.get((state, event))
    assert following is not None, f"no transition from {state} by {event.name}"
    return following
