"""The page for operators in trouble names codes and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

import connect.cli.worker
import connect.log
import connect.runtime.herder
from connect.api.error_codes import CODES
from connect.cli.main import cli

assert connect.cli.worker and connect.log and connect.runtime.herder, "their error codes are registered on import"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "howto" / "a-worker-that-does-not-start.md").read_text()


def test_every_code_of_the_page_exists_and_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (`[a-z_.`, ]+`) \|", PAGE, re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`([a-z_.]+)`", row)]
    assert {"log.in_use", "environment.data_dir", "log.corrupt_batch", "config.storage_topic"} <= set(codes)
    assert [code for code in codes if code not in CODES] == []
    reference = (DOCS / "reference" / "errors.md").read_text()
    assert [code for code in codes if f"| `{code}` |" not in reference] == []


def test_every_command_of_the_page_exists_with_its_options() -> None:
    lines: list[str] = re.findall(r"^connect .*$|`(?:connect .*?)`", PAGE, re.MULTILINE)
    commands = [shlex.split(line.strip("`"))[1:] for line in lines]
    assert len(commands) > 8
    for words in commands:
        command: click.Command = cli
        while words and isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None
            command = found
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, (command.name, words)
