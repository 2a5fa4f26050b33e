"""What stands in `arg.properties` is read as it was written, or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect_datagen import properties
from connect_datagen.avro import AvroProblem
from tests.plugins.connect_datagen.schemas import field

AVRO = field("double")
KNOWN = frozenset({"min", "max"})


def test_members_are_those_of_the_object_and_none_where_there_is_no_object() -> None:
    assert properties.members(field("int", range={"min": 1}), "range", KNOWN) == {"min": 1}
    assert properties.members(field("int"), "range", KNOWN) == {}


@pytest.mark.parametrize("declared", [3, [], {"least": 1}])
def test_what_is_no_object_with_known_members_is_refused(declared: Any) -> None:
    with pytest.raises(AvroProblem, match="field 'a': range must be an object with max, min"):
        properties.members(field("int", range=declared), "range", KNOWN)


def test_a_number_is_what_was_written() -> None:
    assert properties.exact(AVRO, 0.1) == Decimal("0.1")
    assert properties.exact(AVRO, 10**40) == Decimal(10**40)
    assert properties.number(AVRO, 1) == 1.0
    assert properties.whole(AVRO, -3) == -3


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    for read in (properties.exact, properties.number, properties.whole):
        with pytest.raises(AvroProblem, match="expected a"):
            read(AVRO, value)


def test_a_number_larger_than_any_float_is_refused_without_its_digits() -> None:
    with pytest.raises(AvroProblem, match="a number of 401 digits is larger than any double"):
        properties.number(AVRO, 10**400)


def test_a_message_shows_the_beginning_of_what_was_written() -> None:
    assert properties.shown("a") == "'a'"
    assert len(properties.shown("a" * 1_000_000)) < 100
    with pytest.raises(AvroProblem) as caught:
        properties.whole(AVRO, "a" * 1_000_000)
    assert len(str(caught.value)) < 200
