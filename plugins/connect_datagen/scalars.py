"""Columns of numbers, texts and bytes, from an Avro type and its `arg.properties`. Functions only.

Source of the properties: confluentinc/avro-random-generator, README, "Annotation types".
"""

from __future__ import annotations

import array
import datetime as dt
import decimal
import math
import random
import string
from collections.abc import Callable, Mapping
from typing import Any, Final

from connect_datagen import regex
from connect_datagen.avro import AvroProblem, AvroType, check

#: `(rng, first, count) -> column`: `first` is the number of the first record, `count` how many values to make.
Column = Callable[[random.Random, int, int], list[Any]]

_LETTERS: Final = string.ascii_letters + string.digits
_LENGTHS: Final = (8, 16)  # of what has a length and declares none
_LENGTH_MAX: Final = 1 << 20
#: Texts drawn to see whether a regex makes any of the length that is asked for.
_TRIES: Final = 2000
#: Draws for a column before texts are repeated.
_ROUNDS: Final = 20
_BOUNDS: Final = {"int": (-(1 << 31), 1 << 31), "long": (-(1 << 63), 1 << 63)}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Where no range is given: what a calendar can show.
_LOGICAL_BOUNDS: Final = {
    "date": (0, 47_482),  # 1970 to 2099
    "time-millis": (0, 86_400_000),
    "timestamp-millis": (0, 4_102_444_800_000),
}

#: What a calendar of the years 1 to 9999 can show; time of day has 24 hours.
_CALENDAR_BOUNDS: Final = {
    "date": (-719_162, 2_932_897),
    "time-millis": (0, 86_400_000),
    "timestamp-millis": (-62_135_596_800_000, 253_402_300_800_000),
}


def scalar(avro: AvroType) -> Column:
    """Return the column of a type without members.

    Raises:
        AvroProblem: Its properties make no sense.
    """
    properties = avro.properties
    match avro.kind:
        case "int" | "long":
            return _calendar(avro, _iteration(avro) if "iteration" in properties else _integers(*_bounds(avro)))
        case "float" | "double":
            return _floats(avro)
        case "boolean":
            odds = properties.get("odds", 0.5)
            if not isinstance(odds, int | float) or not 0 <= odds <= 1:
                raise AvroProblem(f"odds must be a number from 0 to 1, not {odds!r}", avro.path)
            return lambda rng, first, count: [rng.random() < odds for _ in range(count)]
        case "string":
            return _strings(avro)
        case "enum":
            return pick(list(avro.symbols))
        case "fixed":
            return lambda rng, first, count: [rng.randbytes(avro.size_bytes) for _ in range(count)]
        case "bytes":
            return _decimals(avro) if avro.logical == "decimal" else _bytes(avro)
    raise AssertionError(f"no column for {avro.kind}")


def pick(values: list[Any]) -> Column:
    """Return a column that picks from a list, each as likely."""
    return lambda rng, first, count: rng.choices(values, k=count)


def options(avro: AvroType) -> Column:
    """Return the column of a type of which somebody listed the values."""
    listed = avro.properties["options"]
    if not isinstance(listed, list) or not listed:
        raise AvroProblem("options must be a list that is not empty", avro.path)
    listed = [_option(avro, option) for option in listed]
    for option in listed:
        check(avro, option, "options")
    return pick(listed)


def _option(avro: AvroType, option: Any) -> Any:
    """Return the value of an option: as Avro writes it in JSON, with numbers for dates, and unions without a type."""
    convert = _CALENDAR.get(avro.logical or "")
    if convert is not None:
        return _converted(avro, convert, option)
    match avro.kind:
        case "float" | "double" if isinstance(option, int) and not isinstance(option, bool):
            return float(option)
        case "bytes" | "fixed" if isinstance(option, str):  # a character a byte
            return option.encode("latin-1", "replace")
        case "record" if isinstance(option, dict):
            return _record_option(avro, option)
        case "optional" if option is not None:
            return _option(_items(avro), _without_type(_items(avro), option))
        case "array" if isinstance(option, list):
            return [_option(_items(avro), item) for item in option]
        case "map" if isinstance(option, dict):
            return {key: _option(_items(avro), item) for key, item in option.items()}
    return option


def _record_option(avro: AvroType, option: dict[str, Any]) -> dict[str, Any]:
    assert avro.fields is not None
    unknown, missing = option.keys() - avro.fields.keys(), avro.fields.keys() - option.keys()
    if unknown or missing:
        what = f"has no field {min(unknown)!r}" if unknown else f"has a field {min(missing)!r} that the option lacks"
        raise AvroProblem(f"options: the record {what}", avro.path)
    return {name: _option(field, option[name]) for name, field in avro.fields.items()}


