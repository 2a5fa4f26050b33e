"""`connect plugin`: what is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.cli.plugins import _keys_of
from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.command import connect, connect_process
from tests.support.inner_pytest import INNER_PYTEST


def test_what_a_plugin_prints_as_it_is_imported_does_not_spoil_the_list(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("print('loading loud')\n")
    done = connect_process("plugin", "list", "--json", "--plugin-path", str(tmp_path))
    assert json.loads(done.stdout)["broken"] == []
    assert "loading loud" in done.stderr


def test_a_plugin_shows_what_its_keys_take() -> None:
    shown = json.loads(connect("plugin", "describe", "Cast$Value", "--json").stdout)
    assert {"valid_values", "recommended_values"} <= shown["keys"][0].keys()
    text = connect("plugin", "describe", "JdbcSinkConnector").stdout
    assert "VALID VALUES" in text
    assert "insert, upsert" in text
    assert "at least" in text


def test_a_refresh_tells_what_has_changed_and_fails_where_a_plugin_is_broken(cli: Cli) -> None:
    path = ("POST", "/v1/plugins/refresh")
    nothing: dict[str, list[object]] = {"added": [], "changed": [], "removed": [], "broken": [], "outdated": []}
    with answering({path: (200, nothing)}) as server:
        done = cli("plugin", "refresh", "--url", server.url)
        assert (done.code, done.out) == (0, "no plugin has changed\n")
    broken = [{"name": "bad", "origin": "/p/bad.py", "cause": "OSError: no"}]
    told = {**nothing, "added": ["tick"], "changed": ["tock"], "outdated": ["orders"], "broken": broken}
    with answering({path: (200, told)}) as server:
        done = cli("plugin", "refresh", "--url", server.url)
        assert done.code == 1
        assert [line.split() for line in done.out.splitlines()[-2:]] == [["added", "tick"], ["changed", "tock"]]
        assert "connector orders runs code of before" in done.err
        assert "broken: bad (/p/bad.py): OSError: no" in done.err
        assert cli("plugin", "refresh", "--url", server.url, "--json").json == told


@pytest.mark.slow
def test_a_new_plugin_is_written_and_what_is_wrong_is_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("plugin", "new", "sink", "graupel", "--licence", "none")
    assert (done.code, done.out.splitlines()[-1]) == (
        0,
        "next: cd connect-graupel && pip install -e '.[test]' && connect plugin test",
    )
    assert not (tmp_path / "connect-graupel" / "LICENSE").exists()
    cli.refused(1, "plugin.exists", "plugin", "new", "sink", "graupel")
    cli.refused(2, "plugin.bad_name", "plugin", "new", "sink", "Graupel")
    cli.refused(2, "config.invalid", "plugin", "new", mentions="KIND is missing")
    cli.refused(2, "config.invalid", "plugin", "new", "sink", mentions="NAME is missing")
    cli.refused(2, "config.invalid", "plugin", "new", "sink", "rime", "--author", "a\nb", mentions="--author")
    told = cli("plugin", "new", "source", "rime", "--into", tmp_path / "elsewhere", "--json").json
    assert (told["distribution"], "pyproject.toml" in told["files"]) == ("connect-rime", True)
    cli.refused(2, "plugin.not_testable", "plugin", "test", tmp_path / "elsewhere" / "examples")
    cli.refused(1, "plugin.missing", "plugin", "test", "NoSuchClass")


def test_a_plugin_that_could_not_be_loaded_is_told_with_its_cause_wherever_it_is_named(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "hoarfrost.py").write_text("import no_such_library\n")
    for command in ("describe", "docs", "test"):
        said = cli.refused(
            1, "plugin.missing", "plugin", command, "hoarfrost", "--plugin-path", tmp_path,
            mentions="Plugin hoarfrost could not be loaded: ",
        )  # fmt: skip
        assert "no_such_library" in said


@pytest.mark.slow
def test_what_stands_behind_two_dashes_is_for_pytest_whether_a_folder_is_named_or_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in INNER_PYTEST.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_two.py").write_text("def test_good(): pass\ndef test_bad(): assert False\n")
    behind = ("--", "-p", "no:cacheprovider", "-k")
    assert cli("plugin", "test", tmp_path, *behind, "good").code == 0
    monkeypatch.chdir(tmp_path)
    assert cli("plugin", "test", *behind, "good").code == 0
    assert cli("plugin", "test", *behind, "bad").code == 1
    assert cli("plugin", "test", "--", "test_two.py", *behind[1:], "good").code == 0


def test_docs_are_printed_of_a_class_or_a_whole_plugin_or_written(cli: Cli, tmp_path: Path) -> None:
    assert cli("plugin", "docs", "MaskField$Value").out.startswith("# MaskField$Value\n")
    (tmp_path / "rime.py").write_text(SHORT)
    assert "## first" in cli("plugin", "docs", "rime", "--plugin-path", tmp_path).out
    page = tmp_path / "page.md"
    cli("plugin", "docs", "FileStreamSource", "--output", page)
    assert "| `topic` | STRING | required |" in page.read_text()
    cli.refused(3, "environment.plugin_folder", "plugin", "docs", "FileStreamSource", "--output", tmp_path)
    cli.refused(1, "plugin.missing", "plugin", "docs", "NoSuchClass")


SHORT = """
from connect.api import sink
@sink
def first(records): pass
@sink
def second(records): pass
"""


def test_the_keys_of_a_certificate_are_text_as_a_connectors_are(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"name": "x", "config": {"connector.class": "y", "on": true, "count": 5, "half": 0.5}}')
    assert _keys_of(file) == {"on": "true", "count": "5", "half": "0.5"}
    file.write_text('{"on": null}')
    with pytest.raises(ConfigError, match="key 'on' must be text, a number or true or false"):
        _keys_of(file)
