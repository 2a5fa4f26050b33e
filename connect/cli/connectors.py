"""`connect connector`: manages connectors over REST, of this worker or of a Kafka Connect cluster."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import orjson

from connect.api import ConfigError, ConnectError, EnvironmentFault, NotFoundError
from connect.cli import contracts, history, lifecycle, offline, offsets, rewinding
from connect.cli.output import UsageError, print_json, print_table
from connect.cli.rest import RestClient, rest_command
from connect.cli.states import TARGETS, status_lines, tasks_text, verdict, wait_for, worst
from connect.cli.texts import read_text
from connect.runtime.causes import cause_of
from connect.runtime.config_texts.parsing import parse_json
from connect.runtime.model import State

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile

file_option = click.option(
    "-f",
    "--file",
    "more",
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="A config file; - is standard input. May be given several times.",
)
files_argument = click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))


@click.group()
def connector() -> None:
    """List, create and change connectors, over REST."""


# -- looking -------------------------------------------------------------------------------------------------------


@connector.command("list")
@click.option(
    "--state",
    type=click.Choice([str(state) for state in State], case_sensitive=False),
    help="Only connectors of this state, or with a task of it.",
)
@click.option("--type", "kind", type=click.Choice(["source", "sink"]), help="Only sources, or only sinks.")
@rest_command
def list_connectors(rest: RestClient, state: str | None, kind: str | None, as_json: bool) -> int:
    """List connectors with their states, and what their tasks do.

    Exit code 1 if something that is listed has FAILED, 4 if something is under way (UNASSIGNED, RESTARTING).
    """
    found = rest.call("GET", "/connectors", params={"expand": "status"})
    chosen = {name: entry for name, entry in sorted(found.items()) if _is_chosen(entry["status"], state, kind)}
    if as_json:
        print_json(chosen)
    else:
        print_table(["name", "type", "state", "tasks"], [_row(e["status"]) for e in chosen.values()])
    return worst(verdict(entry["status"]) for entry in chosen.values())


def _is_chosen(status: dict[str, Any], state: str | None, kind: str | None) -> bool:
    states = {status["connector"]["state"], *(task["state"] for task in status["tasks"])}
    return (state is None or state.upper() in states) and (kind is None or status["type"] == kind)


def _row(status: dict[str, Any]) -> tuple[Any, ...]:
    tasks = tasks_text(task["state"] for task in status["tasks"])
    return status["name"], status["type"], status["connector"]["state"], tasks


trace_option = click.option("--trace", is_flag=True, help="The whole trace of a failure.")


@connector.command()
@lifecycle.names_argument
@trace_option
@click.option(
    "--for",
    "wanted",
    type=click.Choice(TARGETS, case_sensitive=False),
    help="With --wait: until it is in this state; else in any that it was asked for.",
)
@lifecycle.wait_options
@rest_command
def status(
    rest: RestClient,
    connectors: Sequence[str],
    trace: bool,
    wanted: str | None,
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> int:
    """Show the states of connectors and of their tasks, with the cause of a failure.

    Exit code 0 if all are in the state that was asked for (RUNNING, PAUSED, STOPPED), 1 if something has FAILED, 4 if
    something is under way.
    """

    codes: dict[str, int] = {}
    answers: dict[str, Any] = {}
    deadline = time.monotonic() + timeout_s

    def show(name: str) -> None:
        def look() -> dict[str, Any]:
            found: dict[str, Any] = rest.named("GET", name, "/status")
            return found

        left_s = max(0.0, deadline - time.monotonic())
        found = wait_for(look, wanted=wanted, timeout_s=left_s) if wait else look()
        told = _told_of_tasks(rest, name)
        for task in found["tasks"]:
            task["gauges"] = told.get("gauges", {}).get(str(task["id"]), {})
            task["waits"] = told.get("waits", {}).get(str(task["id"]))
        if not as_json:
            click.echo("\n".join(status_lines(found, trace=trace)))
        codes[name], answers[name] = verdict(found, wanted), found

    return lifecycle.for_each(connectors, show, as_json=as_json, exit_codes=codes, answers=answers)


@connector.command()
@click.argument("name")
@trace_option
@rest_command
def describe(rest: RestClient, name: str, trace: bool, as_json: bool) -> None:
    """Show a connector's status, config, topics and lag."""
    state, config = rest.named("GET", name, "/status"), rest.named("GET", name, "/config")
    topics = rest.named("GET", name, "/topics")[name]["topics"]
    lag = _lag(rest, name) if state["type"] == "sink" else None
    if as_json:
        print_json({"name": name, "status": state, "config": config, "topics": topics, "lag": lag})
        return
    click.echo("\n".join(status_lines(state, trace=trace)))
    click.echo(f"  topics: {', '.join(sorted(topics)) or 'none yet'}")
    if lag is not None:
        missing = f" (not there yet: {', '.join(lag['missing_topics'])})" if lag["missing_topics"] else ""
        click.echo(f"  lag: {lag['lag']} of group {lag['group']}{missing}")
    click.echo()
    print_table(["key", "value"], sorted(config.items()))


