"""`FileConfigProvider`: `${file:/run/secrets/postgres.properties:password}` is a key of a properties or JSON file.

The ending decides: `.json` is an object of texts, numbers, true and false; everything else is Java properties, as in
Kafka's class of the same name. The file is read anew each time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from connect.api import ConfigData, ConfigError, ConfigProvider
from connect.api.java import parse_properties
from connect_providers.paths import PathsConfig, text_of


class FileConfigProvider(ConfigProvider[PathsConfig]):
    """Keys of properties files, and of JSON files."""

    class_name = "org.apache.kafka.common.config.provider.FileConfigProvider"

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        if not path:
            raise ConfigError("a path is missing: ${provider:/path/of/a/file:key} is expected")
        text = text_of(self.config, path)
        try:
            found = _from_json(path, text) if path.endswith(".json") else parse_properties(text)
        except ConfigError as error:
            raise ConfigError(f"file {path!r}: {error.message}", code=error.code) from None
        wanted = found if keys is None else {key: found[key] for key in keys if key in found}
        return ConfigData(wanted, self.config.ttl_ms)


def _from_json(path: str, text: str) -> dict[str, str]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:  # its words name a place, and hold nothing of the text
        raise ConfigError(f"it is not JSON: {error}", code="config.unreadable") from None
    if not isinstance(parsed, dict):
        raise ConfigError(f"a JSON object is expected, this is {type(parsed).__name__}", code="config.unreadable")
    return {key: _text(key, value) for key, value in parsed.items()}


def _text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(
        f"key {key!r} must be text, a number or true or false, not {type(value).__name__}", code="config.unreadable"
    )
