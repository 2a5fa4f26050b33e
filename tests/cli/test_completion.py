"""`connect completion`: what it prints and writes, and that a real shell completes by it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.worker import CONNECT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", ".local/share/bash-completion/completions/connect"),
        ("zsh", ".local/share/zsh/site-functions/_connect"),
        ("fish", ".config/fish/completions/connect.fish"),
    ],
)
def test_it_is_written_to_where_the_shell_looks_and_again_over_its_own(
    cli: Cli, home: Path, shell: str, place: str
) -> None:
    printed = cli("completion", shell).out
    for _ in range(2):
        assert cli("completion", shell, "--install").out.startswith(f"wrote {home / place}\nnext: ")
        assert (home / place).read_text() == printed
    assert cli("completion", shell, "--json").json == {"shell": shell, "script": printed}


def test_a_file_of_somebody_else_is_kept(cli: Cli, home: Path) -> None:
    mine = home / ".config/fish/completions/connect.fish"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    cli.refused(3, "environment.completion", "completion", "fish", "--install", mentions="not of this command")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("kind", ["bytes", "pipe", "folder", "link to nothing"])
def test_what_is_there_and_no_text_of_this_command_is_kept(cli: Cli, home: Path, kind: str) -> None:
    place, elsewhere = home / ".config/fish/completions/connect.fish", home / "elsewhere"
    place.parent.mkdir(parents=True)
    if kind == "bytes":
        place.write_bytes(b"\xff\xfe\x94")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(elsewhere)
    cli.refused(3, "environment.completion", "completion", "fish", "--install", mentions="not of this command")
    assert not elsewhere.exists()


def test_a_folder_that_cannot_be_made_is_told(cli: Cli, home: Path) -> None:
    (home / ".config").write_text("")
    cli.refused(3, "environment.completion", "completion", "fish", "--install", mentions="cannot be written")


def test_the_shell_is_the_users_own_where_none_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "complete --no-files --command connect" in cli("completion").out
    monkeypatch.setenv("SHELL", "/bin/dash")
    cli.refused(2, "config.invalid", "completion", mentions="one of bash, zsh, fish")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["topi"], "topic"),
        (["connector", "rest"], "restart"),
        (["lint", "--sc"], "--schema"),
    ],
)
def test_a_bash_completes_commands_and_options(cli: Cli, home: Path, words: list[str], offered: str) -> None:
    cli("completion", "bash", "--install")
    script = home / ".local/share/bash-completion/completions/connect"
    asked = " ".join(f"'{word}'" for word in ["connect", *words])
    lines = (
        f"source {script}; COMP_WORDS=({asked}); COMP_CWORD={len(words)}; _connect_completion connect; "
        'printf "%s\n" "${COMPREPLY[@]}"'
    )
    path = f"{CONNECT.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", lines], capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}, check=False
    )
    assert done.stdout.split() == [offered], done
