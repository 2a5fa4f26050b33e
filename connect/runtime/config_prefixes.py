"""Prefixes of config keys: `producer.`, `value.converter.` and their like hold another part's keys."""

from __future__ import annotations

from typing import Any


def strip_prefix(config: Any, prefix: str) -> dict[str, Any]:
    """Return the entries whose key begins with `prefix`, without it."""
    return {k[len(prefix) :]: v for k, v in config.items() if k.startswith(prefix)}
