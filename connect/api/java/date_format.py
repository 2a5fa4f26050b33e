"""Dates by the patterns of Java's SimpleDateFormat, in UTC and English: `yyyy-MM-dd'T'HH:mm:ss.SSSX`.

A date is held in milliseconds since the epoch, of any size. Reading is as lax as Java's: month 13 is next January, and
what follows the pattern is ignored.

Theory of speed: a pattern is cut into runs that depend on the day alone, on the minute of the day, the second, or the
millisecond, and what each run said before is remembered. So most dates are written, and read, by a few look-ups.

Source: java.text.SimpleDateFormat, compile and subFormat.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import reduce
from operator import add, itemgetter
from typing import Final

from connect.api.java.calendar import fields_of
from connect.api.java.date_parse import ERAS, HALVES, MONTHS, WEEKDAYS, Piece, parse
from connect.api.java.dates import DAY_MS

_LETTERS: Final = frozenset("GyMdkHmsSEDFwWahKzZYuXL")
_UNIT_OF: Final = {
    **dict.fromkeys("GyYMLdDFwWEu", "day"),
    **dict.fromkeys("aHkKhm", "minute"),
    "s": "second",
    "S": "ms",
}
#: What a text of one width looks like in these; the letter's count must be the width.
_FIXED: Final = {
    "y": (4,),
    "M": (2, 3),
    "d": (2,),
    "D": (3,),
    "E": (1, 2, 3),
    "H": (2,),
    "k": (2,),
    "h": (2,),
    "K": (2,),
    "m": (2,),
    "a": (1, 2, 3, 4),
    "s": (2,),
    "S": (3,),
}
_REMEMBERED_MAX: Final = 8192
_SAMPLE_MS: Final = 981_173_106_789  # 2001-02-03T04:05:06.789Z
_ISO_SAMPLE: Final = re.compile(r"2001-02-03.04:05:06\.789(Z?)")
_PIECE: Final = re.compile(r"'((?:[^']|'')*)('?)|([A-Za-z])\3*|[^A-Za-z']+")


def pieces_of(pattern: str) -> list[Piece]:
    """Take a pattern apart into letters with their counts and literal texts.

    Raises:
        ValueError: A letter has no meaning, or a quote is not closed; in Java's words.
    """
    pieces: list[Piece] = []
    for match in _PIECE.finditer(pattern):
        text = match[0]
        if text[0] == "'":
            if not match[2]:
                raise ValueError("Unterminated quote")
            pieces.append((match[1].replace("''", "'") or "'", 0))
        elif match[3]:
            if text[0] not in _LETTERS:
                raise ValueError(f"Illegal pattern character '{text[0]}'")
            if text[0] == "X" and len(text) > 3:
                raise ValueError(f"invalid ISO 8601 format: length={len(text)}")
            pieces.append((text[0], len(text)))
        else:
            pieces.append((text, 0))
    return pieces


class DateFormat:
    """One pattern: dates, in milliseconds since the epoch, as text and back; in UTC and English. Never blocks.

    It remembers what it has written and read, some thousands of each, so one is kept for all of a column's texts.

    Args:
        pattern: SimpleDateFormat's.
        century_start: Two-digit years lie in the hundred years from here; 80 years ago, as in Java, when left out.

    Raises:
        ValueError: The pattern is none.
    """

    def __init__(self, pattern: str, century_start: dt.date | None = None) -> None:
        self.pattern = pattern
        self._pieces = pieces_of(pattern)
        start = century_start or _years_ago(80)
        self._century = ((start - dt.date(1970, 1, 1)).days * DAY_MS, start.year)
        self._runs = _runs_of(self._pieces)
        self._width = _width(self._pieces, self._runs)
        self._parts: list[tuple[slice, dict[str, int], _Run]] = []
        self._iso = _iso_shape(self.format(_SAMPLE_MS))
        at = 0
        for run in self._runs if self._width else ():
            self._parts.append((slice(at, at + run.width), {}, run))
            at += run.width

    def format(self, ms: int) -> str:
        """Return the text of a date, which is in milliseconds since the epoch."""
        return "".join([run.text(ms) for run in self._runs])

    def format_all(self, dates: Sequence[int]) -> list[str]:
        """Return the texts of a column of dates, in milliseconds since the epoch."""
        columns = [run.texts(dates) for run in self._runs]
        if len(columns) == 1:
            return columns[0]
        return list(map("".join, zip(*columns, strict=True))) if columns else [""] * len(dates)

    def parse(self, text: str) -> int:
        """Return the date that a text begins with, in milliseconds since the epoch; what follows it is not looked at.

        Raises:
            ValueError: It begins with none.
        """
        ms = 0
        if self._width and len(text) == self._width:
            for part, known, _ in self._parts:
                found = known.get(text[part])
                if found is None:
                    break
                ms += found
            else:
                return ms
        ms = parse(text, self._pieces, *self._century)
        if len(text) == self._width:
            self._remember(text)
        return ms

    def parse_all(self, texts: Sequence[str]) -> list[int]:
        """Return the dates of a column of texts, in milliseconds since the epoch.

        Raises:
            ValueError: One begins with no date.
        """
        if self._parts and set(map(len, texts)) == {self._width}:
            try:
                if len(self._parts) == 4:  # a date, a time and milliseconds: the form of most, so it is spelt out
                    (a, days, _), (b, minutes, _), (c, seconds, _), (d, ms, _) = self._parts
                    return [days[text[a]] + minutes[text[b]] + seconds[text[c]] + ms[text[d]] for text in texts]
                columns = [map(known.__getitem__, map(itemgetter(part), texts)) for part, known, _ in self._parts]
                return list(reduce(lambda left, right: map(add, left, right), columns))
            except KeyError:
                pass  # something new: read one by one, and remembered
        return [self.parse(text) for text in texts]

    def iso_moments(self, texts: Sequence[str]) -> list[dt.datetime] | None:
        """Return a column of texts as datetimes, by Python's own reader; None where that would not say what Java says.

        It does where the pattern is that of `2001-02-03T04:05:06.789Z`, with any separator, with or without zone, and
        the texts look like it. Python's reader knows more forms, but none of this length with these six characters.
        """
        if self._iso is None:
            return None
        separators, suffix = self._iso
        width, read = self._width, dt.datetime.fromisoformat
        try:
            if suffix:
                found = [read(t) for t in texts if t[4:20:3] == separators and len(t) == width and t[-1] == suffix]
            else:
                found = [read(t).replace(tzinfo=dt.UTC) for t in texts if t[4:20:3] == separators and len(t) == width]
        except ValueError:
            return None
        # Before 1583 Java's calendar is another.
        return found if len(found) == len(texts) and min(texts, default="") >= "1583" else None

    def _remember(self, text: str) -> None:
        """Note what the parts of a text mean, if each is written as the pattern itself would write it."""
        for part, known, run in self._parts:
            own = text[part]
            if own not in known:
                try:
                    ms = parse(own, run.pieces, *self._century)
                except ValueError:  # read with what stands around it, not by itself
                    continue
                if run.text(ms) == own:
                    if len(known) >= _REMEMBERED_MAX:
                        known.clear()
                    known[own] = ms


class _Run:
    """Neighbours in a pattern that depend on one unit of time, with the literals between and behind them."""

    def __init__(self, unit: str, pieces: list[Piece]) -> None:
        self.unit = unit
        self.pieces = pieces
        self._divisor, self._modulus = {
            "day": (DAY_MS, 0),
            "minute": (60_000, 1440),
            "second": (1000, 60),
            "ms": (1, 1000),
        }[unit]
        self._known: dict[int, str] = {}
        fixed = all(not count or letter in "zZX" or count in _FIXED.get(letter, ()) for letter, count in pieces)
        self.width = len(self.text(0)) if fixed else 0

    def text(self, ms: int) -> str:
        """Return the run's text for a date."""
        index = ms // self._divisor
        return self._text_at(index % self._modulus if self._modulus else index)

    def texts(self, dates: Sequence[int]) -> list[str]:
        """Return the run's texts for a column of dates."""
        divisor, modulus, known = self._divisor, self._modulus, self._known
        indexes = [ms // divisor % modulus for ms in dates] if modulus else [ms // divisor for ms in dates]
        try:
            return [known[index] for index in indexes]
        except KeyError:
            return [self._text_at(index) for index in indexes]

    def _text_at(self, index: int) -> str:
        text = self._known.get(index)
        if text is None:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            text = "".join([_piece_text(letter, count, index) if count else letter for letter, count in self.pieces])
            self._known[index] = text
        return text


def _piece_text(letter: str, count: int, index: int) -> str:
    """Return the text of one field; `index` counts what the letter's unit says: days, minutes of the day, …"""
    match letter:
        case "z":
            return "UTC" if count < 4 else "Coordinated Universal Time"
        case "Z":
            return "+0000"
        case "X":
            return "Z"
        case "a":
            return HALVES[index // 720]
        case "H":
            return f"{index // 60:0{count}d}"
        case "k":
            return f"{index // 60 or 24:0{count}d}"
        case "K":
            return f"{index // 60 % 12:0{count}d}"
        case "h":
            return f"{index // 60 % 12 or 12:0{count}d}"
        case "m":
            return f"{index % 60:0{count}d}"
        case "s" | "S":
            return f"{index:0{count}d}"
    return _day_text(letter, count, index)


def _day_text(letter: str, count: int, index: int) -> str:
    day = fields_of(index)
    if letter == "G":
        return ERAS[0][day.year > 0]
    if letter in "ML" and count > 2:
        return MONTHS[day.month - 1] if count > 3 else MONTHS[day.month - 1][:3]
    if letter == "E":
        return WEEKDAYS[day.weekday - 1] if count > 3 else WEEKDAYS[day.weekday - 1][:3]
    if letter in "yY":
        number = day.week_year if letter == "Y" else day.year if day.year > 0 else 1 - day.year
        digits = abs(number) % 100 if count == 2 else abs(number)
        return f"{'-' if number < 0 else ''}{digits:0{count}d}"
    number = {
        "M": day.month,
        "L": day.month,
        "d": day.day,
        "D": day.day_of_year,
        "F": day.weekday_in_month,
        "w": day.week,
        "W": day.week_of_month,
        "u": (day.weekday + 5) % 7 + 1,
    }[letter]
    return f"{number:0{count}d}"


def _runs_of(pieces: Sequence[Piece]) -> list[_Run]:
    """Cut a pattern where the unit changes; literals and zones, which are constant, go with what stands before them."""
    runs: list[tuple[str, list[Piece]]] = []
    for letter, count in pieces:
        unit = _UNIT_OF.get(letter) if count else None
        if runs and (unit is None or unit == runs[-1][0] or not runs[-1][0]):
            runs[-1] = (runs[-1][0] or unit or "", [*runs[-1][1], (letter, count)])
        else:
            runs.append((unit or "", [(letter, count)]))
    return [_Run(unit or "ms", own) for unit, own in runs]


def _width(pieces: Sequence[Piece], runs: Sequence[_Run]) -> int:
    """Return the width of every text of a pattern, 0 where it varies, or where two runs say parts of one thing."""
    units = [run.unit for run in runs]
    alike = len(set(units)) < len(units) or any(char.isdigit() for text, count in pieces if not count for char in text)
    return 0 if alike or not all(run.width for run in runs) else sum(run.width for run in runs)


def _iso_shape(sample: str) -> tuple[str, str] | None:
    """Return the six characters between a pattern's numbers and its suffix, where it writes dates as ISO does."""
    match = _ISO_SAMPLE.fullmatch(sample)
    return None if match is None or not sample.isascii() else (sample[4:20:3], match[1])


def _years_ago(years: int) -> dt.date:
    today = dt.datetime.now(dt.UTC).date()
    return today.replace(year=today.year - years, day=min(today.day, 28))
