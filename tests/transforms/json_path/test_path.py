"""JSONPath: what it finds, and the three answers of a condition."""

from __future__ import annotations

from typing import Any

import pytest

from connect_transforms.json_path.path import JsonPath

SHOP = {
    "lines": [{"sku": "A1", "n": 5, "tags": ["x"]}, {"sku": "b2"}],
    "to": {"city": "Lyon", "zip": ["1", "2", "3"]},
    "paid": True,
    "price": 9.5,
    "note": None,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.to.city", ["Lyon"]),
        ("$['to']['city']", ["Lyon"]),
        ("$.to['city','zip']", ["Lyon", ["1", "2", "3"]]),
        ("$.to.zip[0,2]", ["1", "3"]),
        ("$.to.zip[-1]", ["3"]),
        ("$.to.zip[1:]", ["2", "3"]),
        ("$.to.zip[::2]", ["1", "3"]),
        ("$..sku", ["A1", "b2"]),
        ("$.lines[*].n", [5]),
        ("$.lines[?(@.n > 1)].sku", ["A1"]),
        ("$.nothing.here", []),
        ("$", [SHOP]),
    ],
)
def test_what_lies_at_a_path(path: str, found: list[Any]) -> None:
    assert JsonPath(path).find(SHOP) == found


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("@.price > 9", True),
        ("@.price >= 10", False),
        ("@.price == '9.5'", False),
        ("@.paid == true", True),
        ("@.paid == 1", False),
        ("@.to.city =~ /ly.*/i", True),
        ("@.to.city in ['Oslo', 'Lyon']", True),
        ("@.to.city nin ['Lyon']", False),
        ("@.to.zip contains '2'", True),
        ("@.to.zip size 3", True),
        ("@.to.zip empty false", True),
        ("@.to.zip subsetof ['1','2','3','4']", True),
        ("@.to.zip anyof ['9','1']", True),
        ("@.to.zip noneof ['9']", True),
        ("@.note == null", True),
        ("@.note != null", False),
        ("@.to", True),
        ("!@.to", False),
        ("@.gone > 1", None),
        ("@.note == 'x'", None),
        ("@.gone > 1 || @.paid == true", True),
        ("@.gone > 1 && @.paid == false", False),
        ("!(@.gone > 1)", None),
        ("@.price == $.price", True),
        ("@.lines[0].n == 5", True),
        ("(@.price > 1) && (@.price < 10)", True),
    ],
)
def test_a_condition_is_true_false_or_open(condition: str, verdict: bool | None) -> None:
    path = JsonPath(f"$[?({condition})]")
    assert path.test(SHOP) is verdict
    assert path.test_all([SHOP, SHOP]) == [verdict, verdict]


def test_a_filter_asks_each_item_of_an_array() -> None:
    path = JsonPath("$.lines[?(@.n == 5)]")
    assert path.test(SHOP) is True
    assert path.test({"lines": []}) is False
    assert path.test({"lines": [{"sku": "x"}]}) is None
    assert path.test({}) is None
    assert path.test(None) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a.b", r"expected '\$' at position 0"),
        ("$.", "expected a name"),
        ("$[", "expected a number, a name in quotes"),
        ("$.a b", "the end"),
        ("$[?(@.a ~ 3)]", "expected one of <"),
        ("$[?(@.a == )]", "expected '@'"),
        ("$[?(@.a == 'x'", r"expected '\)'"),
        ("$[?(@.a =~ x)]", "slashes"),
    ],
)
def test_a_text_that_is_no_path_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        JsonPath(text)
