"""`connect worker`: runs a worker until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from connect.api import ConfigError, ConnectError
from connect.cli import logs

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile
    from connect.cli.wiring import Wiring
    from connect.runtime.border.ending import Ending
    from connect.runtime.herder import Herder
    from connect.runtime.validation.worker_keys import KeyNotice
    from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

#: Tells other commands where the worker of a data directory answers.
WORKER_FILE = "worker.json"


@click.command()
@click.option("--data-dir", metavar="DIR", help="Directory of the log and all state.")
@click.option(
    "--listeners",
    metavar="URL",
    help="Where REST listens, as http://HOST:PORT or https://HOST:PORT, several with commas; port 0 takes a free one.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Worker config, JSON or .properties.",
)
@click.argument("connectors", nargs=-1, type=click.Path(path_type=Path), metavar="[CONNECTOR_CONFIG]...")
@click.pass_obj
def worker(
    session: object, data_dir: str | None, listeners: str | None, config_file: Path | None, connectors: Sequence[Path]
) -> int:
    """Run a worker, with the connectors of these files.

    A file is flat JSON with a name, {"name", "config", "initial_state"}, or Java properties. CONNECT_* variables give
    worker keys as the container images do. SIGINT and SIGTERM stop the worker; a second one forces it.
    """
    from connect.cli.settings import connector_file, worker_config
    from connect.runtime.tuning import tune_process

    flags = {k: v for k, v in {"data.dir": data_dir, "listeners": listeners}.items() if v is not None}
    config = worker_config(config_file, flags)
    files = [connector_file(path) for path in connectors]
    names = [file.name for file in files]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(
            f"connector {twice!r} is configured in more than one of the files",
            hint="Name each connector in one file alone.",
            config_path="name",
        )
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    tune_process()
    on_terminal = sys.stderr.isatty() and sys.stdout.isatty()
    logs.set_up(config.log_level)
    return _run(_serve(wiring, config, files, on_terminal=on_terminal))


def _run(main: Coroutine[Any, Any, int]) -> int:
    from connect.runtime.border.kept_loop import KeptLoop

    with asyncio.Runner(loop_factory=KeptLoop) as runner:
        loop = runner.get_loop()
        worker = loop.create_task(main)
        while True:
            try:
                return loop.run_until_complete(worker)
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these two of any task or callback end the loop. One of the worker's own is meant; others
                # come from a coroutine that a plugin began by itself, which must not end it all.
                if worker.done() or signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                    raise
                logger.error(
                    "%s in a task that nobody of the worker began: it goes on", type(error).__name__, exc_info=error
                )
            except RuntimeError:
                # Stopped by what no stack tells of: a callback, which a plugin's thread may have left.
                if worker.done():
                    raise
                logger.error("the event loop was stopped by code that is not the worker's: it goes on")


async def _serve(wiring: Wiring, config: WorkerConfig, files: Sequence[ConnectorFile], *, on_terminal: bool) -> int:
    from connect.runtime.border.ending import Ending

    stop = asyncio.Event()
    ending = Ending(stop.set, grace_s=config.task_shutdown_graceful_timeout_ms / 1000)
    ending.take_signals()
    while not await _serve_until(stop, wiring, config, files, ending, on_terminal=on_terminal):
        pass  # another worker may have taken over: stand by to take over from it
    ending.closed(0)
    return 0


async def _serve_until(
    stop: asyncio.Event,
    wiring: Wiring,
    config: WorkerConfig,
    files: Sequence[ConnectorFile],
    ending: Ending,
    *,
    on_terminal: bool,
) -> bool:
    """Return whether it was asked to stop; False where it is not the active worker of its group any more."""
    from connect.runtime.active import StopWaiting
    from connect.runtime.validation.worker_keys import key_notices

    notices = key_notices(config, wiring.log_keys())
    _tell_of_keys(notices)  # before anything can end the start: a typo may be why
    async with AsyncExitStack() as stack:
        try:
            herder = await stack.enter_async_context(wiring.open_worker(config, stop=stop))
        except StopWaiting:
            logger.info("stopping")
            return True
        _tell_of_keys([notice for notice in herder.key_notices if notice not in notices])
        if herder.worker_config is not config:  # its references have values now
            config = herder.worker_config
            ending.grace_s = config.task_shutdown_graceful_timeout_ms / 1000
            logs.set_up(config.log_level)
        ending.named = herder.watchdog.underway
        herder.watchdog.on_beat = ending.keep_signals
        urls = await stack.enter_async_context(wiring.serve(herder))
        url = urls[0]
        herder.worker_id = url.partition("://")[2]
        worker_file = config.data_path / WORKER_FILE
        worker_file.touch(0o600)
        worker_file.write_bytes(orjson.dumps({"url": url, "pid": os.getpid()}))
        stack.callback(lambda: worker_file.unlink(missing_ok=True))
        logger.info("REST is ready on %s, data in %s", ", ".join(urls), config.data_path)
        await _take_files(herder, files)
        if on_terminal:
            from connect.cli.display import Display

            await stack.enter_async_context(Display(herder, url))
        await _until(stop, *([herder.place.lost] if herder.place is not None else []))
        logger.info("stopping")
        herder.stop_soon()  # while REST closes, so that all of it shares one grace time
    return stop.is_set()


async def _until(*events: asyncio.Event) -> None:
    """Wait for the first of some events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _tell_of_keys(notices: Sequence[KeyNotice]) -> None:
    from connect.runtime.validation.worker_keys import lines

    for line, act in lines(notices):
        logger.log(logging.WARNING if act else logging.INFO, "worker config: %s", line)


async def _take_files(herder: Herder, files: Sequence[ConnectorFile]) -> None:
    """Create the connectors of the files, or bring their configs up to date. The first wrong one ends the start."""
    for file in files:
        try:
            if file.initial_state is not None and file.name not in herder.connectors():
                await herder.create(file.name, file.config, file.initial_state)
            else:
                await herder.put_config(file.name, file.config)
        except ConnectError as error:
            error.message = f"connector {file.name!r}: {error.message}"
            raise
