"""Columns of numbers, texts and bytes, from an Avro type and its `arg.properties`. Functions only.

Source of the properties: confluentinc/avro-random-generator, README, "Annotation types".
"""

from __future__ import annotations

import array
import dataclasses
import decimal
import math
import random
import string
import struct
from fractions import Fraction
from typing import Any, Final

from connect_datagen import counting, dates, regex
from connect_datagen.avro import AvroProblem, AvroType
from connect_datagen.columns import Column, integers, pick
from connect_datagen.properties import exact, members, number, whole

_LETTERS: Final = string.ascii_letters + string.digits
_LENGTHS: Final = (8, 16)  # of what has a length and declares none
_LENGTH_MAX: Final = 1 << 20
#: Texts drawn to see whether a regex makes any of the length that is asked for.
_TRIES: Final = 2000
#: Draws for a column before texts are repeated.
_ROUNDS: Final = 20
_BOUNDS: Final = frozenset({"min", "max"})


def scalar(avro: AvroType) -> Column:
    """Return the column of a type without members.

    Raises:
        AvroProblem: Its properties make no sense.
    """
    match avro.kind:
        case _ if avro.logical == "decimal":
            return _decimals(avro)
        case "int" | "long":
            dates.time_pattern(avro)
            return dates.dated(avro, _numbers(avro))
        case "float" | "double":
            return _floats(avro)
        case "boolean":
            return _booleans(avro)
        case "string":
            return _strings(avro)
        case "enum":
            return pick(avro.symbols)
        case "fixed":
            return lambda rng, first, count: [rng.randbytes(avro.size_bytes) for _ in range(count)]
        case "bytes":
            sizes = lengths(avro)
            return lambda rng, first, count: [rng.randbytes(length) for length in rng.choices(sizes, k=count)]
    raise AssertionError(f"no column for {avro.kind}")


# -- numbers -------------------------------------------------------------------------------------------------------


def _numbers(avro: AvroType) -> Column:
    """Return whole numbers, those that stand for a date too."""
    if "iteration" in avro.properties:
        return counting.integers(avro)
    type_low, type_high = counting.whole_bounds(avro)
    low, high = dates.DRAWN.get(avro.logical or "", (type_low, type_high))
    declared = members(avro, "range", _BOUNDS)
    low, high = whole(avro, declared.get("min", low)), whole(avro, declared.get("max", high))
    if low >= high and len(declared) == 1:  # it begins behind what is drawn elsewhere, or ends before
        low, high = (low, type_high) if "min" in declared else (type_low, high)
    if not type_low <= low < high <= type_high:
        raise AvroProblem(f"range from {low} to {high} is empty or outside of {avro.logical or avro.kind}", avro.path)
    return integers(low, high)


def _booleans(avro: AvroType) -> Column:
    if "iteration" in avro.properties:
        return counting.booleans(avro)
    odds = avro.properties.get("odds", 0.5)
    if isinstance(odds, bool) or not isinstance(odds, int | float) or not 0 <= odds <= 1:
        raise AvroProblem(f"odds must be a number from 0 to 1, not {odds!r}", avro.path)
    return lambda rng, first, count: [rng.random() < odds for _ in range(count)]


def _floats(avro: AvroType) -> Column:
    if "iteration" in avro.properties:
        column = counting.floats(avro)
        return column if avro.kind == "double" else lambda *call: array.array("f", column(*call)).tolist()
    low, high = 0.0, 1.0
    if "range" in avro.properties:  # where a bound is missing, to the end of the type
        declared, most = members(avro, "range", _BOUNDS), counting.FLOAT_MAX[avro.kind]
        low, high = (number(avro, declared.get(bound, default)) for bound, default in (("min", -most), ("max", most)))
        if not -most <= low < high <= most:
            raise AvroProblem(f"range from {low} to {high} is empty or outside of {avro.kind}", avro.path)
    return _doubles(low, high) if avro.kind == "double" else _singles(avro, low, high)


def _doubles(low: float, high: float) -> Column:
    span = high - low

    def make(rng: random.Random, first: int, count: int) -> list[Any]:
        draw = rng.random
        if math.isfinite(span):
            return [low + draw() * span for _ in range(count)]
        return [low * (1 - part) + high * part for part in [draw() for _ in range(count)]]

    return make


def _singles(avro: AvroType, low: float, high: float) -> Column:
    """Return floats of 32 bits; what rounding takes out of the range is brought back."""
    column = _doubles(low, high)
    least, most = _single(low, up=True), _single(high, up=False)
    if least > most:
        raise AvroProblem(f"range from {low} to {high} holds no float of 32 bits", avro.path)

    def make(rng: random.Random, first: int, count: int) -> list[Any]:
        values = array.array("f", column(rng, first, count)).tolist()
        if min(values, default=least) < least or max(values, default=most) > most:
            values = [min(max(value, least), most) for value in values]
        return values

    return make


def _single(bound: float, *, up: bool) -> float:
    """Return the float of 32 bits that is next: from `bound` up, or below it."""
    near = float(struct.unpack("<f", struct.pack("<f", bound))[0])
    if (near >= bound) if up else (near < bound):
        return near
    (bits,) = struct.unpack("<i", struct.pack("<f", near))
    # Neighbours of one sign have neighbouring bits; those of 0 are the least of either sign.
    bits = (1 if up else -0x7FFFFFFF) if near == 0 else bits + (1 if up == (near > 0) else -1)
    return float(struct.unpack("<f", struct.pack("<i", bits))[0])


