"""The comparisons of a JSONPath's filters."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect_transforms.json_path.compare import OPERATORS, compared, comparison


@pytest.mark.parametrize(
    ("found", "symbol", "wanted", "answer"),
    [
        (1, "==", 1.0, True), (1, "==", True, False), ("a", "==", "a", True), ("1", "==", 1, False), (1, "!=", 2, True),
        (2, ">", 1, True), (Decimal("1.5"), ">", 1, True), ("b", ">", "a", True), ("2", ">", 1, False),
        (True, ">", 0, False), (1, "<=", 1, True), ([1], "<", [2], False),
        (1, "in", [1, 2], True), (3, "nin", [1, 2], True), (True, "in", [1], False), ("a", "in", "a", True),
        ([1, 2], "subsetof", [1, 2, 3], True), ([1, 4], "subsetof", [1, 2, 3], False), (1, "subsetof", [1], False),
        ([1, 4], "anyof", [4], True), ([1], "anyof", [4], False), ([1], "noneof", [4], True),
        ([4], "noneof", [4], False),
        ([], "subsetof", [1], True), ([1, 2], "size", 2, True), ("ab", "size", 2, True), ({"a": 1}, "size", 1, False),
        ([], "empty", True, True), ("x", "empty", False, True), (0, "empty", True, False), ({}, "empty", True, True),
        ("abc", "contains", "b", True), (["b"], "contains", "b", True), ([True], "contains", 1, False),
    ],
)  # fmt: skip
def test_two_values_compare_as_the_java_library_compares_them(
    found: Any, symbol: str, wanted: Any, answer: bool
) -> None:
    assert compared(found, symbol, wanted) is answer
    assert comparison(symbol, wanted)(found) is answer


@pytest.mark.parametrize("symbol", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("found", [None, {}, [], b"x", object()])
def test_what_has_no_order_with_a_number_or_a_text_is_false(symbol: str, found: Any) -> None:
    assert comparison(symbol, 1)(found) is False
    assert comparison(symbol, "a")(found) is False


def test_every_operator_answers_without_raising() -> None:
    values: list[Any] = [None, True, 1, 1.5, Decimal(1), "a", b"a", [], [1, "a"], {}, {"a": 1}]
    for symbol in OPERATORS:
        for wanted in ([1, "a"], [], "a", 1, True, None):
            assert {type(comparison(symbol, wanted)(found)) for found in values} == {bool}