def _told_of_tasks(rest: RestClient, name: str) -> dict[str, Any]:
    """Return what is told of a connector's tasks by number: `gauges`, and what each `waits` for."""
    # A worker of before this tells none.
    return _of_ours(rest, f"/v1/connectors/{quote(name, safe='')}") or {}


def _lag(rest: RestClient, name: str) -> Any:
    """Return a sink's lag, None where the worker is Kafka Connect's, which does not tell."""
    return _of_ours(rest, f"/v1/connectors/{quote(name, safe='')}/lag")


def _of_ours(rest: RestClient, path: str) -> Any:
    """Ask what Kafka Connect's workers do not tell: None of those."""
    try:
        return rest.call("GET", path)
    except ConnectError as error:
        if isinstance(error, EnvironmentFault) or error.code.startswith("connector."):
            raise
        return None


@connector.command()
@click.argument("name")
@rest_command
def config(rest: RestClient, name: str, as_json: bool) -> None:
    """Print a connector's config as JSON, as 'apply' takes it."""
    print_json(rest.named("GET", name, "/config"))


@connector.command()
@click.argument("name")
@rest_command
def tasks(rest: RestClient, name: str, as_json: bool) -> None:
    """Show a connector's tasks; with --json their configs."""
    if as_json:
        print_json(rest.named("GET", name, "/tasks"))
        return
    found = rest.named("GET", name, "/status")["tasks"]
    causes = [cause.line if (cause := cause_of(task.get("trace"))) else "" for task in found]
    print_table(
        ["task", "state", "worker", "cause"],
        [(t["id"], t["state"], t["worker_id"], cause) for t, cause in zip(found, causes, strict=True)],
    )


@connector.command()
@click.option("--all", "everything", is_flag=True, help="Converters, transforms and predicates too.")
@rest_command
def plugins(rest: RestClient, everything: bool, as_json: bool) -> None:
    """List the connector classes that the worker has."""
    found = rest.call("GET", "/connector-plugins", params={"connectorsOnly": "false"} if everything else None)
    if as_json:
        print_json(found)
        return
    print_table(["type", "class", "version"], [(p["type"], p["class"], p.get("version") or "") for p in found])


# -- changing ------------------------------------------------------------------------------------------------------


@connector.command()
@files_argument
@file_option
@lifecycle.wait_options
@rest_command
def create(
    rest: RestClient, files: Sequence[Path], more: Sequence[Path], wait: bool, timeout_s: float, as_json: bool
) -> int:
    """Create the connectors of config files. Warnings about the configs go to standard error."""
    given = {file.name: file for file in _read(files, more)}
    made: dict[str, Any] = {}
    codes: dict[str, int] = {}

    def make(name: str) -> str:
        made[name] = _created(rest, given[name])
        show_warnings(rest, name, given[name].config, as_json=as_json)
        if wait:
            state = given[name].initial_state
            codes[name] = lifecycle.waited(rest, name, "RUNNING" if state is None else state.value, timeout_s)
        return "created"

    return lifecycle.for_each(list(given), make, as_json=as_json, exit_codes=codes, answers=made)


def _created(rest: RestClient, given: ConnectorFile) -> Any:
    body: dict[str, Any] = {"name": given.name, "config": given.config}
    if given.initial_state is not None:
        body["initial_state"] = given.initial_state.value
    return rest.call("POST", "/connectors", body)


@connector.command()
@files_argument
@file_option
@rest_command
def apply(rest: RestClient, files: Sequence[Path], more: Sequence[Path], as_json: bool) -> int:
    """Bring connectors to what their config files say: create, change, or leave them."""
    given = {file.name: file for file in _read(files, more)}

    def bring(name: str) -> str:
        done = _applied(rest, given[name])
        if done != "unchanged":
            show_warnings(rest, name, given[name].config, as_json=as_json)
        return done

    return lifecycle.for_each(list(given), bring, as_json=as_json)


def show_warnings(rest: RestClient, name: str, config: Mapping[str, Any], *, as_json: bool) -> None:
    """Print to standard error what the worker warns about a config that it took.

    A Kafka Connect worker tells nothing.
    """
    if as_json:  # programs ask 'validate'
        return
    try:
        found = _validated(rest, name, config, check=False)
    except ConnectError:  # what was asked for is done; that nothing more can be told is no failure of it
        return
    for warning in found.get("warnings", ()):
        click.echo(f"warning: {_warning(warning)}", err=True)


def _warning(warning: Mapping[str, str]) -> str:
    key = f"{warning['key']}: " if warning["key"] and warning["key"] not in warning["message"] else ""
    return f"{key}{warning['message']} [{warning['code']}]"


