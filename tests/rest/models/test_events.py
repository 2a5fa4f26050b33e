from __future__ import annotations

from connect.rest.models.events import Row, TaskCounts
from connect.runtime.model import State
from tests.support.recorded import members


def test_a_row_counts_tasks_in_every_state_that_a_task_may_have() -> None:
    states = [state.value.lower() for state in State if state is not State.STOPPED]
    assert sorted(members(TaskCounts)) == sorted(["total", *states])


def test_a_row_begins_with_what_names_a_connector() -> None:
    assert members(Row)[:5] == ["name", "type", "class", "state", "worst"]
