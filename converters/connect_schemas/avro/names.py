"""Names: what Avro takes as one, and what Confluent's converter makes of others.

Source: Confluent's AvroData, splitName and doScrubName (schema-registry 8.4).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote_plus

_RIGHT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ODD: Final = re.compile(r"[^A-Za-z0-9_]")


def is_name(text: str) -> bool:
    """Whether Avro takes it as a name without dots."""
    return _RIGHT.fullmatch(text) is not None


def scrubbed(name: str) -> str:
    """Return what `scrub.invalid.names` makes of a name without dots."""
    if not name or is_name(name):
        return name
    # As java.net.URLEncoder, which keeps '*' and encodes '~'.
    encoded = quote_plus(name, safe="*", encoding="utf-8", errors="replace").replace("~", "%7E")
    if encoded[0].isdigit():
        encoded = "x" + encoded
    return _ODD.sub("_", encoded)


def split(full_name: str, *, scrub: bool) -> tuple[str | None, str]:
    """Return a full name's namespace, None for none, and its last part."""
    # As java.lang.String.split, which leaves out empty parts at the end.
    parts = full_name.split(".")
    while len(parts) > 1 and not parts[-1]:
        parts.pop()
    if scrub:
        parts = [scrubbed(part) for part in parts]
    return ".".join(parts[:-1]) if len(parts) > 1 else None, parts[-1]


def full(name: str | None, *, scrub: bool) -> str | None:
    """Return a full name with each part scrubbed, where that is asked for."""
    if name is None or not scrub:
        return name
    space, last = split(name, scrub=True)
    return last if space is None else f"{space}.{last}"
