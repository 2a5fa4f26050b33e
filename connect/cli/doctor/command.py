"""`connect doctor`: looks at all that a worker needs, and says what to do about what is missing."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

import connect
from connect.api import ConnectError
from connect.cli.doctor import directory, machine
from connect.cli.output import as_json_option, print_json
from connect.cli.plugins import plugin_path
from connect.cli.rest import owner_url, owner_urls
from connect.runtime.validation.findings import ORDER, Finding, Level, is_to_be_mended

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring
    from connect.runtime.config_texts.forms import Pasted
    from connect.runtime.plugins import PluginHost
    from connect.runtime.worker_config import WorkerConfig


@click.command()
@click.argument("configs", nargs=-1, type=click.Path(path_type=Path), metavar="[CONNECTOR_CONFIG]...")
@click.option(
    "--config",
    "worker_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The worker's config, JSON, YAML or .properties; CONNECT_* variables count as for a worker.",
)
@click.option("--data-dir", metavar="DIR", help="The worker's directory, where its config does not say it.")
@click.option("--strict", is_flag=True, help="Fail for warnings, too.")
@plugin_path
@as_json_option
@click.pass_obj
def doctor(
    session: object,
    configs: Sequence[Path],
    worker_file: Path | None,
    data_dir: str | None,
    strict: bool,
    plugin_path: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say whether a worker would run here, and what to do where it would not.

    Looked at are the worker's config, directory, disk, clock, ports and handles, the plugins, a Kafka cluster where the
    config names one, a worker that runs already, and of each CONNECTOR_CONFIG what 'connect lint' looks at, and its
    servers, tables and files. Nothing is changed.

    Exit code 0 without errors, 1 with one (with --strict: or a warning), 2 where a config cannot be read.
    """
    from connect.cli.pasted import of_file
    from connect.cli.settings import worker_config

    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    worker = worker_config(worker_file, {} if data_dir is None else {"data.dir": data_dir})
    pasted = [one for path in configs for one in of_file(path)]
    findings: list[Finding] = []
    out = sys.stdout
    with redirect_stdout(sys.stderr):  # what a plugin prints is none of our output
        for finding in _look(wiring, worker, pasted, plugin_path):
            findings.append(finding)
            if not as_json:
                _show(finding, out)
    counts = {level.value: sum(one.level is level for one in findings) for level in ORDER}
    if as_json:
        print_json({"findings": [_as_json(one) for one in findings], "summary": counts})
    else:
        click.echo(_summary(counts))
    return 1 if is_to_be_mended(findings, strict=strict) else 0


def _look(
    wiring: Wiring, worker: WorkerConfig, pasted: Sequence[Pasted], folders: tuple[Path, ...]
) -> Iterator[Finding]:
    from connect.runtime.plugins import PluginHost

    yield Finding("connect", Level.OK, f"{connect.__version__}, Python {platform.python_version()}, {sys.platform}")
    url = owner_url(worker.data_path)
    in_use = wiring.is_in_use(worker.data_path)
    yield directory.rights(worker.data_path, url, is_in_use=in_use)
    yield directory.file_system(worker.data_path)
    yield from directory.room(worker.data_path)
    yield directory.speed(worker.data_path)
    yield machine.clock(directory.newest_s(worker.data_path))
    yield machine.handles()
    yield machine.memory()
    addresses = {"listeners": worker.addresses, "registry.listeners": worker.registry_addresses}
    yield from machine.ports(addresses, owner_urls(worker.data_path) if in_use else [])
    if worker.registry_addresses and not worker.bootstrap_servers:
        yield from directory.registry_topic(wiring.inspect_log(worker.data_path), worker.registry_storage_topic)
    plugins = PluginHost.discover([*folders, *worker.plugin_folders], tells=False)
    for broken in plugins.broken:
        fix = "Mend or uninstall it: 'connect plugin list' shows what there is."
        message = f"{broken.name} ({broken.origin}): {broken.cause}"
        yield Finding("plugins", Level.ERROR, message, "plugin.broken", fix)
    if not plugins.broken:
        yield Finding("plugins", Level.OK, f"{len(plugins.list())} classes")
    yield from _worker(wiring, plugins, worker, url if in_use else None)
    yield from _connectors(plugins, worker, pasted)


def _worker(wiring: Wiring, plugins: PluginHost, worker: WorkerConfig, url: str | None) -> Iterator[Finding]:
    from connect.cli.doctor import outside
    from connect.runtime.validation.linting import lint_worker

    texts = {key: str(value) for key, value in worker.originals.items()}
    refused = [*wiring.listener_problems(worker), *wiring.client_problems(worker), *wiring.log_problems(worker)]
    found = lint_worker(plugins, texts, wiring.log_keys(), refused)
    for one in found:
        yield Finding("worker config", one.level, f"{one.check}: {one.message}", one.code, one.fix)
    if not found:
        yield Finding("worker config", Level.OK, f"{len(texts)} keys given" if texts else "defaults")
    if worker.bootstrap_servers:
        yield from asyncio.run(outside.kafka(wiring, worker))
    if url:
        yield from outside.running_worker(url, connect.__version__)


def _connectors(plugins: PluginHost, worker: WorkerConfig, pasted: Sequence[Pasted]) -> Iterator[Finding]:
    from connect.cli.doctor import outside
    from connect.runtime.config_texts.forms import Form
    from connect.runtime.validation.linting import lint_connector

    right: dict[str, dict[str, str]] = {}
    for one in pasted:
        what = f"connector {one.name}"
        if one.form is not Form.CONNECTOR:
            message = f"{one.where} is a file of a {one.form.value}; a connector's is expected"
            yield Finding(what, Level.ERROR, message, "config.unreadable", "Give a worker's file to --config.")
            continue
        found = lint_connector(plugins, worker, one.name, one.config, knows_worker=True)
        for each in found:
            about = f"{each.check}: " if each.check else ""
            yield Finding(what, each.level, f"{about}{each.message}", each.code, each.fix)
        if not is_to_be_mended(found):
            right[one.name] = one.config

    async def look() -> list[Finding]:
        return [finding async for finding in outside.connectors(plugins, worker, right)]

    if right:
        try:
            yield from asyncio.run(look())
        except ConnectError as error:
            yield Finding("connectors", Level.ERROR, error.message, error.code, error.hint)


def _show(finding: Finding, out: TextIO) -> None:
    code = f" [{finding.code}]" if finding.code else ""
    click.echo(f"{finding.level.value:<8} {finding.check}: {finding.message}{code}", out)
    if finding.fix:
        click.echo(f"         {finding.fix}", out)


def _summary(counts: Mapping[str, int]) -> str:
    """Return how many findings of each level there are: '2 errors, 1 warning, 7 ok'."""
    plural = {level.value: f"{level.value}s" for level in (Level.ERROR, Level.WARNING)}
    return ", ".join(
        f"{count} {plural.get(level, level) if count > 1 else level}" for level, count in counts.items() if count
    )


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "level": finding.level.value,
        "message": finding.message,
        "code": finding.code,
        "fix": finding.fix,
    }
