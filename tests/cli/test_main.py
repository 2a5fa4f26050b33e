"""The command itself: its list of commands, and what a command line makes the process import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connect.cli.main import cli
from tests.support.command import assert_refused, connect

CONTEXT = click.Context(cli)


def imported_by(folder: Path, *arguments: str) -> set[str]:
    """The modules that a command line leaves imported, in a process of its own."""
    code = (
        "import sys; from connect.app import run; code = run(sys.argv[1:]); assert code == 0, code; "
        "print(*sys.modules, file=sys.stderr)"
    )
    environment = {**os.environ, "CONNECT_CONTEXTS_FILE": str(folder / "contexts.json")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return set(done.stderr.split())


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    lines = connect("--help").stdout.partition("Commands:\n")[2].splitlines()
    shown = {name: text.strip() for name, _, text in (line.strip().partition(" ") for line in lines)}
    assert list(shown) == cli.list_commands(CONTEXT) == sorted(shown)
    for name, text in shown.items():
        command = cli.get_command(CONTEXT, name)
        assert command is not None
        # As wide as click makes it beside the longest name, which is 'connector'.
        assert command.get_short_help_str(80 - 2 - 6 - len("connector")) == text, name


def test_a_command_that_there_is_not_is_refused() -> None:
    assert cli.get_command(CONTEXT, "frobnicate") is None
    assert_refused(connect("frobnicate"), 2, "config.invalid", "frobnicate", "connect --help")


@pytest.mark.parametrize("arguments", [["--help"], ["topic", "--help"], ["context", "list"]], ids=" ".join)
def test_a_command_waits_neither_for_the_log_nor_for_rest_nor_for_other_commands(
    tmp_path: Path, arguments: list[str]
) -> None:
    imported = imported_by(tmp_path, *arguments)
    heavy = {"fastapi", "httpx", "uvicorn", "rich", "asyncpg", "connect.log", "connect.runtime.herder"}
    assert imported & heavy == set()
    assert "connect.cli.connectors" not in imported
