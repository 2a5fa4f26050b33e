"""Topics that several need at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connect.api import ConfigError, ConflictError
from connect.log import LogCluster
from connect.stores.topics import ensure_topic


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await LogCluster.open(tmp_path / "data")
    yield opened
    await opened.aclose()


async def test_of_several_that_make_one_topic_all_go_on(cluster: LogCluster) -> None:
    made = await asyncio.gather(*(ensure_topic(cluster.admin, "t", partitions=3) for _ in range(8)))
    assert made == [3] * 8


async def test_a_topic_that_is_there_keeps_its_partitions(cluster: LogCluster) -> None:
    await cluster.admin.create_topic("t", partitions=2)
    assert await ensure_topic(cluster.admin, "t", partitions=5) == 2


async def test_partitions_that_nobody_asks_for_are_one_in_the_bundled_log(cluster: LogCluster) -> None:
    assert await ensure_topic(cluster.admin, "t", partitions=None) == 1
    with pytest.raises(ConfigError, match="0 partitions"):
        await ensure_topic(cluster.admin, "none", partitions=0)


async def test_a_topic_that_another_made_is_waited_for_until_it_is_seen(cluster: LogCluster) -> None:
    class Late:
        """A cluster whose metadata come later than its answers."""

        looks = 0

        async def partitions(self, name: str) -> int | None:
            self.looks += 1
            return 4 if self.looks > 2 else None

        async def create_topic(self, name: str, **more: object) -> None:
            raise ConflictError("exists", code="log.topic_exists")

    assert await ensure_topic(Late(), "t") == 4  # type: ignore[arg-type]


async def test_a_folder_in_the_way_of_a_topic_is_told_at_once(cluster: LogCluster, tmp_path: Path) -> None:
    folder = next(tmp_path.rglob("meta.properties")).parent / "t-0"
    folder.mkdir()
    (folder / "precious").write_text("not ours")
    with pytest.raises(ConflictError, match="t-0") as raised:
        await ensure_topic(cluster.admin, "t")
    assert raised.value.code == "log.folder_exists"
    assert (folder / "precious").read_text() == "not ours"
