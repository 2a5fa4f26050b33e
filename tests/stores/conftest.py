"""A log, and a way to write into its internal topics what nobody may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.app import open_cluster
from connect.codec.encode import encode
from connect.ports import Cluster
from connect.records import Columns
from tests.support.engines import Engine


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    opened = await open_cluster(tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
async def engine_cluster(engine: Engine) -> AsyncIterator[Cluster]:
    """An open cluster of each engine."""
    opened = await engine.open()
    yield opened
    await opened.aclose()


async def write(cluster: Cluster, topic: str, *rows: tuple[bytes | None, bytes | None]) -> None:
    """Append keys and values, each in a batch of its own and past every check, as another hand might have."""
    if await cluster.admin.partitions(topic) is None:
        await cluster.admin.create_topic(topic, configs={"cleanup.policy": "compact"})
    part = cluster._topics.get(topic).partitions[0]  # type: ignore[attr-defined]
    for key, value in rows:
        columns = Columns([value], None if key is None else [key], 1_700_000_000_000)
        await asyncio.to_thread(part.append, [encode(columns)])
