"""Faker's values: drawn once into a pool that fits its field, or refused with what would do."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from connect_datagen import fake
from connect_datagen.avro import AvroProblem
from tests.plugins.connect_datagen.schemas import field


def draw(declared: Any, faker: Any, *, seed: int = 1, count: int = 5) -> list[Any]:
    return fake.pool(field(declared), faker, random.Random(seed), count)


def test_a_pool_has_as_many_values_as_asked_for_and_is_the_same_for_the_same_seed() -> None:
    drawn = draw("string", "name", count=8)
    assert len(drawn) == 8
    assert drawn == draw("string", "name", count=8)
    assert drawn != draw("string", "name", count=8, seed=2)


def test_arguments_and_a_locale_are_the_provider_s() -> None:
    drawn = draw("int", {"provider": "random_int", "args": {"min": 7, "max": 7}})
    assert drawn == [7] * 5
    assert draw("string", {"provider": "country_code", "locale": "de_DE"})


@pytest.mark.parametrize(
    ("declared", "faker", "kind"),
    [
        ("string", "random_int", str),
        ("string", "date_object", str),
        ("double", "random_int", float),
        ("double", {"provider": "pydecimal", "args": {"left_digits": 3, "right_digits": 2}}, float),
        ("boolean", "pybool", bool),
    ],
)
def test_a_value_is_brought_into_the_field_s_type_where_that_is_plain(declared: Any, faker: Any, kind: type) -> None:
    assert {type(value) for value in draw(declared, faker)} == {kind}


def test_a_date_as_text_is_iso_8601() -> None:
    assert all(dt.date.fromisoformat(value) for value in draw("string", "date_object"))


def test_a_timestamp_has_a_zone_and_whole_milliseconds() -> None:
    drawn = draw({"type": "long", "logicalType": "timestamp-millis"}, "date_time")
    assert all(value.tzinfo is not None and value.microsecond % 1000 == 0 for value in drawn)


@pytest.mark.parametrize(
    ("declared", "faker", "said"),
    [
        ("string", "nmae", "faker has no provider 'nmae'; the nearest is 'name'"),
        ("string", "seed_instance", "faker has no provider 'seed_instance'"),
        ("string", {"provider": "name", "locale": "xx_XX"}, "faker: "),
        ("int", {"provider": "random_int", "args": {"least": 1}}, "faker provider 'random_int': "),
        ("int", "name", "faker provider 'name'"),
        ("string", {"provider": "name", "arguments": {}}, "faker must be a provider's name or "),
        ("string", {"provider": "name", "args": []}, "faker must be a provider's name or "),
        ("string", 5, "faker must be a provider's name or "),
    ],
)
def test_what_makes_no_values_of_the_field_is_refused(declared: Any, faker: Any, said: str) -> None:
    with pytest.raises(AvroProblem) as caught:
        draw(declared, faker)
    assert said in str(caught.value)
