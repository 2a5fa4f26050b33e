"""`delivery.guarantee`: what a connector's config asks for, and what asks for more than can be had.

Whether a connector can deliver exactly once it says itself (`connect.runtime.promises`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from connect.api import Config, ConfigValue, SourceConnector, SourceTask, config_key

AT_MOST_ONCE: Final = "at-most-once"
#: The key with which sources and sinks ask for a guarantee.
KEY: Final = "delivery.guarantee"


class DeliveryConfig(Config):
    """What a crash may do to records: repeat some, or lose some."""

    delivery_guarantee: str = config_key(
        "'at-least-once': after a crash some records come again; 'at-most-once': offsets are committed before the "
        "records are delivered, so some are lost; 'exactly-once': refused where the connector cannot.",
        default="at-least-once",
        one_of=("at-least-once", AT_MOST_ONCE, "exactly-once"),
        group="Common",
        display_name="Delivery Guarantee",
    )


def asked_of(config: Mapping[str, Any]) -> str:
    """Return the guarantee that a config asks for; empty where it leaves that out."""
    return str(config.get(KEY) or "").strip().lower()


def is_at_most_once(config: Mapping[str, Any]) -> bool:
    """Whether a config asks for offsets to be committed before the records are delivered."""
    return asked_of(config) == AT_MOST_ONCE


def acknowledges_each(connector: type) -> TypeGuard[type[SourceConnector]]:
    """Whether a class is a source that acknowledges record by record, when each is durable: never at most once."""
    return (
        issubclass(connector, SourceConnector) and connector.task_class.commit_records is not SourceTask.commit_records
    )


def check(connector: type, value: ConfigValue | None) -> None:
    """Add to the value of `delivery.guarantee` why a connector cannot keep it."""
    if value is None or value.errors or value.value != AT_MOST_ONCE:
        return
    if acknowledges_each(connector):
        value.errors.append(
            f"Invalid value {AT_MOST_ONCE} for configuration {KEY}: {connector.plugin_name()} acknowledges each record "
            "when it is durable in the log, so after a crash some come again; use 'at-least-once'"
        )
