"""What the command line is given by `connect.app`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from connect import app
from connect.cli.main import run
from connect.ports import Cluster


def test_commands_open_what_they_are_given_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[Path] = []

    async def open_cluster(data_dir: Path, configs: Mapping[str, object] | None = None, /) -> Cluster:
        opened.append(data_dir)
        return await app.open_cluster(tmp_path / "elsewhere")

    wiring = replace(app.wiring(), open_cluster=open_cluster)
    assert run(wiring, ["topic", "create", "t", "--data-dir", str(tmp_path / "named"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "t"
    assert opened == [tmp_path / "named"]
    assert not (tmp_path / "named").exists()
    assert (tmp_path / "elsewhere" / "t-0").is_dir()
