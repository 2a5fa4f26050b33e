"""`connect registry`: runs a schema registry until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from connect.cli.supervisor import Supervisor

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring
    from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

#: Where Confluent's listens, on this machine alone.
DEFAULT_LISTENER: Final = "http://127.0.0.1:8081"
_LISTENERS: Final = "registry.listeners"


@click.command()
@click.option("--data-dir", metavar="DIR", help="Directory of the bundled log that keeps the schemas.")
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Brokers of a Kafka cluster that keeps them instead, with commas."
)
@click.option(
    "--listeners",
    metavar="URL",
    help=f"Where it listens, as http://HOST:PORT or https://HOST:PORT, several with commas; {DEFAULT_LISTENER} when "
    "left out.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Worker config, of which the keys of clients, of REST and registry.* count.",
)
@click.pass_obj
def registry(
    session: object, data_dir: str | None, bootstrap: str | None, listeners: str | None, config_file: Path | None
) -> int:
    """Run a schema registry, with Confluent's REST API.

    Schemas are kept in the compacted topic _schemas, in Confluent's format: of the log in --data-dir, which no worker
    may own meanwhile, or of a Kafka cluster. A worker serves one itself where its config has registry.listeners.
    SIGINT and SIGTERM stop it.
    """
    from connect.cli.settings import worker_config
    from connect.cli.worker import set_up_log

    given = {"data.dir": data_dir, "bootstrap.servers": bootstrap, _LISTENERS: listeners}
    flags = {key: value for key, value in given.items() if value is not None}
    config = worker_config(config_file, flags)
    if not config.registry_addresses:
        config = worker_config(config_file, {**flags, _LISTENERS: DEFAULT_LISTENER})
    set_up_log(config)
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    return asyncio.run(_serve(wiring, config))


async def _serve(wiring: Wiring, config: WorkerConfig) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    supervisor = Supervisor()
    async with supervisor.told():
        await _until_stopped(wiring, config, stop, supervisor)
    return 0


async def _until_stopped(wiring: Wiring, config: WorkerConfig, stop: asyncio.Event, supervisor: Supervisor) -> None:
    async with wiring.serve_registry(config) as urls:
        where = "the Kafka cluster" if config.bootstrap_servers else config.data_path
        logger.info("the schema registry is ready on %s, schemas in %s", ", ".join(urls), where)
        supervisor.ready(f"the schema registry on {', '.join(urls)}")
        await stop.wait()
        logger.info("stopping")
        supervisor.stopping()
