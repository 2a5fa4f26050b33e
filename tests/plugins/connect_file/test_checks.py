from __future__ import annotations

from pathlib import Path

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.validation.checking import check
from connect_file import FileStreamSinkConnector, FileStreamSourceConnector

SOURCE = PluginDesc(FileStreamSourceConnector, PluginKind.SOURCE, "test")
SINK = PluginDesc(FileStreamSinkConnector, PluginKind.SINK, "test")


@pytest.mark.parametrize(
    ("desc", "file", "about"),
    [
        (SOURCE, "absent", "is not there; the source waits for it"),
        (SOURCE, "", "is not a regular file"),
        (SINK, "no/folder/out", "is not there"),
        (SINK, "", "is a folder"),
    ],
)
async def test_a_file_that_will_not_do_is_told(tmp_path: Path, desc: PluginDesc, file: str, about: str) -> None:
    [warning] = await check(desc, {"name": "c", "topic": "t", "file": str(tmp_path / file)})
    assert (warning.key, warning.code) == ("file", "check")
    assert about in warning.message


async def test_files_that_will_do_and_standard_streams_are_fine(tmp_path: Path) -> None:
    (tmp_path / "in").touch()
    for desc in (SOURCE, SINK):
        assert await check(desc, {"name": "c", "topic": "t", "file": str(tmp_path / "in")}) == []
        assert await check(desc, {"name": "c", "topic": "t"}) == []


async def test_a_config_that_is_wrong_is_told_as_well() -> None:
    [warning] = await check(SOURCE, {"name": "c"})
    assert (warning.key, warning.code) == ("topic", "config.invalid")
