"""`connect plugin`: what is installed."""

from __future__ import annotations

import json
from pathlib import Path

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
