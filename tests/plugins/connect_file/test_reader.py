"""Many files: each line of each comes once, whatever rotation, restarts and other files do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect.api.files import FileRules, in_force
from connect_file import looking

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


STEPS = ["append", "append", "torn", "rename", "copytruncate", "read", "read", "kill", "restart"]


def move_on(file: Path) -> None:
    for number in range(20, 0, -1):
        older = file.with_name(f"{file.name}.{number}")
        if older.exists():
            older.rename(file.with_name(f"{file.name}.{number + 1}"))


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


@pytest.mark.parametrize("pattern", ["*.log", "*.log*"])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=14))
def test_whatever_happens_to_a_file_no_line_is_lost_or_cut_and_none_repeated_without_a_kill(
    start_many: Callable[..., Any], pattern: str, steps: list[str]
) -> None:
    written = ["first " + "x" * 300]  # what was never seen under a pattern's name is nobody's
    torn = ""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(looking, "LINGER_S", 3600.0)
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


def test_an_offset_within_a_batch_of_csv_is_where_that_record_ends(tmp_path: Path, many: Callable[..., Any]) -> None:
    file = tmp_path / "in.csv"
    file.write_text('a,b\n1,"x\ny"\n\n2,z\n3,z\n')
    connector = many(file, format="csv")
    [batch] = connector.drivers[0].batches()
    for count in (1, 2):
        again = many(file, format="csv")
        again.offsets[key_of(batch.source_partition)] = connector.drivers[0].call("offset_within", batch, count)
        assert again.read() == batch.values[count:]


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
    monkeypatch.setattr(looking, "LINGER_S", 3600.0)
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
