from __future__ import annotations

import pytest

from connect.rest.rows import Figures, Moved, last_error, next_restart, rounded, row_of
from connect.runtime.live.failures import Failed
from connect.runtime.model import ConnectorState, ConnectorStateInfo, RestartInfo, State, TaskId, TaskState


def status(*states: State, restart: RestartInfo | None = None) -> ConnectorStateInfo:
    tasks = tuple(TaskState(number, state, "w", restart=restart) for number, state in enumerate(states))
    return ConnectorStateInfo("c", ConnectorState(State.RUNNING, "w"), tasks, "source")


def test_a_task_that_is_seen_first_and_one_that_begins_anew_make_no_rate_jump() -> None:
    moved, task = Moved(), TaskId("c", 0)
    moved.take(0.0, [(task, 1_000_000_000)])
    assert moved.rate("c", 0.0) == 0
    moved.take(1.0, [(task, 1_000_000_100)])
    assert moved.rate("c", 1.0) == 100
    moved.take(2.0, [(task, 50)])  # on another worker, or restarted
    assert moved.rate("c", 2.0) == 75
    moved.take(3.0, [(task, 50), (TaskId("c", 1), 10**12)])
    assert moved.rate("c", 3.0) == 50


def test_a_worker_that_does_not_tell_for_a_while_makes_no_rate_jump() -> None:
    moved, task = Moved(), TaskId("c", 0)
    moved.take(0.0, [(task, 0)])
    for second in range(1, 10):
        moved.take(float(second), [])
    moved.take(10.0, [(task, 1000)])
    assert moved.rate("c", 10.0) == 100


def test_a_connector_that_is_gone_is_forgotten() -> None:
    moved = Moved()
    for name in ("c", "d"):
        moved.take(0.0, [(TaskId(name, 0), 1)])
    moved.forget(["c"])
    assert (list(moved._connectors), list(moved._tasks)) == (["d"], [TaskId("d", 0)])
    assert moved.rate("c", 1.0) == 0


def test_the_worst_of_a_connector_and_its_tasks_is_named() -> None:
    for states, worst in [
        ((), "RUNNING"),
        ((State.RUNNING, State.FAILED, State.UNASSIGNED), "FAILED"),
        ((State.RUNNING, State.RESTARTING), "RESTARTING"),
        ((State.RUNNING, State.PAUSED), "PAUSED"),
    ]:
        row = row_of("x", status(*states), Figures(), None, None, 0)
        assert (row["worst"], row["tasks"]["total"]) == (worst, len(states))


def test_the_first_restart_of_those_that_are_planned_is_told() -> None:
    assert next_restart(status(State.FAILED)) is None
    assert next_restart(status(State.FAILED, restart=RestartInfo("outage", 3, 3, None))) is None, "they are used up"
    planned = status(State.FAILED, restart=RestartInfo("outage", 2, -1, 1000))
    assert next_restart(planned) == {"at": 1000, "attempt": 2, "of": None}


@pytest.mark.parametrize(
    ("trace", "code", "message"),
    [
        (
            "it is away [environment.unreachable]\nhint: Start it.\nTraceback ...",
            "environment.unreachable",
            "it is away",
        ),
        ("ValueError: two\nlines", "", "ValueError: two lines"),
        ("", "", "no cause is known"),
        ("x" * 10_000, "", "x" * 499 + "…"),
    ],
)
def test_a_failure_is_told_in_one_line(trace: str, code: str, message: str) -> None:
    told = last_error(Failed(5, 1, trace, "w"))
    assert told == {"at": 5, "code": code, "message": message, "task": 1}


def test_figures_have_three_digits() -> None:
    assert [rounded(value) for value in (0.04, 12.345, 99.96, 1234.5, 123456.7)] == [0.0, 12.3, 100.0, 1230.0, 123000.0]


def test_a_connector_whose_tasks_have_ended_moves_nothing() -> None:
    moved, task = Moved(), TaskId("c", 0)
    for second in range(6):
        moved.take(float(second), [(task, 1000 * second)])
    assert moved.rate("c", 5.0) == 1000
    assert moved.rate("c", 8.0) > 0, "it may be told of later"
    moved.take(30.0, [])
    assert moved.rate("c", 30.0) == 0
