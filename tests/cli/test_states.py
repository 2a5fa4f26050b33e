from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, ConnectError
from connect.cli.lifecycle import for_each
from connect.cli.states import FAILED, SETTLED, UNDER_WAY, status_lines, tasks_text, verdict, wait_for, worst


def status(own: str, *tasks: str, trace: str = "", **more: Any) -> dict[str, Any]:
    states = [{"id": n, "state": s, "worker_id": "w", "trace": trace, **more} for n, s in enumerate(tasks)]
    return {"name": "k", "type": "sink", "connector": {"state": own, "worker_id": "w"}, "tasks": states}


@pytest.mark.parametrize(
    ("found", "wanted", "code"),
    [
        (status("RUNNING", "RUNNING"), None, SETTLED),
        (status("PAUSED", "PAUSED"), None, SETTLED),
        (status("STOPPED"), None, SETTLED),
        (status("STOPPED"), "RUNNING", UNDER_WAY),
        (status("RUNNING", "RUNNING", "FAILED"), None, FAILED),
        (status("FAILED"), None, FAILED),
        (status("PAUSED", "RUNNING"), None, UNDER_WAY),
        (status("RUNNING", "UNASSIGNED"), None, UNDER_WAY),
        (status("RUNNING", "RESTARTING"), None, UNDER_WAY),
        (status("UNASSIGNED"), None, UNDER_WAY),
        (status("RESTARTING", "FAILED"), None, FAILED),
    ],
)
def test_the_exit_code_of_a_status(found: dict[str, Any], wanted: str | None, code: int) -> None:
    assert verdict(found, wanted) == code


def test_a_failure_goes_before_what_is_under_way() -> None:
    assert worst([SETTLED, UNDER_WAY, FAILED]) == FAILED
    assert worst([SETTLED, UNDER_WAY]) == UNDER_WAY
    assert worst([]) == SETTLED


def test_tasks_are_counted_by_state_failures_first() -> None:
    assert tasks_text(["RUNNING", "FAILED", "RUNNING"]) == "1 FAILED, 2 RUNNING"
    assert tasks_text([]) == "-"


def test_waiting_ends_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.cli.states._LOOK_S", 0)
    seen = iter(
        [status("UNASSIGNED"), status("RUNNING"), status("RUNNING", "UNASSIGNED"), status("RUNNING", "RUNNING")]
    )
    assert wait_for(lambda: next(seen), wanted=None, timeout_s=60)["tasks"][0]["state"] == "RUNNING"
    assert wait_for(lambda: status("RUNNING", "FAILED"), wanted=None, timeout_s=60)["tasks"]


def test_a_connector_that_makes_no_task_has_settled_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.cli.states._LOOK_S", 0)
    now = iter(range(100))
    assert wait_for(lambda: status("RUNNING"), wanted="RUNNING", timeout_s=60, clock=lambda: next(now))["tasks"] == []


def test_waiting_has_an_end_and_an_exit_code_of_its_own() -> None:
    with pytest.raises(
        ConnectError, match=r"'k' is not PAUSED after 0 s: it is RUNNING, its tasks are 1 RUNNING"
    ) as raised:
        wait_for(lambda: status("RUNNING", "RUNNING"), wanted="PAUSED", timeout_s=0)
    assert (raised.value.code, raised.value.exit_code) == ("timeout", UNDER_WAY)


TRACE = """bad [data.invalid]
hint: Mend it.
Traceback (most recent call last):
  File "x.py", line 1, in f
ValueError: bad"""


def test_a_status_tells_the_cause_and_the_trace_only_when_asked() -> None:
    lines = status_lines(status("RUNNING", "FAILED", trace=TRACE), trace=False)
    assert lines[1:] == ["  task 0: FAILED on w", "    bad [data.invalid]", "    hint: Mend it."]
    assert status_lines(status("RUNNING", "FAILED", trace=TRACE), trace=True)[-1] == "    ValueError: bad"


def test_a_status_tells_when_what_failed_is_restarted() -> None:
    restart = {"cause": "outage", "attempts": 2, "max_attempts": 10, "at": 0}
    assert (
        status_lines(status("RUNNING", "FAILED", trace="x", restart=restart), trace=False)[-1].strip()
        == "restarts by itself in 0 s, try 2 of 10"
    )
    restart["at"] = None
    assert "used up" in status_lines(status("RUNNING", "FAILED", trace="x", restart=restart), trace=False)[-1]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([SETTLED, SETTLED], SETTLED),
        ([SETTLED, UNDER_WAY], UNDER_WAY),
        ([FAILED, UNDER_WAY], FAILED),
        ([UNDER_WAY, FAILED], FAILED),
        ([ConfigError("wrong"), UNDER_WAY], 2),
        ([UNDER_WAY, ConfigError("wrong")], 2),
        ([SETTLED, ConnectError("broken")], 1),
    ],
)
def test_of_several_connectors_a_failure_is_the_exit_code_before_what_is_under_way(
    outcomes: list[int | ConnectError], code: int
) -> None:
    codes: dict[str, int] = {}

    def change(name: str) -> str:
        outcome = outcomes[int(name)]
        if isinstance(outcome, int) and outcome != UNDER_WAY:
            codes[name] = outcome
            return "paused"
        error = outcome if isinstance(outcome, ConnectError) else ConnectError("late", code="timeout")
        if outcome == UNDER_WAY:
            error.exit_code = UNDER_WAY
        raise error

    names = [str(number) for number in range(len(outcomes))]
    assert for_each(names, change, as_json=True, exit_codes=codes) == code


def test_the_figures_of_a_task_are_shown_below_it() -> None:
    shown = status_lines(status("RUNNING", "RUNNING", gauges={"slot.lag.bytes": 4096.0}), trace=False)
    assert shown[-1] == "    slot.lag.bytes: 4,096"
