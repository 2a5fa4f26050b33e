"""Many files: which are there, what has become of those that were, and what is done with one that was read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError
from connect.api.files import FileRules, in_force
from connect_file import FileStreamSourceConnector, opened

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


AT_ONCE = {"on.eof.wait.ms": "0"}


def commit(connector: Any) -> None:
    """Tell the task what is durable, as the runtime does."""
    stored = [(json.loads(partition), offset) for partition, offset in connector.offsets.items()]
    connector.drivers[0].call("commit", stored)


def look(connector: Any) -> list[Any]:
    """Return the batches of one poll that looks for files, and of those behind it."""
    connector.drivers[0].task._input._looking.next_at = 0.0
    batches = []
    while more := connector.drivers[0].batches():
        batches += more
    return batches


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
        driver.task._input._looking.next_at = 0.0
        again = {one for batch in driver.batches() for one in batch.values}
        assert share <= again
        assert not any(again & other for other in shares if other is not share)


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
    names = connector.drivers[0].task._input._looking._names
    status = file.stat()  # as where somebody else had the inode in between, and the system gave it to this file
    names[str(file)] = ((status.st_dev, status.st_ino), *names[str(file)][1:])
    assert connector.read() == ["between", "new"]


def test_a_file_that_is_deleted_before_its_end_was_read_is_named_with_what_is_lost(
    tmp_path: Path, many: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "OPEN_MAX", 1)
    for name in "ab":
        (tmp_path / name).write_text(f"{name}1\n")
    connector = many(tmp_path)
    connector.read()
    [closed] = [one for one in connector.drivers[0].task._input._followed.by_inode.values() if one.descriptor is None]
    append(Path(closed.path), "lost\n")
    reader = connector.drivers[0].task._input
    monkeypatch.setattr(reader._ready, "next", lambda: None)  # a slow one, which has not come to it yet
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
    assert not connector.drivers[0].task._input._followed.by_inode


def test_two_names_of_one_file_are_one_file(tmp_path: Path, many: Callable[..., Any]) -> None:
    (tmp_path / "a.log").write_text("one\n")
    (tmp_path / "b.log").symlink_to(tmp_path / "a.log")
    assert many(tmp_path / "*.log", tmp_path / "a.log").read() == ["one"]


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
