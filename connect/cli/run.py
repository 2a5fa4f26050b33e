"""`connect run`: connectors in this process, without a worker, and until they have done their work if asked.

The connectors live in topics of their own, so those of a worker that had the directory before are left alone; source
offsets are where every worker keeps them, so a run goes on where the last one ended, if its directory is kept.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from connect.api import ConfigError, ConnectError
from connect.api.error_codes import register_code
from connect.cli.apply import Problems, read_files
from connect.cli.logs.handler import DescriptorWriter, LineHandler, line_handler
from connect.cli.output import as_json_option, print_error, print_json, print_table
from connect.cli.run_progress import Figures, Progress, bytes_text

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile
    from connect.cli.wiring import Wiring
    from connect.runtime.drain import Drain, Failure
    from connect.runtime.herder import Herder
    from connect.runtime.worker_config import WorkerConfig

logger = logging.getLogger(__name__)

ENDLESS = register_code(
    "run.endless",
    "The run is to end once its sources are drained, and one of them follows a stream without an end.",
    "Leave --until out, or give --timeout without it.",
)
LATE = register_code(
    "run.timeout",
    "The run was not done within --timeout.",
    "Give it longer, or see what it waits for, in its progress.",
)
STOPPED = register_code(
    "run.stopped",
    "The run was stopped before it was done.",
    "Run it again: with --data-dir it goes on where it was.",
)

DEFAULT_URL: Final = "http://127.0.0.1:8083"
#: What a run says where nobody else does: the config topic and the status topic are its own.
_OWN: Final = {"config.storage.topic": "connect-run-configs", "status.storage.topic": "connect-run-status"}
_UNLESS_GIVEN: Final = {"offset.flush.interval.ms": "1000", "log.level": "WARN", "group.id": "connect-run"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do.

    Attributes:
        timeout_s: None: it may take as long as it likes.
    """

    files: Sequence[ConnectorFile]
    until_drained: bool
    serves: bool
    timeout_s: float | None
    as_json: bool


@dataclass(slots=True)
class Outcome:
    """What became of a run: drained, failed, stopped or timeout."""

    outcome: str = ""
    seconds: float = 0.0
    failure: Failure | None = None


@click.command()
@click.argument("files", metavar="CONFIG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--until",
    type=click.Choice(["drained"]),
    help="End once the sources have brought all that there is, and the sinks have put all of it.",
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), help="End after so many seconds.")
@click.option(
    "--data-dir", metavar="DIR", help="Keep records and offsets here; left out, in a folder that is gone afterwards."
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Worker config, JSON, YAML or .properties: converters, bootstrap.servers, ...",
)
@click.option(
    "--rest", metavar="URL", is_flag=False, flag_value=DEFAULT_URL, help=f"Serve REST, here or on {DEFAULT_URL}."
)
@as_json_option
@click.pass_obj
def run(
    session: object,
    files: Sequence[Path],
    until: str | None,
    timeout_s: float | None,
    data_dir: str | None,
    config_file: Path | None,
    rest: str | None,
    as_json: bool,
) -> int:
    """Run connectors in this process, without a worker, and until they are done if asked.

    With --until drained it ends when the work is done. Shows how far it is, and sums up. Exit code 0 when it is done, 1
    where a connector has FAILED, or it was stopped or took too long before it was done, 2 for a wrong config, 3 where
    the directory or the brokers cannot be had. SIGINT and SIGTERM end it: what was read is delivered and committed.
    """
    from connect.cli.settings import worker_config
    from connect.cli.worker import run_loop, set_up_log
    from connect.runtime.border.ending import Held
    from connect.runtime.tuning import tune_process

    with Problems("nothing was run") as problems:
        found = read_files(files, problems)
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    # Until the run takes both itself SIGTERM does what SIGINT does: the folder is to go, however early it comes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="connect-run-", ignore_cleanup_errors=True) as folder:
            base = worker_config(config_file, {})
            given = base.originals
            # What is known of topics goes with the offsets, which are the worker's.
            shared = {"contract.storage.topic": base.contract_topic}
            config = worker_config(config_file, {**_flags(given, data_dir or folder, rest), **shared})
            tune_process()
            set_up_log(config)
            if "log.level" not in given:
                _leave_failures_to_the_end()
            asked = Asked(found, until is not None, rest is not None, timeout_s, as_json)
            return run_loop(_serve(wiring, config, asked))
    except (KeyboardInterrupt, Held):
        if until is None:
            return 0
        raise ConnectError("the run was stopped before it began", code=STOPPED) from None


