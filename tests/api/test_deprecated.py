"""What was written before version 1.0 of the API runs until 2.0, and is told what to write instead."""

from __future__ import annotations

import importlib
import logging
import warnings
from pathlib import Path

import pytest

import connect.api as api
from connect.api.deprecated import MOVED
from tests.support.worker import STRING, running_worker

OLD_PLUGINS = Path(__file__).parent / "old_plugins"
MIGRATION = Path(__file__).parents[2] / "docs" / "howto" / "migrate-a-plugin-to-api-1.md"


@pytest.mark.parametrize("name", sorted(MOVED))
def test_an_old_name_is_the_thing_it_was_and_says_what_to_write(name: str) -> None:
    moved = MOVED[name]
    with pytest.warns(DeprecationWarning, match=f"connect.api.{name} goes with version 2.0") as said:
        found = getattr(api, name)
    assert found is getattr(importlib.import_module(moved.module), moved.name)
    assert moved.instead in str(said[0].message)
    assert name not in api.__all__


def test_an_unknown_name_is_as_unknown_as_ever() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'keys'"):
        api.keys  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'keys'"):
        exec("from connect.api import keys", {})


def test_the_log_names_the_file_that_has_an_old_name_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = compile("from connect.api import key\n" * 2, str(tmp_path / "stale.py"), "exec")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, {})
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'stale.py'}: connect.api.key goes with version 2.0 of the API: import config_key from connect.api"
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_plugins_from_before_version_1_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "ticks.txt"
    with caplog.at_level(logging.WARNING, "connect.api.deprecated"):
        async with running_worker(tmp_path, plugin_path=str(OLD_PLUGINS)) as worker:
            config = {"connector.class": "TickSource", "topic": "ticks", "count": "10", "value.converter": STRING}
            await worker.herder.put_config("tick", config)
            config = {"connector.class": "CollectSink", "topics": "ticks", "out": str(out), "value.converter": STRING}
            await worker.herder.put_config("collect", config)
            await worker.until(lambda: out.exists() and len(out.read_text().splitlines()) >= 10)
    assert out.read_text().splitlines() == [f"ticks: tick {n}" for n in range(1, 11)]
    told = [record.message for record in caplog.records if record.name == "connect.api.deprecated"]
    assert [file for file in ("tick.py", "collect.py") if not any(file in line for line in told)] == []


@pytest.mark.parametrize("name", sorted(MOVED))
def test_the_migration_note_has_every_old_name(name: str) -> None:
    (row,) = [line for line in MIGRATION.read_text().splitlines() if f"import {name}`" in line or f"`{name}`" in line][
        :1
    ]
    moved = MOVED[name]
    assert moved.name == name or f"import {moved.name}`" in row
