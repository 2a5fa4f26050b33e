from __future__ import annotations

import pytest

from connect.runtime.model import State
from connect.runtime.states import TRANSITIONS, Event, after


def test_a_task_starts_runs_pauses_and_resumes() -> None:
    state = State.UNASSIGNED
    for event, expected in [
        (Event.START, State.UNASSIGNED),
        (Event.STARTED, State.RUNNING),
        (Event.PAUSE, State.PAUSED),
        (Event.RESUME, State.RUNNING),
    ]:
        state = after(state, event)
        assert state is expected


@pytest.mark.parametrize("event", [Event.PAUSE, Event.RESUME])
def test_pausing_and_resuming_leave_a_failed_task_failed(event: Event) -> None:
    assert after(State.FAILED, event) is State.FAILED


def test_only_a_restart_leads_out_of_failed_to_running() -> None:
    assert [
        event for event in Event if TRANSITIONS.get((State.FAILED, event)) not in (None, State.FAILED, State.STOPPED)
    ] == [Event.RESTART]


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_fail_and_stop(state: State) -> None:
    assert after(state, Event.FAIL) is State.FAILED
    assert after(state, Event.STOP) is State.STOPPED
