"""What the providers of files share: the keys `allowed.paths` and `ttl.ms`, and reading a file within the first.

Without `allowed.paths` every file may be read that is not closed to all connectors, as in Kafka Connect: who may write
a connector's config then reads any file of the worker's user. Paths are compared once links, `..` and relative parts
are settled; pipes, devices and folders are refused, so that nothing blocks.

Source of the keys: Kafka 4.3.1, AllowedPaths.java. `ttl.ms` is beyond it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from connect.api import Config, ConfigError, Problem, config_key, read_file

#: Secrets, keys and certificates are some KiB.
FILE_BYTES_MAX: Final = 1 << 20


def _a_second(value: int | None) -> None:
    if value is not None and value < 1000:
        raise ValueError("Value must be at least 1000")


class PathsConfig(Config):
    """Which files may be read, and how long their values hold."""

    allowed_paths: list[str] = config_key(
        "Files and folders that may be read, with commas, each with all below it; every file when left out.",
        default=[],
        importance="high",
    )
    ttl_ms: int | None = config_key(
        "How long values hold, in ms: then they are read again, and a connector whose values have changed "
        "is restarted; until the connector is restarted when left out.",
        type="LONG",
        default=None,
        validators=[_a_second],
        importance="low",
    )

    def problems(self) -> Iterable[Problem]:
        for path in self.allowed_paths:
            if not Path(path).is_absolute():
                yield Problem("allowed.paths", f"Path {path} is not absolute")
            elif not Path(path).exists():
                yield Problem("allowed.paths", f"Path {path} does not exist")


def text_of(config: PathsConfig, path: str) -> str:
    """Return what a file holds. No error tells anything of it.

    Raises:
        ConfigError: It is not allowed, is no regular file, has too many bytes or is no UTF-8; or it cannot be read.
    """
    try:
        return read_file(path, max_bytes=FILE_BYTES_MAX, folders=config.allowed_paths).decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError:
        raise ConfigError(f"file {path!r} is no UTF-8 text", code="config.unreadable") from None


def unreadable(path: str, error: OSError) -> ConfigError:
    """Return what is raised where the system refuses a file or folder."""
    why = error.strerror or os.strerror(error.errno or 0)
    return ConfigError(f"{path!r} cannot be read: {why}", code="config.unreadable")
