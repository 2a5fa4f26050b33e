"""Which requests to the registry change nothing; apart, since the worker's own layers ask too, and need no more."""

from __future__ import annotations

from typing import Final

_READING: Final = ("GET", "HEAD", "OPTIONS")


def is_read(method: str, path: str) -> bool:
    """Say whether a request changes nothing: of those with a body, a look-up and a comparison.

    Args:
        path: Of Confluent's API, as `negotiation.route_path` gives it.
    """
    if method in _READING:
        return True
    parts = path.strip("/").split("/")
    return method == "POST" and (parts[0] == "compatibility" or (parts[0] == "subjects" and len(parts) == 2))
