"""One owner for a data directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.log import LogCluster
from connect.log.owner import DataDirectory, HeldDirectory, is_in_use
from connect.log.storage.files import Disk


async def test_a_second_owner_is_refused_with_the_first_one_s_process_id(cluster, data_dir):
    with pytest.raises(EnvironmentFault, match=f"in use by process {os.getpid()}") as caught:
        await LogCluster.open(data_dir)
    assert caught.value.code == "log.in_use"
    assert caught.value.exit_code == 3


async def test_a_closed_directory_can_be_taken_again_and_keeps_its_cluster_id(open_log):
    first = await open_log()
    await first.aclose()
    await first.aclose()
    second = await open_log()
    assert second.cluster_id == first.cluster_id
    assert len(first.cluster_id) == 22


async def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path):
    (tmp_path / "data").write_text("not a directory")
    with pytest.raises(EnvironmentFault, match="cannot be used") as caught:
        await LogCluster.open(tmp_path / "data")
    assert caught.value.code == "environment.data_dir"


async def test_a_directory_that_cannot_be_made_is_refused():
    with pytest.raises(EnvironmentFault) as caught:
        await LogCluster.open("/proc/none/data")
    assert caught.value.code == "environment.data_dir"


async def test_meta_properties_has_kafka_s_keys(cluster, data_dir):
    text = (data_dir / "meta.properties").read_text()
    assert f"cluster.id={cluster.cluster_id}\n" in text
    assert "version=1\n" in text


async def test_a_damaged_meta_file_is_reported_and_the_lock_given_back(open_log, data_dir):
    await (await open_log()).aclose()
    (data_dir / "meta.properties").write_text("nothing here")
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match=r"meta\.properties names no cluster\.id"):
            await LogCluster.open(data_dir)


def test_a_child_that_outlives_its_worker_does_not_own_the_directory_on(tmp_path: Path):
    owned = DataDirectory.open(tmp_path / "data", Disk())
    gate, release = os.pipe()
    if (child := os.fork()) == 0:
        os.close(release)
        os.read(gate, 1)
        os._exit(0)
    try:
        assert is_in_use(tmp_path / "data")
        owned.close(clean=True)
        assert not is_in_use(tmp_path / "data")
    finally:
        os.close(release)
        os.close(gate)
        os.waitpid(child, 0)


def test_a_directory_without_a_log_is_held_too_and_given_up(tmp_path: Path) -> None:
    held = HeldDirectory(tmp_path / "data")
    assert is_in_use(tmp_path / "data")
    with pytest.raises(EnvironmentFault, match=f"in use by process {os.getpid()}"):
        DataDirectory.open(tmp_path / "data", Disk())
    held.close()
    held.close()
    assert not is_in_use(tmp_path / "data")
    DataDirectory.open(tmp_path / "data", Disk()).close(clean=True)
