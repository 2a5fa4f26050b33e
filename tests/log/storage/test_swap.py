"""The order in which a compacted segment takes its place."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from connect.log.storage.swap import begin_swap, clear_for_swap, finish_swaps
from tests.support.disk import FaultyDisk


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def old(tmp_path: Path) -> list[Path]:
    """The files that are to be replaced: logs, an index and a snapshot."""
    old = [tmp_path / f"{base:020d}.log" for base in (0, 5)]
    for path in (*old, old[0].with_suffix(".index"), old[1].with_suffix(".snapshot")):
        path.write_bytes(path.name.encode())
    return old


@pytest.fixture
def cleaned(tmp_path: Path) -> Path:
    path = tmp_path / f"{0:020d}.log.cleaned"
    path.write_bytes(b"")
    return path


def test_a_swap_has_its_name_for_good_before_an_old_file_is_touched(disk, cleaned, old):
    swap = begin_swap(disk, cleaned)
    assert [step for step, _ in disk.steps] == ["rename", "sync_folder"]
    assert swap.name == f"{0:020d}.log.swap"
    assert all(path.exists() for path in old)


def test_the_old_files_are_gone_for_good_before_the_new_one_can_have_their_name(disk, cleaned, old, tmp_path):
    swap = begin_swap(disk, cleaned)
    clear_for_swap(disk, swap, old)
    assert sorted(path.name for path in tmp_path.iterdir()) == [old[0].name, swap.name]  # left to the rename
    assert disk.steps[-1][0] == "sync_folder"


def test_clearing_goes_on_where_the_disk_broke_it_off(disk, cleaned, old, tmp_path):
    swap = begin_swap(disk, cleaned)
    disk.refuse("remove", old[1].name, errno.EIO, times=1)
    with pytest.raises(OSError, match="Input/output"):
        clear_for_swap(disk, swap, old)
    clear_for_swap(disk, swap, old)
    assert not old[1].exists()


def test_a_swap_of_which_nobody_could_say_that_it_lasts_is_gone_before_the_next_one(disk, cleaned, old, tmp_path):
    disk.refuse("sync_folder", "", errno.EIO, times=1)
    with pytest.raises(OSError, match="Input/output"):
        begin_swap(disk, cleaned)
    other = tmp_path / f"{5:020d}.log.cleaned"
    other.write_bytes(b"")
    swap = begin_swap(disk, other)
    assert list(tmp_path.glob("*.swap")) == [swap]
    steps = [step for step, _ in disk.steps]
    assert steps.index("remove") < len(steps) - 1 - steps[::-1].index("sync_folder")


def test_opening_finishes_a_swap_that_has_its_name_and_removes_one_that_has_not(disk, cleaned, old, tmp_path):
    begin_swap(disk, cleaned)
    (tmp_path / f"{9:020d}.log.cleaned").write_bytes(b"half")
    finish_swaps(disk, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.log*")) == [old[0].name, old[1].name]
    assert old[0].read_bytes() == b""  # an empty one covers nothing behind its own name
