"""How deep JSON is nested, told without parsing it: a parser would run out of stack, or take what follows it there."""

from __future__ import annotations

import re

# A string (its brackets mean nothing), or a bracket. Nothing is ever taken back, so the engine keeps nothing to go back
# to: else each character, or escape, of a long string would take some fifty bytes of memory.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[\[{\]}]', re.DOTALL)


def depth_exceeds(body: bytes, limit: int) -> bool:
    """Say whether JSON text has more than so many objects and arrays inside each other."""
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif first in b"]}":
            depth -= 1
    return False