def _decimals(avro: AvroType) -> Column:
    if "iteration" in avro.properties:
        numbers = counting.decimals(avro)
    else:
        type_low, type_high = counting.decimal_bounds(avro)
        declared = members(avro, "range", _BOUNDS)
        # The first of each that is not below a bound; those of the range are below its max.
        low, high = (
            math.ceil(Fraction(exact(avro, declared[bound])) * 10**avro.scale) if bound in declared else default
            for bound, default in (("min", type_low), ("max", type_high))
        )
        if not type_low <= low < high <= type_high:
            what = f"a decimal of {avro.precision} digits, {avro.scale} of them behind the point"
            given = f"{declared.get('min', 'its least')} to {declared.get('max', 'its most')}"
            raise AvroProblem(f"range from {given} is empty or outside of {what}", avro.path)
        numbers = integers(low, high)
    exponent = -avro.scale
    # The context's precision must not round what the schema allows.
    context = decimal.Context(prec=max(avro.precision, 1))
    return lambda rng, first, count: [
        decimal.Decimal(unscaled).scaleb(exponent, context) for unscaled in numbers(rng, first, count)
    ]


# -- texts and bytes -----------------------------------------------------------------------------------------------


def _strings(avro: AvroType) -> Column:
    plain = _texts(avro)
    prefix, suffix = avro.properties.get("prefix", ""), avro.properties.get("suffix", "")
    if not isinstance(prefix, str) or not isinstance(suffix, str):
        raise AvroProblem("prefix and suffix must be texts", avro.path)
    if not prefix and not suffix:
        return plain
    return lambda rng, first, count: [prefix + text + suffix for text in plain(rng, first, count)]


def _texts(avro: AvroType) -> Column:
    properties = avro.properties
    if dates.time_pattern(avro) is not None:
        return dates.written(avro, _numbers(dataclasses.replace(avro, logical="timestamp-millis")))
    if "iteration" in properties:
        return dates.written(avro, counting.integers(avro))
    if "regex" in properties:
        return _matching(avro, properties["regex"])
    sizes = lengths(avro)
    return lambda rng, first, count: [
        "".join(rng.choices(_LETTERS, k=length)) for length in rng.choices(sizes, k=count)
    ]


def _matching(avro: AvroType, pattern: Any) -> Column:
    """Return texts that match a regex, and are as long as `length` says: a number is the least length."""
    if not isinstance(pattern, str):
        raise AvroProblem("regex must be a text", avro.path)
    low, high = _text_lengths(avro)
    try:
        # An open end repeats far enough for what is asked.
        node = regex.parse(pattern, open_repeats=max(regex.OPEN_REPEATS, min(low, regex.TEXT_CHARACTERS_MAX)))
    except regex.RegexProblem as error:
        raise AvroProblem(str(error), avro.path) from error
    if "length" not in avro.properties:
        return lambda rng, first, count: regex.draw(node, rng, count)
    spare = [text for text in regex.draw(node, random.Random(0), _TRIES) if low <= len(text) < high]
    if not spare:
        what = f"at least {low} characters" if high > _LENGTH_MAX else f"{low} to {high - 1} characters"
        raise AvroProblem(f"regex {pattern!r} hardly ever makes texts of {what}", avro.path)

    def make(rng: random.Random, first: int, count: int) -> list[Any]:
        made: list[Any] = []
        for _ in range(_ROUNDS):
            made += [text for text in regex.draw(node, rng, count) if low <= len(text) < high]
            if len(made) >= count:
                return made[:count]
        return made + rng.choices(spare, k=count - len(made))

    return make


def _text_lengths(avro: AvroType) -> tuple[int, int]:
    """Return the least length of a text that a regex makes, and the one that it stays below."""
    declared = avro.properties.get("length", 0)
    if isinstance(declared, int) and not isinstance(declared, bool):
        low, high = declared, _LENGTH_MAX + 1
    else:
        bounds = members(avro, "length", _BOUNDS)
        low, high = whole(avro, bounds.get("min", 0)), whole(avro, bounds.get("max", _LENGTH_MAX + 1))
    if not 0 <= low < high <= _LENGTH_MAX + 1:
        raise AvroProblem(f"length from {low} to {high} is empty, negative or above {_LENGTH_MAX}", avro.path)
    return low, high


def lengths(avro: AvroType) -> range:
    """Return the lengths that something may have.

    Raises:
        AvroProblem: There are none.
    """
    declared = avro.properties.get("length")
    if isinstance(declared, int) and not isinstance(declared, bool):
        low, high = declared, declared + 1
    else:
        bounds = members(avro, "length", _BOUNDS)
        low = whole(avro, bounds.get("min", _LENGTHS[0] if not bounds else 0))
        high = whole(avro, bounds.get("max", max(_LENGTHS[1], low + 1)))
    if not 0 <= low < high <= _LENGTH_MAX + 1:
        raise AvroProblem(f"length from {low} to {high} is empty, negative or above {_LENGTH_MAX}", avro.path)
    return range(low, high)