def _items(avro: AvroType) -> AvroType:
    assert avro.items is not None
    return avro.items


def _without_type(avro: AvroType, option: Any) -> Any:
    """Take the type off that Avro writes around a member of a union: {"string": "a"}."""
    if isinstance(option, dict) and len(option) == 1 and avro.kind not in ("record", "map"):
        return option.get(avro.kind, option)
    return option


# -- numbers -------------------------------------------------------------------------------------------------------


def _bounds(avro: AvroType) -> tuple[int, int]:
    """Return the range of a whole number: min is in it, max is not."""
    low, high = _LOGICAL_BOUNDS.get(avro.logical or "") or _BOUNDS[avro.kind]
    declared = _object(avro, "range", {"min", "max"})
    low, high = _whole(avro, declared.get("min", low)), _whole(avro, declared.get("max", high))
    type_low, type_high = _BOUNDS[avro.kind]
    if not type_low <= low < high <= type_high:
        raise AvroProblem(f"range from {low} to {high} is empty or outside of {avro.kind}", avro.path)
    return low, high


def _integers(low: int, high: int) -> Column:
    span = high - low
    if span < 1 << 53:  # what a random float can tell apart
        numbers = range(low, high)
        return lambda rng, first, count: rng.choices(numbers, k=count)
    # 64 more bits than the span needs, so that the rest of the division favours nothing
    bits = span.bit_length() + 64
    return lambda rng, first, count: [low + rng.getrandbits(bits) % span for _ in range(count)]


def _iteration(avro: AvroType) -> Column:
    """Count: record n has start + (initial - start + n * step) modulo (restart - start)."""
    declared = _object(avro, "iteration", {"start", "restart", "step", "initial"})
    if "start" not in declared:
        raise AvroProblem("iteration lacks 'start'", avro.path)
    start = _whole(avro, declared["start"])
    step = _whole(avro, declared.get("step", 1))
    type_low, type_high = _BOUNDS.get(avro.kind, _BOUNDS["long"])
    low, high = _CALENDAR_BOUNDS.get(avro.logical or "", (type_low, type_high))
    restart = _whole(avro, declared.get("restart", high if step > 0 else low - 1))
    initial = _whole(avro, declared.get("initial", start))
    period = restart - start
    if not step or not period or (period > 0) != (step > 0):
        raise AvroProblem("iteration: step must lead from start towards restart", avro.path)
    if not (type_low <= min(start, restart - 1) and max(start, restart - 1) < type_high):
        raise AvroProblem(f"iteration from {start} to {restart} is outside of {avro.kind}", avro.path)
    if not 0 <= (initial - start) * (1 if period > 0 else -1) < abs(period):
        raise AvroProblem("iteration: initial must lie between start and restart", avro.path)
    offset = initial - start

    def make(rng: random.Random, first: int, count: int) -> list[Any]:
        at = (offset + first * step) % period
        if abs(at + count * step) <= abs(period):
            return list(range(start + at, start + at + count * step, step))
        return [start + (at + index * step) % period for index in range(count)]

    return make


def _floats(avro: AvroType) -> Column:
    make = _iteration(avro) if "iteration" in avro.properties else None
    declared = _object(avro, "range", {"min", "max"})
    if declared and declared.keys() != {"min", "max"}:
        raise AvroProblem(f"range of a {avro.kind} needs both min and max", avro.path)
    low, high = (_number(avro, declared.get(bound, default)) for bound, default in (("min", 0.0), ("max", 1.0)))
    span = high - low
    if not low < high or not math.isfinite(span):
        raise AvroProblem(f"range from {low} to {high} is empty or too wide", avro.path)

    def column(rng: random.Random, first: int, count: int) -> list[Any]:
        if make is not None:
            values = list(map(float, make(rng, first, count)))
        else:
            draw = rng.random
            values = [low + draw() * span for _ in range(count)]
        return values if avro.kind == "double" else array.array("f", values).tolist()

    return column


def _calendar(avro: AvroType, numbers: Column) -> Column:
    """Turn the whole numbers of a logical type into dates and times."""
    if avro.logical is None:
        return numbers
    convert = _CALENDAR[avro.logical]
    if "range" in avro.properties:
        low, high = _bounds(avro)
        for bound in (low, high - 1):
            _converted(avro, convert, bound)
    elif "iteration" in avro.properties:
        _check_iteration(avro, convert)
    return lambda rng, first, count: list(map(convert, numbers(rng, first, count)))


