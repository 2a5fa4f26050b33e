"""References in a worker's own config: resolved when it starts, before anything uses them.

Its providers are plugins, so what finds plugins cannot be a reference, nor the keys of the providers themselves.
"""

from __future__ import annotations

from typing import Any, Final

from connect.api import Problem, invalid_config
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.config_providers import ConfigProviders, provider_names
from connect.runtime.providers.references import refer
from connect.runtime.providers.resolved import forms_of
from connect.runtime.worker_config import WorkerConfig

#: Used before there are providers.
_EARLY: Final = ("config.providers", "plugin.path", "plugin.import.timeout.ms")


async def resolved_worker_config(plugins: PluginHost, config: WorkerConfig) -> WorkerConfig:
    """Return a worker's config with its values, as it is where it has no references.

    Raises:
        ConfigError: A reference leads nowhere, or stands where none can; or a value is wrong, which is not quoted then.
    """
    names = provider_names(config.originals)
    late = {
        key: str(value) for key, value in config.originals.items() if isinstance(value, str) and refer(value, names)
    }
    if not late:
        return config
    if problems := [
        Problem(key, f"Invalid value {text} for configuration {key}: it is needed before there are config providers")
        for key, text in late.items()
        if key in _EARLY or key.startswith("config.providers.")
    ]:
        raise invalid_config(problems)
    providers = ConfigProviders(plugins, config)
    try:
        await providers.open()
        resolved = await providers.resolve(late, remember=False)
    finally:
        await providers.aclose()
    # What the worker declares itself (listeners, folders, topics) is no secret, and is told of at every start.
    known = WorkerConfig.keys()
    for key in late.keys() - known.keys():
        secrets.add(forms_of(str(resolved.config[key])))
    values: dict[str, Any] = {**config.originals, **resolved.config}
    with resolved.kept_out():
        return WorkerConfig.parse(values)
