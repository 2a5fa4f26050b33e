"""Checks of what is outside: the worker that runs here, its Kafka cluster, and the servers and files of connectors."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connect.api import ConnectError
from connect.cli.doctor import directory
from connect.cli.rest import RestClient
from connect.registry.topic import look_at_topic
from connect.runtime.factory import connector_desc
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.config_providers import ConfigProviders
from connect.runtime.secrets import secret_pieces, without
from connect.runtime.validation.checking import CHECK_TIMEOUT_S, check
from connect.runtime.validation.findings import Finding, Level
from connect.runtime.worker_config import WorkerConfig

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring

KAFKA_S: Final = 20.0


def running_worker(url: str, version: str) -> Iterator[Finding]:
    """Ask the worker that runs, and tell what it warns of."""
    try:
        with RestClient(url) as rest:
            told = rest.call("GET", "/v1/worker/info")
            warnings = rest.call("GET", "/v1/warnings")
    except ConnectError as error:
        message = f"the worker at {url} does not answer as it should: {error.message}"
        yield Finding("worker", Level.ERROR, message, error.code, error.hint)
        return
    if told["version"] != version:
        message = f"the worker at {url} is {told['version']}, and this command is {version}"
        fix = "Restart the worker: it runs what was installed before."
        yield Finding("worker", Level.WARNING, message, "doctor.version", fix)
    else:
        registry = ", ".join(told.get("registry_urls", []))
        beside = f", and its schema registry at {registry}" if registry else ""
        yield Finding("worker", Level.OK, f"{url} answers{beside}")
    for one in warnings["warnings"]:
        yield Finding("worker", Level.WARNING, f"{one['subject']}: {one['message']}", one["code"])


async def kafka(wiring: Wiring, worker: WorkerConfig, *, limit_s: float = KAFKA_S) -> list[Finding]:
    """Reach the cluster of `bootstrap.servers`, and look at the topic of the schema registry where the worker serves
    one. Blocks for up to `limit_s`; makes nothing there."""
    unfit = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            async with asyncio.timeout(limit_s):
                cluster = await wiring.open_cluster(Path(folder), worker.originals)
                try:
                    topics = await cluster.admin.list_topics()
                    if worker.registry_addresses:
                        unfit = await look_at_topic(cluster.admin, worker.registry_storage_topic)
                finally:
                    await cluster.aclose()
        except TimeoutError:
            message = f"{worker.bootstrap_servers} did not answer within {limit_s:g} s"
            fix = "Look at the address and firewalls."
            return [Finding("kafka", Level.ERROR, message, "environment.unreachable", fix)]
        except ConnectError as error:
            return [Finding("kafka", Level.ERROR, error.message, error.code, error.hint)]
    found = [Finding("kafka", Level.OK, f"{worker.bootstrap_servers} answers, with {len(topics):,} topics")]
    return found if unfit is None else [*found, directory.unfit(unfit)]


async def connectors(
    plugins: PluginHost, worker: WorkerConfig, configs: Mapping[str, Mapping[str, str]]
) -> AsyncIterator[Finding]:
    """Have connectors look at their servers, tables and files. Each may take `CHECK_TIMEOUT_S`.

    Args:
        configs: By name; they have no errors.
    """
    try:
        providers = ConfigProviders(plugins, worker)
        await providers.open()
    except ConnectError as error:
        yield Finding("config.providers", Level.ERROR, error.message, error.code, error.hint)
        return
    try:
        for name, config in configs.items():
            async for finding in _connector(plugins, providers, name, {"name": name, **config}):
                yield finding
    finally:
        await providers.aclose()


async def _connector(
    plugins: PluginHost, providers: ConfigProviders, name: str, config: Mapping[str, str]
) -> AsyncIterator[Finding]:
    what = f"connector {name}"
    try:
        resolved = await providers.resolve(config, limit_s=CHECK_TIMEOUT_S)
        desc = connector_desc(plugins, resolved.texts)
        found = await check(desc, resolved.texts)
    except ConnectError as error:
        about = f"{error.config_path}: " if error.config_path else ""
        yield Finding(what, Level.ERROR, f"{about}{error.message}", error.code, error.hint)
        return
    pieces = [*secret_pieces(plugins, config), *secret_pieces(plugins, resolved.texts)]
    for one in found:
        message = resolved.hide(without(one.message, pieces))
        # What a connector says of its surroundings may be on its way, such as a table that it makes itself.
        level = Level.WARNING if one.code == "check" else Level.ERROR
        yield Finding(what, level, f"{one.key}: {message}" if one.key else message, one.code)
    if not found:
        yield Finding(what, Level.OK, f"{desc.name} finds what it needs")
