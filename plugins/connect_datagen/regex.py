r"""Random texts that match a regular expression, many at a time. Functions only.

Understood: literal characters, `.`, classes `[a-z_]` and `[^a-z]`, `\d \w \s`, groups `( )`, alternatives `|`, and
`? * + {n} {n,m} {n,}`; `^` and `$` at the ends mean nothing here. An open end (`*`, `+`, `{n,}`) repeats up to 8 times
more. Anything else is refused by name.
"""

from __future__ import annotations

import itertools
import random
import re
import string
from dataclasses import dataclass
from typing import Final

OPEN_REPEATS: Final = 8
#: The longest text that a pattern may stand for; also bounds its repeats.
TEXT_CHARACTERS_MAX: Final = 65_536
#: Equally likely texts of up to so many characters in all are written out once: then drawing one is a single pick.
WORDS_CHARACTERS_MAX: Final = 100_000

_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))
_CLASSES: Final = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " "}
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r"}
_COUNT: Final = re.compile(r"\{([0-9]{1,9})(?:(,)([0-9]{0,9}))?\}")


class RegexProblem(ValueError):
    """A pattern that is wrong, or beyond what is understood."""


@dataclass(frozen=True, slots=True)
class Words:
    """One of some equally likely texts."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Each equally likely."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Each count equally likely."""

    part: Node
    count_min: int
    count_max: int


Node = Words | Sequence | Alternatives | Repeat


def parse(pattern: str, *, open_repeats: int = OPEN_REPEATS) -> Node:
    """Parse a pattern.

    Args:
        open_repeats: How many times more than it must an open end repeats at most.

    Raises:
        RegexProblem: Says where and what.
    """
    return _Parser(pattern, open_repeats).parse()


def draw(node: Node, rng: random.Random, count: int) -> list[str]:
    """Return `count` random texts that match."""
    match node:
        case Words(words):
            return rng.choices(words, k=count) if len(words) > 1 else [words[0]] * count
        case Sequence(parts):
            return list(map("".join, zip(*[draw(part, rng, count) for part in parts], strict=True)))
        case Alternatives(parts):
            picks = rng.choices(range(len(parts)), k=count)
            drawn = [iter(draw(part, rng, picks.count(index))) for index, part in enumerate(parts)]
            return [next(drawn[pick]) for pick in picks]
        case Repeat(part, count_min, count_max):
            counts = rng.choices(range(count_min, count_max + 1), k=count)
            texts = iter(draw(part, rng, sum(counts)))
            return ["".join(itertools.islice(texts, n)) for n in counts]


def _sequence(parts: list[Node]) -> Node:
    """Join neighbours that are few enough to be written out: 'Item_[1-9]' becomes nine words."""
    joined: list[Node] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(last, Words) and isinstance(part, Words) and _is_small(last, part):
            joined[-1] = Words(tuple(map("".join, itertools.product(last.words, part.words))))
        else:
            joined.append(part)
    if not joined:
        return Words(("",))
    return joined[0] if len(joined) == 1 else Sequence(tuple(joined))


def _repeat(part: Node, count_min: int, count_max: int) -> Node:
    if count_min == count_max and isinstance(part, Words):
        words = len(part.words) ** count_min if count_min <= 64 else TEXT_CHARACTERS_MAX
        if words * _longest(part) * count_min <= WORDS_CHARACTERS_MAX:
            return _sequence([part] * count_min)
    return Repeat(part, count_min, count_max)


def _is_small(left: Words, right: Words) -> bool:
    characters = _longest(left) + _longest(right)
    return len(left.words) * len(right.words) * characters <= WORDS_CHARACTERS_MAX


def _longest(node: Node) -> int:
    """Return the characters of the longest text that a node stands for."""
    match node:
        case Words(words):
            return max(map(len, words))
        case Sequence(parts):
            return sum(map(_longest, parts))
        case Alternatives(parts):
            return max(map(_longest, parts))
        case Repeat(part, _, count_max):
            return _longest(part) * count_max


