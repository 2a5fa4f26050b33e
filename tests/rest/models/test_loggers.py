from __future__ import annotations

from connect.rest.models.loggers import LoggerLevel, SetLevel
from tests.support.recorded import body, members


def test_a_level_has_the_members_of_kafka_connect_in_its_order() -> None:
    assert members(LoggerLevel) == list(body("loggers/root"))


def test_the_levels_are_offered_and_others_are_left_to_the_loggers_to_refuse() -> None:
    assert "DEBUG" in SetLevel.model_json_schema()["properties"]["level"]["enum"]
    assert SetLevel.model_validate({"level": "LOUD", "more": 1}).level == "LOUD"
    assert SetLevel.model_validate({}).level is None