def _flags(given: Mapping[str, object], data_dir: str, rest: str | None) -> dict[str, str]:
    """Return what the worker that runs inside is told beside the keys that are given."""
    flags = {key: value for key, value in _UNLESS_GIVEN.items() if key not in given}
    flags |= {"data.dir": data_dir, "listeners": rest or "http://127.0.0.1:0", "config.history.versions": "0", **_OWN}
    if given.get("bootstrap.servers"):  # of several runs on one cluster, each has its own
        group = given.get("group.id", _UNLESS_GIVEN["group.id"])
        flags |= {key: f"{group}-{topic}" for key, topic in _OWN.items()}
    return flags


def _leave_failures_to_the_end() -> None:
    """Keep the traces of failures out of the log: the end tells the cause."""
    for name in ("connect.runtime.tasks.task", "connect.runtime.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def _serve(wiring: Wiring, config: WorkerConfig, asked: Asked) -> int:
    from connect.runtime.border.ending import Ending

    stop = asyncio.Event()
    ending = Ending(stop.set, grace_s=config.task_shutdown_graceful_timeout_ms / 1000)
    ending.take_signals()
    async with AsyncExitStack() as stack:
        herder = await stack.enter_async_context(wiring.open_worker(config))
        ending.named = herder.watchdog.underway
        herder.watchdog.on_beat = ending.keep_signals
        if asked.serves:
            urls = await stack.enter_async_context(wiring.serve(herder))
            herder.base.url = urls[0]
            click.echo(f"REST is ready on {', '.join(urls)}", err=True)
        code = await _run_all(herder, asked, stop)
        herder.stop_soon()
    ending.closed(code)
    return code


async def _run_all(herder: Herder, asked: Asked, stop: asyncio.Event) -> int:
    from connect.runtime.drain import Drain

    await _begin(herder, asked)
    if (told := _nothing_to_read(herder, await herder.cluster.admin.list_topics(), asked)) is not None:
        click.echo(f"warning: {told}", err=True)
    progress, handler = _progress()
    drain = Drain(herder, [file.name for file in asked.files], lambda: _show(progress, drain, asked))
    began = time.monotonic()
    outcome = await _until_over(drain, asked, stop)
    outcome.seconds = time.monotonic() - began
    await drain.look()
    progress.end()
    if handler is not None:
        await asyncio.to_thread(handler.flush)
    rows = _rows(herder, drain, outcome)
    try:
        for name in herder.connectors():  # they are of this run alone; what they wrote, and their offsets, stay
            await herder.stop(name)
            await herder.delete(name)
    except ConnectError as error:  # the next run deletes them first
        logger.warning("the connectors of the run are still in its topic: %s", error.message)
    return _sum_up(outcome, rows, asked)


async def _begin(herder: Herder, asked: Asked) -> None:
    """Create the connectors, once all of their configs are known to be right."""
    for name in herder.connectors():  # of a run that was killed
        await herder.delete(name)
    with Problems("nothing was run") as problems:
        for file in asked.files:
            with problems.catch(file.name):
                await herder.plan(file.name, file.config)
                if asked.until_drained and not herder.ends(file.config):
                    raise ConfigError(f"connector {file.name!r} follows a stream, which has no end", code=ENDLESS)
    for file in asked.files:
        await herder.create(file.name, file.config)


def _nothing_to_read(herder: Herder, topics: Collection[str], asked: Asked) -> str | None:
    """Return what there is to say of sinks without a source, where no topic of theirs is there."""
    if any(herder.status(file.name).type != "sink" for file in asked.files):
        return None
    named = {topic.strip() for file in asked.files for topic in file.config.get("topics", "").split(",")} - {""}
    if not named or named & set(topics):
        return None
    return (
        f"no source runs, and the topics of the sinks are not there ({', '.join(sorted(named))}): give --data-dir, or "
        "a --config with bootstrap.servers, where the records are"
    )


async def _until_over(drain: Drain, asked: Asked, stop: asyncio.Event) -> Outcome:
    """Run until it is done, fails, is stopped, or its time is up."""

    async def work() -> Failure | None:
        if asked.until_drained:
            return await drain.until_drained()
        await drain.until(stop)
        return drain.failure()

    working, stopping = asyncio.ensure_future(work()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, timeout=asked.timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and not asked.until_drained:
            await working
        if working.done():
            failure = working.result()
            return Outcome("failed" if failure else "drained" if asked.until_drained else "stopped", failure=failure)
        if (failure := drain.failure()) is not None:
            return Outcome("failed", failure=failure)
        return Outcome("stopped" if stop.is_set() else "timeout")
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def _progress() -> tuple[Progress, LineHandler | None]:
    """Return what tells how far the run is: by the log's thread, so that no terminal or pipe holds the run up."""
    handler = line_handler()
    if handler is not None:
        with suppress(OSError, ValueError):  # it is no file
            return Progress(DescriptorWriter(sys.stderr), draw=handler.show), handler
    return Progress(), None


def _show(progress: Progress, drain: Drain, asked: Asked) -> None:
    if asked.as_json:
        return
    progress.show(
        [
            Figures(name, tally.records, tally.size_bytes, tally.left, tally.left_bytes, tally.waiting_for)
            for name, tally in drain.tallies.items()
        ]
    )


# -- the end -------------------------------------------------------------------------------------------------------


def _rows(herder: Herder, drain: Drain, outcome: Outcome) -> list[dict[str, Any]]:
    """Return what each connector did, what has failed first."""
    rows = []
    for name, tally in drain.tallies.items():
        status = herder.status(name)
        states = [status.connector.state, *(task.state for task in status.tasks)]
        failed = outcome.failure if outcome.failure and outcome.failure.connector == name else None
        is_done = outcome.outcome == "drained" or str(status.connector.state) == "STOPPED"
        rows.append(
            {
                "name": name,
                "type": status.type,
                "state": "FAILED" if failed or "FAILED" in states else "done" if is_done else str(states[0]),
                "records": tally.records,
                "bytes": tally.size_bytes,
                "skipped": tally.skipped,
                "left": tally.left,
                "cause": failed.cause.line if failed and failed.cause else None,
            }
        )
    return sorted(rows, key=lambda row: (row["state"] != "FAILED", row["name"]))


def _sum_up(outcome: Outcome, rows: Sequence[Mapping[str, Any]], asked: Asked) -> int:
    error = _error(outcome, asked)
    if asked.as_json:
        told = {"outcome": outcome.outcome, "seconds": round(outcome.seconds, 3), "connectors": rows}
        print_json(told)
    else:
        print_table(
            ["connector", "type", "state", "records", "bytes", "skipped", "left"],
            [
                (
                    row["name"],
                    row["type"],
                    row["state"],
                    f"{row['records']:,}",
                    bytes_text(row["bytes"]),
                    f"{row['skipped']:,}",
                    "-" if row["left"] is None else f"{row['left']:,}",
                )
                for row in rows
            ],
        )
        click.echo(f"{outcome.outcome} after {outcome.seconds:.1f} s")
    if error is None:
        return 0
    print_error(error, as_json=asked.as_json)
    return error.exit_code


def _error(outcome: Outcome, asked: Asked) -> ConnectError | None:
    if (failure := outcome.failure) is not None:
        where = f"connector {failure.connector!r}" + ("" if failure.task is None else f", task {failure.task}")
        cause = failure.cause
        error = ConnectError(f"{where} failed: {cause.message if cause else 'no cause is known'}", hint="")
        error.code = cause.code if cause and cause.code else error.code
        error.hint = cause.hint if cause else ""
        return error
    if not asked.until_drained or outcome.outcome == "drained":
        return None
    if outcome.outcome == "timeout":
        return ConnectError(f"the run was not done within {asked.timeout_s:g} s", code=LATE)
    return ConnectError("the run was stopped before it was done", code=STOPPED)
