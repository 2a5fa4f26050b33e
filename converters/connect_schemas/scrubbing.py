"""Names that a format does not take: what Confluent's converters make of them with `scrub.invalid.names`.

Source: Confluent's AvroData and ProtobufData, doScrubName (schema-registry 8.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote_plus

_ODD: Final = re.compile(r"[^A-Za-z0-9_]")


def scrubbed(name: str, *, odd_first: str) -> str:
    """Return what is made of a name without dots, not empty, that the format does not take.

    Args:
        odd_first: Characters that the format does not take in front; an x is put before them.
    """
    # As java.net.URLEncoder, which keeps '*' and encodes '~'.
    encoded = quote_plus(name, safe="*", encoding="utf-8", errors="replace").replace("~", "%7E")
    if encoded[0] in odd_first:
        encoded = "x" + encoded
    return _ODD.sub("_", encoded)


def split(full_name: str, scrub: Callable[[str], str] | None) -> tuple[list[str], str]:
    """Return the parts of a full name in front of its last one, and that one.

    Args:
        scrub: What is made of each part; None for nothing.
    """
    parts = full_name.split(".")
    while len(parts) > 1 and not parts[-1]:  # as java.lang.String.split, which leaves out empty parts at the end
        parts.pop()
    if scrub is not None:
        parts = list(map(scrub, parts))
    return parts[:-1], parts[-1]
