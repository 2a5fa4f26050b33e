"""Commands of `connect connector` about what configs were: history, diff, rollback."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from connect.api import ConfigError, NotFoundError
from connect.cli import lifecycle
from connect.cli.changes import change_lines
from connect.cli.output import confirm, print_json, print_table, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.timestamps import timestamp_text
from connect.stores.history import NO_CONFIG, NO_VERSION

_KEYS_SHOWN = 4


@click.command()
@click.argument("name", required=False)
@rest_command
def history(rest: RestClient, name: str | None, as_json: bool) -> None:
    """Show who changed a connector, when, and what; without NAME which connectors have a history.

    Also of connectors that were deleted.
    """
    if name is None:
        _list(rest, as_json=as_json)
        return
    found = _history(rest, name)
    if as_json:
        print_json(found)
        return
    print_table(
        ["version", "when", "what", "user", "from", "state", "keys"],
        [
            (
                one["version"],
                timestamp_text(one["at"]),
                one["what"] if one["of"] is None else f"{one['what']} to {one['of']}",
                one["user"],
                " via ".join(filter(None, (one["address"], one["via"]))) or "-",
                one["state"] or "-",
                _keys(one),
            )
            for one in found["versions"]
        ],
    )


def _list(rest: RestClient, *, as_json: bool) -> None:
    found = rest.call("GET", "/v1/history")
    if as_json:
        print_json(found)
        return
    print_table(
        ["name", "version", "when", "what", "user"],
        [
            (one["name"], one["version"], timestamp_text(one["at"]), one["what"], one["user"])
            for one in found["connectors"]
        ],
    )


def _keys(version: dict[str, Any]) -> str:
    if version["what"] in ("created", "deleted"):
        return "-"
    keys = [change["key"] for change in version["changes"]]
    more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
    return ", ".join(keys[:_KEYS_SHOWN]) + more or "-"


def _history(rest: RestClient, name: str) -> dict[str, Any]:
    """Return a connector's history; an unknown name is answered with the nearest that has one."""
    try:
        found: dict[str, Any] = rest.call("GET", f"{_path(name)}/history")
    except NotFoundError as error:
        if error.code == "connector.not_found":
            rest.named("GET", name, "/status")  # names the nearest
        raise
    return found


def _path(name: str) -> str:
    return f"/v1/connectors/{quote(name, safe='')}"


@click.command()
@click.argument("name")
@click.argument("before", metavar="[FROM]", required=False, type=click.IntRange(min=1))
@click.argument("after", metavar="[TO]", required=False, type=click.IntRange(min=1))
@rest_command
def diff(rest: RestClient, name: str, before: int | None, after: int | None, as_json: bool) -> None:
    """Show which keys differ between two versions of a connector, key by key.

    With FROM alone to what there is now, without either what the newest version changed.
    """
    if before is None:
        versions = _history(rest, name)["versions"]
        if len(versions) < 2:
            raise NotFoundError(
                f"connector {name!r} has no version before version {versions[-1]['version'] if versions else 1}",
                code=NO_VERSION,
                hint=f"See 'connect connector history {name}'.",
            )
        before = versions[-2]["version"]
    found = _diff(rest, name, before, after)
    if as_json:
        print_json(found)
        return
    click.echo("\n".join(_diff_lines(found)))


def _diff(rest: RestClient, name: str, before: int, after: int | None) -> dict[str, Any]:
    params = {"from": str(before)} | ({} if after is None else {"to": str(after)})
    found: dict[str, Any] = rest.call("GET", f"{_path(name)}/history/diff", params=params)
    return found


def _diff_lines(found: dict[str, Any]) -> list[str]:
    before, after = (state or "deleted" for state in found["states"])
    lines = [f"{found['name']}: version {found['from']} -> {found['to']}", *change_lines(found["changes"])]
    if before != after:
        lines.append(f"  state: {before} -> {after}")
    return lines if len(lines) > 1 else [*lines, "  nothing differs"]


@click.command()
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
@yes_option
@lifecycle.wait_options
@rest_command
def rollback(rest: RestClient, name: str, version: int, yes: bool, wait: bool, timeout_s: float, as_json: bool) -> int:
    """Bring back a version of a connector: its config, and whether it ran, was paused or stopped.

    Also of a connector that was deleted. Offsets stay as they are. Shows on a terminal what would change, and asks. Is
    refused where somebody has changed the connector meanwhile.
    """
    found = _history(rest, name)
    versions = found["versions"]
    wanted = next((one for one in versions if one["version"] == version), None)
    if wanted is None:
        raise NotFoundError(
            f"connector {name!r} has no version {version}",
            code=NO_VERSION,
            hint=f"See 'connect connector history {name}'.",
        )
    if wanted["config"] is None:
        raise ConfigError(f"version {version} of connector {name!r} is its deletion", code=NO_CONFIG)
    if not as_json and not yes:
        # From what is there now to what is wanted.
        click.echo("\n".join(_diff_lines(_diff(rest, name, versions[-1]["version"], version))), err=True)
    confirm(f"Roll {name} back to version {version}?", yes=yes, must=False)
    body = {"version": version, "newest": versions[-1]["version"]}
    made = rest.call("POST", f"{_path(name)}/rollback", body, only_if=found["etag"] or "")
    if as_json:
        print_json(made)
    else:
        click.echo(f"rolled back {name} to version {version}: {wanted['state']}")
    return lifecycle.waited(rest, name, wanted["state"], timeout_s) if wait else 0


commands = (history, diff, rollback)
