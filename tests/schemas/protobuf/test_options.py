"""What a schema stands for in Protobuf."""

from __future__ import annotations

from connect.api import INT32, OPTIONAL_STRING, STRING, Schema
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_UNION
from connect_schemas.protobuf.options import (  # fmt: skip
    ENUM,
    UNION,
    WRAPPER,
    Options,
    enum_name,
    is_union,
    is_wrapped,
)


def test_a_union_is_a_struct_by_its_name_or_parameter() -> None:
    assert is_union(Schema.struct({}, name=f"{UNION}.x"))
    assert is_union(Schema.struct({}, name="x", parameters={GENERAL_UNION: "x"}))
    assert not is_union(Schema.struct({}, name="x"))
    assert not is_union(STRING.replace(name=f"{UNION}.x"))


def test_an_enum_is_a_text_or_a_number_with_a_parameter() -> None:
    assert enum_name(STRING.replace(parameters={ENUM: "E"})) == "E"
    assert enum_name(STRING.replace(parameters={GENERAL_ENUM: "E"})) == "E"
    assert enum_name(INT32.replace(parameters={ENUM: "E"})) == "E"
    assert enum_name(INT32) is None
    assert enum_name(STRING) is None


def test_an_optional_value_is_wrapped_where_that_is_asked_for() -> None:
    asked = Options(wrapper=True)
    assert is_wrapped(OPTIONAL_STRING, asked, in_oneof=False)
    assert not is_wrapped(STRING, asked, in_oneof=False)
    assert not is_wrapped(OPTIONAL_STRING, Options(), in_oneof=False)
    assert not is_wrapped(OPTIONAL_STRING, asked, in_oneof=True)
    assert is_wrapped(OPTIONAL_STRING.replace(parameters={WRAPPER: "true"}), asked, in_oneof=True)
    assert Options(generalized=True).enum_parameter == GENERAL_ENUM
