"""What counts: from where, by how much, over what end, and the same however the stream is cut."""

from __future__ import annotations

import datetime as dt
import itertools
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_datagen.avro import AvroProblem
from tests.plugins.connect_datagen.schemas import drawn

MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}


def counted(declared: Any, *, first: int = 0, count: int = 4, **iteration: Any) -> list[Any]:
    return drawn(declared, first=first, count=count, iteration=iteration)


@pytest.mark.parametrize(
    ("declared", "iteration", "expected"),
    [
        ("boolean", {"start": False}, [False, True, False, True]),
        ("boolean", {"start": True}, [True, False, True, False]),
        ("int", {"start": 2, "restart": -1}, [2, 1, 0, 2]),
        ("int", {"start": 2, "restart": -1, "initial": 0}, [0, 2, 1, 0]),
        ("long", {"start": -5, "restart": 10, "step": 7}, [-5, 2, 9, 1]),
        ("long", {"start": 0, "restart": 3, "step": 10}, [0, 1, 2, 0]),
        ("int", {"start": 10, "initial": 8}, [8, 9, 10, 11]),
        ("int", {"start": 10, "restart": 12, "initial": 9}, [9, 10, 11, 10]),
        ("int", {"start": 10, "restart": 8, "initial": 11}, [11, 10, 9, 10]),
        ("double", {"start": 10.4, "step": 5.1}, [10.4, 15.5, 20.6, 25.7]),
        ("double", {"start": 10.4, "step": 5.1, "initial": 0}, [0.0, 5.1, 10.2, 15.3]),
        ("double", {"start": 0.0, "restart": 10.0, "step": 27.3}, [0.0, 7.3, 4.6, 1.9]),
        ("double", {"start": 1, "restart": 0, "step": -0.25}, [1.0, 0.75, 0.5, 0.25]),
        ("double", {"start": 1e300, "step": 1e300}, [1e300, 2e300, 3e300, 4e300]),
        ("string", {"start": 1, "restart": 3}, ["1", "2", "1", "2"]),
        (MONEY, {"start": 9.99, "step": 0.01}, [Decimal("9.99"), Decimal("10.00"), Decimal("10.01"), Decimal("10.02")]),
        (MONEY, {"start": 1}, [Decimal("1.00"), Decimal("2.00"), Decimal("3.00"), Decimal("4.00")]),
        ({"type": "int", "connect.type": "int8"}, {"start": 126}, [126, 127, 126, 127]),
    ],
)  # fmt: skip
def test_a_type_counts(declared: Any, iteration: dict[str, Any], expected: list[Any]) -> None:
    assert counted(declared, **iteration) == expected


def test_a_float_that_counts_is_the_nearest_of_32_bits() -> None:
    exact = [10.4, 15.5, 20.6, 25.7]
    assert counted("float", start=10.4, step=5.1) == [struct.unpack("f", struct.pack("f", value))[0] for value in exact]


def test_a_text_that_counts_has_what_goes_around_it() -> None:
    texts = drawn("string", count=2, iteration={"start": 7}, prefix="<", suffix=">")
    assert texts == ["<7>", "<8>"]


def test_a_double_counts_without_the_errors_of_adding_up() -> None:
    assert counted("double", start=0, step=0.1, first=1_000_000, count=2) == [100_000.0, 100_000.1]


numbers = st.integers(-50, 50)


@given(numbers, st.integers(1, 40), st.integers(1, 60), st.booleans(), st.integers(-30, 30), st.integers(0, 99))
def test_a_count_is_the_same_however_it_is_cut(
    start: int, period: int, step: int, back: bool, ahead: int, first: int
) -> None:
    sign = -1 if back else 1
    iteration = {"start": start, "restart": start + sign * period, "step": sign * step}
    iteration["initial"] = start + sign * min(ahead, period - 1)
    whole = counted("int", count=first + 20, **iteration)
    assert counted("int", first=first, count=20, **iteration) == whole[first:]
    assert whole == list(itertools.islice(one_by_one(**iteration), first + 20))


def one_by_one(start: int, restart: int, step: int, initial: int) -> Any:
    """Count as a person would: step, and begin anew as far behind start as the step went past restart."""
    period, away = abs(restart - start), (initial - start) * (1 if step > 0 else -1)
    while True:
        yield start + away * (1 if step > 0 else -1)
        away += abs(step)
        while away >= period:
            away -= period


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e3), st.integers(0, 10_000))
def test_a_double_that_counts_stays_within_its_range_and_goes_on(start: float, step: float, first: int) -> None:
    iteration = {"start": start, "restart": start + 1000.5, "step": step}
    values = counted("double", first=first, count=5, **iteration)
    assert all(start <= value <= start + 1000.5 for value in values)
    assert counted("double", first=first + 1, count=4, **iteration) == values[1:]


def test_dates_count_as_their_numbers() -> None:
    days = counted({"type": "int", "logicalType": "date"}, start=0, restart=-2, count=3)
    assert days == [dt.date(1970, 1, 1), dt.date(1969, 12, 31), dt.date(1970, 1, 1)]


@pytest.mark.parametrize(
    ("declared", "iteration", "said"),
    [
        ("int", {"step": 1}, "iteration lacks 'start'"),
        ("int", {"start": 0, "stop": 3}, "iteration must be an object with initial, restart, start, step"),
        ("int", {"start": 0.5}, "expected a whole number, found 0.5"),
        ("int", {"start": 0, "step": 0}, "step must lead from start towards restart"),
        ("int", {"start": 5, "restart": 5}, "step must lead from start towards restart"),
        ("int", {"start": 5, "restart": 0, "step": 1}, "step must lead from start towards restart"),
        ("int", {"start": 0, "restart": 3, "initial": 3}, "initial must lie before restart"),
        ("int", {"start": 0, "restart": 1 << 40}, "iteration from 0 to 1099511627776 is outside of int"),
        ("int", {"start": 0, "initial": -(1 << 40)}, "is outside of int"),
        ("float", {"start": 0, "restart": 1e39}, "iteration is outside of float"),
        ("double", {"start": "0"}, "expected a number, found '0'"),
        ("double", {"start": True}, "expected a number, found True"),
        ("string", {"start": 0, "restart": 1 << 80}, "is outside of text"),
        ("boolean", {"start": 1}, "needs 'start', which is true or false"),
        ("boolean", {"start": True, "step": 1}, "iteration must be an object with start"),
        (MONEY, {"start": 0.001}, "start has more than 2 digits behind the point"),
        (MONEY, {"start": 0, "restart": 10_000_000}, "iteration is outside of decimal"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_refused(declared: Any, iteration: dict[str, Any], said: str) -> None:
    with pytest.raises(AvroProblem) as caught:
        counted(declared, **iteration)
    assert said in str(caught.value)
