"""Many files: each line of each comes once, whatever rotation, restarts and other files do."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BYTES, STRING, ConfigError, DataError
from connect.api.files import FileRules, in_force
from connect_file import FileStreamSourceConnector
from connect_file import reader as module

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


def test_all_files_of_a_pattern_are_read_and_new_ones_found(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a.log").write_text("a1\na2\n")
    (tmp_path / "b.txt").write_text("other\n")
    connector = many(tmp_path / "*.log")
    assert connector.read() == ["a1", "a2"]
    (tmp_path / "c.log").write_text("c1\n")
    append(tmp_path / "a.log", "a3\n")
    assert sorted(connector.read()) == ["a3", "c1"]
    assert connector.read() == []


def test_a_restart_goes_on_where_each_file_was(tmp_path: Path, many: Callable[..., Any]) -> None:
    for name in "abc":
        (tmp_path / name).write_text(f"{name}1\n")
    connector = many(tmp_path)
    assert sorted(connector.read()) == ["a1", "b1", "c1"]
    for name in "abc":
        append(tmp_path / name, f"{name}2\n")
    connector.restart()
    assert sorted(connector.read()) == ["a2", "b2", "c2"]


def test_the_offset_says_which_file_and_proves_it(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "a.log"
    file.write_text("a1\na2\n")
    connector = many(file)
    [batch] = connector.drivers[0].batches()
    assert batch.source_partition == {"filename": str(file), "first_line": batch.source_partition["first_line"]}
    assert batch.source_offset["position"] == 6
    assert batch.source_offset["inode"] == file.stat().st_ino


def test_a_commit_is_asked_for_when_a_file_is_begun(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a").write_text("one\n")
    connector = many(tmp_path)
    context = connector.drivers[0].task.context
    connector.read()
    assert context.commits == 1
    connector.drivers[0].task._commit_asked_at -= 1.0
    append(tmp_path / "a", "two\n")
    connector.read()
    assert context.commits == 1
    (tmp_path / "b").write_text("one\n")
    connector.read()
    assert context.commits == 2


def test_files_are_shared_out_over_tasks_and_stay_where_they_are(tmp_path: Path, many: Callable[..., Any]) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.log").write_text(f"line of {number}\n")
    connector = many(tmp_path / "*.log")
    connector.restart(tasks=4)
    shares = [{one for batch in driver.batches() for one in batch.values} for driver in connector.drivers]
    assert sum(map(len, shares)) == len(set().union(*shares)) == 40
    assert all(shares)
    for number in range(40, 80):
        (tmp_path / f"{number:02}.log").write_text(f"line of {number}\n")
    for number in range(40):
        append(tmp_path / f"{number:02}.log", f"line of {number}\n")
    for driver, share in zip(connector.drivers, shares, strict=True):
        driver.task._input._look_at = 0.0
        again = {one for batch in driver.batches() for one in batch.values}
        assert share <= again
        assert not any(again & other for other in shares if other is not share)


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
    reader._touched.extend(reader._followed.values())  # as the system tells
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
    reader, real = connector.drivers[0].task._input, module.Reader._found_and_opened
    fails = 2  # as it is found, and as it is read

    def moved_on(self: Any, follower: Any) -> bool:
        nonlocal fails
        if follower.path.endswith(".1") and fails:
            fails -= 1
            return False
        return real(self, follower)

    monkeypatch.setattr(module.Reader, "_found_and_opened", moved_on)
    read = []
    for _ in range(5):
        read += [value for batch in reader.poll() for value in batch.values]
        reader._look_at = 0.0
    assert fails == 0
    assert read == ["one", "two"]


def test_generations_that_nothing_tells_of_are_named_and_how_to_have_them_read(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    for generation in range(3):
        rotate(file, f"generation {generation}\n")
    connector = many(tmp_path / "*.log")
    assert connector.read() == ["generation 2"]
    assert f"file '{file}.1' and 2 more stand beside '{file}', are not among 'files'" in caplog.text
    assert f"name them too, as '{file}*'" in caplog.text
    caplog.clear()
    append(file, "more\n")
    connector.restart()
    assert connector.read() == ["more"]
    assert "stand beside" not in caplog.text, "its own offset tells that it was being read"


def test_generations_that_an_offset_tells_of_are_not_warned_of(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(tmp_path / "*.log")
    assert connector.read() == LONG.splitlines()
    connector.stop()
    rotate(file, "between\n")
    rotate(file, "new\n")
    connector.start()
    assert connector.read() == ["between", "new"]
    assert "stand beside" not in caplog.text


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
    real = reader._look

    def look_and_rotate(now: float) -> None:
        real(now)
        if not (tmp_path / "in.log.5").exists():
            for number in range(3, 0, -1):
                (tmp_path / f"in.log.{number}").rename(tmp_path / f"in.log.{number + 2}")
            file.rename(tmp_path / "in.log.2")

    monkeypatch.setattr(reader, "_look", look_and_rotate)
    assert connector.read() == [f"generation {generation}" for generation in range(1, 4)]


def test_a_name_that_was_gone_for_long_may_have_had_another_file_since(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(file)
    assert connector.read() == LONG.splitlines()
    file.unlink()
    assert connector.read() == []
    file.write_text("between\n")
    rotate(file, "new\n")
    assert connector.read() == ["between", "new"]


def test_an_inode_that_is_used_again_is_another_file(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.log"
    file.write_text(LONG)
    connector = many(file)
    assert connector.read() == LONG.splitlines()
    file.unlink()
    assert connector.read() == []
    file.write_text("between\n")
    rotate(file, "new\n")
    names = connector.drivers[0].task._input._names
    status = file.stat()  # as where somebody else had the inode in between, and the system gave it to this file
    names[str(file)] = ((status.st_dev, status.st_ino), *names[str(file)][1:])
    assert connector.read() == ["between", "new"]


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


def test_a_file_that_is_deleted_before_its_end_was_read_is_named_with_what_is_lost(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 1)
    for name in "ab":
        (tmp_path / name).write_text(f"{name}1\n")
    connector = many(tmp_path)
    connector.read()
    [closed] = [one for one in connector.drivers[0].task._input._followed.values() if one.descriptor is None]
    append(Path(closed.path), "lost\n")
    reader = connector.drivers[0].task._input
    monkeypatch.setattr(reader, "_next_ready", lambda: None)  # a slow one, which has not come to it yet
    connector.read(looks=1)
    Path(closed.path).unlink()
    connector.read(looks=1)
    assert f"file {closed.path!r} was deleted" in caplog.text
    assert "its last 5 bytes, from position 3 on, are lost" in caplog.text


def test_a_deleted_file_that_is_open_is_read_to_its_end(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "a"
    file.write_text("one\n")
    connector = many(tmp_path)
    assert connector.read() == ["one"]
    append(file, "two\nthree")
    file.unlink()
    assert connector.read() == ["two", "three"]
    assert not connector.drivers[0].task._input._followed


def test_a_last_line_without_end_is_held_back_and_never_cut(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.log"
    file.write_text("one\ntw")
    connector = many(tmp_path / "*.log")
    assert connector.read() == ["one"]
    append(file, "o\nthr")
    assert connector.read() == ["two"]
    rotate(file, "new\n")
    assert connector.read() == ["thr", "new"]
    connector.restart()
    append(tmp_path / "in.log.1", "ee\n")
    connector.restart()
    assert connector.read() == ["three"]


STEPS = ["append", "append", "torn", "rename", "copytruncate", "read", "read", "kill", "restart"]


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=14))
def test_whatever_happens_to_a_file_no_line_is_lost_or_cut_and_none_repeated_without_a_kill(
    start_many: Callable[..., Any], pattern: str, steps: list[str]
) -> None:
    written = ["first " + "x" * 300]  # what was never seen under a pattern's name is nobody's
    torn = ""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LINGER_S", 3600.0)
        file = Path(folder) / "in.log"
        file.write_text(written[0] + "\n")
        connector = start_many(Path(folder) / pattern)
        read = connector.read(looks=1)
        at_ns = 0
        for step in steps:
            at_ns += 1_000_000_000
            if step in ("append", "torn"):
                line = f"{len(written):03} " + "x" * 300
                written.append(line)
                append(file, torn + line + "\n" if step == "append" else torn + line[:5])
                torn = "" if step == "append" else line[5:] + "\n"
                os.utime(file, ns=(at_ns, at_ns))
            elif step in ("rename", "copytruncate"):
                append(file, torn)
                torn = ""
                os.utime(file, ns=(at_ns, at_ns))
                if step == "rename":
                    rotate(file, "", keep=20)
                    os.utime(file, ns=(at_ns + 1, at_ns + 1))
                else:
                    # What was cut before it was looked at cannot be known to be a copy of what was read.
                    read += connector.read(looks=2)
                    move_on(file)
                    copytruncate(file)
                    os.utime(file.with_name("in.log.1"), ns=(at_ns, at_ns))
                    os.utime(file, ns=(at_ns + 1, at_ns + 1))
            elif step == "read":
                read += connector.read(looks=2)
            elif step == "restart":
                connector.restart()
            else:  # killed with something read that was not committed
                connector.read(looks=1, commits=False)
                connector.restart()
        append(file, torn)
        read += connector.read(looks=4)
        connector.stop()
    assert [line for line in read if line not in written] == []
    assert sorted(set(read)) == sorted(written)
    assert len(read) == len(written)


def move_on(file: Path) -> None:
    for number in range(20, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        if older.exists():
            older.rename(file.with_name(f"{file.name}.{number + 1}"))


def test_more_files_than_may_be_open_are_all_followed(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    files = [tmp_path / f"{number}.log" for number in range(10)]
    connector = many(tmp_path)
    for step in range(3):
        for file in files:
            append(file, f"{file.stem} {step}\n")
        assert sorted(connector.read()) == sorted(f"{file.stem} {step}" for file in files)
        assert sum(one.descriptor is not None for one in connector.drivers[0].task._input._followed.values()) <= 3


def test_a_file_that_cannot_be_read_stops_no_other(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.mkdir()
    secret.write_text("secret\n")
    (allowed / "a").symlink_to(secret)
    (allowed / "b").write_text("b\n")
    with in_force(FileRules((str(allowed),))):
        assert many(allowed).read() == ["b"]
    assert caplog.text.count("it is passed over") == 1


def test_two_names_of_one_file_are_one_file(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a.log").write_text("one\n")
    (tmp_path / "b.log").symlink_to(tmp_path / "a.log")
    assert many(tmp_path / "*.log", tmp_path / "a.log").read() == ["one"]


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


def test_bytes_that_are_not_in_the_charset_fail_the_task_after_the_lines_before_them(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.txt"
    file.write_bytes(b"one\ncaf\xe9\n")
    [driver] = many(file, charset="UTF-8", **{"batch.size": "1"}).drivers
    assert driver.poll() == ["one"]
    with pytest.raises(DataError, match=r"at position 4 that cannot be read: it has bytes that are not UTF-8"):
        driver.poll()


def test_a_line_without_end_in_sight_fails_with_its_position(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_BYTES_MAX", 1 << 20)
    file = tmp_path / "in.bin"
    file.write_bytes(b"one\n")
    os.truncate(file, 4 << 20)
    [driver] = many(file).drivers
    with pytest.raises(DataError, match=r"has a line of more than 1 MiB at position 4") as caught:
        [driver.poll() for _ in range(10)]
    assert caught.value.code == "file.line_too_long"


@pytest.mark.parametrize("data", ["one\ntwo\nthree\n", "one\r\nzwö\r\nthree\r\n"])
def test_an_offset_within_a_batch_is_where_that_line_ends(tmp_path: Path, many: Callable[..., Any], data: str) -> None:
    file = tmp_path / "in.txt"
    file.write_bytes(data.encode())
    connector = many(file)
    [batch] = connector.drivers[0].batches()
    for count in (1, 2):
        connector.offsets = {key_of(batch.source_partition): connector.drivers[0].call("offset_within", batch, count)}
        again = many(file)
        again.offsets.update(connector.offsets)
        assert again.read() == batch.values[count:]
    file.write_bytes(data.upper().encode())
    assert connector.drivers[0].call("offset_within", batch, 1) is None


# -- formats ---------------------------------------------------------------------------------------------------------


def test_csv_files_each_have_their_header_and_a_restart_knows_it(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n")
    (tmp_path / "b.csv").write_text('name,id\n"b\nb",2\n')
    connector = many(tmp_path, format="csv", **{"csv.columns": "id:int32"})
    assert connector.read() == [{"id": 1, "name": "a"}, {"id": 2, "name": "b\nb"}]
    append(tmp_path / "a.csv", "3,c\n")
    append(tmp_path / "b.csv", 'd,4\n"open')
    connector.restart()
    assert connector.read() == [{"id": 3, "name": "c"}, {"id": 4, "name": "d"}]
    append(tmp_path / "b.csv", '\n",5\n')
    assert connector.read() == [{"id": 5, "name": "open\n"}]


def test_one_file_may_have_a_format_too_and_its_name_is_taken_as_it_stands(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in[1]*.json"
    file.write_text('{"a":1}\n')
    connector = many(format="json", file=str(file))
    assert connector.read() == [{"a": 1}]
    append(file, '{"a":2}\n')
    connector.restart()
    assert connector.read() == [{"a": 2}]


def test_a_record_that_cannot_be_read_ends_the_task_behind_those_in_front_of_it(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"a":1}\nnot json\n{"a":2}\n')
    connector = many(file, format="json")
    assert connector.drivers[0].poll() == [{"a": 1}]
    with pytest.raises(DataError, match=r"in.json' has a record at position 8 that cannot be read: it is not JSON"):
        connector.drivers[0].poll()


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_records_that_cannot_be_read_are_left_out_where_they_are_tolerated(
    tmp_path: Path, many: Callable[..., Any], format_: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in"
    begin, good, bad = {"json": ("", "[{}]\n", "nothing\n"), "csv": ("a,b\n", "{},x\n", "1,2,3\n")}[format_]
    file.write_text(begin + "".join(good.format(n) + bad for n in range(3000)))
    connector = many(file, format=format_, **{"errors.tolerance": "all", "batch.size": "7"})
    found = [value[0] if format_ == "json" else int(value["a"]) for value in connector.read()]
    assert found == list(range(3000))
    assert f"position {len(begin) + len(good.format(0))} that cannot be read" in caplog.text
    assert caplog.text.count("left out, since errors.tolerance=all") == module.LEFT_OUT_TOLD
    connector.restart()
    assert connector.read() == []


def test_an_offset_within_a_batch_of_csv_is_where_that_record_ends(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.csv"
    file.write_text('a,b\n1,"x\ny"\n\n2,z\n3,z\n')
    connector = many(file, format="csv")
    [batch] = connector.drivers[0].batches()
    for count in (1, 2):
        again = many(file, format="csv")
        again.offsets[key_of(batch.source_partition)] = connector.drivers[0].call("offset_within", batch, count)
        assert again.read() == batch.values[count:]


def test_a_header_that_does_not_fit_is_told_with_the_file(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "in.csv").write_text("a,a\n1,2\n")
    connector = many(tmp_path, format="csv")
    with pytest.raises(DataError, match=r"in.csv' cannot be read: its header names 'a' twice"):
        connector.read()


# -- packed files and character sets -----------------------------------------------------------------------------------


def pack(file: Path) -> Path:
    packed = file.with_name(file.name + ".gz")
    status = file.stat()
    packed.write_bytes(gzip.compress(file.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    file.unlink()
    return packed


def test_packed_files_are_read_and_gone_on_with_after_a_restart(tmp_path: Path, many: Callable[..., Any]) -> None:
    lines = [f"line {number:05} of many" for number in range(200_000)]
    (tmp_path / "in.log.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    connector = many(tmp_path)
    [first, *_] = connector.drivers[0].batches()
    (tmp_path / "in.bz2").write_bytes(bz2.compress(b"b1\nb2\n"))
    (tmp_path / "in.json.xz").write_bytes(lzma.compress(b"x1\n"))
    connector.restart()
    connector.offsets[key_of(first.source_partition)] = first.source_offset
    found = connector.read(looks=2)
    assert sorted(line for line in found if not line.startswith("line")) == ["b1", "b2", "x1"]
    assert [line for line in found if line.startswith("line")] == lines[len(first) :]
    assert connector.read() == []
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


def test_a_packed_file_that_is_broken_ends_the_task_by_name_or_is_left_out(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    packed = bytearray(gzip.compress(LONG.encode()))
    packed[-8:-4] = b"\0\0\0\0"  # the checksum
    (tmp_path / "a.gz").write_bytes(packed)
    (tmp_path / "b").write_text("b\n")
    connector = many(tmp_path)
    with pytest.raises(DataError, match=r"a.gz' cannot be read behind position \d+: CRC check failed"):
        connector.read()
    tolerant = many(tmp_path, **{"errors.tolerance": "all"})
    assert sorted(tolerant.read()) == ["b", *LONG.splitlines()]
    assert "left out, since errors.tolerance=all: file" in caplog.text


@pytest.mark.parametrize("level", [0, 9])
def test_a_packed_file_is_read_as_it_comes(
    tmp_path: Path, many: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.setattr(module, "LINGER_S", 3600.0)
    lines = [f"line {number}" for number in range(20_000)]
    packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=level)
    file = tmp_path / "in.gz"
    file.write_bytes(packed[: len(packed) // 2])
    connector = many(tmp_path)
    begin = connector.read(commits=False)
    assert begin
    with file.open("ab") as writer:
        writer.write(packed[len(packed) // 2 :])
    assert begin + connector.read() == lines


def test_byte_order_marks_tell_the_character_set_and_are_no_text(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a").write_bytes(codecs.BOM_UTF8 + "zwölf,a\n1,ü\n".encode())
    (tmp_path / "b").write_bytes("zwölf,b\n2,ü\n".encode("utf-16"))
    (tmp_path / "c").write_bytes("zwölf,c\n3,ü\n".encode("latin-1"))
    connector = many(tmp_path, format="csv", charset="ISO-8859-1")
    assert connector.read() == [{"zwölf": str(n), name: "ü"} for n, name in enumerate("abc", 1)]
    with (tmp_path / "b").open("ab") as writer:
        writer.write("4,ß\n".encode("utf-16")[2:])
    append(tmp_path / "a", "5,x\n")
    assert sorted(map(str, connector.read())) == ["{'zwölf': '4', 'b': 'ß'}", "{'zwölf': '5', 'a': 'x'}"]
    connector.restart()
    assert connector.read() == []


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({}, ["zwölf", "ß"]),
        ({"format": "json"}, [{"a": 1}, 2]),
        ({"format": "json", "charset": "ISO-8859-1"}, ["ü", 3]),
    ],
    ids=["lines", "json", "json of a charset"],
)
def test_the_mark_of_utf_8_is_no_part_of_the_first_record(
    tmp_path: Path, many: Callable[..., Any], config: dict[str, str], values: list[Any]
) -> None:
    texts = values if not config else [json.dumps(value, ensure_ascii=False) for value in values]
    (tmp_path / "a").write_bytes(codecs.BOM_UTF8 + "".join(f"{text}\n" for text in texts).encode())
    connector = many(tmp_path, **config)
    assert connector.read() == values
    connector.restart()
    assert connector.read() == []


# -- the end of a file -------------------------------------------------------------------------------------------------

AT_ONCE = {"on.eof.wait.ms": "0"}


def commit(connector: Any) -> None:
    """Tell the task what is durable, as the runtime does."""
    stored = [(json.loads(partition), offset) for partition, offset in connector.offsets.items()]
    connector.drivers[0].call("commit", stored)


def look(connector: Any) -> list[Any]:
    """Return the batches of one poll that looks for files, and of those behind it."""
    connector.drivers[0].task._input._look_at = 0.0
    batches = []
    while more := connector.drivers[0].batches():
        batches += more
    return batches


def test_a_file_is_deleted_once_its_records_are_durable_and_not_before(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file, empty = tmp_path / "in.txt", tmp_path / "empty.txt"
    file.write_text("one\ntwo")
    empty.touch()
    connector = many(tmp_path / "*.txt", **{"on.eof": "delete", **AT_ONCE})
    assert connector.read() == ["one", "two"]
    assert file.exists()
    assert not empty.exists()
    commit(connector)
    assert connector.read() == []
    assert not file.exists()
    file.write_text("three\n")
    assert connector.read() == ["three"]


def test_a_file_that_was_read_before_a_restart_is_deleted_after_it(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    connector = many(file, **{"on.eof": "delete", **AT_ONCE})
    assert connector.read() == ["one"]
    connector.restart()
    assert connector.read() == []
    assert not file.exists()


def test_a_file_is_moved_and_replaces_none(tmp_path: Path, many: Callable[..., Any]) -> None:
    done = tmp_path / "done"
    done.mkdir()
    (done / "in.csv").write_text("of before\n")
    (tmp_path / "in.csv").write_text("a,b\n1,2")
    connector = many(tmp_path / "**", format="csv", **{"on.eof": "move", "on.eof.folder": str(done), **AT_ONCE})
    assert connector.read() == [{"a": "1", "b": "2"}]
    commit(connector)
    assert connector.read() == []
    assert (done / "in.csv.1").read_text() == "a,b\n1,2"
    assert (done / "in.csv").read_text() == "of before\n"
    assert not (tmp_path / "in.csv").exists()


def test_a_file_that_grows_is_read_on_and_not_deleted_before_it_is_quiet(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    connector = many(file, **{"on.eof": "delete", "on.eof.wait.ms": "3600000"})
    assert connector.read() == ["one"]
    commit(connector)
    append(file, "two\n")
    assert connector.read() == ["two"]
    assert file.exists()


def test_what_is_written_to_a_file_as_it_is_deleted_is_read(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    connector = many(file, **{"on.eof": "delete", **AT_ONCE})
    assert connector.read() == ["one"]
    commit(connector)
    with file.open("a") as writer:
        assert look(connector) == []
        assert not file.exists()
        writer.write("late\n")
        writer.flush()
        assert connector.read() == ["late"]


def test_a_file_that_was_read_and_stopped_is_left_alone_until_the_next_start(
    tmp_path: Path, many: Callable[..., Any]
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("one\ntwo")
    connector = many(tmp_path / "*.txt", **{"on.eof": "stop", **AT_ONCE})
    assert connector.read() == ["one", "two"]
    append(file, "\nthree\n")
    (tmp_path / "other.txt").write_text("other\n")
    assert connector.read() == ["other"]
    connector.restart()
    assert connector.read() == ["three"]


def test_a_file_that_cannot_be_moved_is_told_of_and_left(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    connector = many(file, **{"on.eof": "move", "on.eof.folder": str(tmp_path / "gone"), **AT_ONCE})
    connector.read()
    commit(connector)
    connector.read()
    assert caplog.text.count(f"was read and cannot be moved to {str(tmp_path / 'gone')!r}: No such file") == 1
    assert file.exists()


@pytest.mark.parametrize("charset", [None, "UTF-8"])
def test_a_whole_file_is_one_record_with_its_path_as_the_key(
    tmp_path: Path, many: Callable[..., Any], charset: str | None
) -> None:
    file = tmp_path / "in.bin"
    file.write_bytes(gzip.compress(b"one\ntwo") if charset is None else b"one\ntwo")
    options = {} if charset is None else {"charset": charset}
    connector = many(tmp_path, format="whole", **options, **AT_ONCE)
    batches = [batch for _ in range(4) for batch in look(connector)]
    [(keys, values)] = [(batch.keys, batch.values) for batch in batches]
    assert (keys, values) == ([str(file)], [file.read_bytes() if charset is None else "one\ntwo"])
    assert batches[0].value_schema == (BYTES if charset is None else STRING)
    file.write_bytes(b"another")
    again = [batch for _ in range(4) for batch in look(connector)]
    assert [batch.values for batch in again] == [[b"another" if charset is None else "another"]]
    append(file, " and more")
    last = [batch for _ in range(4) for batch in look(connector)]
    assert [batch.values for batch in last] == [[b"another and more" if charset is None else "another and more"]]


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
    monkeypatch.setattr(module, "OPEN_MAX", 3)
    monkeypatch.setattr(module, "CHUNK_BYTES", 1 << 12)
    end = b"\n" if "multiline.start" in config else b""
    for number in range(20):
        (tmp_path / f"file{number}x").write_bytes(packing(b"a\n" + b"x" * 9000 + end))
    connector = many(tmp_path, **config, **{"on.eof.wait.ms": "1"})
    found: list[Any] = []
    deadline = time.monotonic() + 10
    while len(found) < 20 and time.monotonic() < deadline:
        found += [value for value in connector.read() if value != "a"]
    assert len(found) == 20


def test_lines_without_the_start_of_a_record_belong_to_the_one_before(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.log"
    file.write_text("2024 one\n  at a\n  at b\n2024 two\n")
    connector = many(file, **{"multiline.start": r"^\d{4}", "on.eof.wait.ms": "3600000"})
    assert connector.read() == ["2024 one\n  at a\n  at b"]
    append(file, "  at c\n2024 thr")
    connector.restart()
    assert connector.read() == []  # the line of the next one has no end
    append(file, "ee\n2024 four\n")
    assert connector.read() == ["2024 two\n  at c", "2024 three"]
    quiet = many(file, **{"multiline.start": r"^\d{4}", **AT_ONCE})
    quiet.offsets.update(connector.offsets)
    append(file, "2024 fi")
    assert quiet.read() == ["2024 four"]


def test_a_folder_that_files_cannot_be_moved_to_is_told_by_the_check(tmp_path: Path) -> None:
    def told(folder: Path) -> list[tuple[str, str]]:
        keys = {"files": str(tmp_path), "on.eof": "move", "on.eof.folder": str(folder)}
        connector = FileStreamSourceConnector()
        connector.configure(FileStreamSourceConnector.config_class.parse({"topic": "t", **keys}))
        return [(problem.key, problem.message) for problem in connector.check()]

    (tmp_path / "in.txt").write_text("one\n")
    (tmp_path / "done").mkdir()
    assert told(tmp_path / "done") == []
    for wrong in (tmp_path / "gone", tmp_path / "in.txt"):
        [(key, message)] = told(wrong)
        assert key == "on.eof.folder"
        assert f"{str(wrong)!r} is not there, or is none" in message


def test_files_that_may_not_be_written_are_not_deleted(tmp_path: Path, many: Callable[..., Any]) -> None:
    with in_force(FileRules(closed_to_writing=(str(tmp_path),))):
        with pytest.raises(ConfigError, match="among the code that the worker runs"):
            many(tmp_path / "*.txt", **{"on.eof": "delete"})
        many(tmp_path / "*.txt")


def test_without_any_file_it_says_so_and_waits(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    connector = many(tmp_path / "*.log")
    assert connector.read() == []
    context = connector.drivers[0].task.context
    assert context.waiting_for == "no file is there that 'files' names"
    assert caplog.text.count("waiting for one") == 1
    (tmp_path / "a.log").write_text("one\n")
    assert connector.read() == ["one"]
    assert context.waiting_for is None


def test_a_commit_of_what_a_file_held_before_deletes_nothing(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.csv"
    file.write_text("header\n" + LONG)
    connector = many(file, **{"on.eof": "delete", **AT_ONCE})
    [old] = look(connector)
    file.write_text("header\nnew\n")
    [new] = [batch for _ in range(4) for batch in look(connector)]
    assert new.values == ["header", "new"]
    for offset, is_left in ((old.source_offset, True), (new.source_offset, False)):
        connector.drivers[0].call("commit", [(new.source_partition, offset)])
        assert [batch for _ in range(4) for batch in look(connector)] == []
        assert file.exists() is is_left
