from __future__ import annotations

from connect.rest.models.plugins import AdvisedInfos, ConfigInfos, ConfigKeyInfo, PluginInfo
from tests.support.recorded import body, members


def test_a_key_has_the_members_of_kafka_connect_in_its_order() -> None:
    recorded = ["order_in_group" if name == "order" else name for name in body("plugins/config-source-entry")]
    assert members(ConfigKeyInfo) == recorded


def test_a_plugin_is_told_with_its_class() -> None:
    assert members(PluginInfo) == ["class", "type", "version"]


def test_the_answer_with_warnings_is_kafkas_with_two_members_more() -> None:
    assert members(AdvisedInfos) == [*members(ConfigInfos), "warnings", "checked"]
