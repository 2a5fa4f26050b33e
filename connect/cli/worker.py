"""`connect worker`: runs a worker until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import click
import orjson

from connect.api import ConfigError, ConflictError, ConnectError, EnvironmentFault
from connect.api.errors import UnknownTopicOrPartitionError
from connect.cli import logs
from connect.cli.supervisor import Supervisor
from connect.cli.wiring import WORKER_FILE

if TYPE_CHECKING:
    from connect.cli.connector_files import ConnectorFolder
    from connect.cli.settings import ConnectorFile
    from connect.cli.wiring import Wiring
    from connect.runtime.border.ending import Ending
    from connect.runtime.host import Host
    from connect.runtime.validation.worker_keys import KeyNotice
    from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a worker whose group goes on without it waits between its tries to come back: at first, and at most.
_AGAIN_S: Final = 3.0
_AGAIN_MAX_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.2
#: How long a start waits for the name servers to tell of the name that others are to reach it by.
_RESOLVED_WITHIN_S: Final = 3.0
#: How long a worker waits for a leader that takes its files.
_LED_WITHIN_S: Final = 90.0
#: How long a name service has for telling this machine's full name.
_NAME_S: Final = 5.0


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
    help="Worker config, JSON, YAML or .properties.",
)
@click.argument("connectors", nargs=-1, type=click.Path(path_type=Path), metavar="[CONNECTOR_CONFIG]...")
@click.pass_obj
def worker(
    session: object, data_dir: str | None, listeners: str | None, config_file: Path | None, connectors: Sequence[Path]
) -> int:
    """Run a worker, with the connectors of these files.

    A file is flat JSON or YAML with a name, {"name", "config", "initial_state"}, or Java properties; a folder stands
    for those in it. CONNECT_* variables give worker keys as the container images do. SIGINT and SIGTERM stop the
    worker; a second one forces it.
    """
    from connect.cli.settings import configs_in, connector_file, worker_config
    from connect.runtime.tuning import tune_process

    flags = {k: v for k, v in {"data.dir": data_dir, "listeners": listeners}.items() if v is not None}
    config = worker_config(config_file, flags)
    paths = [path for given in connectors for path in (configs_in(given) if given.is_dir() else [given])]
    files = [connector_file(path) for path in paths]
    names = [file.name for file in files]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(
            f"connector {twice!r} is configured in more than one of the files",
            hint="Name each connector in one file alone.",
            config_path="name",
        )
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    tune_process()
    on_terminal = sys.stderr.isatty() and sys.stdout.isatty() and config.log_format == "text"
    set_up_log(config)
    return run_loop(_serve(wiring, config, files, on_terminal=on_terminal))


def set_up_log(config: WorkerConfig) -> None:
    """Log as a worker's config says."""
    logs.set_up(config.log_level, form=config.log_format, alike_max=config.log_repeated_lines_max)


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run a worker on a loop that code of plugins does not end, and return its exit code."""
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
    from connect.runtime.border.ending import Ending, Held

    stop = asyncio.Event()
    ending = Ending(stop.set, grace_s=config.task_shutdown_graceful_timeout_ms / 1000)
    ending.take_signals()
    left = list(files)  # each is taken once, and not again over what was changed since
    folder = _folder(config)
    supervisor = Supervisor()
    try:
        async with supervisor.told(), _Between(wiring) as between:
            await _live(
                lambda had_place: _serve_until(
                    stop, had_place, between, wiring, config, left, folder, ending, supervisor, on_terminal=on_terminal
                ),
                stop,
            )
    except Held:  # a library of ours, loaded on a machine that is busy: all that was open is closed
        logger.warning("the worker was asked to stop before it was up: its start was broken off")
    code = config.sigterm_exit_code if ending.asked_by == signal.SIGTERM else 0
    ending.closed(code)
    return code


def _folder(config: WorkerConfig) -> ConnectorFolder | None:
    if not config.connectors_dir:
        return None
    from connect.cli.connector_files import ConnectorFolder

    return ConnectorFolder(Path(config.connectors_dir), config.data_path)


class _Between:
    """REST between two lives of a worker that lost its place in its group: it stays where it was."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.end()

    async def begin(self, config: WorkerConfig, urls: Sequence[str]) -> None:
        """Answer at the URLs of the life that ends, until `end`."""
        try:
            await self._stack.enter_async_context(self._wiring.serve_between(config, urls))
        except ConnectError as error:  # no reason not to come back
            logger.warning("REST does not answer while the worker joins its group again: %s", error.message)

    async def end(self) -> None:
        """Leave the URLs to the next life."""
        await self._stack.aclose()


