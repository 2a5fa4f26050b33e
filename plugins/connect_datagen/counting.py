"""Columns that count: `iteration`. The value of a record follows from its number alone, so a restart goes on exactly.

Source: confluentinc/avro-random-generator, README, "iteration", and its IterationTest.java.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from connect.api import SchemaType
from connect_datagen.avro import AvroProblem, AvroType
from connect_datagen.columns import Column
from connect_datagen.dates import CALENDAR
from connect_datagen.properties import exact, members, whole

INT_BOUNDS: Final = {
    SchemaType.INT8: (-(1 << 7), 1 << 7),
    SchemaType.INT16: (-(1 << 15), 1 << 15),
    SchemaType.INT32: (-(1 << 31), 1 << 31),
    SchemaType.INT64: (-(1 << 63), 1 << 63),
}
#: The largest numbers; their negatives are the least.
FLOAT_MAX: Final = {"float": 3.4028234663852886e38, "double": sys.float_info.max}

_MEMBERS: Final = frozenset({"start", "restart", "step", "initial"})


def integers(avro: AvroType) -> Column:
    """Return whole numbers that count: those of a whole type, of a calendar, or of a text.

    Raises:
        AvroProblem: What is declared leads nowhere, or out of the type.
    """
    numbers = {name: whole(avro, value) for name, value in _declared(avro).items()}
    return _column(avro, numbers, whole_bounds(avro))


def floats(avro: AvroType) -> Column:
    """Return floats that count, each the nearest to what exact numbers come to: 10.4, 15.5, 20.6, …

    Raises:
        AvroProblem: As of `integers`.
    """
    declared = {name: exact(avro, value) for name, value in _declared(avro).items()}
    scale = max(0, *(-int(value.as_tuple().exponent) for value in declared.values()))
    unit = 10**scale
    largest = int(FLOAT_MAX[avro.kind]) * unit
    numbers = {name: int(Fraction(value) * unit) for name, value in declared.items()}
    column = _column(avro, numbers, (-largest, largest + 1), unit)
    return lambda rng, first, count: [value / unit for value in column(rng, first, count)]


def decimals(avro: AvroType) -> Column:
    """Return the unscaled whole numbers of decimals that count.

    Raises:
        AvroProblem: As of `integers`; or a number has more digits behind the point than the type.
    """
    unit = 10**avro.scale
    numbers = {}
    for name, value in _declared(avro).items():
        unscaled = Fraction(exact(avro, value)) * unit
        if unscaled.denominator != 1:
            raise AvroProblem(f"iteration: {name} has more than {avro.scale} digits behind the point", avro.path)
        numbers[name] = int(unscaled)
    return _column(avro, numbers, decimal_bounds(avro), unit)


def booleans(avro: AvroType) -> Column:
    """Return booleans that take turns.

    Raises:
        AvroProblem: There is more to it than the first one.
    """
    start = members(avro, "iteration", frozenset({"start"})).get("start")
    if not isinstance(start, bool):
        raise AvroProblem("iteration of a boolean needs 'start', which is true or false", avro.path)
    return lambda rng, first, count: [start ^ bool(number & 1) for number in range(first, first + count)]


def whole_bounds(avro: AvroType) -> tuple[int, int]:
    """Return the least whole number of a type, and the one that all are below."""
    return CALENDAR.get(avro.logical or "") or INT_BOUNDS.get(avro.schema.type, INT_BOUNDS[SchemaType.INT64])


def decimal_bounds(avro: AvroType) -> tuple[int, int]:
    """Return the least unscaled number of a decimal, and the one that all are below."""
    most = 10**avro.precision
    if avro.kind == "fixed":
        most = min(most, 1 << max(8 * avro.size_bytes - 1, 0))
    return 1 - most, most


def _declared(avro: AvroType) -> Mapping[str, Any]:
    declared = members(avro, "iteration", _MEMBERS)
    if "start" not in declared:
        raise AvroProblem("iteration lacks 'start'", avro.path)
    return declared


def _column(avro: AvroType, numbers: Mapping[str, int], bounds: tuple[int, int], unit: int = 1) -> Column:
    """Return the column of what is declared, in `unit`ths; `bounds` are those of the type, the upper one not in it."""
    low, high = bounds
    start = numbers["start"]
    back = numbers.get("step", numbers.get("restart", start + 1) - start) < 0
    step = numbers.get("step", -unit if back else unit)
    restart = numbers.get("restart", low - 1 if back else high)
    if not step or restart == start or (restart > start) == back:
        raise AvroProblem("iteration: step must lead from start towards restart", avro.path)
    initial = numbers.get("initial", start)
    if (restart <= initial) if not back else (initial <= restart):
        raise AvroProblem("iteration: initial must lie before restart", avro.path)
    if not (low <= min(start, initial, restart + back) and max(start, initial, restart - (not back)) < high):
        what = avro.logical or ("text" if avro.kind == "string" else avro.kind)
        shown = f" from {start} to {restart}" if unit == 1 and max(abs(start), abs(restart)) < 1 << 65 else ""
        raise AvroProblem(f"iteration{shown} is outside of {what}", avro.path)
    return _counted(start, step, period=abs(restart - start), offset=(initial - start) * (-1 if back else 1))


def _counted(start: int, step: int, *, period: int, offset: int) -> Column:
    """Return start + step * number, begun anew from start where that is `period` away.

    Args:
        offset: How far from start the first one is; below 0 for one that only comes once.
    """
    direction, stride = (1, step) if step > 0 else (-1, -step)

    def make(rng: random.Random, first: int, count: int) -> list[Any]:
        at = offset + first * stride
        if at >= 0:
            at %= period
        if at + count * stride <= period + stride - 1:
            begin = start + at * direction
            return list(range(begin, begin + count * step, step))
        far = range(at, at + count * stride, stride)
        return [start + (away % period if away >= 0 else away) * direction for away in far]

    return make
