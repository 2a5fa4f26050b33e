"""The only module that knows every part; it wires them. `main` is the command `connect`."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what a command does not need, it does not wait for
    from fastapi import FastAPI

    from connect.cli.wiring import Wiring
    from connect.inspection import Inspector, Repairer
    from connect.ports import Cluster
    from connect.registry.registry import Registry
    from connect.runtime.herder import Herder
    from connect.runtime.host import Host
    from connect.runtime.plugins import PluginHost
    from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)


async def open_cluster(data_dir: Path, configs: Mapping[str, object] | None = None) -> Cluster:
    """Open the bundled log in a directory, which is made if need be, or the Kafka cluster that a worker's keys name.

    Args:
        configs: A worker's keys. Of these the bundled log takes its own, in a Kafka broker's names
            (`log.retention.ms`, …); a cluster `bootstrap.servers` and the keys of clients.

    Raises:
        ConfigError: One of these is wrong; config.kafka_extra_missing.
        EnvironmentFault: Another process owns the directory, or it cannot be used; no broker answers.
    """
    if configs and configs.get("bootstrap.servers"):
        return await _open_kafka(data_dir, configs)
    from connect.log import LogCluster
    from connect.log.log_config import is_log_key

    own = {name: str(value) for name, value in (configs or {}).items() if is_log_key(name)}
    return await LogCluster.open(data_dir, configs=own)


def log_keys() -> Collection[str]:
    """Return the names of the worker's keys that the bundled log reads."""
    from connect.log.log_config import WORKER_KEYS

    return WORKER_KEYS


async def _open_kafka(data_dir: Path, configs: Mapping[str, object]) -> Cluster:
    """Open a Kafka cluster. The directory holds what tells commands of this machine where the worker answers."""
    from connect.api import ConfigError, EnvironmentFault
    from connect.kafka.errors import EXTRA_MISSING

    try:
        from connect.kafka.cluster import KafkaCluster
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "confluent_kafka":
            raise
        raise ConfigError(
            "bootstrap.servers: the client for Kafka, confluent-kafka, is not installed",
            code=EXTRA_MISSING,
            config_path="bootstrap.servers",
        ) from error
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"cannot make the directory {data_dir}: {error}", code="environment.data_dir") from error
    return await KafkaCluster.open(configs)


def inspect_log(data_dir: Path) -> Inspector:
    """Return what reads a data directory without owning it."""
    from connect.log.inspection.inspector import LogInspector

    return LogInspector(data_dir)


def is_in_use(data_dir: Path) -> bool:
    """Tell whether a worker, or a command, owns a data directory right now."""
    from connect.log.owner import is_in_use

    return is_in_use(data_dir)


def repair_log(data_dir: Path) -> AbstractContextManager[Repairer]:
    """Return what mends a data directory that nobody owns."""
    from connect.log.inspection.repair import LogRepairer

    return LogRepairer(data_dir)


@asynccontextmanager
async def open_worker(
    config: WorkerConfig, cluster: Cluster | None = None, plugins: Iterable[tuple[str, object]] = ()
) -> AsyncIterator[Herder]:
    """Run a worker that is alone: plugins found, log opened, stores read, connectors resumed. On exit everything is
    drained.

    Args:
        config: References in it are resolved (`WorkerConfig.read`).
        cluster: A log to use; it stays open. That which the config names is opened and closed when left out.
        plugins: Modules or objects that are plugins besides those that are found, each with its name.

    Raises:
        ConfigError: A converter or config provider that the worker's config names is not installed, or a reference in
            it leads nowhere; nothing was opened.
    """
    from connect.api.files import in_force
    from connect.runtime.file_rules import file_rules
    from connect.runtime.herder import Herder

    async with _opened(config, cluster, plugins) as (config, cluster, host):
        with in_force(file_rules(config)):
            async with Herder(config, cluster, host, engine_keys=log_keys()) as herder:
                yield herder


@asynccontextmanager
async def open_host(config: WorkerConfig, cluster: Cluster | None = None) -> AsyncIterator[Host]:
    """Run a worker: on the bundled log alone, on a Kafka cluster as one of its group once it was told to `join`.

    Args:
        config, cluster: As `open_worker`.

    Raises:
        ConfigError: As `open_worker`.
    """
    from connect.api.files import in_force

    if not config.bootstrap_servers:
        async with open_worker(config, cluster) as herder:
            yield herder
        return
    from connect.log.owner import HeldDirectory
    from connect.runtime.distributed.node import Node
    from connect.runtime.file_rules import file_rules

    async with _opened(config, cluster) as (config, cluster, plugins):
        # Its own, as that of a bundled log is: commands that are given it ask this worker, whatever else is there.
        with closing(HeldDirectory(config.data_path)), in_force(file_rules(config)):
            async with Node(config, cluster, plugins, engine_keys=log_keys()) as node:
                yield node


