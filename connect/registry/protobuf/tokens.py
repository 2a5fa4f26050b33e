"""The words of a .proto text.

Source: Protocol Buffers, language specifications of proto2 and proto3, "Lexical Elements".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<space>\s+|//[^\n]*+|/\*.*?\*/)"
    r"|(?P<number>(?:0[xX][0-9a-fA-F]++|(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?)[fF]?)"
    r"|(?P<name>[A-Za-z_]\w*+)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+')"
    r"|(?P<sign>[{}\[\]()<>=;,.:+\-/])",
    re.ASCII | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class InvalidProtoError(ValueError):
    """A text is no Protobuf schema; the message says why, and in which line."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word: a number, a name, a text in quotes, a sign, or the end."""

    kind: str
    text: str
    line: int


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the words of a text, and its end.

    Raises:
        InvalidProtoError: There is what is no word.
    """
    position, line = 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidProtoError(f"line {line}: {text[position : position + 20]!r} is not expected")
        kind = match.lastgroup
        assert kind is not None, "every part of the pattern has a name"
        if kind != "space":
            yield Token(kind, match[0], line)
        line += match[0].count("\n")
        position = match.end()
    yield Token("end", "the end", line)


def unquoted(token: Token) -> str:
    """Return what a text in quotes says; a byte is the character of its number."""
    return _ESCAPE.sub(_unescaped, token.text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    said = match[1]
    if said[0] in "xuU" and len(said) > 1:
        number = int(said[1:], 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    return chr(int(said, 8) & 0xFF) if said[0] in "01234567" else _SIMPLE.get(said, said)


def quoted(text: str) -> str:
    """Return a text in quotes, as it stands in a schema."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
