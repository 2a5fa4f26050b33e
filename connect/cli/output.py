"""How answers and errors look: tables and lines for people, JSON for programs."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import click
import orjson

from connect.api import ConnectError


def print_json(value: Any) -> None:
    """Print one JSON document, indented."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a plain table: headings, then rows; columns as wide as their content."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in texts)]) for i, name in enumerate(columns)]
    for row in [[name.upper() for name in columns], *texts]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_error(error: ConnectError, *, as_json: bool) -> None:
    """Print an error to standard error: message, hint and code."""
    if as_json:
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        click.echo(orjson.dumps(body).decode(), err=True)
        return
    click.echo(f"error: {error.message}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
    click.echo(f"code: {error.code}", err=True)


def print_unexpected(error: Exception, *, debug: bool) -> None:
    """Print a failure that is a defect of ours, or of a plugin."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    click.echo(f"error: {type(error).__name__}: {error}", err=True)
    if not debug:
        click.echo("hint: Run again with --debug before the command for the whole trace, and report it.", err=True)
    click.echo("code: internal", err=True)
