"""Times: what time a record has, and how a time is written in a path, by Java's patterns.

Source of the patterns: Java, java.text.SimpleDateFormat; of the extractors: Confluent's storage-common, as documented.
"""

from __future__ import annotations

import datetime as dt
import math
import time
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any, Final

from connect.api import Batch, DataError
from connect_file.folder.fields import field_values

EXTRACTORS: Final = ("Wallclock", "Record", "RecordField")
_EPOCH: Final = dt.datetime(1970, 1, 1)
#: Offsets of time zones are whole quarters of an hour since 1973; older ones are whole seconds.
_QUARTER_MS: Final = 900_000
_QUARTERS_FROM_MS: Final = 94_694_400_000

#: Of a field, in messages.
_USE: Final = "which timestamp.field names"

_Write = Callable[[dt.datetime], str]


def _padded(name: str, width: int) -> _Write:
    return lambda moment: f"{getattr(moment, name):0{width}d}"


def _year(width: int) -> _Write:
    if width == 2:
        return lambda moment: f"{moment.year % 100:02d}"
    return _padded("year", width)


def _day_of_year(width: int) -> _Write:
    return lambda moment: f"{moment.timetuple().tm_yday:0{width}d}"


def _milliseconds(width: int) -> _Write:
    return lambda moment: f"{moment.microsecond // 1000:0{width}d}"


#: By letter: what writes it at a width, the most letters in a row, and for how long it stays as it is.
_LETTERS: Final[dict[str, tuple[Callable[[int], _Write], int, int]]] = {
    "y": (_year, 4, _QUARTER_MS),
    "Y": (_year, 4, _QUARTER_MS),
    "M": (lambda width: _padded("month", width), 2, _QUARTER_MS),
    "d": (lambda width: _padded("day", width), 2, _QUARTER_MS),
    "D": (_day_of_year, 3, _QUARTER_MS),
    "H": (lambda width: _padded("hour", width), 2, _QUARTER_MS),
    "m": (lambda width: _padded("minute", width), 2, 60_000),
    "s": (lambda width: _padded("second", width), 2, 1000),
    "S": (_milliseconds, 3, 1),
}


class TimeFormat:
    """A pattern such as `'year'=yyyy/'month'=MM`, in a time zone.

    Args:
        pattern: Letters as in Java; text between single quotes, and what is no letter, stands for itself.
        zone: Name of a time zone.
        duration_ms: Times are rounded down to a multiple of it, in that zone; 0 for as they are.

    Raises:
        ValueError: What is wrong with the pattern.
    """

    def __init__(self, pattern: str, zone: str = "UTC", duration_ms: int = 0) -> None:
        self._zone = zone_of(zone)
        self._duration_ms = duration_ms
        self._writes: list[_Write] = []
        self._unit_ms = _QUARTER_MS
        self._known: dict[int, str] = {}
        for text, is_quoted in _runs(pattern):
            self._writes.append(_constant(text) if is_quoted or not text[0].isalpha() else self._letters(text))
        self._unit_ms = math.gcd(self._unit_ms, duration_ms)  # what is rounded may change within a letter's unit

    def text(self, moment_ms: int) -> str:
        """Write a time in milliseconds since the epoch.

        Raises:
            OverflowError: It is not of the years 1 to 9999.
        """
        unit_ms = self._unit_ms if moment_ms >= _QUARTERS_FROM_MS else math.gcd(self._unit_ms, 1000)
        unit = moment_ms - moment_ms % unit_ms
        if (known := self._known.get(unit)) is not None:
            return known
        moment = _EPOCH + dt.timedelta(milliseconds=moment_ms)
        moment = moment.replace(tzinfo=dt.UTC).astimezone(self._zone).replace(tzinfo=None)
        if self._duration_ms:
            moment -= (moment - _EPOCH) % dt.timedelta(milliseconds=self._duration_ms)
        if len(self._known) >= 10_000:
            self._known.clear()
        text = self._known[unit] = "".join(write(moment) for write in self._writes)
        return text

    def _letters(self, text: str) -> _Write:
        letter, width = text[0], len(text)
        found = _LETTERS.get(letter)
        if found is None or width > found[1]:
            raise ValueError(
                f"{text!r} is not known in a pattern of times; expected y, M, d, D, H, m, s and S as digits, and other "
                "text between single quotes"
            )
        make, _, unit_ms = found
        self._unit_ms = min(self._unit_ms, unit_ms)
        return make(width)


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone.

    Raises:
        ValueError: There is none of that name.
    """
    if name.upper() == "UTC":
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("the name of a time zone is expected, such as UTC or Europe/Berlin") from None


def valid_zone(value: object) -> None:
    """Check it, as a config key's validator."""
    zone_of(str(value))


