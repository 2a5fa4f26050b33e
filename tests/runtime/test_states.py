"""The state table is whole, has no dead rows, and is the only way a state changes."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from connect.runtime.model import State
from connect.runtime.states import INITIAL, TRANSITIONS, Event, after

RUNTIME = Path(__file__).parents[2] / "connect" / "runtime"
_S, _E = State, Event

#: Who brings each row about; see the modules that are named.
EMITTERS: dict[tuple[State, Event], str] = {
    (_S.UNASSIGNED, _E.START): "the first runner of a worker",
    (_S.RUNNING, _E.START): "lifecycle: the config changed while it ran",
    (_S.PAUSED, _E.START): "lifecycle: the config changed while it stood still",
    (_S.FAILED, _E.START): "lifecycle: a config was sent again after a failure",
    (_S.RESTARTING, _E.START): "lifecycle: the new runner of a restart",
    (_S.STOPPED, _E.START): "lifecycle: a stopped connector is resumed",
    (_S.UNASSIGNED, _E.STARTED): "a runner whose plugin has started",
    (_S.RESTARTING, _E.STARTED): "the old runner, whose start ends while a restart waits for its turn",
    (_S.UNASSIGNED, _E.PAUSE): "a connector's runner that starts with the target PAUSED",
    (_S.RUNNING, _E.PAUSE): "a runner that is paused",
    (_S.PAUSED, _E.PAUSE): "a connector's runner that is paused twice",
    (_S.RESTARTING, _E.PAUSE): "the old runner, while a restart waits for its turn",
    (_S.RUNNING, _E.RESUME): "a connector's runner that is resumed twice",
    (_S.PAUSED, _E.RESUME): "a runner that is resumed",
    (_S.RESTARTING, _E.RESUME): "the old runner, while a restart waits for its turn",
    (_S.UNASSIGNED, _E.FAIL): "a start that fails",
    (_S.RUNNING, _E.FAIL): "a plugin that fails",
    (_S.PAUSED, _E.FAIL): "a connector that tells of a failure while it stands still",
    (_S.FAILED, _E.FAIL): "a connector that tells of a second failure",
    (_S.RESTARTING, _E.FAIL): "the old runner, while a restart waits for its turn",
    (_S.STOPPED, _E.FAIL): "lifecycle: the plugin of a resumed connector is gone",
    (_S.UNASSIGNED, _E.RESTART): "a restart while it starts",
    (_S.RUNNING, _E.RESTART): "a restart",
    (_S.PAUSED, _E.RESTART): "a restart of what stands still",
    (_S.FAILED, _E.RESTART): "a restart after a failure",
    (_S.RESTARTING, _E.RESTART): "two restarts, one right after the other",
    (_S.STOPPED, _E.RESTART): "a restart right after the request that resumes a stopped connector",
    (_S.UNASSIGNED, _E.STOP): "a stop while it starts",
    (_S.RUNNING, _E.STOP): "a stop",
    (_S.PAUSED, _E.STOP): "a stop of what stands still",
    (_S.FAILED, _E.STOP): "a stop after a failure",
    (_S.RESTARTING, _E.STOP): "a stop while a restart waits for its turn",
    (_S.STOPPED, _E.STOP): "two stops",
}  # fmt: skip


def test_a_task_starts_runs_pauses_and_resumes() -> None:
    state = INITIAL
    for event, expected in [
        (Event.START, State.UNASSIGNED),
        (Event.STARTED, State.RUNNING),
        (Event.PAUSE, State.PAUSED),
        (Event.RESUME, State.RUNNING),
    ]:
        state = after(state, event)
        assert state is expected


def test_only_a_restart_a_new_runner_or_a_stop_leads_out_of_failed() -> None:
    ways = [event for event in Event if TRANSITIONS.get((State.FAILED, event)) not in (None, State.FAILED)]
    assert ways == [Event.START, Event.RESTART, Event.STOP]


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_fail_stop_and_restart(state: State) -> None:
    assert after(state, Event.FAIL) is State.FAILED
    assert after(state, Event.STOP) is State.STOPPED
    assert after(state, Event.RESTART) is State.RESTARTING
    assert after(state, Event.START) is State.UNASSIGNED


def test_what_the_old_runner_tells_does_not_end_a_restart() -> None:
    for event in (Event.STARTED, Event.PAUSE, Event.RESUME):
        assert after(State.RESTARTING, event) is State.RESTARTING


def test_each_row_of_the_table_is_brought_about_by_somebody() -> None:
    assert EMITTERS.keys() == TRANSITIONS.keys()


@pytest.mark.parametrize("event", list(Event))
def test_each_event_is_emitted_by_a_runner_or_by_the_lifecycle(event: Event) -> None:
    emitters = [
        module
        for module, node in nodes()
        if isinstance(node, ast.Attribute) and node.attr == event.name and ast.unparse(node) == f"Event.{event.name}"
    ]
    assert set(emitters) - {"states.py"}


def test_a_status_is_set_in_one_place_from_what_the_table_gives() -> None:
    setters = [
        (module, node.func.attr)
        for module, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("put_connector", "put_task")
        and "statuses" in ast.unparse(node.func.value)
    ]
    # The second task's is a status that was set before, set again.
    assert sorted(setters) == [("board.py", "put_connector"), ("board.py", "put_task"), ("board.py", "put_task")]
    show = next(node for module, node in nodes() if isinstance(node, ast.FunctionDef) and node.name == "show")
    states = [ast.unparse(node.value) for node in ast.walk(show) if is_state(node)]
    assert states == ["INITIAL if event is None else after(State(before.state) if before else INITIAL, event)"]


def test_the_state_of_a_runner_comes_from_the_table_alone() -> None:
    given = {ast.unparse(node.value) for _, node in nodes() if isinstance(node, ast.Assign) and is_own_state(node)}
    assert given == {"INITIAL", "after(self.state, event)"}


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every node of the runtime's code, with its module."""
    return [(path.name, node) for path in RUNTIME.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]


def is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "state"


def is_own_state(node: ast.Assign) -> bool:
    return any(ast.unparse(target) == "self.state" for target in node.targets)
