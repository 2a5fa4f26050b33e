"""Names: what Avro takes as one, and what Confluent's converter makes of others.

Source: Confluent's AvroData, splitName and doScrubName (schema-registry 8.4).
"""

from __future__ import annotations

import re
from string import digits
from typing import Final

from connect_schemas import scrubbing

_RIGHT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """Whether Avro takes it as a name without dots."""
    return _RIGHT.fullmatch(text) is not None


def scrubbed(name: str) -> str:
    """Return what `scrub.invalid.names` makes of a name without dots."""
    return name if not name or is_name(name) else scrubbing.scrubbed(name, odd_first=digits)


def split(full_name: str, *, scrub: bool) -> tuple[str | None, str]:
    """Return a full name's namespace, None for none, and its last part."""
    space, last = scrubbing.split(full_name, scrubbed if scrub else None)
    return ".".join(space) if space else None, last


def full(name: str | None, *, scrub: bool) -> str | None:
    """Return a full name with each part scrubbed, where that is asked for."""
    if name is None or not scrub:
        return name
    space, last = split(name, scrub=True)
    return last if space is None else f"{space}.{last}"
