from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.answers import answering


def test_contexts_are_set_listed_used_shown_and_deleted(cli: Cli) -> None:
    cli("context", "set", "local", "--url", "http://127.0.0.1:8083")
    cli("context", "set", "prod", "--url", "https://connect.example:8443", "--username", "ann", stdin="hunter2\n")
    listed = cli("context", "list", "--json").json
    assert (listed["current"], listed["contexts"]["prod"]["password"]) == ("local", "[hidden]")
    assert cli("context", "use", "prod").out == "using prod\n"
    assert "*  prod" in cli("context", "list").out
    assert cli("context", "show").json == {
        "name": "prod",
        "url": "https://connect.example:8443",
        "username": "ann",
        "password": "[hidden]",
    }
    assert cli("context", "delete", "prod").code == 0
    cli.refused(1, "not_found", "context", "show", mentions="no context yet")


def test_the_file_with_secrets_is_its_owners_alone(cli: Cli, tmp_path: Path) -> None:
    cli("context", "set", "a", "--url", "http://x", "--token-file", "-", stdin="t0ken\n")
    path = tmp_path / "contexts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "t0ken" in path.read_text()


def test_commands_use_the_current_context_or_the_named_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ("GET", "/connectors?expand=status")
    with answering({path: (200, {})}) as one, answering({path: (200, {})}) as other:
        cli("context", "set", "one", "--url", one.url)
        cli("context", "set", "other", "--url", other.url)
        assert cli("connector", "list").code == 0
        assert cli("connector", "list", "--context", "other").code == 0
        assert (len(one.requests), len(other.requests)) == (1, 1)
        monkeypatch.setenv("CONNECT_CONTEXT", "other")
        cli("connector", "list")
        assert len(other.requests) == 2
        cli.refused(2, "config.invalid", "connector", "list", "--context", "one", "--url", other.url)


def test_a_wrong_context_is_answered_with_the_nearest(cli: Cli) -> None:
    cli("context", "set", "prod", "--url", "http://x")
    for command in (["context", "use", "prd"], ["connector", "list", "--context", "prd"], ["context", "delete", "prd"]):
        cli.refused(1, "not_found", *command, mentions="'prod'")


def test_a_new_context_needs_an_address(cli: Cli) -> None:
    assert cli("context", "set", "new").code == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"contexts": {"a": {"nonsense": 1}}}', '{"contexts": 1}'])
def test_a_broken_file_is_named_and_nothing_of_it_shown(cli: Cli, tmp_path: Path, text: str) -> None:
    (tmp_path / "contexts.json").write_text(text)
    cli.refused(2, "config.unreadable", "context", "list", mentions="contexts.json")


def test_a_contexts_file_that_others_can_read_is_taken_from_them(
    cli: Cli, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cli("context", "set", "a", "--url", "http://127.0.0.1:1")
    path = tmp_path / "contexts.json"
    path.chmod(0o644)
    cli("context", "list")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "could be read by others (mode 644)" in caplog.text
