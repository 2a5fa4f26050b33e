"""`connect user`: the users of a worker."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from connect import credentials
from tests.cli.conftest import Cli


def test_users_are_made_listed_and_deleted(cli: Cli, tmp_path: Path) -> None:
    file = ["--file", tmp_path / "users"]
    assert cli("user", "set", "ann", "--role", "write", *file, stdin="hunter2\n").out == "set ann (write)\n"
    token = cli("user", "set", "grafana", "--role", "read", "--token", *file).out.strip()
    text = (tmp_path / "users").read_text()
    assert "hunter2" not in text
    assert token not in text
    assert cli("user", "list", "--json", *file).json == [
        {"name": "ann", "role": "write", "kind": "password"},
        {"name": "grafana", "role": "read", "kind": "token"},
    ]
    cli.refused(1, "not_found", "user", "delete", "an", *file, mentions="'ann'")
    assert cli("user", "delete", "ann", *file).code == 0
    cli.refused(2, "config.invalid", "user", "set", "a:b", "--role", "read", "--token", *file)
    cli.refused(2, "config.invalid", "user", "set", "eve", "--role", "read", *file, mentions="password is empty")


def test_a_users_file_that_anybody_can_read_is_taken_from_them_and_left_to_its_group(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "users"
    path.write_text("")
    path.chmod(0o644)
    credentials.read(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "mode 644" in caplog.text
