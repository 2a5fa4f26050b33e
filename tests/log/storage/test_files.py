"""The disk: what is written, what is replaced in one step, who may read it."""

from __future__ import annotations

import errno
import os

import pytest

from connect.api import EnvironmentFault
from connect.log.storage.files import Disk, SyncError, disk_faults
from tests.support.disk import FaultyDisk


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.mark.parametrize("pieces", [1, 3, 700])
@pytest.mark.parametrize("size", [10, 40_000])
def test_all_pieces_are_written_behind_one_another(tmp_path, disk, pieces, size):
    path = tmp_path / "file"
    disk.create(path)
    descriptor = disk.open(path)
    content = [bytes([number % 251]) * size for number in range(pieces)]
    disk.write_at(path, descriptor, [b"head"], 0)
    disk.write_at(path, descriptor, content, 4)
    os.close(descriptor)
    assert path.read_bytes() == b"head" + b"".join(content)


def test_a_writer_holds_back_little_and_writes_all_of_it_when_it_ends_well(tmp_path, disk):
    path = tmp_path / "file"
    disk.create(path)
    with disk.writer(path) as writer:
        for number in range(30):
            writer.write(bytes([number]) * 100_000)
        assert path.stat().st_size >= 2_000_000
    assert path.read_bytes() == b"".join(bytes([number]) * 100_000 for number in range(30))


def test_a_writer_whose_user_fails_writes_nothing_more(tmp_path, disk):
    path = tmp_path / "file"
    disk.create(path)

    def fail() -> None:
        with disk.writer(path) as writer:
            writer.write(b"half")
            raise ValueError("a user's mistake")

    with pytest.raises(ValueError, match="mistake"):
        fail()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("step", ["create", "write_at", "sync_file", "rename"])
def test_a_replacement_is_whole_or_not_there_and_leaves_nothing_else(tmp_path, step):
    disk = FaultyDisk()
    path = tmp_path / "file"
    disk.replace(path, b"old")
    disk.refuse(step, "file", errno.ENOSPC, times=1)
    with pytest.raises(OSError, match="No space"):
        disk.replace(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("file", b"old")]
    disk.replace(path, b"new")
    assert path.read_bytes() == b"new"


def test_what_is_made_is_its_owner_s_alone(tmp_path, disk):
    disk.make_folder(tmp_path / "folder")
    disk.write(tmp_path / "folder" / "file", b"")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == 0o600


def test_a_folder_goes_with_all_that_is_in_it_but_not_with_what_a_link_leads_to(tmp_path, disk):
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    kept.mkdir()
    (kept / "file").touch()
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").touch()
    (folder / "link").symlink_to(kept)
    disk.remove_tree(folder)
    assert not folder.exists()
    assert (kept / "file").exists()


def test_a_file_that_cannot_be_opened_to_be_synced_is_no_failed_sync(tmp_path, disk):
    with pytest.raises(FileNotFoundError) as caught:
        disk.sync_file(tmp_path / "missing")
    assert not isinstance(caught.value, SyncError)


def test_a_disk_s_refusal_says_what_could_not_be_done_to_which_file(tmp_path):
    def refuse(error: OSError) -> None:
        with disk_faults("write", tmp_path / "file"):
            raise error

    with pytest.raises(EnvironmentFault, match=r"cannot write .*/file: No space left$") as caught:
        refuse(OSError(errno.ENOSPC, "No space left"))
    assert caught.value.code == "environment.disk"
    with pytest.raises(EnvironmentFault, match=r"/file: No space left: other$"):
        refuse(OSError(errno.ENOSPC, "No space left", "other"))