def schedule_slot(moment_s: float, interval_ms: int, zone: str) -> int:
    """Return which interval a time is in: they are counted from midnight of 1970, in the zone."""
    moment = dt.datetime.fromtimestamp(moment_s, zone_of(zone)).replace(tzinfo=None)
    return (moment - _EPOCH) // dt.timedelta(milliseconds=interval_ms)


def _constant(text: str) -> _Write:
    return lambda _: text


def _runs(pattern: str) -> list[tuple[str, bool]]:
    """Cut a pattern into runs of one letter, and texts; and say of each whether it was quoted."""
    runs: list[tuple[str, bool]] = []
    at = 0
    while at < len(pattern):
        char, begin = pattern[at], at
        if char == "'":
            text, at = _quoted(pattern, at + 1)
            runs.append((text, True))
            continue
        while at < len(pattern) and pattern[at] == char:
            at += 1
        runs.append((pattern[begin:at], False))
    return runs


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """Return the text up to the quote that ends it, and where it goes on. Two quotes are one, as in Java."""
    text, begin = "", at
    while (end := pattern.find("'", at)) >= 0:
        text += pattern[at:end]
        at = end + 1
        if end == begin:  # nothing between them
            return "'", at
        if pattern[at : at + 1] != "'":
            return text, at
        text += "'"
        at += 1
    raise ValueError(f"the quote in {pattern!r} has no end")


class Times:
    """What time each record has: `timestamp.extractor`.

    Attributes:
        is_of_record: Whether a record has the same time whenever it comes.
    """

    def __init__(self, extractor: str, field: str | None) -> None:
        self.is_of_record = extractor != "Wallclock"
        self._field = field if extractor == "RecordField" else None
        self._last_ms = 0

    def of(self, batch: Batch) -> list[int] | int:
        """Return milliseconds since the epoch, one a record, or one for all.

        Raises:
            DataError: A record has none.
        """
        if not self.is_of_record:
            self._last_ms = max(self._last_ms, int(time.time() * 1000))  # a clock may be put back; files go on
            return self._last_ms
        if self._field is not None:
            return [_milliseconds_of(value, self._field) for value in field_values(batch, self._field, use=_USE)]
        return _present(batch.timestamps)


def _present(found: Sequence[int | None] | int | None) -> list[int] | int:
    if isinstance(found, list):
        if any(one is None or one < 0 for one in found):
            raise DataError("the record has no timestamp", hint="Set timestamp.extractor to RecordField or Wallclock.")
        return found
    if not isinstance(found, int) or found < 0:
        raise DataError("the record has no timestamp", hint="Set timestamp.extractor to RecordField or Wallclock.")
    return found


def _milliseconds_of(value: Any, field: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise DataError(f"field {field!r}, {_USE}, is no time: expected ISO 8601") from None
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return (moment - _EPOCH.replace(tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days * 86_400_000
    kind = "null" if value is None else type(value).__name__
    raise DataError(
        f"field {field!r}, {_USE}, is no time but {kind}: expected a timestamp, a date, milliseconds since the epoch "
        "or ISO 8601"
    )
