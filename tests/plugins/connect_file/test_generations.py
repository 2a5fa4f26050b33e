"""What had a name between two looks is read in its order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connect_file import opened

LONG = "".join(f"long {n:03}\n" for n in range(60))  # more than tells a file by its beginning


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


def look(connector: Any) -> list[Any]:
    """Return the batches of one poll that looks for files, and of those behind it."""
    connector.drivers[0].task._input._looking.next_at = 0.0
    batches = []
    while more := connector.drivers[0].batches():
        batches += more
    return batches


def test_the_old_file_comes_first_also_where_it_was_told_of_before_its_name_was_seen_to_be_anothers(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(file)
    connector.read()
    reader = connector.drivers[0].task._input
    append(file, "late\n")
    rotate(file, "new\n")
    os.utime(file, (1, 1))
    reader._touched.extend(reader._followed.by_inode.values())  # as the system tells
    assert connector.read() == ["late", "new"]


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@pytest.mark.parametrize("is_running", [True, False])
def test_generations_that_came_and_went_between_two_looks_are_read_in_order(
    tmp_path: Path, many: Callable[..., Any], pattern: str, is_running: bool
) -> None:
    file = tmp_path / "in.log"
    if pattern == "*.log":
        (tmp_path / "in.log.4").write_text("from before\n")
        os.utime(tmp_path / "in.log.4", (0, 0))
    file.write_text(LONG)
    os.utime(file, (1, 1))
    connector = many(tmp_path / pattern)
    assert connector.read(looks=1) == LONG.splitlines()
    if not is_running:
        connector.stop()
    for generation in range(1, 4):
        rotate(file, f"generation {generation}\n")
        os.utime(file, (1 + generation, 1 + generation))
    if not is_running:
        connector.start()
    assert connector.read() == [f"generation {generation}" for generation in range(1, 4)]


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
def test_what_was_copied_and_cut_more_than_once_between_two_looks_is_read(
    tmp_path: Path, many: Callable[..., Any], pattern: str
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / pattern)
    assert connector.read() == LONG.splitlines()
    append(file, "late\n")
    for generation in (1, 2, 3):
        if generation > 1:
            (tmp_path / "in.log.1").rename(tmp_path / f"in.log.{generation}")
        copytruncate(file, f"generation {generation}\n")
    found = connector.read()
    assert sorted(found) == ["generation 1", "generation 2", "generation 3", "late"]
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
def test_what_was_written_copied_and_cut_while_the_file_was_known_to_be_empty_is_read(
    tmp_path: Path, many: Callable[..., Any], pattern: str
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / pattern)
    assert connector.read() == LONG.splitlines()
    copytruncate(file)
    assert connector.read() == []
    append(file, "between\n")
    (tmp_path / "in.log.1").rename(tmp_path / "in.log.2")
    copytruncate(file, "new\n")
    assert sorted(connector.read()) == ["between", "new"]
    connector.restart()
    assert connector.read() == []


def test_generations_that_came_and_went_are_read_also_where_no_file_has_the_name_again(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / "*.log")
    assert connector.read() == LONG.splitlines()
    rotate(file, "one\n")
    rotate(file, "two\n")
    rotate(file)
    assert connector.read() == ["one", "two"]
    assert connector.read() == []


def test_nothing_newer_is_read_before_a_generation_that_was_moved_on_as_it_was_opened(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / "*.log")
    assert connector.read() == LONG.splitlines()
    connector.stop()
    rotate(file, "one\n")
    rotate(file, "two\n")
    connector.start()
    reader, real = connector.drivers[0].task._input, opened.OpenFiles.found_and_opened
    fails = 2  # as it is found, and as it is read

    def moved_on(self: Any, follower: Any) -> bool:
        nonlocal fails
        if follower.path.endswith(".1") and fails:
            fails -= 1
            return False
        return real(self, follower)

    monkeypatch.setattr(opened.OpenFiles, "found_and_opened", moved_on)
    read = []
    for _ in range(5):
        read += [value for batch in reader.poll() for value in batch.values]
        reader._looking.next_at = 0.0
    assert fails == 0
    assert read == ["one", "two"]


def test_files_that_are_moved_on_between_the_look_and_the_reading_are_read_in_their_order(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    os.utime(file, (1, 1))
    connector = many(tmp_path / "*.log*")
    assert connector.read() == LONG.splitlines()
    for generation in range(1, 4):
        rotate(file, f"generation {generation}\n")
        os.utime(file, (1 + generation, 1 + generation))
    reader = connector.drivers[0].task._input
    real = reader._looking.look

    def look_and_rotate(now: float) -> None:
        real(now)
        if not (tmp_path / "in.log.5").exists():
            for number in range(3, 0, -1):
                (tmp_path / f"in.log.{number}").rename(tmp_path / f"in.log.{number + 2}")
            file.rename(tmp_path / "in.log.2")

    monkeypatch.setattr(reader._looking, "look", look_and_rotate)
    assert connector.read() == [f"generation {generation}" for generation in range(1, 4)]
