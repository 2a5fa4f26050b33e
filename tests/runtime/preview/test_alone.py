"""Previews without a worker: with a worker's config, and nothing of a worker is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.runtime.preview.alone import previews_alone
from connect.runtime.preview.answers import Order
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import STRING

GEN = {"name": "g", "connector.class": "Datagen", "kafka.topic": "t", "quickstart": "users"}


async def test_a_source_is_run_with_the_converters_of_the_workers_config(tmp_path: Path) -> None:
    worker = WorkerConfig.parse({"data.dir": str(tmp_path / "data"), "value.converter": STRING})
    async with previews_alone(worker, None) as previews:
        answer = await previews.preview(Order(GEN, 2))
    assert (answer["error"], len(answer["walks"])) == (None, 2)
    assert answer["walks"][0]["steps"][-1]["plugin"] == STRING
    assert list(tmp_path.iterdir()) == []


async def test_references_are_resolved_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "topic.properties").write_text("name=secret-topic-name\n")
    providers = {"config.providers": "file", "config.providers.file.class": "FileConfigProvider"}
    worker = WorkerConfig.parse({"data.dir": str(tmp_path / "data"), **providers})
    async with previews_alone(worker, None) as previews:
        config = {**GEN, "kafka.topic": f"${{file:{tmp_path / 'topic.properties'}:name}}"}
        answer = await previews.preview(Order(config, 1))
        assert (answer["problems"], answer["error"]) == ([], None)
        assert "secret-topic-name" not in str(answer)


async def test_where_a_connector_is_nobody_knows(tmp_path: Path) -> None:
    async with previews_alone(WorkerConfig.parse({"data.dir": str(tmp_path)}), None) as previews:
        answer = await previews.preview(Order(GEN, 1, start="committed"))
        assert answer["error"] is not None
        assert answer["error"]["code"] == "preview.no_log"
        with pytest.raises(ConfigError):
            await previews.preview(Order({"name": "x"}))
