"""Config providers: `FileConfigProvider`, `DirectoryConfigProvider`, `EnvVarConfigProvider`, with Kafka's class names.

What a config names as `${provider:path:key}` they look up in a properties or JSON file, in the files of a folder, and
in the worker's environment. Plugins like any third party's: they import `connect.api`, nothing else of Connect.

Elsewhere: what is resolved, and when (`connect.runtime.providers`).
"""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import ConfigProvider, hookimpl
from connect_providers.directory import DirectoryConfigProvider
from connect_providers.environment import EnvVarConfigProvider
from connect_providers.file import FileConfigProvider

__all__ = ["DirectoryConfigProvider", "EnvVarConfigProvider", "FileConfigProvider", "connect_config_providers"]


@hookimpl
def connect_config_providers() -> Sequence[type[ConfigProvider]]:
    """Tell the runtime which config providers are here."""
    return [FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider]
