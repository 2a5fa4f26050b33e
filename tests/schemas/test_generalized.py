"""Unions and enums by the names of all formats."""

from __future__ import annotations

import pytest

from connect.api import INT32, Schema
from connect_schemas.avro import options as avro
from connect_schemas.generalized import GENERAL_ENUM, GENERAL_FIELD_PREFIX, GENERAL_UNION, is_general_union
from connect_schemas.json_schema import options as json_schema
from connect_schemas.protobuf import options as protobuf

UNION = Schema.struct({f"{GENERAL_FIELD_PREFIX}0": INT32}, name="u", parameters={GENERAL_UNION: "u"})


def test_a_union_is_told_by_its_parameter_whatever_it_is_called() -> None:
    assert is_general_union(UNION)
    assert not is_general_union(UNION.replace(parameters=None))
    assert not is_general_union(UNION.replace(parameters={GENERAL_ENUM: "u"}))


@pytest.mark.parametrize("options", [avro, json_schema, protobuf])
def test_each_format_knows_the_unions_and_enums_of_the_others(options: object) -> None:
    assert options.is_union(UNION)  # type: ignore[attr-defined]
    assert options.Options(generalized=True).enum_parameter == GENERAL_ENUM  # type: ignore[attr-defined]
