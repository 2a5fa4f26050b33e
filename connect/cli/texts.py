"""Text of files as editors write it: UTF-8, with a byte order mark or without, or UTF-16 with one."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import Final

from connect.api import ConfigError

_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
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
