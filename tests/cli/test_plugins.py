"""`connect plugin`: what is installed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.command import connect, connect_process


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
