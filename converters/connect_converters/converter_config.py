"""What every converter's config has."""

from __future__ import annotations

from connect.api import Config, config_key


class ConverterConfig(Config):
    """What is converted."""

    converter_type: str | None = config_key(
        "Whether keys, values or headers are converted; set by the runtime.",
        default=None,
        importance="low",
        one_of=("key", "value", "header"),
    )