async def _live(serve: Callable[[asyncio.Event], Coroutine[Any, Any, bool]], stop: asyncio.Event) -> None:
    """Serve until the worker is asked to stop: anew as often as its group goes on without it.

    Once it has had a place in its group, nothing that passes ends it: brokers that are away, or have just come back and
    do not know for a while what they have, or a group that is on its way.

    Args:
        serve: Sets the event it is given where the group goes on without the worker.
    """
    had_place, again_s = asyncio.Event(), _AGAIN_S
    is_over = False
    while not is_over:
        try:
            is_over = await serve(had_place)
            again_s = _AGAIN_S
        except (EnvironmentFault, UnknownTopicOrPartitionError, ConflictError) as error:
            if not had_place.is_set():
                raise
            logger.error("the worker cannot join its group again, and tries in %g s: %s", again_s, error.message)
            is_over = await _is_set_within(stop, again_s)
            again_s = min(2 * again_s, _AGAIN_MAX_S)


async def _is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False


async def _serve_until(
    stop: asyncio.Event,
    had_place: asyncio.Event,
    between: _Between,
    wiring: Wiring,
    config: WorkerConfig,
    files: list[ConnectorFile],
    folder: ConnectorFolder | None,
    ending: Ending,
    supervisor: Supervisor,
    *,
    on_terminal: bool,
) -> bool:
    """Return whether it was asked to stop; False where its group goes on without it."""
    from connect.runtime.tuning import settle_process
    from connect.runtime.validation.worker_keys import key_notices, reference_notices

    notices = [*key_notices(config, wiring.log_keys()), *reference_notices(config)]
    _tell_of_keys(notices)  # before anything can end the start: a typo may be why
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(wiring.open_host(config))
        base = host.base
        _tell_of_keys([notice for notice in base.key_notices if notice not in notices])
        if base.config is not config:  # its references have values now
            config = base.config
            ending.grace_s = config.task_shutdown_graceful_timeout_ms / 1000
            set_up_log(config)
        ending.named = base.watchdog.underway
        base.watchdog.on_beat = ending.keep_signals
        await between.end()
        urls: list[str] = []

        async def stand_in() -> None:
            if urls and had_place.is_set() and not stop.is_set():
                await between.begin(config, urls)

        stack.push_async_callback(stand_in)  # once this life's REST is closed, however it ends
        urls += await stack.enter_async_context(wiring.serve(host))
        advertised = await advertised_url(urls, config)
        base.url = advertised
        if config.bootstrap_servers:
            await _check_advertised(advertised)
        worker_file = config.data_path / WORKER_FILE
        worker_file.touch(0o600)
        worker_file.write_bytes(orjson.dumps({"url": urls[0], "pid": os.getpid(), "registry_urls": base.registry_urls}))
        stack.callback(lambda: worker_file.unlink(missing_ok=True))
        where = "the Kafka cluster" if config.bootstrap_servers else config.data_path
        logger.info("REST is ready on %s, the page on %s/ui, data in %s", ", ".join(urls), urls[0], where)
        await _until_done(host.join(advertised), stop)
        await asyncio.to_thread(settle_process)
        supervisor.ready(f"REST on {', '.join(urls)}")
        if not stop.is_set():
            await _until_done(_take_files(host, files), stop, host.lost)
        if on_terminal and not config.bootstrap_servers:
            from connect.cli.display import Display

            await stack.enter_async_context(Display(host.leading(), urls[0]))
        if folder is not None:
            await _until_done(folder.keep(host), stop, host.lost)
        await _until(stop, host.lost)
        if host.lost.is_set():
            host.raise_failure()
            had_place.set()
        logger.info("stopping")
        if stop.is_set():
            supervisor.stopping()
        host.stop_soon()
        if stop.is_set():
            await _drain(host, config)
    host.raise_failure()
    return stop.is_set()


