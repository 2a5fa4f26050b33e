"""How many statements a text of SQL holds, without a server: what is quoted or a comment does not count."""

from __future__ import annotations

import re
from typing import Final

#: One token at a time; the first that fits counts. Nested comments are matched by hand.
_TOKEN: Final = re.compile(
    r"""(?P<string>[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<dollar>(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
      | (?P<line>--[^\n]*)
      | (?P<comment>/\*)
      | (?P<end>;)
      | (?P<space>\s+)
      | (?P<word>\w+(?!')|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"/\*|\*/")


def split_statements(sql: str) -> list[str]:
    """Return the statements of a text, each without the ';' behind it.

    What is nothing but space and comments is left out.

    A string or comment that never ends takes all that follows it; the server says what is wrong with it.
    """
    found: list[str] = []
    start = position = 0
    empty = True
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        assert match is not None, "the last alternative takes any sign"
        position = _comment_end(sql, match.end()) if match["comment"] else match.end()
        if match["end"]:
            if not empty:
                found.append(sql[start : match.start()])
            start, empty = position, True
        elif not (match["line"] or match["comment"] or match["space"]):
            empty = False
    if not empty:
        found.append(sql[start:])
    return [statement.strip() for statement in found]


def _comment_end(sql: str, position: int) -> int:
    depth = 1
    while depth and (match := _COMMENT.search(sql, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return len(sql) if depth else position
