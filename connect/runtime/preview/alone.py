"""Previews without a worker: for a command that shows one config, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from connect.ports import Cluster
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.model import ConfigInfos
from connect.runtime.plugins import PluginHost
from connect.runtime.preview.engine import Previews
from connect.runtime.processes.placing import process_settings
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.providers.infos import written_infos
from connect.runtime.providers.resolved import Resolved
from connect.runtime.providers.worker_config import resolved_worker_config
from connect.runtime.validation import validator
from connect.runtime.validation.checking import Checks
from connect.runtime.worker_config import WorkerConfig


@asynccontextmanager
async def previews_alone(worker: WorkerConfig, cluster: Cluster | None) -> AsyncIterator[Previews]:
    """Give what runs previews in this process: with the plugins and providers of a worker's config, and no stores.

    Args:
        cluster: Where a sink's topics are; None: nowhere.

    Raises:
        ConfigError, PluginError: The worker's config, or a provider of it, is wrong.
    """
    timeout_s = worker.plugin_import_timeout_ms / 1000
    plugins = await asyncio.to_thread(
        PluginHost.discover, worker.plugin_folders, timeout_s=timeout_s, processes=process_settings(worker)
    )
    config = await resolved_worker_config(plugins, worker)
    plugins.processes = process_settings(config)
    watchdog = Watchdog()
    checks = Checks(watchdog, timeout_s=config.plugin_check_timeout_ms / 1000)
    providers = ConfigProviders(plugins, config, watchdog)

    async def check(given: Mapping[str, str | None]) -> tuple[ConfigInfos, Resolved]:
        look = await providers.look(given, limit_s=config.plugin_check_timeout_ms / 1000)
        values = look.resolved.config
        plugin = str(values.get("connector.class"))
        with look.resolved.kept_out():
            infos = await checks.aside(
                "validation of a config", lambda: validator.validate(plugins, config, plugin, values)
            )
        return written_infos(infos, look), look.resolved

    previews = Previews(cluster, plugins, config, watchdog, check=check, committed=None)
    try:
        await providers.open()
        yield previews
    finally:
        await previews.aclose()
        await providers.aclose()
