"""Java's regular expressions by Python's.

A pattern is translated piece by piece. What differs: `(?<name>` and `\\k<name>`, `\\Q…\\E`, the escapes that Python lacks
(`\\h \\v \\R \\z \\e \\x{…} \\p{…}`), ASCII-only `\\d \\w \\s`, and classes with unions and `&&`. What Python's engine
cannot do at all is refused when the config is read: look-behind without an upper bound, `\\G`, `\\X`.

Source: java.util.regex.Pattern.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from typing import Final

_SETS: Final = {
    "d": "0-9", "w": "a-zA-Z0-9_", "s": " \\t\\n\\x0b\\f\\r",
    "h": " \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000", "v": "\\n\\x0b\\f\\r\\x85\\u2028\\u2029",
}  # fmt: skip
_POSIX: Final = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": "\\x00-\\x7f", "Alpha": "a-zA-Z", "Digit": "0-9", "Alnum": "a-zA-Z0-9",
    "Punct": "!-/:-@\\[-`{-~", "Graph": "!-~", "Print": " -~", "Blank": " \\t", "Cntrl": "\\x00-\\x1f\\x7f",
    "XDigit": "0-9a-fA-F", "Space": " \\t\\n\\x0b\\f\\r",
}  # fmt: skip
_CATEGORIES: Final = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Cn",
        "Co",
        "Cs",
        "L",
        "LC",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
    ]
)
_BINARY: Final = {"Alphabetic": "L", "Letter": "L", "Digit": "Nd", "Uppercase": "Lu", "Lowercase": "Ll", "Punctuation": "P"}  # fmt: skip
_SAME: Final = frozenset("aAbBfnrt")
_ELSEWHERE: Final = {
    "z": "\\Z",
    "Z": "(?=\\n?\\Z)",
    "R": "(?:\\r\\n|[\\n\\x0b\\f\\r\\x85\\u2028\\u2029])",
    "e": "\\x1b",
}
_ANCHORS: Final = frozenset(["^", "$", "\\b", "\\B", "\\A", _ELSEWHERE["z"], _ELSEWHERE["Z"]])


@lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a Java pattern.

    Raises:
        ValueError: Not a pattern, or one that Python's engine cannot run; says why.
    """
    try:
        return re.compile(_Translation(pattern).whole())
    except (re.error, OverflowError) as error:
        raise ValueError(f"Invalid regex: {error}") from error


def valid_regex(value: object) -> None:
    """Check a config value that is a pattern."""
    if value is None:
        raise ValueError("Invalid regex: there is none")
    compile_pattern(str(value))


