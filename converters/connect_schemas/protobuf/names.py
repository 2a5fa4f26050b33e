"""Names: what Confluent's converter makes of Connect's, and of maps.

Source: Confluent's ProtobufData and ProtobufSchema (schema-registry 8.4); Guava's CaseFormat.
"""

from __future__ import annotations

import re
from string import digits
from typing import Final

from connect_schemas import scrubbing

_RIGHT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_UPPER: Final = re.compile(r"(?<!^)(?=[A-Z])")
_ENTRY: Final = "Entry"


def scrubbed(name: str) -> str:
    """Return what `scrub.invalid.names` makes of a name without dots; an underscore in front is not taken either."""
    return name if not name or _RIGHT.fullmatch(name) else scrubbing.scrubbed(name, odd_first=digits + "_")


def split(full_name: str, *, scrub: bool) -> tuple[str, str]:
    """Return a full name's package, '' for none, and its last part."""
    space, last = scrubbing.split(full_name, scrubbed if scrub else None)
    return ".".join(space), last


def entry_of(name: str) -> str:
    """Return what the message of a map's entries is called, by the map's name."""
    if "_" in name:
        name = "".join(part[:1].upper() + part[1:].lower() for part in name.split("_"))
    return name + _ENTRY


def map_of(entry: str) -> str:
    """Return a map's name by that of the message of its entries."""
    space, dot, last = entry.rpartition(".")
    if last.endswith(_ENTRY):
        last = _UPPER.sub("_", last.removesuffix(_ENTRY)).lower()
    return f"{space}{dot}{last}"
