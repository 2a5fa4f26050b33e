"""How answers and errors look: tables and lines for people, JSON for programs."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click
import orjson

from connect.api import ConfigError, ConnectError

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


#: What would steer a terminal or turn the reading order around: control characters but for tabs and line ends, and
#: those of Unicode's bidirectional algorithm. Names of connectors may hold the latter.
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return a text that somebody else wrote, such as a config's value, as it may be shown to people: what steers a
    terminal stands there as an escape."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


class UsageError(ConfigError):
    """An option or argument of a command is wrong. Its hint is the command's help unless there is a better one."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        context = click.get_current_context(silent=True)
        command = "connect" if context is None else context.command_path
        super().__init__(message, hint=f"See '{command} --help'." if hint is None else hint)


def confirm(question: str, *, yes: bool, must: bool = True) -> None:
    """Ask before something is lost; do nothing where --yes was given.

    Args:
        must: Records or offsets are lost, so where there is no terminal to ask on, --yes has to be given.

    Raises:
        UsageError: There is no terminal.
        click.exceptions.Exit: The answer is no; with exit code 1.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if must:
            raise UsageError(
                f"{question} There is no terminal to ask on", hint="Give --yes to do it without being asked."
            )
        return
    if not click.confirm(question, err=True):
        click.echo("nothing was done", err=True)
        raise click.exceptions.Exit(1)


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def print_json(value: Any) -> None:
    """Print one JSON document, indented."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a plain table: headings, then rows; columns as wide as their content."""
    texts = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in texts)]) for i, name in enumerate(columns)]
    for row in [[name.upper() for name in columns], *texts]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def error_body(error: ConnectError) -> dict[str, str]:
    """Return an error as programs get it."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def print_error(error: ConnectError, *, as_json: bool) -> None:
    """Print an error to standard error: message, hint and code."""
    if as_json:
        click.echo(orjson.dumps(error_body(error)).decode(), err=True)
        return
    click.echo(f"error: {visible(error.message)}", err=True)
    if error.hint:
        click.echo(f"hint: {visible(error.hint)}", err=True)
    click.echo(f"code: {error.code}", err=True)


def print_unexpected(error: Exception, *, debug: bool) -> None:
    """Print a failure that is a defect of ours, or of a plugin."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    click.echo(f"error: {type(error).__name__}: {error}", err=True)
    if not debug:
        click.echo("hint: Run again with --debug before the command for the whole trace, and report it.", err=True)
    click.echo("code: internal", err=True)
