"""`connect schema`: lists, shows, registers, checks and deletes schemas of a schema registry, over REST."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote, urlsplit

import click
import orjson

from connect.api import ConfigError, ConnectError, EnvironmentFault
from connect.cli.contexts import Context
from connect.cli.output import as_json_option, confirm, print_json, print_table, visible, yes_option
from connect.cli.registry import DEFAULT_LISTENER
from connect.cli.rest import RestClient
from connect.cli.texts import read_text

#: By the end of a file's name.
_TYPES: Final = {".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}
_TYPE_NAMES: Final = ("AVRO", "JSON", "PROTOBUF")


class _RegistryClient(RestClient):
    """Calls a schema registry, ours or another."""

    server: ClassVar = "schema registry"
    unreachable_hint: ClassVar = (
        "Start one with 'connect registry', or give its address with --url, as http://HOST:PORT; Apicurio's has the "
        "path /apis/ccompat/v7 behind its port."
    )

    def _failure(self, answer: Any) -> ConnectError:
        try:
            said = orjson.loads(answer.content)
            number = said.get("error_code") if isinstance(said, dict) else None
        except orjson.JSONDecodeError:
            number = None
        # A registry has numbers of its own for what it does not have, 404xx; any other says that it has no such path.
        if answer.status_code == 404 and not (isinstance(number, int) and number // 100 == 404):
            return EnvironmentFault(
                f"what answers at {self.shown_url} is no schema registry: {answer.status_code} {answer.reason_phrase}",
                code="environment.unreachable",
                hint=self.unreachable_hint,
            )
        error = super()._failure(answer)
        if error.code == "auth.required":
            error.hint = "Name the registry's user in CONNECT_REGISTRY_URL, as http://user:password@HOST:8081."
        return error


def _target(url: str) -> str | Context:
    """Return an address for a client. A user in it goes before CONNECT_USERNAME, which is the worker's as well."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url  # the client says what is wrong with it
    if parts.username is None:
        return url
    return Context(
        url,
        username=unquote(parts.username),
        password=unquote(parts.password or ""),
        cacert=os.environ.get("CONNECT_CACERT"),
    )


def _registry_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --url and --json to a command, which gets a `RestClient` of the registry and `as_json`."""

    @functools.wraps(command)
    def run(*args: Any, url: str | None, **options: Any) -> Any:
        with _RegistryClient(_target(url or os.environ.get("CONNECT_REGISTRY_URL") or DEFAULT_LISTENER)) as rest:
            return command(rest, *args, **options)

    for option in (
        as_json_option,
        click.option("--url", help=f"The registry's address; CONNECT_REGISTRY_URL, else {DEFAULT_LISTENER}."),
    ):
        run = option(run)
    return run


def _schema_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a command needs that takes a schema from a file."""
    for option in (
        click.option(
            "--reference",
            "references",
            multiple=True,
            metavar="NAME=SUBJECT:VERSION",
            help="A schema that this one refers to by a name; may be given several times.",
        ),
        click.option(
            "--type",
            "schema_type",
            type=click.Choice(_TYPE_NAMES, case_sensitive=False),
            help="What the file holds; .avsc, .json and .proto say it themselves.",
        ),
        click.argument("file", type=click.Path(path_type=Path)),
        click.argument("subject"),
    ):
        command = option(command)
    return command


@click.group()
def schema() -> None:
    """List, show, register, check and delete schemas of a schema registry."""


@schema.command("list")
@click.option("--prefix", metavar="TEXT", help="Only subjects that begin so, such as :.test: for a context.")
@click.option("--deleted", is_flag=True, help="Also those that are soft deleted.")
@_registry_command
def list_subjects(rest: RestClient, prefix: str | None, deleted: bool, as_json: bool) -> None:
    """List the latest version of each subject."""
    params = {"latestOnly": "true", "deleted": _flag(deleted)} | ({"subjectPrefix": prefix} if prefix else {})
    found: list[dict[str, Any]] = []
    known: set[tuple[Any, Any]] = set()
    while page := rest.call("GET", "/schemas", params={**params, "offset": str(len(found))}):
        new = [one for one in page if (one["subject"], one["version"]) not in known]
        if not new:  # Karapace and Apicurio give all of them, whatever the offset
            break
        known |= {(one["subject"], one["version"]) for one in new}
        found += new
    if as_json:
        print_json(found)
        return
    print_table(
        ["subject", "version", "id", "type"],
        [(visible(one["subject"]), one["version"], one["id"], one.get("schemaType", "AVRO")) for one in found],
    )


