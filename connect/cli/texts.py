"""Text of files as editors write it: UTF-8, with a byte order mark or without, or UTF-16 with one."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import Any, Final

import orjson

from connect.api import ConfigError
from connect.api.java.properties import numbered_properties

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
MARK: Final = "\ufeff"
#: A larger file is no config, and would fill the memory: a device, or a dump named by mistake.
BYTES_MAX: Final = 16 << 20


def read_text(path: Path, *, otherwise: str | None = None) -> str:
    """Return a file's text, of standard input for '-', without a byte order mark.

    Args:
        otherwise: The encoding of what is not UTF-8; such a file is refused when left out.

    Raises:
        ConfigError: config.unreadable.
    """
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(BYTES_MAX + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", code="config.unreadable", hint="Check that the path is right."
        ) from error
    if len(raw) > BYTES_MAX:
        raise ConfigError(
            f"{path} has more than {BYTES_MAX:,} bytes, which no config has",
            code="config.unreadable",
            hint="Check that the path is right.",
        )
    mark, encoding = next(((mark, name) for mark, name in _MARKS if raw.startswith(mark)), (b"", "utf-8"))
    try:
        return raw[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        if otherwise is not None and not mark:
            return raw.decode(otherwise)
        raise ConfigError(
            f"{path} is not {encoding.upper()} text", code="config.unreadable", hint="Save it as UTF-8."
        ) from None


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
