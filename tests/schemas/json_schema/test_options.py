"""The words that both sides know."""

from __future__ import annotations

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Schema
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_UNION
from connect_schemas.json_schema.options import (
    ENUM,
    ONE_OF,
    Options,
    has_text_keys,
    is_union,
    symbols_of,
)


def test_a_struct_is_a_union_by_its_name_or_its_parameter() -> None:
    assert is_union(Schema.struct({}, name=ONE_OF))
    assert is_union(Schema.struct({}, parameters={GENERAL_UNION: "connect_union_0"}))
    assert not is_union(Schema.struct({}, name="Order"))


@pytest.mark.parametrize(("parameter", "generalized"), [(ENUM, False), (GENERAL_ENUM, True)])
def test_an_enums_texts_are_in_the_names_of_its_parameters(parameter: str, generalized: bool) -> None:
    assert Options(generalized=generalized).enum_parameter == parameter
    schema = STRING.replace(parameters={parameter: "", f"{parameter}.a": "0", f"{parameter}.<NULL>": "1", "x": "y"})
    assert symbols_of(schema) == ["a", None]
    assert symbols_of(STRING) is None
    assert symbols_of(INT32.replace(parameters={parameter: ""})) is None


def test_only_a_map_of_required_text_keys_is_an_object() -> None:
    assert has_text_keys(Schema.map(STRING, INT32))
    assert not has_text_keys(Schema.map(OPTIONAL_STRING, INT32))
    assert not has_text_keys(Schema.map(INT32, INT32))


def test_a_unions_fields_are_named_by_their_place() -> None:
    assert Options().union_field(1) == "io.confluent.connect.json.OneOf.field.1"
    assert Options(generalized=True).union_field(1) == "connect_union_field_1"