@schema.command()
@click.argument("subject")
@click.argument("version", default="latest")
@click.option("--deleted", is_flag=True, help="Also where it is soft deleted.")
@_registry_command
def show(rest: RestClient, subject: str, version: str, deleted: bool, as_json: bool) -> None:
    """Print a schema: VERSION of SUBJECT, the latest when left out. With --json all that is known of it."""
    found = rest.call("GET", f"{_path(subject, version)}", params={"deleted": _flag(deleted)})
    if as_json:
        print_json(found)
    else:
        click.echo(visible(found["schema"]))


@schema.command()
@_schema_options
@click.option("--normalize", is_flag=True, help="Take schemas that mean the same for one.")
@_registry_command
def register(
    rest: RestClient,
    subject: str,
    file: Path,
    schema_type: str | None,
    references: tuple[str, ...],
    normalize: bool,
    as_json: bool,
) -> None:
    """Register the schema in FILE as the next version of SUBJECT."""
    body = _body(file, schema_type, references)
    made = rest.call("POST", f"{_path(subject)}/versions", body, params={"normalize": _flag(normalize)})
    if as_json:
        print_json(made)
    else:
        version = f" version {made['version']}" if "version" in made else ""
        click.echo(f"{subject}{version} has id {made['id']}")


@schema.command()
@_schema_options
@click.option("--version", default=None, help="Compare with this version alone; with all that the level says else.")
@_registry_command
def check(
    rest: RestClient,
    subject: str,
    file: Path,
    schema_type: str | None,
    references: tuple[str, ...],
    version: str | None,
    as_json: bool,
) -> int:
    """Say whether the schema in FILE may follow those of SUBJECT. Exit code 1 where it may not."""
    path = f"/compatibility{_path(subject)}/versions" + (f"/{quote(version, safe='')}" if version else "")
    found = rest.call("POST", path, _body(file, schema_type, references), params={"verbose": "true"})
    if as_json:
        print_json(found)
    elif found["is_compatible"]:
        click.echo(f"{subject}: compatible")
    else:
        for message in [f"{subject}: not compatible", *map(visible, found.get("messages", []))]:
            click.echo(message)
    return 0 if found["is_compatible"] else 1


@schema.command()
@click.argument("subject")
@click.argument("version", required=False)
@click.option("--permanent", is_flag=True, help="For good: what was soft deleted before.")
@yes_option
@_registry_command
def delete(rest: RestClient, subject: str, version: str | None, permanent: bool, yes: bool, as_json: bool) -> None:
    """Delete SUBJECT, or one VERSION of it. Softly, so that its ids still lead to it, unless --permanent is given."""
    what = subject if version is None else f"version {version} of {subject}"
    confirm(f"Delete {what}{' for good' if permanent else ''}?", yes=yes)
    path = _path(subject) if version is None else _path(subject, version)
    gone = rest.call("DELETE", path, params={"permanent": _flag(permanent)})
    if as_json:
        print_json({"subject": subject, "deleted": gone if isinstance(gone, list) else [gone]})
    else:
        click.echo(f"deleted {what}")


def _body(file: Path, schema_type: str | None, references: tuple[str, ...]) -> dict[str, Any]:
    kind = schema_type or _TYPES.get(file.suffix)
    if kind is None:
        raise ConfigError(
            f"{file}: its name does not say what it holds", hint=f"Give --type {' or '.join(_TYPE_NAMES)}."
        )
    return {
        "schema": read_text(file),
        "schemaType": kind.upper(),
        "references": [_reference(text) for text in references],
    }


def _reference(text: str) -> dict[str, Any]:
    name, equals, where = text.rpartition("=")
    subject, colon, version = where.rpartition(":")
    if not (equals and colon and name and subject and version.isascii() and version.isdigit()):
        raise click.UsageError(f"--reference {text!r}: NAME=SUBJECT:VERSION is expected")
    return {"name": name, "subject": subject, "version": int(version)}


def _path(subject: str, version: str | None = None) -> str:
    path = f"/subjects/{quote(subject, safe='')}"
    return path if version is None else f"{path}/versions/{quote(version, safe='')}"


def _flag(given: bool) -> str:
    return str(given).lower()
