"""`connect connector`: manages connectors over REST, of this worker or of a Kafka Connect cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import orjson

from connect.api import ConfigError, ConnectError
from connect.cli import offsets, steering
from connect.cli.output import print_json, print_table
from connect.cli.rest import DEFAULT_URL, RestClient, rest_command, worker_url

if TYPE_CHECKING:
    from connect.cli.settings import ConnectorFile

__all__ = ["DEFAULT_URL", "RestClient", "connector", "worker_url"]

file_option = click.option("-f", "--file", "more", multiple=True, type=click.Path(path_type=Path, allow_dash=True),
                           help="A config file; - is standard input. May be given several times.")  # fmt: skip
files_argument = click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))


@click.group()
def connector() -> None:
    """List, create and steer connectors, over REST."""


# -- looking -------------------------------------------------------------------------------------------------------


@connector.command("list")
@click.option("--state", help="Only connectors of this state, or with a task of it.")
@click.option("--type", "kind", type=click.Choice(["source", "sink"]), help="Only sources, or only sinks.")
@rest_command
def list_connectors(rest: RestClient, state: str | None, kind: str | None, as_json: bool) -> None:
    """List connectors with their states."""
    found = rest.call("GET", "/connectors", params={"expand": "status"})
    chosen = {name: entry for name, entry in sorted(found.items()) if _is_chosen(entry["status"], state, kind)}
    if as_json:
        print_json(chosen)
        return
    print_table(["name", "type", "state", "tasks", "failed"], [_row(e["status"]) for e in chosen.values()])


def _is_chosen(status: dict[str, Any], state: str | None, kind: str | None) -> bool:
    states = {status["connector"]["state"], *(task["state"] for task in status["tasks"])}
    return (state is None or state.upper() in states) and (kind is None or status["type"] == kind)


def _row(status: dict[str, Any]) -> tuple[Any, ...]:
    states = [task["state"] for task in status["tasks"]]
    running = f"{states.count('RUNNING')}/{len(states)}"
    return status["name"], status["type"], status["connector"]["state"], running, states.count("FAILED")


@connector.command()
@click.argument("name")
@rest_command
def status(rest: RestClient, name: str, as_json: bool) -> None:
    """Show a connector's state and its tasks', with the cause of a failure."""
    found = rest.named("GET", name, "/status")
    print_json(found) if as_json else _show_status(found)


def _show_status(found: dict[str, Any]) -> None:
    click.echo(f"{found['name']} ({found['type']}): {found['connector']['state']}")
    _show_trace(found["connector"])
    for task in found["tasks"]:
        click.echo(f"  task {task['id']}: {task['state']} on {task['worker_id']}")
        _show_trace(task)


def _show_trace(state: dict[str, Any]) -> None:
    for line in (state.get("trace") or "").splitlines():
        click.echo(f"    {line}")


@connector.command()
@click.argument("name")
@rest_command
def describe(rest: RestClient, name: str, as_json: bool) -> None:
    """Show a connector's status, config and topics."""
    state, config = rest.named("GET", name, "/status"), rest.named("GET", name, "/config")
    topics = rest.named("GET", name, "/topics")[name]["topics"]
    if as_json:
        print_json({"name": name, "status": state, "config": config, "topics": topics})
        return
    _show_status(state)
    click.echo(f"  topics: {', '.join(sorted(topics)) or 'none yet'}\n")
    print_table(["key", "value"], sorted(config.items()))


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
    causes = [(task.get("trace") or "").partition("\n")[0] for task in found]
    print_table(["task", "state", "worker", "cause"],
                [(t["id"], t["state"], t["worker_id"], cause) for t, cause in zip(found, causes, strict=True)])  # fmt: skip


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
@rest_command
def create(rest: RestClient, files: Sequence[Path], more: Sequence[Path], as_json: bool) -> None:
    """Create the connectors of config files."""
    made = []
    for given in _read(files, more):
        body: dict[str, Any] = {"name": given.name, "config": given.config}
        if given.initial_state is not None:
            body["initial_state"] = given.initial_state.value
        made.append(rest.call("POST", "/connectors", body))
        if not as_json:
            click.echo(f"created {given.name}")
    if as_json:
        print_json(made[0] if len(made) == 1 else made)


@connector.command()
@files_argument
@file_option
@rest_command
def apply(rest: RestClient, files: Sequence[Path], more: Sequence[Path], as_json: bool) -> None:
    """Bring connectors to what their config files say: create, change, or leave them."""
    done = []
    for given in _read(files, more):
        done.append({"name": given.name, "done": _applied(rest, given)})
        if not as_json:
            click.echo(f"{done[-1]['done']} {given.name}")
    if as_json:
        print_json(done[0] if len(done) == 1 else done)


def _read(files: Sequence[Path], more: Sequence[Path]) -> list[ConnectorFile]:
    from connect.cli.settings import connector_file

    if not files and not more:
        raise click.UsageError("no config file is given")
    return [connector_file(path) for path in (*files, *more)]


def _applied(rest: RestClient, given: ConnectorFile) -> str:
    if given.name not in rest.call("GET", "/connectors"):
        body: dict[str, Any] = {"name": given.name, "config": given.config}
        if given.initial_state is not None:
            body["initial_state"] = given.initial_state.value
        rest.call("POST", "/connectors", body)
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


def _object(text: str, where: str) -> dict[str, Any]:
    parsed = parse_json(text, where)
    if not isinstance(parsed, dict):
        raise ConfigError(f"{where}: a JSON object of keys and values is expected", code="config.unreadable")
    return parsed


def parse_json(text: str, where: str) -> Any:
    """Return what JSON text says; `where` names it in the error."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where} is not JSON: {error}", code="config.unreadable") from None


def read_text(path: Path) -> str:
    """Return a file's text."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", code="config.unreadable") from error


@connector.command()
@files_argument
@file_option
@rest_command
def validate(rest: RestClient, files: Sequence[Path], more: Sequence[Path], as_json: bool) -> int:
    """Check config files, and say everything that is wrong. Exit code 2 if anything is."""
    answers = {}
    for given in _read(files, more):
        plugin = given.config.get("connector.class", "")
        if not plugin:
            raise ConfigError(f"{given.name}: key 'connector.class' is missing", config_path="connector.class")
        path = f"/connector-plugins/{quote(plugin, safe='')}/config/validate"
        answers[given.name] = rest.call("PUT", path, {**given.config, "name": given.name})
    if as_json:
        print_json(next(iter(answers.values())) if len(answers) == 1 else answers)
    else:
        for name, answer in answers.items():
            _show_problems(name, answer)
    return 2 if any(answer["error_count"] for answer in answers.values()) else 0


def _show_problems(name: str, answer: dict[str, Any]) -> None:
    count = answer["error_count"]
    click.echo(f"{name}: {'no problems' if not count else f'{count} problem' + 's' * (count > 1)}")
    rows = [(c["value"]["name"], error) for c in answer["configs"] for error in c["value"]["errors"]]
    if rows:
        print_table(["key", "problem"], rows)


for command in (*steering.commands, *offsets.commands):
    connector.add_command(command)
