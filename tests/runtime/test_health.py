from __future__ import annotations

import pytest

from connect.runtime.health import ConnectorHealth, Failure, Tally, Threshold
from connect.runtime.model import State


def make_tally(*, connectors: int, tasks: int, failed_connectors: int = 0, failed_tasks: int = 0) -> Tally:
    """The first ones are FAILED; all tasks are of the first connector."""
    states = [State.FAILED if n < failed_connectors else State.RUNNING for n in range(connectors)]
    of_tasks = tuple((n, State.FAILED if n < failed_tasks else State.RUNNING) for n in range(tasks))
    seen = [ConnectorHealth(f"c{n}", state, of_tasks if n == 0 else ()) for n, state in enumerate(states)]
    failures = [Failure(f"c{n}", None, None) for n in range(failed_connectors)]
    return Tally(seen, failures + [Failure("c0", n, None) for n in range(failed_tasks)])


@pytest.mark.parametrize(
    ("text", "failed_connectors", "failed_tasks", "reached"),
    [
        ("1", 0, 0, False),
        ("1", 1, 0, True),
        ("3", 1, 1, False),
        ("3", 1, 2, True),
        ("50%", 1, 4, False),
        ("50%", 2, 0, True),
        ("50%", 0, 5, True),
        ("100%", 3, 9, False),
        ("100%", 4, 0, True),
        ("0.5%", 0, 1, True),
    ],
)
def test_numbers_are_of_both_together_and_percentages_of_whichever_is_worse(
    text: str, failed_connectors: int, failed_tasks: int, reached: bool
) -> None:
    tally = make_tally(connectors=4, tasks=10, failed_connectors=failed_connectors, failed_tasks=failed_tasks)
    assert Threshold.parse(text).is_reached(tally) is reached


def test_where_there_is_nothing_nothing_has_failed() -> None:
    assert not Threshold.parse("0.000001%").is_reached(make_tally(connectors=0, tasks=0))
    assert not Threshold.parse("1").is_reached(make_tally(connectors=0, tasks=0))


@pytest.mark.parametrize("text", ["", "0", "0.0%", "0%", "100.1%", "1.5", "50 %", " 1", "%", "-1", "1e9", "inf", "1%%"])
def test_what_is_reached_always_or_never_is_no_threshold(text: str) -> None:
    with pytest.raises(ValueError, match="is expected"):
        Threshold.parse(text)


def test_an_instance_of_another_worker_is_not_counted() -> None:
    tally = Tally([ConnectorHealth("c", None, ((0, State.FAILED),))], [Failure("c", 0, None)])
    assert (tally.connectors, tally.tasks) == (0, 1)
    assert str(tally) == "0 of 0 connectors and 1 of 1 tasks are FAILED"
    assert Threshold.parse("100%").is_reached(tally)
