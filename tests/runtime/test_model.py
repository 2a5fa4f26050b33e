from __future__ import annotations

from connect.runtime.model import ConfigInfo, ConfigInfos, ConfigValueInfo, PluginKind, State, TaskId
from connect.runtime.plugins import LISTED_KINDS


def test_a_task_is_named_by_its_connector_and_number() -> None:
    assert str(TaskId("orders", 3)) == "orders-3"


def test_problems_are_counted_over_all_keys() -> None:
    values = [
        ConfigValueInfo("a", None, errors=("x", "y")),
        ConfigValueInfo("b", "1"),
        ConfigValueInfo("c", None, errors=("z",)),
    ]
    assert ConfigInfos("C", (), tuple(ConfigInfo(None, value) for value in values)).error_count == 3


def test_the_kinds_of_plugins_and_the_states_are_kafka_connects_words() -> None:
    listed = ["sink", "source", "transformation", "predicate", "converter", "header_converter"]
    assert [kind.value for kind in LISTED_KINDS] == listed
    assert set(PluginKind) - set(LISTED_KINDS) == {PluginKind.CONFIG_PROVIDER}
    assert {state.value for state in State} == {"UNASSIGNED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "RESTARTING"}
