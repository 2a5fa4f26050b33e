"""The words of a JSONPath, taken one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

_BLANKS: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[^\s.\[\]()'\"=!<>&|,@*?~]+")
_NUMBER: Final = re.compile(r"-?\d{1,400}(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_INTEGER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_TEXT: Final = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_REGEX: Final = re.compile(r"/((?:[^/\\]|\\.)+)/([a-z]*)")
_WORD: Final = re.compile(r"(true|false|null)\b")
_PLAIN_FIELD: Final = re.compile(
    r"(?:\.([^\s.\[\]()'\"=!<>&|,@*?~]++)|\['([^'\\]*)'\]|\[\"([^\"\\]*)\"\])(?=\s*[=!<>)&|]|\s+[a-z])"
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_WORDS: Final = {"true": True, "false": False, "null": None}


class Tokens:
    """Takes words off a text. Every method skips blanks first; one that finds nothing else raises ValueError."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def at(self, symbol: str) -> bool:
        """Return whether a symbol comes next."""
        self._at = self._match(_BLANKS).end()
        return self._text.startswith(symbol, self._at)

    def take(self, symbol: str) -> bool:
        """Take a symbol if it comes next."""
        if not self.at(symbol):
            return False
        self._at += len(symbol)
        return True

    def expect(self, symbol: str) -> None:
        """Take a symbol that must come next."""
        if not self.take(symbol):
            raise self.error(repr(symbol))

    def end(self) -> None:
        """Check that nothing follows."""
        if not self.at("") or self._at != len(self._text):
            raise self.error("'.', '[' or the end")

    def name(self) -> str:
        """Take a name behind a dot."""
        return self._taken(_NAME, "a name")[0]

    def integer(self) -> int | None:
        """Take a whole number, if one comes next."""
        self.at("")
        match = _INTEGER.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return int(match[0])

    def operator(self, known: Sequence[str]) -> str | None:
        """Take the longest operator that comes next, None where the term ends."""
        if self.at(")") or self.at("&&") or self.at("||"):
            return None
        for symbol in sorted(known, key=len, reverse=True):
            if self.at(symbol):
                self._at += len(symbol)
                return symbol
        raise self.error(f"one of {' '.join(known)}")

    def plain_field(self) -> str | None:
        """Take one field name behind '@', if an operator or the end of the term follows it."""
        match = _PLAIN_FIELD.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return next(group for group in match.groups() if group is not None)

    def at_text(self) -> bool:
        """Return whether a text in quotes comes next."""
        return self.at("'") or self.at('"')

    def text_literal(self) -> str:
        """Take a text in quotes."""
        match = self._taken(_TEXT, "a text in quotes")
        return _ESCAPED.sub(r"\1", match[1] if match[1] is not None else match[2])

    def at_literal(self) -> bool:
        """Return whether a text, a number, true, false, null or a list comes next."""
        if self.at_text() or self.at("["):
            return True
        return bool(_NUMBER.match(self._text, self._at) or _WORD.match(self._text, self._at))

    def literal(self) -> Any:
        """Take a literal."""
        if self.at_text():
            return self.text_literal()
        if self.take("["):
            items: list[Any] = []
            while not self.take("]"):
                if items:
                    self.expect(",")
                items.append(self.literal())
            return items
        word = _WORD.match(self._text, self._at)
        if word is not None:
            self._at = word.end()
            return _WORDS[word[1]]
        number = self._taken(_NUMBER, "a text, a number, true, false, null or a list")
        return float(number[0]) if number[1] or number[2] else int(number[0])

    def regex(self) -> str:
        """Take /pattern/flags and return the pattern with its flags within."""
        match = self._taken(_REGEX, "a pattern between slashes")
        return f"(?{match[2]}){match[1]}" if match[2] else match[1]

    def error(self, expected: str) -> ValueError:
        """Return the error for what comes next."""
        found = repr(self._text[self._at :][:20]) if self._at < len(self._text) else "the end"
        return ValueError(f"expected {expected} at position {self._at} of {self._text!r}, found {found}")

    def _taken(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self.at("")
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self.error(what)
        self._at = match.end()
        return match

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        assert match is not None, "blanks may be none"
        return match
