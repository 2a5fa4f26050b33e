"""What Java 17 printed; tests/kafka/test_java_numbers.py asks the JDK about random values."""

from __future__ import annotations

import pytest

from connect.api.java.numbers import to_single
from connect.api.java.text import float_text


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (2e23, "1.9999999999999998E23"),
        (2.0**-140, "7.1746481373430634E-43"),
        (2.0**-45, "2.8421709430404007E-14"),
        (1e23, "9.999999999999999E22"),
        (5e-324, "4.9E-324"),
        (2.0**63, "9.223372036854776E18"),
        (0.5, "0.5"),
        (3e-5, "3.0E-5"),
    ],
)
def test_doubles_print_as_java_17_prints_them(value: float, printed: str) -> None:
    assert float_text(value) == printed
    assert float_text(-value) == f"-{printed}"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (-7.1610053e25, "-7.1610052E25"),
        (1.17549435e-38, "1.17549435E-38"),
        (2.0**-38, "3.6379788E-12"),
        (2.0**-133, "9.18355E-41"),
        (9.6714066e24, "9.6714065E24"),
        (33554432.0, "3.3554432E7"),
        (0.25, "0.25"),
    ],
)
def test_singles_print_as_java_17_prints_them(value: float, printed: str) -> None:
    assert float_text(to_single(value), single=True) == printed
