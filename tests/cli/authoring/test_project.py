from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConflictError, EnvironmentFault
from connect.cli.authoring.project import write

FILES = {"a.txt": "a", "deep/er/b.txt": "b"}


def test_every_file_is_written_below_a_folder_that_was_not_there(tmp_path: Path) -> None:
    write(tmp_path / "more" / "new", FILES)
    assert (tmp_path / "more" / "new" / "deep" / "er" / "b.txt").read_text() == "b"
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["new"]


@pytest.mark.parametrize("kind", ["folder", "file", "link that leads nowhere"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "new"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConflictError, match="there already; nothing was written") as raised:
        write(target, FILES)
    assert raised.value.code == "plugin.exists"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot write") as raised:
        write(tmp_path / "new", {"a": "a file", "a/b": "which is no folder"})
    assert raised.value.code == "environment.plugin_folder"
    assert list(tmp_path.iterdir()) == []
