"""Options that say from where to go on, and `connect connector rewind`, which sends a connector there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from connect.api import ConfigError
from connect.cli.output import UsageError, confirm, print_json, print_table, yes_option
from connect.cli.rest import RestClient, rest_command
from connect.cli.texts import read_text
from connect.cli.timestamps import parse_timestamp_ms
from connect.runtime.config_texts.parsing import parse_json
from connect.runtime.rewinds import Target

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--to-earliest", is_flag=True, help="To the first record."),
    click.option("--to-latest", is_flag=True, help="Behind the last record."),
    click.option("--shift-by", type=int, help="Forward by so many records, back where negative."),
    click.option(
        "--to-datetime", metavar="TIME", help="To the first record at or after this: ISO 8601, or ms since 1970."
    ),
)


def target_options(command: _Command) -> _Command:
    """Add the options that `target_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def target_of(to_earliest: bool, to_latest: bool, shift_by: int | None, to_datetime: str | None) -> list[Target]:
    """Return what the options name: one target, where one of them is given.

    Raises:
        ConfigError: --to-datetime is no time.
    """
    found = []
    if to_earliest:
        found.append(Target("earliest"))
    if to_latest:
        found.append(Target("latest"))
    if shift_by is not None:
        found.append(Target("by", shift_by))
    if to_datetime is not None:
        found.append(Target("timestamp", parse_timestamp_ms(to_datetime, "--to-datetime")))
    return found


@click.command()
@click.argument("name")
@target_options
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="To these offsets: JSON as 'offsets get --json' prints it.",
)
@click.option("--dry-run", is_flag=True, help="Show how far it goes and how many records come again; do nothing.")
@yes_option
@rest_command
def rewind(
    rest: RestClient,
    name: str,
    to_earliest: bool,
    to_latest: bool,
    shift_by: int | None,
    to_datetime: str | None,
    file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have a connector go on from somewhere else, whatever state it is in.

    It is stopped, its offsets are set, and what was wanted of it before is wanted again: one that was paused stays so.
    Shows on a terminal what comes again, and asks. A source goes to --to-earliest, where it begins anew, or to offsets
    of a file; only it knows what its offsets mean.
    """
    targets = target_of(to_earliest, to_latest, shift_by, to_datetime)
    if len(targets) + (file is not None) != 1:
        raise UsageError("give exactly one of --to-earliest, --to-latest, --shift-by, --to-datetime and --file")
    to = _body_of(targets[0]) if file is None else _offsets_of(file)
    found = _ask(rest, name, to, dry_run=True)
    if not as_json:
        _show(found)
    if not dry_run:
        confirm(f"Rewind {name}?", yes=yes, must=False)
        found = _ask(rest, name, to, dry_run=False)
    if as_json:
        print_json(found)
    elif dry_run:
        click.echo("nothing was set: --dry-run")
    else:
        click.echo(f"rewound {name}" + (f" ({found['note']})" if found["note"] else ""))


def _ask(rest: RestClient, name: str, to: Any, *, dry_run: bool) -> Any:
    return rest.named("POST", name, "/rewind", {"to": to, "dry_run": dry_run}, root="/v1/connectors")


def _body_of(target: Target) -> Any:
    """Return a target as REST takes it."""
    return {target.kind: target.value} if target.kind in ("timestamp", "by") else target.kind


def _offsets_of(file: Path) -> Any:
    told = parse_json(read_text(file), str(file))
    if not isinstance(told, dict) or "offsets" not in told:
        raise ConfigError(
            f"{file}: {{'offsets': [...]}} is expected", hint="Write it as 'connect connector offsets get --json' does."
        )
    return {"offsets": told["offsets"]}


def _show(found: Any) -> None:
    rows = found["partitions"]
    if not rows:
        click.echo("it has committed nothing, and begins anew anyway")
    elif rows[0]["topic"] is None:
        print_table(
            ["partition", "from", "to"], [[_text(row[key]) for key in ("partition", "from", "to")] for row in rows]
        )
    else:
        keys = ("topic", "partition", "from", "to", "end", "again", "skipped")
        print_table(list(keys), [[_text(row[key]) for key in keys] for row in rows])
        click.echo(f"{found['again']} records come again")


def _text(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


commands = (rewind,)
