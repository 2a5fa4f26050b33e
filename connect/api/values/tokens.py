"""A text as tokens: the delimiters of lists and maps, and what lies between them."""

from __future__ import annotations

import re
from typing import Final

_PRINTED: Final = re.compile(r"[^\0-\x20]")
_TOKEN: Final = re.compile(r'[:,{}\[\]"]|[^\\:,{}\[\]"]*(?:\\.?[^\\:,{}\[\]"]*)*', re.DOTALL)
BLANK: Final = "".join(map(chr, range(33)))  # what Java's trim takes off


class Tokens:
    """Reads a text token by token. A backslash takes the next delimiter its meaning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0
        self._ahead: str | None = None

    @property
    def more(self) -> bool:
        """Whether there is another token."""
        return self._ahead is not None or self._at < len(self.text)

    def mark(self) -> int:
        """Return the place of the next token, for `rewind`."""
        return self._at - len(self._ahead or "")

    def rewind(self, mark: int) -> None:
        """Go back to a marked place."""
        self._at, self._ahead = mark, None

    def begins(self) -> str:
        """Return the next character that is no blank, '' when there is none."""
        match = _PRINTED.search(self.text, self.mark())
        return "" if match is None else match[0]

    def next(self) -> str:
        """Take the next token; '' at the end."""
        token = self._consume() if self._ahead is None else self._ahead
        self._ahead = None
        return token

    def next_four(self) -> str | None:
        """Take the next four tokens as one text; None, and nothing is taken, when there are fewer."""
        start = self.mark()
        for _ in range(4):
            if not self.more:
                self.rewind(start)
                return None
            self.next()
        return self.text[start : self._at]

    def take(self, expected: str) -> bool:
        """Take the next token if it is this one; blanks before it and around it do not count."""
        if self._ahead is None:
            if not self.more:
                return False
            self._ahead = self._consume()
        while not self._ahead.strip(BLANK) and self._at < len(self.text):
            self._ahead = self._consume()
        if self._ahead.strip(BLANK) != expected:
            return False
        self._ahead = None
        return True

    def _consume(self) -> str:
        match = _TOKEN.match(self.text, self._at)
        assert match is not None, "every text begins with a token, if an empty one"
        self._at = match.end()
        return match[0]
