"""`connect migrate check`: what becomes of configs of Kafka Connect. Reads, and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from connect.api import ConnectError
from connect.cli.output import UsageError, as_json_option, error_body, print_error, print_json
from connect.cli.plugins import plugin_path
from connect.cli.rest import RestClient, target_of

if TYPE_CHECKING:
    from connect.cli.wiring import Wiring
    from connect.runtime.config_texts.forms import Pasted
    from connect.runtime.plugins import PluginHost
    from connect.runtime.validation.migration import Judged
    from connect.runtime.worker_config import WorkerConfig

_WORDS: Final = {
    "runs as it stands": "runs_as_it_stands",
    "runs, look at these": "look",
    "does not run": "does_not_run",
    "same": "same",
    "different": "different",
    "not supported": "not_supported",
}


@click.group()
def migrate() -> None:
    """Say what becomes of configs of Kafka Connect, key by key."""


@migrate.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), metavar="[SOURCE]...")
@click.option("--url", help="A running worker, of Kafka Connect or this one; its connectors are read over REST.")
@click.option("--context", help="The same, by a name that 'connect context set' gave it.")
@click.option("--all", "everything", is_flag=True, help="Show the keys too that do the same here.")
@plugin_path
@as_json_option
@click.pass_obj
def check(
    session: object,
    sources: Sequence[Path],
    url: str | None,
    context: str | None,
    everything: bool,
    plugin_path: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Say key by key what configs do here, and whether each runs.

    A SOURCE is a file, or - for standard input: a connector's JSON (flat, {"name", "config"}, a list, or what
    'GET /connectors?expand=info' answers), Java properties, a worker's config or variables, a file of Debezium Server,
    Strimzi's resources or a compose file, a config topic as a consumer prints it with its keys. With a worker's
    file among them connectors are judged as they would run there.

    Exit code 0 if all run, 1 if some do not, 2 if a source cannot be read, 3 if the worker cannot be reached.
    """
    if not sources and not url and not context:
        raise UsageError("no config is given", hint="Name files, - for standard input, or give --url.")
    found, errors = _read(sources, url, context)
    wiring: Wiring = session.wiring  # type: ignore[attr-defined]
    with redirect_stdout(sys.stderr):  # what a plugin prints is none of our output
        judged = _judge(wiring, found, plugin_path)
    if as_json:
        print_json(_as_json(judged, errors))
    else:
        for pasted, verdict in judged:
            _show(pasted, verdict, everything=everything)
        _summarize(judged)
    for _, error in errors:
        print_error(error, as_json=as_json)
    if errors:
        return max(2, errors[0][1].exit_code)  # 1 says that a config does not run
    return 1 if any(_fails(verdict) for _, verdict in judged) else 0


def _read(
    sources: Iterable[Path], url: str | None, context: str | None
) -> tuple[list[Pasted], list[tuple[str, ConnectError]]]:
    """Read every source; one that cannot be read does not hide the others."""
    from connect.cli.pasted import of_file, of_worker

    found: list[Pasted] = []
    errors: list[tuple[str, ConnectError]] = []
    for path in sources:
        try:
            found += of_file(path)
        except ConnectError as error:
            errors.append((str(path), error))
    if url or context:
        try:
            with RestClient(target_of(url, context, None)) as rest:
                found += of_worker(rest)
        except ConnectError as error:
            errors.append((context or "--url", error))
    return found, errors


def _judge(wiring: Wiring, found: Sequence[Pasted], folders: tuple[Path, ...]) -> list[tuple[Pasted, Judged]]:
    from connect.runtime.config_texts.forms import Form
    from connect.runtime.plugins import PluginHost
    from connect.runtime.validation.migration import readable_worker
    from connect.runtime.worker_config import WorkerConfig

    if not found:
        return []
    plugins = PluginHost.discover(folders)
    workers = [pasted for pasted in found if pasted.form is Form.WORKER]
    own = readable_worker(workers[0].config)[0] if len(workers) == 1 else None
    default = WorkerConfig.parse({})
    return [(pasted, _verdict(wiring, plugins, pasted, own, default)) for pasted in found]


