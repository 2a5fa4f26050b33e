"""What is said of a body that is not what its model declares."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from connect.rest.bodies import problem
from connect.rest.models.connectors import ConfigPatch, ConfigRequest, CreateConnector
from connect.rest.models.groups import GroupPartitions, SetGroupOffsets
from connect.rest.models.loggers import SetLevel
from connect.rest.models.offsets import AlterOffsets
from connect.rest.models.records import AppendRecords
from connect.rest.models.topics import AlterTopic, CreateTopic

MODELS: list[type[BaseModel]] = [
    AlterOffsets,
    AlterTopic,
    AppendRecords,
    ConfigPatch,
    ConfigRequest,
    CreateConnector,
    CreateTopic,
    GroupPartitions,
    SetGroupOffsets,
    SetLevel,
]


def said(model: type[BaseModel], body: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    return problem(model, refused.value)


WRONG: list[tuple[type[BaseModel], Any, str]] = [
    (CreateConnector, {"name": "x"}, "member 'config' is missing: an object of config keys is expected"),
    (CreateConnector, {"config": []}, "member 'config' is list; an object of config keys is expected"),
    (CreateConnector, {"config": None}, "member 'config' is null; an object of config keys is expected"),
    (CreateConnector, {"name": {}, "config": {}}, "member 'name' is dict; text is expected"),
    (
        CreateConnector,
        {"name": "x", "config": {"a": [1]}},
        "the value of 'a' is list; text, a number or true or false is expected",
    ),
    (
        CreateConnector,
        {"config": {}, "initial_state": "AWAY"},
        "member 'initial_state' is 'AWAY'; RUNNING, PAUSED or STOPPED is expected",
    ),
    (
        CreateConnector,
        {"config": 1, "nmae": "x"},
        "unknown member 'nmae'; name, config and initial_state are known",
    ),
    (ConfigRequest, {"a": {}}, "the value of 'a' is dict; text, a number or true or false is expected"),
    (ConfigPatch, {"a": {}}, "the value of 'a' is dict; text, a number or true or false is expected"),
    (AlterOffsets, {"offset": []}, "unknown member 'offset'; offsets is known"),
    (AlterOffsets, {"offsets": {}}, "member 'offsets' is dict; an array of partitions with offsets is expected"),
    (AlterOffsets, {"offsets": [None]}, "offsets[0] is null; an object with 'partition' and 'offset' is expected"),
    (AlterOffsets, {"offsets": [{}]}, "'partition' of offsets[0] is missing: an object is expected"),
    (
        AlterOffsets,
        {"offsets": [{"partition": {}}, {"partition": {}, "offset": 5}]},
        "'offset' of offsets[1] is int; an object is expected",
    ),
    (AlterOffsets, {"offsets": [{"partition": {}, "x": 1}]}, "unknown member 'x'; partition and offset are known"),
    (SetLevel, {"level": 5}, "member 'level' is int; text is expected"),
    (CreateTopic, {}, "member 'name' is missing: text is expected"),
    (CreateTopic, {"name": "t", "partitions": "two"}, "member 'partitions' is str; a whole number is expected"),
    (CreateTopic, {"name": "t", "partitions": 1.5}, "member 'partitions' is float; a whole number is expected"),
    (CreateTopic, {"name": "t", "configs": []}, "member 'configs' is list; an object of config keys is expected"),
    (AlterTopic, {"config": {}}, "unknown member 'config'; configs and partitions are known"),
    (SetGroupOffsets, {}, "member 'offsets' is missing: an array of {topic, partition, offset} is expected"),
    (
        SetGroupOffsets,
        {"offsets": ["x"]},
        "offsets[0] is str; an object of topic, partition and offset is expected",
    ),
    (
        SetGroupOffsets,
        {"offsets": [{"topic": "t", "partition": -1, "offset": 0}]},
        "'partition' of offsets[0] is -1; a whole number is expected, 0 or more",
    ),
    (
        SetGroupOffsets,
        {"offsets": [{"topic": "t", "partition": 0, "offset": 1 << 63}]},
        f"'offset' of offsets[0] is {1 << 63}; a whole number is expected, less than {1 << 63}",
    ),
    (
        SetGroupOffsets,
        {"offsets": [{"topic": "t", "partition": "a", "offset": 0}]},
        "'partition' of offsets[0] is 'a'; a whole number is expected",
    ),
    (GroupPartitions, {"partitions": 1}, "member 'partitions' is int; an array of [topic, partition] is expected"),
    (GroupPartitions, {"partitions": [["t"]]}, "partitions[0] is list; [topic, partition] is expected"),
    (GroupPartitions, {"partitions": [["t", -1]]}, "partitions[0] is list; [topic, partition] is expected"),
    (GroupPartitions, {"partitions": [["t", 1 << 40]]}, "partitions[0] is list; [topic, partition] is expected"),
]


@pytest.mark.parametrize(("model", "body", "message"), WRONG)
def test_what_is_wrong_is_said_with_its_place_and_what_is_expected(
    model: type[BaseModel], body: Any, message: str
) -> None:
    assert said(model, body) == message


@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "config", "offsets", "partition", "offset", "topic", "records", "headers"])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_sent_is_taken_or_said_to_be_wrong_in_one_short_sentence(body: Any) -> None:
    for model in MODELS:
        try:
            model.model_validate(body)
        except ValidationError as refused:
            sentence = problem(model, refused)
            assert sentence.endswith(("expected", "known", "taken")) or "expected, " in sentence
            assert "another type" not in sentence or "the body" in sentence


def test_every_expectation_is_told() -> None:
    for model in MODELS:
        for name, told in model.model_fields.items():
            assert name == "root" or told.description, (model, name)
