"""Programs out of unpacked packages find what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import debian


def test_an_unpacked_program_is_told_of_every_folder_with_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("x86_64-linux-gnu/libfirst.so.1", "x86_64-linux-gnu/pulseaudio/libpulsecommon-16.1.so"):
        path = tmp_path / "browser/usr/lib" / library
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(debian, "CACHE", tmp_path)
    found = debian.find_package("browser", ["browser"], "usr/bin/browser")
    assert isinstance(found, debian.Program)
    folders = found.environment["LD_LIBRARY_PATH"].split(":")
    assert [Path(one).name for one in folders] == ["x86_64-linux-gnu", "pulseaudio"]