@asynccontextmanager
async def _opened(
    config: WorkerConfig, cluster: Cluster | None, more: Iterable[tuple[str, object]] = ()
) -> AsyncIterator[tuple[WorkerConfig, Cluster, PluginHost]]:
    """Give a worker's config with its values, its log, and the plugins."""
    from connect.runtime.factory import check_default_converters
    from connect.runtime.plugins import PluginHost
    from connect.runtime.processes.placing import process_settings
    from connect.runtime.providers.worker_config import resolved_worker_config

    timeout_s = config.plugin_import_timeout_ms / 1000
    # Aside: plugins may have environments to be made.
    plugins = await asyncio.to_thread(
        PluginHost.discover, config.plugin_folders, timeout_s=timeout_s, processes=process_settings(config)
    )
    for name, plugin in more:
        plugins.register(plugin, name)
    config = await resolved_worker_config(plugins, config)
    plugins.processes = process_settings(config)
    check_default_converters(plugins, config)
    own = cluster is None
    cluster = cluster or await open_cluster(config.data_path, config.originals)
    try:
        yield config, cluster, plugins
    finally:
        if own:
            await cluster.aclose()


def listener_problems(config: WorkerConfig) -> list[tuple[str, str]]:
    """Return what is wrong with the listeners of a worker's config, as key and message; no file is read."""
    from connect.rest.server import listener_problems

    return listener_problems(config)


def log_problems(config: WorkerConfig) -> list[tuple[str, str]]:
    """Return what the bundled log refuses of a worker's config, as key and message; nothing of one on a cluster."""
    if config.bootstrap_servers:
        return []
    from connect.api import ConfigError
    from connect.log.log_config import SYNONYMS, LogConfig, is_log_key
    from connect.runtime.providers.references import references_in

    own = {key: str(value) for key, value in config.originals.items() if is_log_key(key)}
    try:
        LogConfig.parse({key: value for key, value in own.items() if not references_in(value)})
    except ConfigError as error:
        named = next((key for key in own if SYNONYMS.get(key, key) == error.config_path), error.config_path)
        return [(named or "", error.message)]
    return []


def client_problems(config: WorkerConfig) -> list[tuple[str, str]]:
    """Return with which keys of a worker's config no client of its Kafka cluster can be made, as key and message."""
    if not config.bootstrap_servers:
        return []
    from connect.kafka.client_config import problems_of
    from connect.runtime.providers.references import references_in

    keys = config.originals
    refers = {key for key, value in keys.items() if isinstance(value, str) and references_in(value)}
    known = {key: value for key, value in keys.items() if key not in refers}
    return [(key, message) for key, message in problems_of(known) if key not in refers]


@asynccontextmanager
async def serve(host: Host) -> AsyncIterator[list[str]]:
    """Serve REST on the listeners of the worker's config; gives the bound URLs in their order.

    Raises:
        ConfigError: A listener, its TLS keys or the credentials file is wrong; config.otel_extra_missing.
        EnvironmentFault: environment.port_taken.
    """
    # Aside: importing it takes a third of a start, and seconds where a container has little of a processor.
    make_app, serve_app = await asyncio.to_thread(_rest)
    app = make_app(host)
    async with _exporting(host), registry_beside(host, app), serve_app(app, host.base.config) as urls:
        try:
            yield urls
        finally:
            await app.state.events.aclose()
            await app.state.leader.aclose()
            await app.state.metrics.aclose()


@asynccontextmanager
async def registry_beside(host: Host, app: FastAPI) -> AsyncIterator[None]:
    """Serve the schema registry where the worker's config says so, and let the worker's own REST reach it too."""
    config = host.base.config
    if not config.registry_addresses:
        yield
        return
    async with _registry(config, host.base.cluster) as registry:
        from connect.rest.registry.app import bare_app

        async with _registry_served(registry, config, host.base.cluster) as urls:
            app.state.registry = bare_app(registry, cluster_id=host.base.cluster.cluster_id)
            host.base.registry_urls = urls
            logger.info("the schema registry is ready on %s", ", ".join(urls))
            try:
                yield
            finally:
                app.state.registry, host.base.registry_urls = None, []


def _rest() -> tuple[Callable[[Host], FastAPI], Callable[..., AbstractAsyncContextManager[list[str]]]]:
    from connect.rest.app import make_app
    from connect.rest.server import serve as serve_app

    return make_app, serve_app


