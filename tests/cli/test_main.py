"""The command itself: its list of commands, and what a command line makes the process import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connect.cli.main import cli
from tests.cli.conftest import Cli
from tests.support.command import assert_refused, connect, connect_process

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
        # As wide as click makes it beside the longest name, which is 'completion'.
        assert command.get_short_help_str(80 - 2 - 6 - len("completion")) == text, name


def test_a_command_that_there_is_not_is_refused() -> None:
    assert cli.get_command(CONTEXT, "frobnicate") is None
    assert_refused(connect("frobnicate"), 2, "config.invalid", "frobnicate", "connect --help")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("start", "connect worker"),
        ("status", "connect connector status"),
        ("topics", "connect topic list"),
        ("connectors", "connect connector"),
        ("pause", "connect connector pause"),
        ("version", "connect --version"),
    ],
)
def test_a_command_that_is_near_to_one_is_answered_with_that(given: str, meant: str) -> None:
    assert_refused(connect(given), 2, "config.invalid", f"did you mean '{meant}'?")


@pytest.mark.parametrize("arguments", [["--help"], ["topic", "--help"], ["context", "list"]], ids=" ".join)
def test_a_command_waits_neither_for_the_log_nor_for_rest_nor_for_other_commands(
    tmp_path: Path, arguments: list[str]
) -> None:
    imported = imported_by(tmp_path, *arguments)
    heavy = {"fastapi", "httpx", "uvicorn", "rich", "asyncpg", "connect.log", "connect.runtime.herder"}
    assert imported & heavy == set()
    assert "connect.cli.connectors" not in imported


BAD: list[tuple[list[str], int, str, tuple[str, ...]]] = [
    (["topic", "create", "no/topic"], 2, "log.invalid_topic", ("no/topic",)),
    (["topic", "create", "t2", "--partitions", "0"], 2, "log.invalid_partitions", ("0",)),
    (["topic", "create", "t"], 1, "log.topic_exists", ("t",)),
    (["topic", "create", "t2", "--config", "compression.type=lzma"], 2, "config.invalid", ("lzma",)),
    (["topic", "describe", "tt"], 1, "log.unknown_topic_or_partition", ("tt",)),
    (["consume", "--topic", "t", "--partition", "7"], 1, "log.unknown_topic_or_partition", ("7", "0 to 0")),
    (["consume", "--topic", "t", "--offset", "99"], 1, "log.offset_out_of_range", ("99",)),
    (["produce", "--topic", "nowhere"], 1, "log.unknown_topic_or_partition", ("nowhere",)),
    (["produce", "--topic", "t", "--parse-key"], 2, "config.invalid", ("line 1",)),
    (["produce", "--topic", "t", "no-such-file.txt"], 2, "config.unreadable", ("no-such-file.txt",)),
    (["plugin", "describe", "FileStreamSorce"], 1, "plugin.missing", ("FileStreamSource",)),
]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code", "mentions"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else None
)
def test_mistakes_get_one_message_with_code_and_hint(
    data: list[str], arguments: list[str], exit_code: int, code: str, mentions: tuple[str, ...]
) -> None:
    connect("topic", "create", "t", *data)
    log = [] if arguments[0] == "plugin" else data
    assert_refused(connect(*arguments, *log, stdin=b"no separator\n"), exit_code, code, *mentions)


def test_an_unknown_command_or_option_is_a_usage_error() -> None:
    assert connect("frobnicate").returncode == 2
    assert connect("topic", "list", "--no-such").returncode == 2
    assert connect("--help").returncode == 0


def test_the_package_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connect", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, connect_process("--version").stdout)


@pytest.mark.parametrize(("arguments", "hint"), [
    (["group", "reset", "connect-nobody", "--to-earliest"], "hint: Name the topics to set offsets for with --topic."),
    (["group", "reset", "g"], "hint: See 'connect group reset --help'."),
    (["topic", "alter", "t"], "hint: See 'connect topic alter --help'."),
    (["connector", "restart", "a", "b", "--task", "1"], "hint: See 'connect connector restart --help'."),
    (["topic", "list", "--no-such"], "hint: See 'connect topic list --help'."),
])  # fmt: skip
def test_a_mistake_of_the_command_line_has_a_hint_of_its_own(
    cli: Cli, tmp_path: Path, arguments: list[str], hint: str
) -> None:
    where = [] if arguments[0] == "connector" else ["--data-dir", tmp_path / "data"]
    connect("topic", "create", "t", "--data-dir", tmp_path / "data")
    assert hint in cli.refused(2, "config.invalid", *arguments, *where).splitlines()
    told = json.loads(cli(*arguments, "--json", *where).err)
    assert (told["code"], told["hint"]) == ("config.invalid", hint.removeprefix("hint: "))
