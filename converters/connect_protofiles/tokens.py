"""The words of a `.proto` text.

Source: Protocol Buffers, "Language Specification", proto2, proto3 and editions; protobuf.com, "Lexical Elements".
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: A text may be so long, and its blocks so deep; `protoc` takes no deeper ones either.
TEXT_CHARS_MAX: Final = 4 * 1024 * 1024
DEPTH_MAX: Final = 32
#: A name may be so long, and one with dots have so many parts: a pool looks a name up in each space that it may be of.
NAME_CHARS_MAX: Final = 255
NAME_PARTS_MAX: Final = 64

_TOKEN: Final = re.compile(
    r"""
      (?P<blank>   [ \t\r\n\f\v]++ | //[^\n]*+ | /\*(?:[^*]++|\*(?!/))*+\*/ )
    | (?P<number>  0[xX][0-9A-Fa-f]++ | (?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?[fF]? )
    | (?P<name>    [A-Za-z_][A-Za-z0-9_]*+ )
    | (?P<string>  "(?:[^"\\\n]++|\\[^\n])*+" | '(?:[^'\\\n]++|\\[^\n])*+' )
    | (?P<sign>    [{}()\[\]<>;,.=:+\-/] )
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\'\"?])|[xX](?P<hex>[0-9A-Fa-f]{1,2})|(?P<octal>[0-7]{1,3})"
    r"|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}))|\\|(?P<plain>[^\\]+)"
)
_SIMPLE: Final = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v",
    "\\": b"\\", "'": b"'", '"': b'"', "?": b"?",
}  # fmt: skip


class ProtoError(ValueError):
    """A text is no Protobuf schema, or does not fit what it imports. The message says where and why."""


class Token(NamedTuple):
    """A word of a text, and where it begins.

    Attributes:
        kind: 'number', 'name', 'string', 'sign', or 'end' behind the last.
    """

    kind: str
    text: str
    position: int


def tokens(text: str) -> list[Token]:
    """Return the words of a text, without blanks and comments. Raises `ProtoError` where there is none of these."""
    if len(text) > TEXT_CHARS_MAX:
        raise ProtoError(f"a schema has {TEXT_CHARS_MAX} characters at most, and this one {len(text)}")
    text = text.removeprefix("\ufeff")
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ProtoError(f"{place(text, position)}: {text[position : position + 10]!r} is no word of a schema")
        kind = match.lastgroup
        assert kind is not None
        if kind != "blank":
            found.append(Token(kind, match[0], position))
        position = match.end()
    found.append(Token("end", "", len(text)))
    return found


def place(text: str, position: int) -> str:
    """Return a place in a text, for people."""
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def string_bytes(token: str) -> bytes:
    """Return what a string stands for. Raises ValueError where it has a backslash that means nothing."""
    parts = []
    for match in _ESCAPE.finditer(token[1:-1]):
        if match["plain"] is not None:
            parts.append(match["plain"].encode())
        elif match["simple"] is not None:
            parts.append(_SIMPLE[match["simple"]])
        elif match["hex"] is not None:
            parts.append(bytes([int(match["hex"], 16)]))
        elif match["octal"] is not None:
            parts.append(bytes([int(match["octal"], 8) & 0xFF]))
        elif (digits := match["short"] or match["long"]) is not None:
            parts.append(chr(int(digits, 16)).encode())
        else:
            raise ValueError("a backslash that means nothing")
    return b"".join(parts)