@asynccontextmanager
async def _exporting(host: Host) -> AsyncIterator[None]:
    """Send metrics and traces where the worker's config says so."""
    if not host.base.config.otel_endpoint:
        yield
        return
    from connect.metrics.otel import exporting

    async with exporting(host):
        yield


@asynccontextmanager
async def serve_between(config: WorkerConfig, urls: Sequence[str]) -> AsyncIterator[None]:
    """Answer at these URLs, without a host, that the worker joins its group again.

    Raises:
        EnvironmentFault: environment.port_taken.
    """
    from connect.rest.between import between_lives
    from connect.rest.server import serve as serve_app

    async with serve_app(between_lives, config, urls):
        yield


@asynccontextmanager
async def serve_registry(config: WorkerConfig, cluster: Cluster | None = None) -> AsyncIterator[list[str]]:
    """Serve the schema registry on `registry.listeners`; gives the bound URLs in their order.

    Args:
        cluster: A log to use; it stays open. That which the config names is opened and closed when left out.

    Raises:
        ConfigError: A listener, its TLS keys or the credentials file is wrong, or registry.topic.
        EnvironmentFault: environment.port_taken; the topic cannot be read.
    """
    async with AsyncExitStack() as stack:
        if cluster is None:
            config = await _resolved(config)
            cluster = await open_cluster(config.data_path, config.originals)
            stack.push_async_callback(cluster.aclose)
        registry = await stack.enter_async_context(_registry(config, cluster))
        yield await stack.enter_async_context(_registry_served(registry, config, cluster))


@asynccontextmanager
async def _registry(config: WorkerConfig, cluster: Cluster) -> AsyncIterator[Registry]:
    """Give a registry that has read its topic."""
    # Aside, as that of REST.
    await asyncio.to_thread(_registry_rest)
    from connect.registry.registry import Registry
    from connect.registry.topic import SchemaTopic

    topic = SchemaTopic(
        cluster,
        config.registry_storage_topic,
        is_shared=bool(config.bootstrap_servers),
        replication_factor=config.registry_storage_replication_factor,
    )
    try:
        await topic.open()
        yield Registry(
            topic, level=config.registry_compatibility_level.upper(), modes_change=config.registry_mode_mutability
        )
    finally:
        await topic.aclose()


@asynccontextmanager
async def _registry_served(registry: Registry, config: WorkerConfig, cluster: Cluster) -> AsyncIterator[list[str]]:
    """Serve a registry on `registry.listeners`; gives the bound URLs."""
    from connect.rest.server import REGISTRY_LISTENERS

    make_app, default_port, serve_app = _registry_rest()
    app = make_app(registry, config, cluster_id=cluster.cluster_id)
    addresses = config.registry_addresses
    async with serve_app(app, config, addresses, key=REGISTRY_LISTENERS, default_port=default_port, warns=True) as urls:
        yield urls


def _registry_rest() -> tuple[Callable[..., FastAPI], int, Callable[..., AbstractAsyncContextManager[list[str]]]]:
    from connect.rest.registry.app import DEFAULT_PORT, make_app
    from connect.rest.server import serve as serve_app

    return make_app, DEFAULT_PORT, serve_app


async def _resolved(config: WorkerConfig) -> WorkerConfig:
    """Return a config with the values of its references; plugins are looked for only where it has providers."""
    if not config.config_providers:
        return config
    from connect.runtime.plugins import PluginHost
    from connect.runtime.providers.worker_config import resolved_worker_config

    plugins = await asyncio.to_thread(PluginHost.discover, config.plugin_folders)
    return await resolved_worker_config(plugins, config)


def wiring() -> Wiring:
    """Return what the commands open, as it is here."""
    from connect.cli.wiring import Wiring

    return Wiring(
        open_cluster=open_cluster,
        inspect_log=inspect_log,
        repair_log=repair_log,
        is_in_use=is_in_use,
        open_host=open_host,
        open_worker=open_worker,
        log_keys=log_keys,
        listener_problems=listener_problems,
        client_problems=client_problems,
        log_problems=log_problems,
        serve=serve,
        serve_between=serve_between,
        serve_registry=serve_registry,
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, of this process when none is given, and return its exit code."""
    from connect.cli.main import run as run_command

    return run_command(wiring(), arguments)


def main() -> None:
    """Run the command `connect`."""
    # What is imported stays: looking for cycles in it every 700 objects is a tenth of the time that a start takes.
    gc.set_threshold(50_000)
    sys.exit(run())