def _validated(rest: RestClient, name: str, config: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Return the worker's validation, with warnings where it knows any.

    Raises:
        ConnectError: The config names no class, or one that is not there; or what was to be checked cannot be.
    """
    body = {**config, "name": name}
    path = f"/connector-plugins/{quote(str(config.get('connector.class', '')), safe='')}/config/validate"
    try:
        found: dict[str, Any] = rest.call("PUT", f"/v1{path}", body, params={"check": "true"} if check else None)
    except NotFoundError:  # a worker of Kafka Connect's
        if check:
            raise
        found = rest.call("PUT", path, body)
    return found


def _read(files: Sequence[Path], more: Sequence[Path]) -> list[ConnectorFile]:
    from connect.cli.settings import connector_file

    if not files and not more:
        raise click.UsageError("no config file is given")
    found = [connector_file(path) for path in (*files, *more)]
    names = [file.name for file in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(
            f"connector {twice!r} is configured in more than one of the files",
            hint="Name each connector in one file alone.",
        )
    return found


def _applied(rest: RestClient, given: ConnectorFile) -> str:
    if given.name not in rest.call("GET", "/connectors"):
        _created(rest, given)
        return "created"
    before = rest.named("GET", given.name, "/config")
    wanted = {**given.config, "name": given.name}
    if before == wanted:
        return "unchanged"
    # A secret is shown hidden, so a config that holds one cannot be compared: it is sent.
    rest.named("PUT", given.name, "/config", wanted)
    return "changed"


@connector.command()
@click.argument("name")
@rest_command
def edit(rest: RestClient, name: str, as_json: bool) -> None:
    """Change a connector's config in an editor ($VISUAL, $EDITOR)."""
    before = orjson.dumps(rest.named("GET", name, "/config"), option=orjson.OPT_INDENT_2).decode() + "\n"
    edited = click.edit(before, extension=".json")
    if edited is None or edited.strip() == before.strip():
        click.echo(f"unchanged {name}")
        return
    try:
        wanted = _object(edited, "the edited config")
        made = rest.named("PUT", name, "/config", wanted)
    except ConnectError as error:
        with tempfile.NamedTemporaryFile("w", prefix="connect-edit-", suffix=".json", delete=False) as kept:
            kept.write(edited)
        error.hint = f"{error.hint} Your text is kept in {kept.name}.".strip()
        raise
    print_json(made) if as_json else click.echo(f"changed {name}")
    show_warnings(rest, name, made["config"], as_json=as_json)


@connector.command()
@click.argument("name")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Set a key. May be given several times.")
@click.option("--remove", multiple=True, metavar="KEY", help="Remove a key. May be given several times.")
@click.option("-f", "--file", type=click.Path(path_type=Path), help="JSON object of keys; null removes one.")
@rest_command
def patch(
    rest: RestClient, name: str, changes: Sequence[str], remove: Sequence[str], file: Path | None, as_json: bool
) -> None:
    """Change some keys of a connector's config."""
    wanted: dict[str, Any] = _object(read_text(file), str(file)) if file else {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--set {change}: KEY=VALUE is expected")
        wanted[key] = value
    wanted |= dict.fromkeys(remove)
    if not wanted:
        raise click.UsageError("nothing to change: give --set, --remove or --file")
    made = rest.named("PATCH", name, "/config", wanted)
    print_json(made) if as_json else click.echo(f"changed {name}: {', '.join(sorted(wanted))}")
    show_warnings(rest, name, made["config"], as_json=as_json)


def _object(text: str, where: str) -> dict[str, Any]:
    parsed = parse_json(text, where)
    if not isinstance(parsed, dict):
        raise ConfigError(f"{where}: a JSON object of keys and values is expected", code="config.unreadable")
    return parsed


@connector.command()
@files_argument
@file_option
@click.option("--check", is_flag=True, help="Have the connector look outside too: servers, tables, files.")
@rest_command
def validate(rest: RestClient, files: Sequence[Path], more: Sequence[Path], check: bool, as_json: bool) -> int:
    """Check config files, and say everything that is wrong, and what is likely to be.

    Exit code 2 if anything is wrong; 1 if --check could not be done: the connector would not get as far either.
    """
    answers = {}
    for given in _read(files, more):
        if not given.config.get("connector.class", ""):
            raise ConfigError(f"{given.name}: key 'connector.class' is missing", config_path="connector.class")
        answers[given.name] = _validated(rest, given.name, given.config, check=check)
    if as_json:
        print_json(next(iter(answers.values())) if len(answers) == 1 else answers)
    else:
        for name, answer in answers.items():
            _show_problems(name, answer)
    if any(answer["error_count"] for answer in answers.values()):
        return 2
    # Codes of errors have a dot, and those of advice have none: an error is what ended a check.
    ended = [one for answer in answers.values() for one in answer.get("warnings", ()) if "." in one["code"]]
    return 1 if check and ended else 0


def _show_problems(name: str, answer: dict[str, Any]) -> None:
    warnings = answer.get("warnings", [])
    told = [
        _counted(answer["error_count"], "problem") or "no problems",
        *([_counted(len(warnings), "warning")] * bool(warnings)),
    ]
    click.echo(f"{name}: {', '.join(told)}")
    rows = [(c["value"]["name"], error) for c in answer["configs"] for error in c["value"]["errors"]]
    if rows:
        print_table(["key", "problem"], rows)
    for warning in warnings:
        click.echo(f"warning: {_warning(warning)}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}" if count else ""


for command in (*lifecycle.commands, *offsets.commands, *rewinding.commands, *contracts.commands, *history.commands):
    connector.add_command(command)
offline.add_to(connector)
