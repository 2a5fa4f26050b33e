"""Files that would be written: where they roll, what they hold, and which records have no place in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, DataError, Preview
from connect_file import FolderSinkConnector
from tests.plugins.connect_file.folder.conftest import FolderContext
from tests.support.factories import make_sink_batch


def previewed(folder: Path, values: list[Any], **keys: str) -> Preview:
    config = {"folder": str(folder), "topics": "t", **{k.replace("_", "."): v for k, v in keys.items()}}
    task: Any = FolderSinkConnector.task_class()
    task.context = FolderContext()
    task.configure(FolderSinkConnector.config_class.parse(config))
    found: Preview = task.preview([make_sink_batch(values, topic="t", base_offset=5)])
    return found


def test_files_roll_as_they_would_and_hold_what_they_would(tmp_path: Path) -> None:
    found = previewed(tmp_path, [{"a": 1}, {"a": 2}, {"a": 3}], format="json", flush_size="2")
    assert found.kind == "files"
    texts = [item.text.partition("\n") for item in found.items]
    assert [text[2] for text in texts] == ['{"a":1}\n{"a":2}', '{"a":3}']
    assert len({text[0] for text in texts}) == 2
    assert all(text[0].startswith(str(tmp_path)) and text[0].endswith(".json") for text in texts)
    assert [list(item.records) for item in found.items] == [[0, 1], [2]]
    assert list(tmp_path.iterdir()) == []


def test_what_is_packed_is_shown_as_it_is_before(tmp_path: Path) -> None:
    found = previewed(tmp_path, [{"a": 1}], format="csv", compression_type="gzip")
    assert found.items[0].text.endswith(".csv.gz\na\n1")
    assert "in front of gzip" in found.note


def test_records_without_a_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        previewed(tmp_path, [{"a": 1}, None], format="json")
    assert [bad.index for bad in caught.value.failed] == [1]  # type: ignore[union-attr]


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        previewed(tmp_path / "none", [{"a": 1}], format="json")
    assert not (tmp_path / "none").exists()
