from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import FLOAT32, INT32, STRING, DataError, Schema, Struct
from connect.api.values.texts import to_text

ORDER = Schema.struct({"id": INT32, "note": Schema("string", default="none")})


@pytest.mark.parametrize(
    ("value", "schema", "text"),
    [
        (None, None, "null"),
        ("a\"b", None, "a\"b"),
        (True, None, "true"),
        (7, None, "7"),
        (1e7, None, "1.0E7"),
        (0.1, FLOAT32, "0.1"),
        (Decimal("1.50"), None, "1.50"),
        (b"ab", None, "YWI="),
        (["a\\\"b", None, b"x", 1.0], None, r'["a\\\"b",null,"eA==",1.0]'),
        ([0.10000000149011612, None], Schema.array(FLOAT32), "[0.1,null]"),
        ({"a": [1], 2: "x"}, None, '{"a":[1],2:"x"}'),
        ({"id": 1}, ORDER, '{"id":1,"note":"none"}'),
        (Struct(ORDER, {"id": 1, "note": "n"}), None, '{"id":1,"note":"n"}'),
        (dt.date(2024, 2, 29), None, "2024-02-29"),
    ],
)  # fmt: skip
def test_a_value_has_the_text_that_kafkas_values_give_it(value: Any, schema: Schema | None, text: str) -> None:
    assert to_text(value, schema) == text


def test_a_text_is_quoted_inside_a_list_and_not_by_itself() -> None:
    assert to_text("a", STRING) == "a"
    assert to_text("a", STRING, inside=True) == '"a"'


def test_what_has_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="Failed to serialize unexpected value type object"):
        to_text(object())
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DataError, match="nested too deeply"):
        to_text(deep)
