"""Every config in configs/ runs as it stands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from connect.cli.settings import connector_file, worker_config
from connect.runtime.model import State
from tests.support.logs import logged
from tests.support.worker import running_worker

CONFIGS = Path(__file__).parents[2] / "configs"
CONNECTORS = sorted(p for p in CONFIGS.glob("*.json") if "connector.class" in p.read_text())
DEMO = sorted((CONFIGS / "demo").glob("*.json"))
PLACE = "postgresql://postgres@127.0.0.1:5432/connect"


@pytest.mark.parametrize("path", CONNECTORS, ids=lambda p: p.stem)
async def test_a_connector_config_runs_as_it_stands(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    given = connector_file(path)
    config = {key: value.replace(PLACE, postgres_url) for key, value in given.config.items()}
    if "postgres" in path.stem:
        await prepare(postgres_url)
    async with running_worker(tmp_path) as worker:
        await worker.herder.create(given.name, config)
        await worker.until_state(given.name, State.RUNNING, tasks=1)


async def prepare(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, item text)")
    await connection.close()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("worker*")), ids=lambda p: p.name)
def test_a_worker_config_is_read_as_it_stands(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert worker_config(path, {}, {}).listeners == ["http://127.0.0.1:8083"]
    assert logged(caplog) == [], "every key of it is one that is read"


@pytest.mark.parametrize("path", DEMO, ids=lambda p: p.stem)
def test_a_demo_config_is_a_whole_one(path: Path) -> None:
    parsed = json.loads(path.read_text())
    assert parsed["name"] == path.stem
    assert "connector.class" in parsed["config"]
