from __future__ import annotations

from connect.rest.answers import encode
from connect.rest.render import state_info
from connect.runtime.model import ConnectorState, ConnectorStateInfo, RestartInfo, State, TaskState


def test_a_status_has_kafkas_members_in_kafkas_order() -> None:
    failed = TaskState(0, State.FAILED, "w:1", "1.0", "boom", RestartInfo("outage", 2, -1, None))
    running = ConnectorState(State.RUNNING, "w:1")
    assert encode(state_info(ConnectorStateInfo("c", running, (failed,), "sink"))) == (
        b'{"name":"c","connector":{"state":"RUNNING","worker_id":"w:1","version":null},'
        b'"tasks":[{"id":0,"state":"FAILED","worker_id":"w:1","version":"1.0","trace":"boom",'
        b'"restart":{"cause":"outage","attempts":2,"max_attempts":-1,"at":null}}],"type":"sink"}'
    )


def test_a_trace_that_is_empty_is_left_out() -> None:
    told = state_info(ConnectorStateInfo("c", ConnectorState(State.RUNNING, "w", None, ""), (), "source"))
    assert "trace" not in told["connector"]
