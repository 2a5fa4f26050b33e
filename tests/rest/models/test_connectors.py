from __future__ import annotations

from connect.rest.models.connectors import (
    ConfigRequest,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    CreateConnector,
    TaskId,
    TaskInfo,
    TaskState,
)
from tests.support.recorded import body, members


def test_members_come_in_the_order_in_which_kafka_connect_sends_them() -> None:
    info, status, task = body("lifecycle/get"), body("lifecycle/running"), body("failures/failed-task")
    assert members(ConnectorInfo) == list(info)
    assert members(TaskId) == list(info["tasks"][0])
    assert members(TaskInfo) == list(body("lifecycle/tasks")[0])
    assert members(ConnectorStateInfo) == list(status)
    assert members(ConnectorState)[:3] == list(status["connector"])
    assert members(TaskState) == [*task, "restart"]


def test_a_config_takes_numbers_and_booleans_for_text() -> None:
    given = {"a": 1, "b": 1.5, "c": True, "d": False, "e": "x", "f": None}
    assert ConfigRequest(given).root == {"a": "1", "b": "1.5", "c": "true", "d": "false", "e": "x", "f": None}


def test_a_state_is_taken_in_any_case() -> None:
    assert CreateConnector.model_validate({"config": {}, "initial_state": "paused"}).initial_state == "PAUSED"
    assert CreateConnector.model_validate({"config": {}}).initial_state is None
