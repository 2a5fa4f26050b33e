"""Timestamps as people write and read them, in ms since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime

from connect.api import ConfigError
from connect.api.config_values import whole_number


def parse_timestamp_ms(text: str, option: str) -> int:
    """Read ISO 8601 (UTC where it names no zone) or whole ms since the epoch.

    Raises:
        ConfigError: It is neither; names the option.
    """
    if (timestamp_ms := whole_number(text)) is not None:
        return timestamp_ms
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option}: {text!r} is not a date", hint="Write 2026-01-31T12:00:00Z, or milliseconds since 1970."
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)


def timestamp_text(timestamp_ms: int) -> str:
    """Return a timestamp in ISO 8601, UTC; '-' for none and for what no calendar holds."""
    if timestamp_ms < 0:
        return "-"
    try:
        return (
            datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    except (OverflowError, ValueError, OSError):
        return "-"
