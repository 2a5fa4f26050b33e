from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.support import memory
from tests.support.memory import have_temporary_files_in_memory


@pytest.fixture(autouse=True)
def _put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())


def test_temporary_files_are_in_memory_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_MEMORY", tmp_path)
    monkeypatch.setattr(memory, "_FREE_MIN", 0)
    monkeypatch.setattr(memory, "IS_LONG", False)
    have_temporary_files_in_memory()
    assert (os.environ["TMPDIR"], tempfile.gettempdir()) == (str(tmp_path), str(tmp_path))


@pytest.mark.parametrize("why", ["no room", "no such folder", "the night", "the user's wish"])
def test_temporary_files_are_left_where_they_were_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none" if why == "no such folder" else tmp_path)
    monkeypatch.setattr(memory, "_FREE_MIN", 1 << 62 if why == "no room" else 0)
    monkeypatch.setattr(memory, "IS_LONG", why == "the night")
    if why == "the user's wish":
        monkeypatch.setenv("TMPDIR", "/elsewhere")
    before = (os.environ.get("TMPDIR"), tempfile.gettempdir())
    have_temporary_files_in_memory()
    assert (os.environ.get("TMPDIR"), tempfile.gettempdir()) == before
