from __future__ import annotations

import pytest

from connect.api import Schema
from connect.api.schema_type import INT_BITS, SchemaType, python_types


def test_every_type_is_written_as_kafka_writes_it_in_json() -> None:
    assert " ".join(SchemaType) == "int8 int16 int32 int64 float32 float64 boolean string bytes array map struct"
    assert SchemaType("int8") is SchemaType.INT8


def test_types_without_members_are_primitive() -> None:
    assert [kind.name for kind in SchemaType if not kind.is_primitive] == ["ARRAY", "MAP", "STRUCT"]


@pytest.mark.parametrize("kind", SchemaType)
def test_every_type_has_python_types_and_whole_numbers_a_width(kind: SchemaType) -> None:
    assert python_types(kind)
    assert (kind in INT_BITS) == (python_types(kind) == (int,)) == kind.name.startswith("INT")
    assert INT_BITS.get(kind, int(kind.name[3:] or 0) if kind in INT_BITS else None) == INT_BITS.get(kind)


def test_a_decimals_scale_is_the_parameter_that_kafka_reads() -> None:
    assert Schema.decimal(2).parameters == {"scale": "2"}