def _verdict(
    wiring: Wiring, plugins: PluginHost, pasted: Pasted, own: WorkerConfig | None, default: WorkerConfig
) -> Judged:
    from connect.runtime.config_texts.forms import Form
    from connect.runtime.validation import migration

    match pasted.form:
        case Form.CONNECTOR:
            worker, knows_worker = own or default, own is not None
            return migration.judge_connector(plugins, worker, pasted.name, pasted.config, knows_worker=knows_worker)
        case Form.DEBEZIUM_SERVER:
            return migration.judge_server(plugins, default, pasted.name, pasted.config)
        case Form.MIRROR_MAKER:
            return migration.judge_mirrors(pasted.name, pasted.config)
        case Form.WORKER:
            readable = migration.readable_worker(pasted.config)[0]
            refused = [*wiring.listener_problems(readable), *wiring.client_problems(readable)]
            return migration.judge_worker(plugins, pasted.name, pasted.config, wiring.log_keys(), refused)


# -- showing -------------------------------------------------------------------------------------------------------


def _fails(verdict: Judged) -> bool:
    return _WORDS[verdict.outcome] == "does_not_run"


def _show(pasted: Pasted, verdict: Judged, *, everything: bool) -> None:
    what = f"{verdict.kind}, {verdict.plugin}" if verdict.plugin else verdict.kind
    click.echo(f"{verdict.name} ({what}; {pasted.where}): {verdict.outcome}")
    for why in verdict.why:
        if not any(why == f"{key.key}: {key.message}" for key in verdict.keys):
            click.echo(f"  {why}")
    groups: dict[tuple[int, bool, str, str], list[str]] = {}
    for key in verdict.keys:
        if everything or key.same != "same":
            place = (list(_WORDS).index(key.same), not key.blocks, str(key.same), key.message)
            groups.setdefault(place, []).append(key.key)
    for (_, _, same, message), keys in sorted(groups.items(), key=lambda group: group[0][:2]):
        click.echo(f"  {same.ljust(13)}  {', '.join(keys)}{f': {message}' if message else ''}")
    count = sum(key.same == "same" for key in verdict.keys)
    if count and not everything:
        click.echo(f"  same           {count} key{'s' * (count != 1)}")
    for remark in verdict.remarks:
        click.echo(f"  note: {remark}")
    click.echo()


def _summarize(judged: Sequence[tuple[Pasted, Judged]]) -> None:
    counts = _counts(judged)
    told = ", ".join(f"{counts[word]} {outcome}" for outcome, word in list(_WORDS.items())[:3])
    click.echo(f"{len(judged)} config{'s' * (len(judged) != 1)}: {told}")


def _counts(judged: Sequence[tuple[Pasted, Judged]]) -> dict[str, int]:
    words = [_WORDS[verdict.outcome] for _, verdict in judged]
    return {word: words.count(word) for word in list(_WORDS.values())[:3]}


def _as_json(judged: Sequence[tuple[Pasted, Judged]], errors: Sequence[tuple[str, ConnectError]]) -> dict[str, Any]:
    return {
        "configs": [
            {
                "name": verdict.name,
                "source": pasted.where,
                "kind": verdict.kind,
                "class": verdict.plugin,
                "outcome": _WORDS[verdict.outcome],
                "why": list(verdict.why),
                "keys": [
                    {"key": key.key, "verdict": _WORDS[key.same], "message": key.message, "given": key.given}
                    for key in verdict.keys
                ],
                "remarks": list(verdict.remarks),
            }
            for pasted, verdict in judged
        ],
        "errors": [{"source": source, **error_body(error)} for source, error in errors],
        "summary": _counts(judged),
    }
