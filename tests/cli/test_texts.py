from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.cli.contexts import read_secret
from connect.cli.texts import BYTES_MAX, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_as_editors_write_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "text"
    path.write_text("grün\n", encoding=encoding)
    assert read_text(path) == "grün\n"
    assert read_secret("Password", path) == "grün"


def test_standard_input_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf{}")))
    assert read_text(Path("-")) == "{}"


def test_what_cannot_be_read_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError, match=r"latin is not UTF-8 text"):
        read_text(tmp_path / "latin")
    assert read_text(tmp_path / "latin", otherwise="latin-1") == "café"
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        read_text(tmp_path / "none")
    (tmp_path / "odd").write_bytes(b"\xff\xfex")
    with pytest.raises(ConfigError, match="UTF-16-LE"):
        read_text(tmp_path / "odd", otherwise="latin-1")


def test_what_is_too_large_for_a_config_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", BYTES_MAX + 1)
    for path in (tmp_path / "large", Path("/dev/zero")):
        with pytest.raises(ConfigError, match=f"{path.name} has more than {BYTES_MAX:,} bytes"):
            read_text(path)


def test_what_a_pipe_brings_is_read_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=["a=1"])
    writer.start()
    assert read_text(tmp_path / "pipe") == "a=1"
    writer.join(5)