class _Parser:
    """Recursive descent: alternatives > sequence > repeat > atom."""

    def __init__(self, pattern: str, open_repeats: int) -> None:
        self._pattern = pattern
        self._open_repeats = open_repeats
        self._text = pattern.removeprefix("^")
        if self._text.endswith("$") and not self._text.endswith("\\$"):
            self._text = self._text[:-1]
        self._at = 0

    def parse(self) -> Node:
        node = self._alternatives()
        if self._at < len(self._text):
            raise self._problem(f"unexpected {self._text[self._at]!r}")
        if _longest(node) > TEXT_CHARACTERS_MAX:
            raise self._problem(f"its texts may be longer than {TEXT_CHARACTERS_MAX} characters")
        return node

    def _alternatives(self) -> Node:
        parts = [self._parts()]
        while self._next("|"):
            parts.append(self._parts())
        return parts[0] if len(parts) == 1 else Alternatives(tuple(parts))

    def _parts(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return _sequence(parts)

    def _repeated(self, part: Node) -> Node:
        while self._at < len(self._text) and self._text[self._at] in "?*+{":
            count_min, count_max = self._counts()
            if count_min > count_max:
                raise self._problem(f"repeats from {count_min} to {count_max} are out of order")
            if count_max * max(_longest(part), 1) > TEXT_CHARACTERS_MAX:
                raise self._problem(f"its texts may be longer than {TEXT_CHARACTERS_MAX} characters")
            part = _repeat(part, count_min, count_max)
        return part

    def _counts(self) -> tuple[int, int]:
        for mark, counts in (("?", (0, 1)), ("*", (0, self._open_repeats)), ("+", (1, 1 + self._open_repeats))):
            if self._next(mark):
                return counts
        found = _COUNT.match(self._text, self._at)
        if found is None:
            raise self._problem("a '{' must begin {n}, {n,m} or {n,}; write '\\{' for the character")
        self._at = found.end()
        count_min = int(found[1])
        if not found[2]:
            return count_min, count_min
        return count_min, int(found[3]) if found[3] else count_min + self._open_repeats

    def _atom(self) -> Node:
        character = self._take()
        if character == "(":
            if self._next("?") and not self._next(":"):
                raise self._problem("of '(?', only '(?:' is understood")
            node = self._alternatives()
            if not self._next(")"):
                raise self._problem("')' is missing")
            return node
        if character == "[":
            return Words(tuple(self._class()))
        if character == ".":
            return Words(tuple(_PRINTABLE))
        if character == "\\":
            return Words(tuple(self._escape()))
        if character in "^$?*+{":
            raise self._problem(f"{character!r} has no meaning here; write '\\{character}' for the character")
        return Words((character,))

    def _escape(self) -> str:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isalnum():
            if character in _ESCAPES:
                return _ESCAPES[character]
            raise self._problem(f"'\\{character}' is not understood")
        return character

    def _class(self) -> list[str]:
        negated = self._next("^")
        characters: dict[str, None] = {}
        while not (self._next("]") and characters):
            characters.update(dict.fromkeys(self._class_part()))
        if negated:
            return [c for c in _PRINTABLE if c not in characters] or [""]
        return list(characters)

    def _class_part(self) -> str:
        first = self._escape() if self._next("\\") else self._take()
        is_range = self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in (
            "]",
            "",
        )
        if len(first) > 1 or not is_range:
            return first
        self._at += 1
        last = self._escape() if self._next("\\") else self._take()
        if len(last) > 1 or last < first:
            raise self._problem(f"range {first}-{last} is out of order")
        return "".join(map(chr, range(ord(first), ord(last) + 1)))

    def _next(self, character: str) -> bool:
        if self._text[self._at : self._at + 1] != character:
            return False
        self._at += 1
        return True

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise self._problem("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _problem(self, message: str) -> RegexProblem:
        return RegexProblem(f"regex {self._pattern!r}: {message}")