class _Translation:
    """One pass over a pattern; `_at` is the next character."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            piece = self._piece()
            # Java repeats an anchor as anything else; Python wants it in a group.
            repeated = piece in _ANCHORS and self._text[self._at : self._at + 1] in tuple("*+?{")
            out.append(f"(?:{piece})" if repeated else piece)
        return "".join(out)

    def _piece(self) -> str:
        text = self._text
        if text.startswith("(?P", self._at):
            raise ValueError("Invalid regex: (?P is not Java's syntax; a named group is written (?<name>…)")
        if text.startswith("(?<", self._at) and text[self._at + 3 : self._at + 4] not in ("=", "!"):
            self._at += 3
            return "(?P<"
        char = text[self._at]
        if char == "{" and not re.match(r"\{\d+(,\d*)?\}", text[self._at :]):
            raise ValueError(f"Invalid regex: Illegal repetition at position {self._at}")
        self._at += 1
        if char == "[":
            return self._class()
        return self._escape(inside=False) if char == "\\" else char

    def _take(self, what: str) -> str:
        if self._at >= len(self._text):
            raise ValueError(f"Invalid regex: {what} at the end of the pattern")
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, end: str, what: str) -> str:
        found = self._text.find(end, self._at)
        if found < 0:
            raise ValueError(f"Invalid regex: {what} is not closed")
        taken, self._at = self._text[self._at : found], found + len(end)
        return taken

    def _escape(self, *, inside: bool) -> str:
        """Translate what follows a backslash; inside a class the result is part of a set."""
        char = self._take("a backslash")
        if char == "Q":
            end = self._text.find("\\E", self._at)
            literal = self._text[self._at :] if end < 0 else self._text[self._at : end]
            self._at = len(self._text) if end < 0 else end + 2
            return "".join(map(_literal, literal))
        if char.lower() in _SETS or char in "pP":
            inverted = char.isupper()
            members = _SETS[char.lower()] if char not in "pP" else self._property()
            if inside:
                return _inverted(members) if inverted else members
            return f"[{'^' if inverted else ''}{members}]"
        if char == "k" and self._text.startswith("<", self._at):
            self._at += 1
            return f"(?P={self._until('>', 'the name of a group')})"
        return self._character(char, inside=inside)

    def _character(self, char: str, *, inside: bool) -> str:
        if char == "x" and self._text.startswith("{", self._at):
            self._at += 1
            try:
                return _literal(chr(int(self._until("}", "\\x{"), 16)))
            except ValueError:
                raise ValueError("Invalid regex: Illegal hexadecimal escape sequence") from None
        if char in "xu":
            width = 2 if char == "x" else 4
            digits, self._at = self._text[self._at : self._at + width], self._at + width
            return f"\\{char}{digits}"
        if char == "0":
            octal = re.compile("[0-3]?[0-7]{1,2}").match(self._text, self._at)
            if octal is None:
                raise ValueError("Invalid regex: Illegal octal escape sequence")
            self._at = octal.end()
            return _literal(chr(int(octal[0], 8)))
        if char == "c":
            return _literal(chr(ord(self._take("\\c")) ^ 64))
        if not inside and char in _ELSEWHERE:
            return _ELSEWHERE[char]
        if char in _SAME or (char.isdigit() and not inside):
            return "\\" + char
        if char.isascii() and char.isalnum():
            raise ValueError(f"Invalid regex: Illegal/unsupported escape sequence \\{char}")
        return _literal(char)

    def _property(self) -> str:
        if not self._text.startswith("{", self._at):
            return _category_set(self._take("\\p"))
        self._at += 1
        name = self._until("}", "\\p{")
        if name in _POSIX:
            return _POSIX[name]
        short = name.removeprefix("Is").removeprefix("general_category=").removeprefix("gc=")
        short = _BINARY.get(short, short) if name.startswith("Is") else short
        if short not in _CATEGORIES:
            raise ValueError(f"Invalid regex: Unknown character property name {{{name}}}")
        return _category_set(short)

    def _class(self) -> str:
        """Translate a class to an expression for one character: unions become alternatives, && looks ahead."""
        negated = self._text.startswith("^", self._at)
        self._at += negated
        operands = [self._union(first=True)]
        while self._text.startswith("&&", self._at):
            self._at += 2
            operands.append(self._union(first=False))
        if self._take("an open class") != "]":
            raise AssertionError("a union ends at its bracket or at &&")
        if len(operands) == 1 and len(operands[0]) == 1 and operands[0][0].startswith("["):
            members = operands[0][0][1:-1]
            return f"[^{members}]" if negated and not members.startswith("^") else f"(?![{members}])[\\s\\S]" if negated else operands[0][0]  # fmt: skip
        choices = ["(?:" + "|".join(operand) + ")" for operand in operands if operand]
        positive = "".join(f"(?={choice})" for choice in choices[:-1]) + choices[-1]
        return f"(?:(?!{positive})[\\s\\S])" if negated else f"(?:{positive})"

    def _union(self, *, first: bool) -> list[str]:
        """Return expressions, one of which matches; plain members are gathered in one set."""
        members: list[str] = []
        nested: list[str] = []
        after_set = False  # a dash there stands for itself: [\w-.]
        while True:
            if self._at >= len(self._text):
                raise ValueError("Invalid regex: Unclosed character class")
            if self._text.startswith("&&", self._at) or (self._text[self._at] == "]" and not (first and not members and not nested)):  # fmt: skip
                break
            char = self._take("an open class")
            is_set = char == "["
            if is_set:
                nested.append(self._class())
            elif char == "\\":
                is_set = self._text[self._at : self._at + 1].lower() in (*_SETS, "p")
                members.append(self._escape(inside=True))
            elif char == "-":
                ends = not members or after_set or self._text.startswith(("]", "["), self._at)
                members.append("\\-" if ends else "-")
            else:
                members.append(_literal(char))
            after_set = is_set
        return ([f"[{''.join(members)}]"] if members else []) + nested


def _literal(char: str) -> str:
    return char if char.isalnum() or char == "_" else f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"  # fmt: skip


def _ranges(codes: list[int]) -> str:
    parts: list[str] = []
    start = previous = -2
    for code in [*codes, -2]:
        if code != previous + 1:
            if start >= 0:
                parts.append(f"\\U{start:08x}-\\U{previous:08x}")
            start = code
        previous = code
    return "".join(parts)


@lru_cache(maxsize=32)
def _category_set(name: str) -> str:
    """Return a Unicode category's characters as ranges. Takes some 0.2 s the first time."""
    wanted = ("Lu", "Ll", "Lt") if name == "LC" else (name,)
    return _ranges([code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith(wanted)])


@lru_cache(maxsize=32)
def _inverted(members: str) -> str:
    """Return all characters but these as ranges: Python's sets hold no negated sets."""
    inside = re.compile(f"[{members}]")
    return _ranges([code for code in range(sys.maxunicode + 1) if not inside.match(chr(code))])
