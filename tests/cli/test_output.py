"""How answers and errors look, and what is asked before something is lost."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

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
