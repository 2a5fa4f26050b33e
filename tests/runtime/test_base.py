from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.app import open_cluster
from connect.runtime.base import Base
from connect.runtime.plugins import PluginHost
from connect.runtime.worker_config import WorkerConfig


async def test_a_base_that_could_not_be_opened_releases_what_was(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("connect-status", configs={"cleanup.policy": "delete"})
    base = Base(WorkerConfig.parse({}), cluster, PluginHost())
    with pytest.raises(ConfigError, match=r"connect-status.* must have cleanup\.policy=compact"):
        await base.open()
    await base.aclose()
    assert base.health().status == "unhealthy"
    again = Base(WorkerConfig.parse({"status.storage.topic": "other"}), cluster, PluginHost())
    await again.open()
    assert again.health().status == "healthy"
    await again.aclose()
    await cluster.aclose()
