"""How answers and errors look, and what is asked before something is lost."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from connect.api import ConnectError
from connect.cli.changes import change_lines
from connect.cli.output import print_error, print_table
from tests.cli.conftest import Cli
from tests.support.command import connect
from tests.support.worker import CONNECT


def test_errors_are_json_where_json_is_asked_for(data: list[str]) -> None:
    connect("topic", "create", "t", *data)
    done = connect("topic", "describe", "none", "--json", *data)
    assert json.loads(done.stderr)["code"] == "log.unknown_topic_or_partition"


@pytest.mark.parametrize(("answer", "exit_code", "told"), [(b"n\n", 1, b"nothing was done"), (b"y\n", 0, b"deleted t")])
def test_a_terminal_is_asked_before_something_is_deleted(
    cli: Cli, tmp_path: Path, answer: bytes, exit_code: int, told: bytes
) -> None:
    where = ["--data-dir", str(tmp_path / "data")]
    cli("topic", "create", "t", *where)
    leader, follower = pty.openpty()
    try:
        command = [str(CONNECT), "topic", "delete", "t", *where]
        process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        os.write(leader, answer)
        assert process.wait(30) == exit_code
        assert told in os.read(leader, 4096)
    finally:
        os.close(leader)


def test_what_steers_a_terminal_is_shown_as_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "\x1b]0;pwn\x07 \u202egnp \r\x9b31m"
    print_error(ConnectError(f"key 'k' is {odd}", hint=odd), as_json=False)
    print_table(["name"], [[odd]])
    told = [*change_lines([{"key": f"k{odd}", "before": odd, "after": f"{odd}\n", "hidden": False}])]
    written = "".join(capsys.readouterr()) + "".join(told)
    assert r"\x1b]0;pwn\x07 \u202egnp \r\x9b31m" in written
    assert not set(written) & set("\x1b\x07\u202e\r\x9b")
