"""Reading a text by the pieces of a SimpleDateFormat pattern, as lax as Java.

Source: java.text.SimpleDateFormat.parse and subParse, java.text.CalendarBuilder, java.text.DecimalFormat.parse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from connect.api.java.calendar import day_of, week_date
from connect.api.java.dates import DAY_MS

ERAS: Final = (("BC", "AD"), ("Before Christ", "Anno Domini"))
HALVES: Final = ("AM", "PM")
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
#: Hours from UTC of the zone names that Java knows and that dates are written with.
ZONES: Final = {
    "UTC": 0,
    "Coordinated Universal Time": 0,
    "GMT": 0,
    "Greenwich Mean Time": 0,
    "WET": 0,
    "WEST": 1,
    "CET": 1,
    "Central European Standard Time": 1,
    "CEST": 2,
    "Central European Summer Time": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "IST": 5.5,
    "India Standard Time": 5.5,
    "JST": 9,
    "Japan Standard Time": 9,
    "KST": 9,
    "EST": -5,
    "Eastern Standard Time": -5,
    "EDT": -4,
    "Eastern Daylight Time": -4,
    "CST": -6,
    "Central Standard Time": -6,
    "CDT": -5,
    "Central Daylight Time": -5,
    "MST": -7,
    "Mountain Standard Time": -7,
    "MDT": -6,
    "Mountain Daylight Time": -6,
    "PST": -8,
    "Pacific Standard Time": -8,
    "PDT": -7,
    "Pacific Daylight Time": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
}

Piece = tuple[str, int]  # a letter and how often it stands, or a literal text and 0

_NUMBER: Final = re.compile(r"-?\d+")
_BLANKS: Final = re.compile(r"[ \t]*")
_NAMES: Final[dict[str, dict[str, int]]] = {
    "G": {name.lower(): i for names in ERAS for i, name in enumerate(names)},
    "a": {name.lower(): i for i, name in enumerate(HALVES)},
    "M": {form.lower(): i for i, name in enumerate(MONTHS) for form in (name, name[:3])},
    "E": {form.lower(): i for i, name in enumerate(WEEKDAYS, 1) for form in (name, name[:3])},
    "z": {name.lower(): round(hours * 3_600_000) for name, hours in ZONES.items()},
}
_NUMERIC: Final = frozenset("ydkHmsSDFwWKhYu")
_SAME: Final = {"k": "H", "K": "h", "u": "E"}
_RFC_822: Final = re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII)
_WITH_COLON: Final = re.compile(r"([+-])(\d\d?):(\d\d)", re.ASCII)
_ISO: Final = (
    re.compile(r"([+-])(\d\d)()", re.ASCII),
    re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII),
    re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII),
)


def parse(text: str, pieces: Sequence[Piece], century_start_ms: int, century_start_year: int) -> int:
    """Return the date that a text begins with, in milliseconds since the epoch.

    Args:
        century_start_ms, century_start_year: Two-digit years lie in the hundred years from here.

    Raises:
        ValueError: It begins with none.
    """
    reading = _Reading(text, century_start_year)
    for index, (piece, count) in enumerate(pieces):
        if not count:
            reading.literal(piece)
        else:
            follower, times = pieces[index + 1] if index + 1 < len(pieces) else ("", 0)
            bounded = bool(times) and (follower in _NUMERIC or (follower in "ML" and times <= 2))
            reading.field("M" if piece == "L" else piece, count, bounded=bounded)
    if reading.at == 0:
        raise ValueError("nothing was read")
    ms = reading.milliseconds()
    if reading.on_the_border and ms < century_start_ms:
        for letter in "yY":
            if letter in reading.given:
                reading.given[letter] += 100
        ms = reading.milliseconds()
    return ms


class _Reading:
    """What has been read so far. `given` holds the fields by letter, in the order in which they were set last."""

    def __init__(self, text: str, century_start_year: int) -> None:
        self._text = text
        self._century_start_year = century_start_year
        self.at = 0
        self.given: dict[str, int] = {}
        self.offset_ms = 0
        self.on_the_border = False

    def literal(self, wanted: str) -> None:
        if not self._text.startswith(wanted, self.at):
            raise ValueError(f"{wanted!r} expected")
        self.at += len(wanted)

    def field(self, letter: str, count: int, *, bounded: bool) -> None:
        """Read one field. `bounded`: digits follow that are another's, so the count of letters limits the number."""
        start = self.at
        match = _BLANKS.match(self._text, start)
        assert match is not None, "no blanks are blanks too"
        begin = match.end()
        if begin >= len(self._text):
            raise ValueError("the text ends too early")
        if letter in "GaE" or (letter == "M" and count > 2):
            # Names are looked for where the field begins, before blanks: so Java does.
            self._set(letter, self._name(letter, start))
        elif letter in "zZX":
            self._zone(letter, count, start, begin)
        else:
            self._number(letter, count, start, begin, bounded=bounded)

    def milliseconds(self) -> int:
        """Return the date of the fields."""
        given, order = self.given, list(self.given)
        if "Y" in given and ("y" not in given or order.index("Y") > order.index("y")):
            day = week_date(given["Y"], *_week_and_weekday(given.get("w", 1), given.get("E", 1)))
        else:
            day = day_of(given)
        clock = ((_hour(given) * 60 + given.get("m", 0)) * 60 + given.get("s", 0)) * 1000 + given.get("S", 0)
        return day * DAY_MS + clock - self.offset_ms

    def _set(self, letter: str, value: int) -> None:
        self.given.pop(letter, None)
        self.given[letter] = value

    def _name(self, letter: str, start: int) -> int:
        rest = self._text[start : start + 40].lower()
        names = _NAMES[letter]
        found = max((name for name in names if rest.startswith(name)), key=len, default=None)
        if found is None:
            raise ValueError("a name is expected")
        self.at = start + len(found)
        return names[found]

    def _number(self, letter: str, count: int, start: int, begin: int, *, bounded: bool) -> None:
        text = self._text
        end = start + count if bounded else len(text)
        match = _NUMBER.match(text, begin, end) if end <= len(text) else None
        if match is None:
            raise ValueError("a number is expected")
        value, digits = int(match[0]), match[0]
        self.at = match.end()
        if letter in "yY" and count <= 2 and len(digits) == 2 and digits.isdigit():
            border = self._century_start_year % 100
            self.on_the_border = value == border
            value += self._century_start_year // 100 * 100 + (100 if value < border else 0)
        elif letter == "M":
            value -= 1
        elif letter == "u":
            value = value % 7 + 1 if 1 <= value <= 7 else value
        elif (letter == "k" and value == 24) or (letter == "h" and value == 12):
            value = 0
        self._set(_SAME.get(letter, letter), value)

    def _zone(self, letter: str, count: int, start: int, begin: int) -> None:
        text = self._text
        if letter == "X":
            if text[begin] == "Z":
                self.offset_ms, self.at = 0, begin + 1
            else:
                self._offset(_ISO[count - 1].match(text, begin))
        elif text[begin] in "+-":
            self._offset(_RFC_822.match(text, begin))
        elif text[start : start + 3].upper() == "GMT":
            if text[start + 3 : start + 4] in ("+", "-"):
                self._offset(_WITH_COLON.match(text, start + 3))
            else:
                self.offset_ms, self.at = 0, start + 3
        else:
            self.offset_ms = self._name("z", begin)

    def _offset(self, match: re.Match[str] | None) -> None:
        if match is None or int(match[2]) > 23 or int(match[3] or 0) > 59:
            raise ValueError("an offset from UTC is expected")
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        self.offset_ms = minutes * (60_000 if match[1] == "+" else -60_000)
        self.at = match.end()


def _week_and_weekday(week: int, weekday: int) -> tuple[int, int]:
    """Return a weekday within a week; one beyond counts from Monday, as it was given to 'u'."""
    if 1 <= weekday <= 7:
        return week, weekday
    weeks, rest = divmod(weekday - 1, 7)
    return week + weeks, (rest + 1) % 7 + 1


def _hour(given: dict[str, int]) -> int:
    """Return the hour of the day: of two ways to say it, the later counts."""
    order = list(given)
    of_day = order.index("H") if "H" in given else -1
    of_half = max(order.index("h"), order.index("a")) if "h" in given and "a" in given else -1
    if of_day > of_half:
        return given["H"]
    return given.get("h", 0) + 12 * given.get("a", 0)
