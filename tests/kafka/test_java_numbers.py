"""Floats print as Double.toString and Float.toString of the JDK print them."""

from __future__ import annotations

import random
import struct

import pytest

from connect.api.java import float_text
from tests.support.jdk import ask

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

COUNT = 20_000


def interesting(dice: random.Random) -> list[float]:
    """Return values at the edges of each form that Java prints, and near them."""
    plain = [
        0.0, -0.0, 1.0, 0.001, 9.999e-4, 1e7, 9_999_999.0, 1e10, 1e-5, 2e23, 5e-324, 1.4e-45, 3.4028235e38,
        1.7976931348623157e308,
    ]  # fmt: skip
    plain += [
        float("nan"),
        float("inf"),
        float("-inf"),
        2.0**63,
        2.0**53,
        2.0**24,
        1 / 3,
        0.1,
        100.0,
        123456.789,
        1.17549435e-38,
    ]
    powers = [2.0**n for n in range(-140, 127)] + [10.0**n for n in range(-44, 39)]
    short = [round(dice.random() * 10 ** dice.randrange(-10, 15), dice.randrange(6)) for _ in range(COUNT // 4)]
    return [sign * value for value in plain + powers + short for sign in (1, -1)]


def test_doubles(jdk: None) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    bits = [dice.getrandbits(64) for _ in range(COUNT)]
    values = interesting(dice) + [struct.unpack(">d", struct.pack(">Q", number))[0] for number in bits]
    lines = [f"double {struct.pack('>d', value).hex()}" for value in values]
    wrong = [(v, java) for v, java in zip(values, ask(lines), strict=True) if float_text(v) != java]
    assert [(value, java, float_text(value)) for value, java in wrong][:20] == []


def test_floats(jdk: None) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    bits = [dice.getrandbits(32) for _ in range(COUNT)]
    drawn = [struct.unpack(">f", struct.pack(">I", number))[0] for number in bits]
    singles = [struct.unpack(">f", struct.pack(">f", v))[0] for v in interesting(dice) if abs(v) <= 3.4e38 or v != v]
    values = singles + drawn
    lines = [f"float {struct.pack('>f', value).hex()}" for value in values]
    wrong = [(v, java) for v, java in zip(values, ask(lines), strict=True) if float_text(v, single=True) != java]
    assert [(value, java, float_text(value, single=True)) for value, java in wrong][:20] == []
