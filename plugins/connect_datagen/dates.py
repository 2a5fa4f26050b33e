"""Columns of dates, times and timestamps, and of their texts. Functions only.

Source: Apache Avro 1.11 specification, "Logical Types"; `format_as_time` is ksql-datagen's (confluentinc/ksql,
RowGenerator.java), which wrote the present time: here the field's own number is the time, so that a seed makes the same
bytes on any day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from connect.api.java import EPOCH, DateFormat
from connect_datagen.avro import AvroProblem, AvroType
from connect_datagen.columns import Column
from connect_datagen.properties import whole

#: Where no range is given: what people's dates look like.
DRAWN: Final = {
    "date": (0, 47_482),  # 1970 to 2099
    "time-millis": (0, 86_400_000),
    "timestamp-millis": (0, 4_102_444_800_000),
}
#: What a calendar of the years 1 to 9999 can show; time of day has 24 hours.
CALENDAR: Final = {
    "date": (-719_162, 2_932_897),
    "time-millis": (0, 86_400_000),
    "timestamp-millis": (-62_135_596_800_000, 253_402_300_800_000),
}
#: The pattern that leaves a number as it is.
_NUMBER: Final = "unix_long"

_CONVERT: Final[Mapping[str, Callable[[int], Any]]] = {
    "date": lambda days: (EPOCH + dt.timedelta(days=days)).date(),
    "time-millis": lambda ms: dt.time(ms // 3_600_000, ms // 60_000 % 60, ms // 1000 % 60, ms % 1000 * 1000),
    "timestamp-millis": lambda ms: EPOCH + dt.timedelta(milliseconds=ms),
}


def is_date(avro: AvroType) -> bool:
    """Whether the type's values are dates, times or timestamps."""
    return avro.logical in _CONVERT


def converted(avro: AvroType, declared: Any) -> Any:
    """Return the date, time or timestamp of a number that somebody wrote.

    Raises:
        AvroProblem: It is no whole number, or outside of the calendar.
    """
    try:
        return _CONVERT[str(avro.logical)](whole(avro, declared))
    except (OverflowError, ValueError) as error:
        if isinstance(error, AvroProblem):
            raise
        raise AvroProblem(f"{declared!r} is no {avro.logical}", avro.path) from error


def dated(avro: AvroType, numbers: Column) -> Column:
    """Turn the whole numbers of a logical type into dates and times; those of other types stay."""
    convert = _CONVERT.get(avro.logical or "")
    if convert is None:
        return numbers
    return lambda rng, first, count: list(map(convert, numbers(rng, first, count)))


def written(avro: AvroType, numbers: Column) -> Column:
    """Turn milliseconds since the epoch into texts, as `format_as_time` says.

    Raises:
        AvroProblem: That is no pattern of Java's SimpleDateFormat.
    """
    pattern = time_pattern(avro)
    if pattern is None:
        return lambda rng, first, count: list(map(str, numbers(rng, first, count)))
    try:
        dates = DateFormat(pattern)
    except ValueError as error:
        raise AvroProblem(f"format_as_time {pattern!r}: {error}", avro.path) from error
    return lambda rng, first, count: dates.format_all(numbers(rng, first, count))


def time_pattern(avro: AvroType) -> str | None:
    """Return the pattern of `format_as_time`; None where it is left out, or leaves the number as it is.

    Raises:
        AvroProblem: It is no text; or a number, which has no format, is given one.
    """
    declared = avro.properties.get("format_as_time", _NUMBER)
    if not isinstance(declared, str) or (avro.kind != "string" and declared != _NUMBER):
        expected = "a pattern of Java's SimpleDateFormat" if avro.kind == "string" else repr(_NUMBER)
        raise AvroProblem(f"format_as_time of type {avro.kind} must be {expected}, not {declared!r}", avro.path)
    return None if declared == _NUMBER else declared
