"""`EnvVarConfigProvider`: `${env:PGPASSWORD}` is a variable of the worker's environment, as it was at the start.

`allowlist.pattern` says which there are. Source: Kafka 4.3.1, EnvVarConfigProvider.java.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from connect.api import (
    Config,
    ConfigData,
    ConfigError,
    ConfigProvider,
    Problem,
    compile_pattern,
    config_key,
    invalid_config,
)


class EnvVarConfig(Config):
    """Which variables may be read."""

    allowlist_pattern: str | None = config_key(
        "Pattern of the variables that may be read; it matches whole names. Every variable when left out.",
        default=None,
        importance="high",
    )


class EnvVarConfigProvider(ConfigProvider[EnvVarConfig]):
    """Variables of the worker's environment. There is no path."""

    class_name = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"

    _variables: dict[str, str]

    def configure(self, config: Config) -> None:
        super().configure(config)
        text = self.config.allowlist_pattern
        try:
            pattern = None if text is None else compile_pattern(text, key="allowlist.pattern")
        except ValueError as error:
            raise invalid_config(
                [Problem("allowlist.pattern", f"Invalid value {text} for configuration allowlist.pattern: {error}")]
            ) from None
        self._variables = {n: v for n, v in os.environ.items() if pattern is None or pattern.fullmatch(n) is not None}

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        if path:
            raise ConfigError(f"path {path!r} is given; variables have none: ${{provider:VARIABLE}} is expected")
        found = self._variables
        return ConfigData(dict(found) if keys is None else {key: found[key] for key in keys if key in found})
