"""`DirectoryConfigProvider`: `${dir:/run/secrets:postgres-password}` is what a file of a folder holds, all of it.

A line break at the end belongs to the value, as in Kafka's class of the same name. Kubernetes and Docker mount secrets
so, as links within the folder: they are followed, and count where they lead.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from connect.api import ConfigData, ConfigError, ConfigProvider, open_path
from connect_providers.paths import PathsConfig, text_of, unreadable


class DirectoryConfigProvider(ConfigProvider[PathsConfig]):
    """Files of a folder, each a key of its name."""

    class_name = "org.apache.kafka.common.config.provider.DirectoryConfigProvider"

    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        if not path:
            raise ConfigError("a path is missing: ${provider:/path/of/a/folder:file} is expected")
        folder = Path(path)
        self._check(path)
        names = self._names(folder) if keys is None else keys
        return ConfigData(
            {name: text_of(self.config, str(folder / name)) for name in names if _is_file(folder, name)},
            self.config.ttl_ms,
        )

    def _check(self, path: str) -> None:
        """Refuse a folder that is not allowed before anything tells whether it is there."""
        try:
            os.close(open_path(path, os.O_RDONLY | os.O_DIRECTORY, folders=self.config.allowed_paths))
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigError(f"there is no folder {path!r}", code="config.unreadable") from None
        except OSError as error:
            raise unreadable(path, error) from None

    def _names(self, folder: Path) -> Iterable[str]:
        try:
            return sorted(entry.name for entry in folder.iterdir())
        except OSError as error:
            raise unreadable(str(folder), error) from None


def _is_file(folder: Path, name: str) -> bool:
    """Whether a name is that of a file right in the folder: a key is no path."""
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        return False
    return (folder / name).is_file()
