"""Which of many files is which, whatever rotation does to them."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LONG = "".join(f"long {n:03}\n" for n in range(60))  # more than tells a file by its beginning


def key_of(partition: Any) -> str:
    """Return by what the connector of the tests keeps offsets."""
    return json.dumps(partition, sort_keys=True)


def append(file: Path, text: str) -> None:
    with file.open("a") as writer:
        writer.write(text)


def rotate(file: Path, text: str | None = None, keep: int = 5) -> None:
    for number in range(keep, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        if older.exists():
            older.rename(file.with_name(f"{file.name}.{number + 1}"))
    file.rename(file.with_name(file.name + ".1"))
    if text is not None:
        file.write_text(text)


def copytruncate(file: Path, text: str = "") -> None:
    shutil.copy(file, file.with_name(file.name + ".1"))
    with file.open("r+") as writer:
        writer.truncate(0)
        writer.write(text)


def pack(file: Path) -> Path:
    packed = file.with_name(file.name + ".gz")
    status = file.stat()
    packed.write_bytes(gzip.compress(file.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    file.unlink()
    return packed


AT_ONCE = {"on.eof.wait.ms": "0"}


def look(connector: Any) -> list[Any]:
    """Return the batches of one poll that looks for files, and of those behind it."""
    connector.drivers[0].task._input._looking.next_at = 0.0
    batches = []
    while more := connector.drivers[0].batches():
        batches += more
    return batches


def test_the_offset_says_which_file_and_proves_it(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "a.log"
    file.write_text("a1\na2\n")
    connector = many(file)
    [batch] = connector.drivers[0].batches()
    assert batch.source_partition == {"filename": str(file), "first_line": batch.source_partition["first_line"]}
    assert batch.source_offset["position"] == 6
    assert batch.source_offset["inode"] == file.stat().st_ino


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@pytest.mark.parametrize("begin", ["o1\no2\n", LONG])
@pytest.mark.parametrize("is_running", [True, False])
def test_what_is_written_before_and_after_a_rename_comes_once(
    tmp_path: Path, many: Callable[..., Any], pattern: str, begin: str, is_running: bool
) -> None:
    file = tmp_path / "in.log"
    file.write_text(begin)
    connector = many(tmp_path / pattern)
    assert connector.read(looks=1) == begin.splitlines()
    if not is_running:
        connector.stop()
    append(file, "late 1\n")
    rotate(file, "n1\n")
    append(tmp_path / "in.log.1", "late 2\n")
    if not is_running:
        connector.start()
    assert connector.read() == ["late 1", "late 2", "n1"]
    append(file, "n2\n")
    assert connector.read() == ["n2"]
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@pytest.mark.parametrize("begin", ["o1\no2\n", LONG])
def test_copytruncate_while_it_runs_loses_and_repeats_nothing(
    tmp_path: Path, many: Callable[..., Any], pattern: str, begin: str
) -> None:
    file = tmp_path / "in.log"
    file.write_text(begin)
    connector = many(tmp_path / pattern)
    assert connector.read(looks=1) == begin.splitlines()
    append(file, "late\n")
    copytruncate(file, "n1\n" + LONG * 2)  # longer than what was read
    assert connector.read() == ["late", "n1", *(LONG * 2).splitlines()]
    connector.restart()
    assert connector.read() == []


def test_copytruncate_in_two_steps_loses_and_repeats_nothing(tmp_path: Path, many: Callable[..., Any]) -> None:
    file, copy = tmp_path / "in.log", tmp_path / "in.log.1"
    file.write_text(LONG)
    connector = many(tmp_path / "in.log*")
    assert connector.read(looks=1) == LONG.splitlines()
    copy.write_text(LONG[:100])
    assert connector.read() == []
    append(file, "late 1\n")
    append(copy, LONG[100:] + "late 1\n")
    assert connector.read() == ["late 1"]
    append(file, "late 2\n")
    append(copy, "late 2\n")
    with file.open("r+") as writer:
        writer.truncate(0)
        writer.write("n1\n")
    assert connector.read() == ["late 2", "n1"]


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
def test_copytruncate_while_it_is_stopped_loses_and_repeats_nothing(
    tmp_path: Path, many: Callable[..., Any], pattern: str
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / pattern)
    assert connector.read(looks=1) == LONG.splitlines()
    connector.stop()
    append(file, "late\n")
    copytruncate(file, "n1\n")
    connector.start()
    assert sorted(connector.read()) == ["late", "n1"]
    connector.restart()
    assert connector.read() == []


def test_files_with_the_same_first_line_are_kept_apart(tmp_path: Path, many: Callable[..., Any]) -> None:
    header = "id,name," + "x" * 300 + "\n"
    file = tmp_path / "in.csv"
    file.write_text(header + "1,a\n")
    connector = many(tmp_path / "in.csv*")
    assert len(connector.read()) == 2
    connector.stop()
    rotate(file, header + "2,b\n")
    append(tmp_path / "in.csv.1", "1,late\n")
    connector.start()
    assert connector.read() == ["1,late", header.strip(), "2,b"]
    connector.restart()
    assert connector.read() == []
    append(file, "2,c\n")
    append(tmp_path / "in.csv.1", "1,later\n")
    connector.restart()
    assert sorted(connector.read()) == ["1,later", "2,c"]


def test_a_file_cut_without_a_copy_is_read_from_its_start_with_a_warning(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(file)
    connector.read()
    file.write_text("newline1-abcdef\n")
    assert connector.read() == ["newline1-abcdef"]
    assert f"file {str(file)!r} is not as it was when it was read up to position {len(LONG)}" in caplog.text


@pytest.mark.parametrize("format_", ["lines", "whole"])
def test_a_name_that_is_not_utf_8_is_text_in_offsets_and_keys(
    tmp_path: Path, many: Callable[..., Any], format_: str
) -> None:
    for name in (b"caf\xe9.log", "café.log".encode(), b"new\nline.log"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name + b" holds\n")
    connector = many(tmp_path, format=format_, **AT_ONCE)
    batches = [batch for _ in range(4) for batch in look(connector)]
    assert len(batches) == 3
    names = [batch.source_partition["filename"] for batch in batches]
    names += [batch.keys[0] for batch in batches if batch.keys]
    assert {Path(name.encode().decode()).name for name in names} == {"caf\\xe9.log", "café.log", "new\nline.log"}
    connector.offsets |= {key_of(batch.source_partition): batch.source_offset for batch in batches}
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@pytest.mark.parametrize("is_running", [True, False])
def test_a_log_that_is_packed_after_its_rotation_is_not_read_again_and_loses_nothing(
    tmp_path: Path, many: Callable[..., Any], pattern: str, is_running: bool
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / pattern)
    assert connector.read(looks=1) == LONG.splitlines()
    if not is_running:
        connector.stop()
    append(file, "late\n")
    rotate(file, "new\n")
    if is_running:
        assert connector.read(looks=1) == ["late", "new"]
    pack(tmp_path / "in.log.1")
    if not is_running:
        connector.start()
        assert connector.read() == ["late", "new"]
    assert connector.read() == []
    connector.restart()
    assert connector.read() == []
