"""What is done with a file that was read to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.api.files import FileRules, in_force
from connect_file.ends import AtEnd


def inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def test_a_file_is_deleted(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    assert AtEnd("delete").act(str(file), inode(file))
    assert not file.exists()


def test_a_path_that_leads_to_another_file_by_now_is_left_alone(tmp_path: Path) -> None:
    file, link = tmp_path / "f", tmp_path / "l"
    file.touch()
    link.symlink_to(file)
    assert not AtEnd("delete").act(str(file), (0, 0))
    assert not AtEnd("delete").act(str(link), inode(file))
    assert file.exists()


def test_files_of_one_name_are_moved_beside_each_other(tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.mkdir()
    for number in range(3):
        file = tmp_path / "f"
        file.write_text(str(number))
        assert AtEnd("move", folder=str(done)).act(str(file), inode(file))
        assert not file.exists()
    assert [(done / name).read_text() for name in ("f", "f.1", "f.2")] == ["0", "1", "2"]


def test_a_move_that_a_kill_cut_off_is_completed_and_makes_no_second_file(tmp_path: Path) -> None:
    file, done = tmp_path / "f", tmp_path / "done"
    file.write_text("once")
    done.mkdir()
    (done / "f").write_text("another")
    (done / "f.1").hardlink_to(file)
    assert AtEnd("move", folder=str(done)).act(str(file), inode(file))
    assert not file.exists()
    assert {path.name: path.read_text() for path in done.iterdir()} == {"f": "another", "f.1": "once"}


def test_a_link_to_a_file_that_is_in_the_place_it_moves_to_is_not_taken_for_it(tmp_path: Path) -> None:
    file, done = tmp_path / "f", tmp_path / "done"
    file.write_text("once")
    done.mkdir()
    (done / "f").symlink_to(file)
    assert AtEnd("move", folder=str(done)).act(str(file), inode(file))
    assert (done / "f.1").read_text() == "once"


def test_what_may_not_be_written_is_neither_deleted_nor_moved(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    with in_force(FileRules(closed_to_writing=(str(tmp_path),))), pytest.raises(ConfigError, match="is not allowed"):
        AtEnd("delete").act(str(file), inode(file))
    assert file.exists()
