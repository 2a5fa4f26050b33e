"""`connect connector`: manages connectors over REST, of this worker or of a Kafka Connect cluster."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson

from connect.api import ConfigError, ConflictError, ConnectError, EnvironmentFault, NotFoundError
from connect.cli.output import print_json, print_table
from connect.cli.plugins import as_json_option
from connect.cli.worker import WORKER_FILE

DEFAULT_URL = "http://127.0.0.1:8083"
TIMEOUT_S = 95.0  # a little more than Kafka Connect's own limit of a request


class RestClient:
    """Calls a worker's REST API; every failure is one of our errors."""

    def __init__(self, url: str) -> None:
        import httpx

        self._http = httpx
        self.url = url.rstrip("/")
        self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT_S)

    def call(self, method: str, path: str, body: Any = None, *, params: dict[str, str] | None = None) -> Any:
        """Return the answer's JSON, None where there is none.

        Raises:
            EnvironmentFault: environment.unreachable.
            ConnectError: What the worker answered, with the code it gave.
        """
        content = None if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self._client.request(method, path, content=content, headers=headers, params=params)
        except self._http.HTTPError as error:
            raise EnvironmentFault(
                f"no worker answers at {self.url}: {error}", code="environment.unreachable",
                hint="Start one with 'connect worker', or give its address with --url.",
            ) from error  # fmt: skip
        if answer.status_code >= 400:
            raise _error_of(answer)
        return orjson.loads(answer.content) if answer.content else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def named(self, method: str, name: str, suffix: str = "", *, params: dict[str, str] | None = None) -> Any:
        """Call a connector's path; an unknown name is answered with the nearest there is."""
        try:
            return self.call(method, f"/connectors/{quote(name, safe='')}{suffix}", params=params)
        except NotFoundError as error:
            near = difflib.get_close_matches(name, self.call("GET", "/connectors"), n=1)
            raise NotFoundError(error.message, code="connector.not_found", hint=f"Did you mean {near[0]!r}?" if near else None) from None  # fmt: skip


def _error_of(answer: Any) -> ConnectError:
    from connect.api.errors import CODES

    try:
        message = orjson.loads(answer.content).get("message") or answer.reason_phrase
    except (orjson.JSONDecodeError, AttributeError):
        message = f"{answer.status_code} {answer.reason_phrase}"
    code = answer.headers.get("x-connect-error-code", "")
    kinds: dict[int, Callable[..., ConnectError]] = {
        400: ConfigError,
        404: NotFoundError,
        409: ConflictError,
        503: EnvironmentFault,
    }
    # The hint already ends the message.
    return kinds.get(answer.status_code, ConnectError)(message, code=code if code in CODES else None, hint="")


def worker_url(url: str | None, data_dir: Path | None) -> str:
    """Return where the worker answers: as given, else CONNECT_URL, else as its data directory says, else the default."""
    if url or (url := os.environ.get("CONNECT_URL")):
        return url
    try:
        found: str = orjson.loads((data_dir or Path("connect-data")).joinpath(WORKER_FILE).read_bytes())["url"]
    except (OSError, ValueError, KeyError):
        return DEFAULT_URL
    return found


def _rest(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        as_json_option,
        click.option("--data-dir", type=click.Path(path_type=Path), help="Find the worker of this data directory."),
        click.option("--url", help=f"The worker's address; CONNECT_URL, else {DEFAULT_URL}."),
    ):
        command = option(command)
    return command


@click.group()
def connector() -> None:
    """List, create and steer connectors, over REST."""


@connector.command("list")
@_rest
def list_connectors(url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List connectors with their states."""
    found = RestClient(worker_url(url, data_dir)).call("GET", "/connectors", params={"expand": "status"})
    if as_json:
        print_json(found)
        return
    rows = []
    for name, entry in sorted(found.items()):
        status = entry["status"]
        states = [task["state"] for task in status["tasks"]]
        rows.append(
            (
                name,
                status["type"],
                status["connector"]["state"],
                f"{states.count('RUNNING')}/{len(states)}",
                states.count("FAILED"),
            )
        )
    print_table(["name", "type", "state", "tasks", "failed"], rows)


@connector.command()
@click.argument("name")
@_rest
def status(name: str, url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Show a connector's state and its tasks', with the cause of a failure."""
    found = RestClient(worker_url(url, data_dir)).named("GET", name, "/status")
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['name']} ({found['type']}): {found['connector']['state']}")
    _show_trace(found["connector"])
    for task in found["tasks"]:
        click.echo(f"  task {task['id']}: {task['state']} on {task['worker_id']}")
        _show_trace(task)


def _show_trace(state: dict[str, Any]) -> None:
    for line in (state.get("trace") or "").splitlines():
        click.echo(f"    {line}")


@connector.command()
@click.argument("file", type=click.Path(path_type=Path))
@_rest
def create(file: Path, url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Create the connector of a config file."""
    from connect.cli.settings import connector_file

    given = connector_file(file)
    body: dict[str, Any] = {"name": given.name, "config": given.config}
    if given.initial_state is not None:
        body["initial_state"] = given.initial_state.value
    made = RestClient(worker_url(url, data_dir)).call("POST", "/connectors", body)
    print_json(made) if as_json else click.echo(f"created {made['name']}")


def _steering(
    name: str, method: str, suffix: str, done: str, summary: str, params: dict[str, str] | None = None
) -> None:
    @connector.command(name, help=summary)
    @click.argument("connector_name", metavar="NAME")
    @_rest
    def command(connector_name: str, url: str | None, data_dir: Path | None, as_json: bool) -> None:
        RestClient(worker_url(url, data_dir)).named(method, connector_name, suffix, params=params)
        print_json({"name": connector_name, "done": done}) if as_json else click.echo(f"{done} {connector_name}")


_steering("delete", "DELETE", "", "deleted", "Delete a connector; its offsets stay.")
_steering("pause", "PUT", "/pause", "paused", "Let a connector and its tasks stand still.")
_steering("resume", "PUT", "/resume", "resumed", "Let a paused or stopped connector run.")
_steering("stop", "PUT", "/stop", "stopped", "Stop a connector; its tasks are gone until it is resumed.")
_steering(
    "restart", "POST", "/restart", "restarting", "Restart a connector and all of its tasks.", {"includeTasks": "true"}
)
