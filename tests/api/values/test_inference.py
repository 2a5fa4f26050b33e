from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT64,
    INT32,
    INT64,
    OPTIONAL_STRING,
    STRING,
    Schema,
    SchemaError,
    SchemaType,
    Struct,
)
from connect.api.values import infer_schema


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("a", STRING),
        (True, BOOLEAN),
        (1.5, FLOAT64),
        (b"x", BYTES),
        (1, INT32),
        (1 << 40, INT64),
        ((1 << 31) - 1, INT32),
        (1 << 31, INT64),
        (-(1 << 31), INT32),
        ((1 << 63) - 1, INT64),
        (1 << 63, None),
        (None, None),
        (Decimal(1), None),
        ([], None),
        ([1, "a"], None),
        ([1, 1 << 40], Schema.array(INT64)),
        (["a", None], Schema.array(OPTIONAL_STRING)),
        ({"a": 1}, Schema.map(STRING, INT32)),
        ({"a": {"b": 1}}, Schema.map(STRING, Schema(SchemaType.MAP))),
        (Struct(Schema.struct({"a": INT32})), Schema.struct({"a": INT32})),
    ],
)
def test_a_schema_is_told_from_the_value_where_it_can_be(value: Any, schema: Schema | None) -> None:
    assert infer_schema(value) == schema


def test_nulls_alone_tell_nothing() -> None:
    with pytest.raises(SchemaError, match="type cannot be null"):
        infer_schema([None])
