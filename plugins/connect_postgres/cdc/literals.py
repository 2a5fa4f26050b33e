"""Texts with a structure of their own: array literals of any dimension, and hstore."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

#: One step through an array literal, by what parts items: a brace, a delimiter, an item in quotes, or a plain one.
_ARRAYS: Final = {
    delimiter: re.compile(rb'([{}%b])|"((?:[^"\\]|\\.)*)"|([^{}%b"]+)' % (delimiter, delimiter), re.DOTALL)
    for delimiter in (b",", b";")
}
_BOUNDS: Final = re.compile(rb"(?:\[-?\d+:-?\d+\])+=")
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_HSTORE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|(NULL))(?:, )?', re.DOTALL)


def parse_array(text: bytes, parse: Callable[[bytes], Any], delimiter: bytes = b",") -> list[Any]:
    """Read an array literal; lists within lists for more than one dimension, None for NULL.

    Args:
        parse: Reads one item.
        delimiter: What parts items; ';' for box, ',' for all other types.

    Raises:
        ValueError: It is none, or an item is not as it should be.
    """
    if text[:1] == b"[" and (bounds := _BOUNDS.match(text)):
        text = text[bounds.end() :]
    found: list[Any] = []
    open_lists = [found]
    position = 0
    for match in _ARRAYS[delimiter].finditer(text):
        if match.start() != position or (len(open_lists) == 1 and match[0] != b"{"):
            break
        position = match.end()
        sign, quoted, plain = match.groups()
        if sign == b"{":
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif sign == b"}":
            open_lists.pop()
            if not open_lists:
                break
        elif quoted is not None:
            open_lists[-1].append(parse(_ESCAPE.sub(rb"\1", quoted) if b"\\" in quoted else quoted))
        elif plain is not None:
            open_lists[-1].append(None if plain.upper() == b"NULL" else parse(plain))
    if position != len(text) or len(open_lists) != 1 or len(found) != 1:
        raise ValueError("an array literal is expected")
    items: list[Any] = found[0]
    return items


def parse_hstore(text: bytes) -> dict[str, str | None]:
    """Read an hstore.

    Raises:
        ValueError: It is none.
    """
    shown, position, found = text.decode(), 0, dict[str, str | None]()
    while position < len(shown):
        match = _HSTORE.match(shown, position)
        if match is None:
            raise ValueError("an hstore is expected")
        found[_unescaped(match[1])] = None if match[3] else _unescaped(match[2])
        position = match.end()
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text