async def _drain(host: Host, config: WorkerConfig) -> None:
    """Let connectors and tasks stop while REST answers; what takes longer goes on while it closes, so that all of it
    shares one grace time."""
    draining = asyncio.ensure_future(host.drain())
    await asyncio.wait({draining}, timeout=config.task_shutdown_graceful_timeout_ms / 1000 - config.rest_grace_s)
    if draining.done():
        draining.result()
    else:
        draining.cancel()  # this waiting alone: closing the host waits on


async def advertised_url(urls: Sequence[str], config: WorkerConfig) -> str:
    """Return the URL by which other workers reach this one, of those that it listens on. One that listens on every
    address goes by its full name, or the short one where a name service does not tell it within `_NAME_S`."""
    scheme = config.rest_advertised_listener
    url = next((url for url in urls if scheme is None or url.startswith(f"{scheme}://")), urls[0])
    parts = urlsplit(url)
    host, port = config.rest_advertised_host_name or parts.hostname or "", config.rest_advertised_port or parts.port
    if host in ("0.0.0.0", "::"):  # noqa: S104 - told nobody: every machine would take it for itself
        host = await _full_name()
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


async def _check_advertised(url: str) -> None:
    """Warn where other workers cannot find this one: nobody else would say that it is this key. Waits some seconds."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_RESOLVED_WITHIN_S):
            await _resolving(socket.getaddrinfo, parts.hostname, parts.port)
    except (OSError, UnicodeError, TimeoutError) as error:
        why = str(error) or f"no answer within {_RESOLVED_WITHIN_S:g} s"
        logger.warning(
            "rest.advertised.host.name: %r does not resolve here (%s): where other workers cannot resolve it either, "
            "they do not reach this one at %s, and requests that they hand on fail while it leads; set it to a name or "
            "an address by which they reach this machine",
            parts.hostname,
            why,
            url,
        )


def _resolving(ask: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
    """Ask name servers, which may take long: the process does not wait for them as it ends."""
    from connect.pool import Pool

    return asyncio.wrap_future(Pool(1, "connect-resolving").submit(ask, *arguments))


async def _full_name() -> str:
    try:
        async with asyncio.timeout(_NAME_S):
            return await _resolving(socket.getfqdn)
    except TimeoutError:
        name = socket.gethostname()
        logger.warning(
            "the full name of this machine was not to be had within %g s: other workers are told %s; set "
            "rest.advertised.host.name where they do not reach it by that",
            _NAME_S,
            name,
        )
        return name


async def _until(*events: asyncio.Event) -> None:
    """Wait for the first of some events."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _until_done(work: Coroutine[Any, Any, None], *events: asyncio.Event) -> None:
    """Do some work, unless one of some events comes first."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(_until(*events))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.wait({doing, waiting})


def _tell_of_keys(notices: Sequence[KeyNotice]) -> None:
    from connect.runtime.validation.worker_keys import lines

    for line, act in lines(notices):
        logger.log(logging.WARNING if act else logging.INFO, "worker config: %s", line)


async def _take_files(host: Host, files: list[ConnectorFile]) -> None:
    """Create the connectors of the files, or bring their configs up to date. The first wrong one ends the start.

    Args:
        files: Whoever is done leaves the list.
    """
    from connect.cli.connector_files import ON_ITS_WAY, take_file

    while files:
        file = files[0]
        deadline = asyncio.get_running_loop().time() + _LED_WITHIN_S
        while True:
            try:
                await take_file(host, file)
                del files[0]
                break
            except (ConflictError, EnvironmentFault) as error:
                # Nobody leads just yet, or what is known as the leader died and the group does not know it yet.
                if error.code not in ON_ITS_WAY or asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
