"""Java's .properties format: keys and values as text.

Source: java.util.Properties.load: comments with # or !, separators = : or white space, a line that ends in an odd
number of backslashes goes on, escapes \\t \\n \\r \\f and \\uXXXX, any other escaped character stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from connect.api.errors import ConfigError

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SPACE = " \t\f"


def parse_properties(text: str) -> dict[str, str]:
    """Return the properties of a file's text; the last of equal keys counts.

    Raises:
        ConfigError: A \\u escape is malformed; the message has its line.
    """
    return {key: value for _, key, value in numbered_properties(text)}


def numbered_properties(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the properties of a file's text with the line in which each begins, also those of equal keys.

    Raises:
        ConfigError: As `parse_properties`.
    """
    for number, line in _logical_lines(text):
        end = _key_end(line)
        rest = line[end:].lstrip(_SPACE)
        if rest[:1] in ("=", ":"):
            rest = rest[1:].lstrip(_SPACE)
        try:
            yield number, _unescaped(line[:end]), _unescaped(rest)
        except ConfigError as error:
            raise ConfigError(f"line {number}: {error.message}", code=error.code) from None


def _logical_lines(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, list[str]]] = []  # in parts: a line may go on some hundred thousand times
    going_on = False
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        line = raw.lstrip(_SPACE)
        if not going_on and (not line or line[0] in "#!"):
            continue
        ends_in_backslash = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        part = line[:-1] if ends_in_backslash else line
        if going_on:
            lines[-1][1].append(part)
        else:
            lines.append((number, [part]))
        going_on = ends_in_backslash
    return [(number, "".join(parts)) for number, parts in lines]


def _key_end(line: str) -> int:
    index = 0
    while index < len(line) and line[index] not in "=:" + _SPACE:
        index += 2 if line[index] == "\\" else 1
    return min(index, len(line))


def _unescaped(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] != "u":
            return _ESCAPES.get(escape, escape)
        if len(escape) != 5:
            # What is in the text may be a secret.
            raise ConfigError("a \\uxxxx escape is malformed", code="config.unreadable")
        return chr(int(escape[1:], 16))

    plain = re.sub(r"\\(u[0-9a-fA-F]{4}|.)", replace, text, flags=re.DOTALL)
    # Characters beyond the basic plane are written as two escapes; put the halves together.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else plain
