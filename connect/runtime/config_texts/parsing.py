"""The plain forms of config texts: JSON, Java properties, and a JSON value as the text of a key."""

from __future__ import annotations

from typing import Any, Final

import orjson

from connect.api import ConfigError
from connect.api.java.properties import numbered_properties

MARK: Final = "\ufeff"
#: Beside a config's keys it is for an editor alone: the JSON Schema of the file.
EDITORS_KEY: Final = "$schema"


def parse_json(text: str, where: str) -> Any:
    """Return what JSON text says, with a byte order mark or without.

    Args:
        where: Names the text in the error.

    Raises:
        ConfigError: config.unreadable.
    """
    try:
        return orjson.loads(text.removeprefix(MARK))
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where} is not JSON: {error}", code="config.unreadable") from None


def parse_numbered(text: str, where: str, *, may_be_empty: bool = False) -> list[tuple[int, str, str]]:
    """Return Java properties with the line in which each begins, also those of equal keys.

    Args:
        where: Names the text in the error.
        may_be_empty: It is said to be properties, so none with a value is needed to tell.

    Raises:
        ConfigError: config.unreadable; or as `numbered_properties`.
    """
    try:
        found = list(numbered_properties(text))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", code=error.code) from None
    if not may_be_empty and not any(value for _, _, value in found):
        raise ConfigError(
            f"{where} is not JSON, and holds no KEY=VALUE as Java properties do", code="config.unreadable"
        )
    return found


def text_of(where: object, key: str, value: Any) -> str:
    """Return a value of a JSON config as the text that a key has.

    Args:
        where: Names the config in the error.

    Raises:
        ConfigError: It is null, a list or an object.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    what = {type(None): "null", dict: "an object", list: "a list"}.get(type(value), type(value).__name__)
    raise ConfigError(f"{where}: key {key!r} must be text, a number or true or false, not {what}", config_path=key)
