"""Checks of values that the worker's keys and the connectors' keys share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connect.api import ConfigError


def unique(name: str) -> Callable[[Sequence[str] | None], None]:
    """Return the check of a list of names, which Kafka's ConfigDef makes: none is empty, and none is there twice.

    Args:
        name: The key, for the message.
    """

    def check(value: Sequence[str] | None) -> None:
        if value is None:
            raise ConfigError(f"Configuration '{name}' values must not be null.")
        if any(not item for item in value):
            raise ConfigError(f"Configuration '{name}' values must not be empty.")
        if len(set(value)) != len(value):
            raise ConfigError(f"Configuration '{name}' values must not be duplicated.")

    return check