def _check_iteration(avro: AvroType, convert: Callable[[int], Any]) -> None:
    """Check that all that is counted through is a date or a time: days, or milliseconds."""
    declared = avro.properties["iteration"]
    step = declared.get("step", 1)
    low, high = _CALENDAR_BOUNDS[str(avro.logical)]
    last = declared.get("restart", high if step > 0 else low - 1)
    for bound in (declared["start"], declared.get("initial", declared["start"]), last - 1 if step > 0 else last + 1):
        _converted(avro, convert, bound)


def _converted(avro: AvroType, convert: Callable[[int], Any], number: Any) -> Any:
    try:
        return convert(_whole(avro, number))
    except (OverflowError, ValueError) as error:
        raise AvroProblem(f"{number!r} is no {avro.logical}", avro.path) from error


_CALENDAR: Final[Mapping[str, Callable[[int], Any]]] = {
    "date": lambda days: (_EPOCH + dt.timedelta(days=days)).date(),
    "time-millis": lambda ms: dt.time(ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60, ms % 1000 * 1000),
    "timestamp-millis": lambda ms: _EPOCH + dt.timedelta(milliseconds=ms),
}


def _decimals(avro: AvroType) -> Column:
    if "length" in avro.properties:
        raise AvroProblem("a decimal has no length", avro.path)
    numbers = _integers(1 - 10**avro.precision, 10**avro.precision)
    exponent = -avro.scale
    # The context's precision must not round what the schema allows.
    context = decimal.Context(prec=max(avro.precision, 1))
    return lambda rng, first, count: [
        decimal.Decimal(number).scaleb(exponent, context) for number in numbers(rng, first, count)
    ]


# -- texts and bytes -----------------------------------------------------------------------------------------------


def _strings(avro: AvroType) -> Column:
    properties = avro.properties
    if "regex" in properties:
        plain: Column = _matching(avro, properties["regex"])
    else:
        sizes = lengths(avro)
        plain = lambda rng, first, count: [  # noqa: E731
            "".join(rng.choices(_LETTERS, k=length)) for length in rng.choices(sizes, k=count)
        ]
    prefix, suffix = properties.get("prefix", ""), properties.get("suffix", "")
    if not isinstance(prefix, str) or not isinstance(suffix, str):
        raise AvroProblem("prefix and suffix must be texts", avro.path)
    if not prefix and not suffix:
        return plain
    return lambda rng, first, count: [prefix + text + suffix for text in plain(rng, first, count)]


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
        bounds = _object(avro, "length", {"min", "max"})
        low, high = _whole(avro, bounds.get("min", 0)), _whole(avro, bounds.get("max", _LENGTH_MAX + 1))
    if not 0 <= low < high <= _LENGTH_MAX + 1:
        raise AvroProblem(f"length from {low} to {high} is empty, negative or above {_LENGTH_MAX}", avro.path)
    return low, high


def _bytes(avro: AvroType) -> Column:
    sizes = lengths(avro)
    return lambda rng, first, count: [rng.randbytes(length) for length in rng.choices(sizes, k=count)]


def lengths(avro: AvroType) -> range:
    """Return the lengths that something may have."""
    declared = avro.properties.get("length")
    if isinstance(declared, int) and not isinstance(declared, bool):
        low, high = declared, declared + 1
    else:
        bounds = _object(avro, "length", {"min", "max"})
        low = _whole(avro, bounds.get("min", _LENGTHS[0] if not bounds else 0))
        high = _whole(avro, bounds.get("max", max(_LENGTHS[1], low + 1)))
    if not 0 <= low < high <= _LENGTH_MAX + 1:
        raise AvroProblem(f"length from {low} to {high} is empty, negative or above {_LENGTH_MAX}", avro.path)
    return range(low, high)


# -- checks --------------------------------------------------------------------------------------------------------


def _object(avro: AvroType, name: str, members: set[str]) -> Mapping[str, Any]:
    declared = avro.properties.get(name, {})
    if not isinstance(declared, dict) or declared.keys() - members:
        raise AvroProblem(f"{name} must be an object with {', '.join(sorted(members))}", avro.path)
    return declared


def _whole(avro: AvroType, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AvroProblem(f"expected a whole number, found {value!r}", avro.path)


def _number(avro: AvroType, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise AvroProblem(f"expected a number, found {value!r}", avro.path)
