from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from connect.rest.models.base import Body, ConfigChange, ConfigValue, example


class Some(Body):
    number: int = 1


def test_types_are_taken_as_they_are_and_unknown_members_passed_over() -> None:
    assert Some.model_validate({"number": 2, "more": 3}) == Some(number=2)
    for wrong in ("2", True, 2.0, None):
        with pytest.raises(ValidationError):
            Some.model_validate({"number": wrong})


@pytest.mark.parametrize(
    ("given", "text"), [(1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), ("x", "x"), (None, None)]
)
def test_a_configs_value_becomes_text(given: object, text: str | None) -> None:
    for kind in (ConfigValue, ConfigChange):
        assert TypeAdapter(kind).validate_python(given) == text


@pytest.mark.parametrize("given", [[], {}, [1], b"x"])
def test_arrays_and_objects_are_no_values_of_a_config(given: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ConfigValue).validate_python(given)


def test_null_is_offered_in_a_change_alone() -> None:
    assert "null" not in TypeAdapter(ConfigValue).json_schema()["type"]
    assert "null" in TypeAdapter(ConfigChange).json_schema()["type"]


def test_an_answers_example_is_part_of_its_schema() -> None:
    @example({"a": 1})
    class Answered(TypedDict):
        a: int

    assert TypeAdapter(Answered).json_schema()["examples"] == [{"a": 1}]
