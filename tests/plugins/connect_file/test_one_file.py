"""One file: what is returned, where it goes on, and what is done when the file changes under it."""

import os
import re
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import STRING, ConfigError, EnvironmentFault
from connect.api.files import FileRules, in_force
from connect_file import FileStreamSourceConnector, one_file


def test_each_line_becomes_a_string_record_without_key(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("one\n\nthrée\n")
    [batch] = source(file).batches()
    assert batch.values == ["one", "", "thrée"]
    assert (batch.topic, batch.keys, batch.value_schema) == ("lines", None, STRING)
    assert batch.source_partition == {"filename": str(file)}
    assert batch.source_offset == {"position": len("one\n\nthrée\n".encode())}
    assert isinstance(batch.timestamps, int)


def test_a_last_line_without_end_is_held_back_until_it_has_one(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("one\ntw")
    driver = source(file)
    assert driver.poll() == ["one"]
    assert driver.poll() == []
    with file.open("a") as writer:
        writer.write("o\nthree\n")
    [batch] = driver.batches()
    assert batch.values == ["two", "three"]
    assert batch.source_offset == {"position": 14}


def test_a_task_tells_how_much_it_has_still_to_read(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("x" * 99 + "\n")
    with file.open("a") as writer:
        writer.write(("y" * 99 + "\n") * 15_000)
    driver = source(file)
    left = []
    while driver.poll():
        left.append(driver.task.context.gauges["bytes.left"])
    assert left == sorted(left, reverse=True) and len(set(left)) > 1
    assert left[0] == pytest.approx(500_000, abs=100_000)
    assert driver.task.context.gauges["bytes.left"] == 0.0


def test_a_task_goes_on_at_the_committed_position(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("one\ntwo\nthree\n")
    assert source(file, position=4).poll() == ["two", "three"]


def test_a_missing_file_is_waited_for_and_said_once(tmp_path, source, caplog):
    file = tmp_path / "later.txt"
    driver = source(file)
    assert driver.poll() == driver.poll() == []
    assert [r.getMessage() for r in caplog.records] == [f"file {str(file)!r} is not there; waiting for it"]
    file.write_text("here\n")
    assert driver.poll() == ["here"]


def test_a_truncated_file_is_read_from_its_start_with_a_warning(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_text("a long first line\n")
    driver = source(file)
    driver.poll()
    file.write_text("new\n")
    assert driver.poll() == []
    assert driver.poll() == ["new"]
    assert "has 4 bytes, fewer than the 18 that were read" in caplog.text


def test_a_committed_position_behind_the_end_of_the_file_starts_over(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_text("short\n")
    assert source(file, position=1000).poll() == ["short"]
    assert "starting over at 0" in caplog.text


def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one_from_its_start(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("old\n")
    driver = source(file)
    assert driver.poll() == ["old"]
    file.rename(tmp_path / "in.txt.1")
    with (tmp_path / "in.txt.1").open("a") as writer:
        writer.write("late\nunended")
    file.write_text("new\n")
    assert [driver.poll() for _ in range(4)] == [["late"], [], ["unended"], ["new"]]


def test_a_file_that_is_rotated_after_it_was_found_and_before_it_was_opened_is_read(tmp_path, source):
    path = tmp_path / "in.txt"
    path.write_text("one\n")
    driver = source(path)
    assert driver.poll() == ["one"]
    path.rename(tmp_path / "in.txt.1")
    path.write_text("two\n")
    while driver.task._input._stream is not None:  # until it has left the old one
        assert driver.poll() == []
    path.rename(tmp_path / "in.txt.2")
    path.write_text("three\n")
    assert [line for _ in range(6) for line in driver.poll()] == ["two", "three"]


def test_after_the_unended_last_line_of_a_rotated_file_the_offset_is_the_start_of_the_new_one(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("unended")
    driver = source(file)
    driver.poll()
    file.rename(tmp_path / "in.txt.1")
    file.write_text("new\n")
    batches = [batch for _ in range(3) for batch in driver.batches()]
    assert [(b.values, b.source_offset) for b in batches] == [
        (["unended"], {"position": 0}),
        (["new"], {"position": 4}),
    ]


def test_a_deleted_file_is_waited_for(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("old\n")
    driver = source(file)
    driver.poll()
    file.unlink()
    assert driver.poll() == driver.poll() == []
    file.write_text("new\n")
    assert [driver.poll() for _ in range(3)] == [[], [], ["new"]]


def test_a_folder_is_refused(tmp_path, source):
    with pytest.raises(ConfigError, match="is not a regular file"):
        source(tmp_path)


def test_a_named_pipe_is_refused_at_once(tmp_path, source):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is not a regular file"):
        source(tmp_path / "pipe")


def test_a_path_through_a_file_is_an_environment_fault_with_its_name(tmp_path, source):
    (tmp_path / "plain").write_text("")
    with pytest.raises(EnvironmentFault, match=r"plain/in.txt' cannot be read: Not a directory") as caught:
        source(tmp_path / "plain" / "in.txt")
    assert caught.value.code == "file.unreadable"


@pytest.mark.parametrize("position", ["12", -1, 1.5, True])
def test_a_stored_offset_that_is_no_position_is_refused(tmp_path, source, position):
    with pytest.raises(ConfigError, match="expected a 'position' of 0 or more bytes"):
        source(tmp_path / "in.txt", position=position)


pieces = st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", "é".encode(), b"\n\n"])


@given(st.lists(st.tuples(pieces, st.booleans())))
def test_however_a_file_grows_and_wherever_a_task_goes_on_each_line_comes_once(start_source, steps):
    batches, position = [], None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in.txt"
        file.touch()
        driver = start_source(file)
        for piece, restart in steps:
            with file.open("ab") as writer:
                writer.write(piece)
            for batch in driver.batches():
                batches.append(batch)
                position = batch.source_offset["position"]
            if restart:
                driver.stop()
                driver = start_source(file, position, **{"batch.size": "1"})
        driver.stop()
    ended = re.findall(rb"([^\r\n]*)(?:\r\n|\n|\r(?=[^\n]))", b"".join(piece for piece, _ in steps))
    assert [value for batch in batches for value in batch.values] == [line.decode() for line in ended]


def test_a_file_written_anew_and_grown_past_the_position_is_read_from_its_start(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_text("x1\nx2\n")
    driver = source(file)
    assert driver.poll() == ["x1", "x2"]
    assert driver.poll() == []
    with file.open("r+") as writer:  # as copytruncate does: the same file
        writer.truncate(0)
        writer.write("newline1-abcdef\n")
    assert [*driver.poll(), *driver.poll()] == ["newline1-abcdef"]
    assert "is not as it was when it was read up to position 6" in caplog.text


def test_a_position_inside_a_line_is_never_read_from(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_text("newline1-abcdef\nsecond\n")
    assert source(file, position=6).poll() == ["newline1-abcdef", "second"]
    assert "starting over at 0" in caplog.text


def test_a_file_with_another_beginning_is_read_from_its_start(tmp_path, source, caplog):
    file = tmp_path / "in.txt"
    file.write_text("a" * 299 + "\n")
    [batch] = source(file).batches()
    assert batch.source_offset["position"] == 300
    file.write_text("b" * 299 + "\nmore\n")
    assert source(file, offset=batch.source_offset).poll() == ["b" * 299, "more"]
    assert "is not as it was" in caplog.text


def test_an_offset_carries_a_fingerprint_once_the_beginning_tells_the_file(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("short\n")
    driver = source(file)
    assert driver.batches()[0].source_offset == {"position": 6}
    with file.open("a") as writer:
        writer.write("x" * 300 + "\n" + "y\n")
    [batch] = driver.batches()
    with file.open("a") as writer:
        writer.write("last\n")
    [batch] = driver.batches()
    assert set(batch.source_offset) == {"position", "fingerprint"}
    assert source(file, offset=batch.source_offset).poll() == []
    assert source(file, position=6).poll() == ["x" * 300, "y", "last"]


def test_a_file_that_was_rotated_while_the_task_was_stopped_is_read_to_its_end_first(tmp_path, source):
    file = tmp_path / "in.log"
    file.write_text("".join(f"first {n:03}\n" for n in range(40)))
    [batch] = source(file).batches()
    with file.open("a") as writer:
        writer.write("late 1\nlate 2\n")
    file.rename(tmp_path / "in.log.1")
    (tmp_path / "in.log.2").write_text("much older\n" * 60)
    os.utime(tmp_path / "in.log.2", ns=(0, 0))
    file.write_text("new\n")
    driver = source(file, offset=batch.source_offset)
    assert [line for _ in range(6) for line in driver.poll()] == ["late 1", "late 2", "new"]


def test_all_generations_that_were_rotated_while_the_task_was_stopped_are_read_in_order(tmp_path, source):
    file = tmp_path / "in.log"
    (tmp_path / "in.log.9").write_text("much older\n")
    os.utime(tmp_path / "in.log.9", ns=(0, 0))
    file.write_text("".join(f"first {n:03}\n" for n in range(40)))
    os.utime(file, ns=(0, 1_000_000))
    [batch] = source(file).batches()
    for generation in (1, 2):
        file.rename(tmp_path / f"in.log.{generation}")
        file.write_text(f"next {generation}\n")
        os.utime(file, ns=(0, (generation + 1) * 1_000_000))
    driver = source(file, offset=batch.source_offset)
    assert [line for _ in range(10) for line in driver.poll()] == ["next 1", "next 2"]


def test_lines_that_may_be_lost_in_a_rotated_file_are_told_with_its_name(tmp_path, source, caplog):
    file = tmp_path / "in.log"
    file.write_text("a1\na2\n")
    file.rename(tmp_path / "in.log.1")
    with (tmp_path / "in.log.1").open("a") as writer:
        writer.write("a3\na4\n")
    file.write_text("b1\n")
    assert source(file, position=6).poll() == ["b1"]
    assert f"If that one is {str(tmp_path / 'in.log.1')!r} now, the lines from position 6 on" in caplog.text


def test_generations_that_came_and_went_between_two_looks_are_read_in_order(tmp_path, source):
    file = tmp_path / "in.log"
    (tmp_path / "in.log.9").write_text("from long ago\n")
    file.write_text("g0\n")
    driver = source(file)
    assert driver.poll() == ["g0"]
    for generation in range(1, 4):
        file.rename(tmp_path / f"in.log.{generation}")
        file.write_text(f"g{generation}-1\ng{generation}-2\n")
        os.utime(file, ns=(0, (tmp_path / f"in.log.{generation}").stat().st_mtime_ns + 1_000_000))
    (tmp_path / "in.log.1.gz").write_bytes(b"packed\n")
    lines = [line for _ in range(20) for line in driver.poll()]
    assert lines == [f"g{generation}-{n}" for generation in range(1, 4) for n in (1, 2)]


def test_generations_that_are_moved_on_before_they_are_read_are_found(tmp_path, source):
    file = tmp_path / "in.log"
    file.write_text("g0\n")
    driver = source(file)
    assert driver.poll() == ["g0"]

    def rotate(generation):
        for number in range(5, 0, -1):
            if (older := tmp_path / f"in.log.{number}").exists():
                older.rename(tmp_path / f"in.log.{number + 1}")
        file.rename(tmp_path / "in.log.1")
        file.write_text(f"g{generation}\n")
        os.utime(file, ns=(0, (tmp_path / "in.log.1").stat().st_mtime_ns + 1_000_000))

    for generation in (1, 2, 3):
        rotate(generation)
    while not driver.task._input._later:
        assert driver.poll() == []
    rotate(4)
    assert [line for _ in range(20) for line in driver.poll()] == ["g1", "g2", "g3", "g4"]


def test_a_generation_that_was_deleted_before_it_was_read_is_told(tmp_path, source, caplog):
    file = tmp_path / "in.log"
    file.write_text("g0\n")
    driver = source(file)
    assert driver.poll() == ["g0"]
    for generation in (1, 2):
        file.rename(tmp_path / f"in.log.{generation}")
        file.write_text(f"g{generation}\n")
    while not driver.task._input._later:
        assert driver.poll() == []
    (tmp_path / "in.log.2").unlink()
    assert [line for _ in range(5) for line in driver.poll()] == ["g2"]
    assert "in.log.2' was deleted before it was read: its lines are lost" in caplog.text


@pytest.mark.parametrize("later", [False, True])
def test_a_file_that_another_writes_beside_it_is_no_generation(tmp_path, source, later):
    file, neighbour = tmp_path / "worker.log", tmp_path / "worker-1.log"
    file.write_text("mine 1\n")
    if not later:
        neighbour.write_text("foreign 1\n")
    driver = source(file)
    assert driver.poll() == ["mine 1"]
    file.rename(tmp_path / "worker.log.1")
    file.write_text("mine 2\n")
    with neighbour.open("a") as writer:
        writer.write("foreign 2\n")
    assert [line for _ in range(20) for line in driver.poll()] == ["mine 2"]


def test_a_generation_that_is_written_on_after_it_was_read_is_not_read_again(tmp_path, source):
    file = tmp_path / "in.log"
    (tmp_path / "in.log.7").write_text("long ago\n")
    file.write_text("g0\n")
    driver = source(file)
    assert driver.poll() == ["g0"]
    file.rename(tmp_path / "in.log.1")
    file.write_text("g1\n")
    assert [line for _ in range(5) for line in driver.poll()] == ["g1"]
    file.rename(tmp_path / "in.log.2")
    file.write_text("g2\n")
    for old in ("in.log.1", "in.log.7"):
        with (tmp_path / old).open("a") as writer:
            writer.write("late\n")
    assert [line for _ in range(20) for line in driver.poll()] == ["g2"]


def test_a_link_out_of_the_allowed_folders_beside_the_file_fails_no_task(tmp_path, source, caplog):
    folder, secret = tmp_path / "allowed", tmp_path / "secret"
    folder.mkdir()
    file = folder / "in.log"
    file.write_text("g0\n")
    with in_force(FileRules((str(folder),))):
        driver = source(file)
        assert driver.poll() == ["g0"]
        file.rename(folder / "in.log.1")
        secret.write_text("secret\n")
        (folder / "in.log.2").symlink_to(secret)
        file.write_text("g1\n")
        assert [line for _ in range(10) for line in driver.poll()] == ["g1"]
    assert "it is passed over" in caplog.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file:///in.txt", "takes a path and not a URL"),
        ("~/in.txt", "'~' is not the home directory here"),
        ("/in/*.log", "'*' and '?' are taken as they are"),
        ("/nowhere/in.log", "There is no folder '/nowhere' either"),
    ],
)
def test_a_name_that_is_hardly_meant_as_it_stands_is_told(source, name, said, caplog):
    config = FileStreamSourceConnector.config_class.parse({"topic": "t", "file": name})
    connector = FileStreamSourceConnector()
    connector.configure(config)
    [problem] = connector.check()
    assert said in problem.message
    source(name)
    assert said in caplog.text


def test_a_file_of_another_name_is_no_generation(tmp_path, source):
    file = tmp_path / "app.log"
    file.write_text("".join(f"first {n:03}\n" for n in range(40)))
    [batch] = source(file).batches()
    file.rename(tmp_path / "app.log.1")
    file.write_text("new\n")
    (tmp_path / "app.access.log").write_text("another's\n")
    (tmp_path / "app.log.lock").write_text("another's\n")
    driver = source(file, offset=batch.source_offset)
    assert [line for _ in range(10) for line in driver.poll()] == ["new"]


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        (b"one\ntwo\nthree\n", None),
        (b"one\r\n\r\ntw\x0co\rthree\n", None),
        ("eins\nzwö\r\ndrei\n".encode(), None),
        (b"bad \xff\xfe\xe2\x82\nworse \xf0\x9f\n\r\nthree\n", None),
        ("eins\nzwö\r\ndrei\n".encode("latin-1"), "ISO-8859-1"),
        ("一\n二\r\n\n三\n".encode("gb18030"), "gb18030"),
    ],
)
def test_an_offset_within_a_batch_is_where_that_line_ends(tmp_path, source, data, charset):
    file = tmp_path / "in.txt"
    file.write_bytes(b"before\n" * 50 + data + b"behind\n" * 3)
    options = {"batch.size": str(len(data.splitlines())), **({"charset": charset} if charset else {})}
    driver = source(file, position=350, **options)
    [batch, *_] = driver.batches()
    assert batch.source_offset["position"] == 350 + len(data)
    for count in range(1, len(batch)):
        offset = driver.call("offset_within", batch, count)
        again = source(file, offset=offset, **options)
        assert again.poll()[: len(batch) - count] == batch.values[count:]
        assert driver.call("offset_within", batch, count) == offset
        assert offset["fingerprint"] == batch.source_offset["fingerprint"]


def test_an_offset_within_a_batch_is_not_known_where_the_file_has_changed_or_is_gone(tmp_path, source):
    file = tmp_path / "in.txt"
    file.write_text("one\ntwo\nthree\n")
    driver = source(file)
    [batch] = driver.batches()
    assert driver.call("offset_within", batch, 2) == {"position": 8}
    file.write_text("one\nTWO\nthree\n")
    assert driver.call("offset_within", batch, 2) is None
    file.write_text("")
    assert driver.call("offset_within", batch, 2) is None


@pytest.fixture
def is_watched(monkeypatch):
    """Take the file system of the tests for one that tells of all that is written, whatever it is."""
    monkeypatch.setattr(one_file, "is_local", lambda path: sys.platform == "linux")
    monkeypatch.setattr(one_file, "VAIN_WAIT_S", 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_at_its_end_a_file_wakes_the_next_poll_when_it_grows(tmp_path, source, is_watched):
    file = tmp_path / "in.txt"
    file.write_text("one\n")
    driver = source(file)
    assert driver.poll() == ["one"]
    assert driver.task.context.poll_wait_s is None  # there may be more
    assert driver.poll() == []
    assert driver.task.context.poll_wait_s == one_file.WATCHED_WAIT_S
    assert not driver.task.context.woken.is_set()
    with file.open("a") as writer:
        writer.write("two\n")
    assert driver.task.context.woken.wait(10)
    assert driver.poll() == ["two"]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_file_that_grows_between_the_read_and_the_watch_wakes_at_once(tmp_path, source, is_watched, monkeypatch):
    file = tmp_path / "in.txt"
    file.touch()
    driver = source(file)
    monkeypatch.setattr(
        driver.task._input._watch, "set", lambda descriptor: bool(file.write_text("late\n")), raising=True
    )
    assert driver.poll() == []
    assert driver.task.context.woken.is_set()
    assert driver.poll() == ["late"]


def test_where_the_system_does_not_tell_of_every_write_polls_go_on_as_ever(tmp_path, source, monkeypatch):
    monkeypatch.setattr(one_file, "is_local", lambda path: False)
    (tmp_path / "in.txt").write_text("one\n")
    driver = source(tmp_path / "in.txt")
    assert [driver.poll(), driver.poll()] == [["one"], []]
    assert driver.task.context.poll_wait_s is None


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.parametrize("was_there", [False, True])
def test_a_file_that_is_not_there_wakes_the_next_poll_when_it_comes(tmp_path, source, is_watched, was_there):
    file = tmp_path / "in.txt"
    if was_there:
        file.touch()
    driver = source(file)
    assert driver.poll() == []
    file.unlink(missing_ok=True)
    driver.task.context.woken.clear()
    assert driver.poll() == []
    assert driver.task.context.poll_wait_s == one_file.WATCHED_WAIT_S
    (tmp_path / "new").write_text("one\n")
    (tmp_path / "new").rename(file)
    assert driver.task.context.woken.wait(10)
    polled = [driver.poll() for _ in range(3)]  # a file that is gone is looked at once more first
    assert ["one"] in polled


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_where_many_other_names_come_a_file_that_is_not_there_is_not_looked_for_at_each(
    tmp_path, source, is_watched, monkeypatch
):
    monkeypatch.setattr(one_file, "VAIN_WAIT_S", 60.0)
    driver = source(tmp_path / "in.txt")
    (tmp_path / "other.txt").touch()
    assert driver.task.context.woken.wait(10)
    driver.task.context.woken.clear()
    assert driver.poll() == []
    assert driver.task.context.poll_wait_s == 60.0
    (tmp_path / "another.txt").touch()
    assert not driver.task.context.woken.wait(0.05)


def test_a_file_whose_folder_is_not_there_is_looked_for_by_polls(tmp_path, source, is_watched):
    driver = source(tmp_path / "gone" / "in.txt")
    assert driver.poll() == []
    assert driver.task.context.poll_wait_s is None


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_file_that_comes_between_the_look_and_the_watch_wakes_at_once(tmp_path, source, is_watched, monkeypatch):
    file = tmp_path / "in.txt"
    driver = source(file)
    monkeypatch.setattr(driver.task._input._watch, "set_folder", lambda path: bool(file.write_text("late\n")))
    assert driver.poll() == []
    assert driver.task.context.woken.is_set()
    assert driver.poll() == ["late"]
