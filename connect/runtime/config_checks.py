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


def replication_factor(name: str) -> Callable[[int | None], None]:
    """Return the check of a replication factor, as Kafka's workers make it.

    Args:
        name: The key, for the message.
    """

    def check(value: int | None) -> None:
        if value is None or (value < 1 and value != -1):
            raise ConfigError(
                f"Invalid value {value} for configuration {name}: Value must be positive and not larger than the "
                "number of brokers in the Kafka cluster, or -1 to use the broker's default"
            )

    return check
