"""More files than may be open."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connect_file import opened, reader


def append(file: Path, text: str) -> None:
    with file.open("a") as writer:
        writer.write(text)


def test_more_files_than_may_be_open_are_all_followed(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "OPEN_MAX", 3)
    files = [tmp_path / f"{number}.log" for number in range(10)]
    connector = many(tmp_path)
    for step in range(3):
        for file in files:
            append(file, f"{file.stem} {step}\n")
        assert sorted(connector.read()) == sorted(f"{file.stem} {step}" for file in files)
        assert (
            sum(one.descriptor is not None for one in connector.drivers[0].task._input._followed.by_inode.values()) <= 3
        )


@pytest.mark.parametrize(
    "config",
    [{"format": "whole"}, {"on.eof": "stop"}, {"multiline.start": "^a"}, {"format": "csv", "on.eof": "delete"}],
    ids=["whole", "lines", "multiline", "csv"],
)
@pytest.mark.parametrize("packing", [bytes, gzip.compress], ids=["plain", "packed"])
def test_more_files_than_may_be_open_that_wait_for_their_end_are_all_read(
    tmp_path: Path,
    many: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, str],
    packing: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr(opened, "OPEN_MAX", 3)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 1 << 12)
    end = b"\n" if "multiline.start" in config else b""
    for number in range(20):
        (tmp_path / f"file{number}x").write_bytes(packing(b"a\n" + b"x" * 9000 + end))
    connector = many(tmp_path, **config, **{"on.eof.wait.ms": "1"})
    found: list[Any] = []
    deadline = time.monotonic() + 10
    while len(found) < 20 and time.monotonic() < deadline:
        found += [value for value in connector.read() if value != "a"]
    assert len(found) == 20
