from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from connect.api import FLOAT32, INT8, INT64, STRING, Schema, Struct
from connect.api.java.classes import java_class


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("x", "java.lang.String"),
        (True, "java.lang.Boolean"),
        (1 << 31, "java.lang.Long"),
        (-(1 << 31), "java.lang.Integer"),
        (1 << 63, "java.math.BigInteger"),
        (1.5, "java.lang.Double"),
        (b"x", "[B"),
        (memoryview(b"x"), "java.nio.HeapByteBuffer"),
        ([1], "java.util.ArrayList"),
        ({"a": 1}, "java.util.LinkedHashMap"),
        (Decimal(1), "java.math.BigDecimal"),
        (dt.time(1), "java.util.Date"),
        (uuid.UUID(int=1), "java.util.UUID"),
        (Struct(Schema.struct({"a": STRING})), "org.apache.kafka.connect.data.Struct"),
    ],
)
def test_a_value_has_the_class_that_java_gives_it(value: Any, named: str) -> None:
    assert java_class(value) == named


@pytest.mark.parametrize(
    ("schema", "value", "named"),
    [
        (INT8, 1, "java.lang.Byte"),
        (INT64, 1, "java.lang.Long"),
        (FLOAT32, 1.5, "java.lang.Float"),
        (Schema.struct({"a": STRING}), {"a": "x"}, "org.apache.kafka.connect.data.Struct"),
        (Schema.date(), dt.date(2024, 1, 1), "java.util.Date"),
        (INT8, "x", "java.lang.String"),
    ],
)
def test_a_schema_says_what_pythons_types_leave_open(schema: Schema, value: Any, named: str) -> None:
    assert java_class(value, schema) == named


def test_a_class_that_java_does_not_have_keeps_its_own_name() -> None:
    assert java_class(object()) == "object"
