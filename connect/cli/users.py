"""`connect user`: the entries of a credentials file (`rest.authentication.file` of a worker)."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connect.api import NotFoundError
from connect.cli.contexts import read_secret
from connect.cli.output import UsageError, as_json_option, print_json, print_table

if TYPE_CHECKING:
    from connect.credentials import Entry


def _file_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--file",
        type=click.Path(path_type=Path),
        required=True,
        envvar="CONNECT_REST_AUTHENTICATION_FILE",
        help="The credentials file; CONNECT_REST_AUTHENTICATION_FILE.",
    )(command)


@click.group()
def user() -> None:
    """Make and list the users of a worker's REST API; their secrets are kept as hashes."""


@user.command("set")
@click.argument("name")
@click.option("--role", type=click.Choice(["read", "write"]), required=True, help="read looks, write changes too.")
@click.option("--token", is_flag=True, help="Make a bearer token, and print it this once, in place of a password.")
@click.option("--password-file", type=click.Path(path_type=Path), help="Read the password from this file.")
@_file_option
@as_json_option
def set_user(name: str, role: str, token: bool, password_file: Path | None, file: Path, as_json: bool) -> None:
    """Add a user or change it. The password is asked for, or read from standard input."""
    from connect import credentials

    if not name.strip() or ":" in name or name.startswith("#") or name != name.strip() or not name.isprintable():
        raise UsageError(
            f"user name {name!r}: text without ':' and spaces around it is expected, not beginning with '#'"
        )
    entries = _entries(file)
    given = None
    if token:
        given, hashed = credentials.new_token()
    else:
        hashed = credentials.hash_password(read_secret("Password", password_file))
    entries[name] = credentials.Entry(name, credentials.Role(role), hashed)
    credentials.write(file, entries)
    if as_json:
        print_json({"name": name, "role": role, "token": given} if given else {"name": name, "role": role})
    else:
        click.echo(given or f"set {name} ({role})")


@user.command("list")
@_file_option
@as_json_option
def list_users(file: Path, as_json: bool) -> None:
    """List the users."""
    from connect import credentials

    rows = [(e.name, e.role.value, "token" if e.is_token else "password") for e in credentials.read(file).values()]
    if as_json:
        print_json([{"name": name, "role": role, "kind": kind} for name, role, kind in rows])
        return
    print_table(["name", "role", "kind"], rows)


@user.command()
@click.argument("name")
@_file_option
def delete(name: str, file: Path) -> None:
    """Delete a user; a running worker notices within a second."""
    from connect import credentials

    entries = credentials.read(file)
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        raise NotFoundError(f"no user {name!r} in {file}", hint=f"Did you mean {near[0]!r}?" if near else None)
    del entries[name]
    credentials.write(file, entries)
    click.echo(f"deleted {name}")


def _entries(file: Path) -> dict[str, Entry]:
    from connect import credentials

    return credentials.read(file) if file.exists() else {}
