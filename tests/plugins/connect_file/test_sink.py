"""The file sink: what a line looks like, and what happens when the file cannot take it."""

import datetime as dt
import os
import resource
from decimal import Decimal
from pathlib import Path

import pytest

from connect.api import ConfigError, DataError, RetriableError
from connect.api.files import FileRules, in_force


def test_each_record_is_a_line_and_lines_are_appended(tmp_path, sink):
    file = tmp_path / "out.txt"
    file.write_text("before\n")
    driver = sink(file)
    driver.put("one", "two")
    driver.put("thrée")
    driver.call("flush")
    assert file.read_text() == "before\none\ntwo\nthrée\n"


def test_the_file_is_created_at_the_start(tmp_path, sink):
    sink(tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_bytes_are_written_as_they_are(tmp_path, sink):
    driver = sink(tmp_path / "out.txt")
    driver.put(b"\xff\x00", b"plain")
    assert (tmp_path / "out.txt").read_bytes() == b"\xff\x00\nplain\n"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (2**70, "1180591620717411303424"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC), "2024-02-29T12:00:00+00:00"),
        ({"a": 1, "b": [None, "é"]}, '{"a":1,"b":[null,"é"]}'),
        ({"big": 2**70, "d": Decimal("0.10")}, '{"big":1180591620717411303424,"d":"0.10"}'),
        ({1: b"\xff"}, '{"1":"/w=="}'),
        ("half \ud800", "half ?"),
    ],
)
def test_other_values_are_written_as_compact_json(tmp_path, sink, value, line):
    sink(tmp_path / "out.txt").put(value)
    assert (tmp_path / "out.txt").read_text() == line + "\n"


@pytest.mark.parametrize("first", ["text", b"text", 1])
def test_a_batch_may_mix_kinds_of_values(tmp_path, sink, first):
    sink(tmp_path / "out.txt").put(first, None, "a", b"b", {"c": 1})
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines[1:] == ["null", "a", "b", '{"c":1}']


def test_a_value_without_text_form_is_a_data_error_and_nothing_is_written(tmp_path, sink):
    driver = sink(tmp_path / "out.txt")
    with pytest.raises(DataError, match="type dict cannot be written"):
        driver.put({"x": object()})
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_an_empty_batch_writes_nothing(tmp_path, sink):
    sink(tmp_path / "out.txt").put()
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_a_torn_last_line_is_ended_first(tmp_path, sink):
    file = tmp_path / "out.txt"
    file.write_text("whole\ntor")
    sink(file).put("next")
    assert file.read_text() == "whole\ntor\nnext\n"


def test_tasks_that_share_a_file_never_mix_lines(tmp_path, sink):
    one, two = sink(tmp_path / "out.txt"), sink(tmp_path / "out.txt")
    for _ in range(3):
        one.put("a" * 50, "a" * 50)
        two.put("b" * 50, "b" * 50)
    lines = (tmp_path / "out.txt").read_text().splitlines()
    assert lines == (["a" * 50] * 2 + ["b" * 50] * 2) * 3


def test_a_missing_folder_is_a_config_error_that_names_it(tmp_path, sink):
    with pytest.raises(ConfigError, match=r"no/out.txt' cannot be created: folder .*/no' is not there") as caught:
        sink(tmp_path / "no" / "out.txt")
    assert (caught.value.code, caught.value.config_path) == ("file.unwritable", "file")


def test_a_folder_in_place_of_the_file_is_a_config_error(tmp_path, sink):
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        sink(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_retriable_and_names_the_file(sink):
    with pytest.raises(RetriableError, match="file '/dev/full' cannot be written: No space left on device") as caught:
        sink("/dev/full").put("x")
    assert caught.value.code == "environment.disk"


def test_a_batch_that_fits_only_in_part_leaves_no_trace(tmp_path, sink):
    file = tmp_path / "out.txt"
    driver = sink(file)
    driver.put("first")
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, kept[1]))
    try:
        with pytest.raises(RetriableError, match="File too large"):
            driver.put("x" * 60, "y" * 60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert file.read_text() == "first\n"
    driver.put("again")
    assert file.read_text() == "first\nagain\n"


def test_without_a_file_lines_are_printed(sink, capfd):
    driver = sink(None)
    driver.put("to the terminal")
    driver.call("flush")
    assert capfd.readouterr().out == "to the terminal\n"


def test_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path, sink):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="a pipe that nobody reads"):
        sink(tmp_path / "pipe")


def test_a_file_that_the_worker_does_not_allow_is_not_even_created(tmp_path, sink):
    with in_force(FileRules((str(tmp_path / "allowed"),))), pytest.raises(ConfigError, match=r"file\.allowed\.paths"):
        sink(tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_a_flush_brings_the_folder_with_the_file_s_name_to_disk_once(tmp_path, sink, monkeypatch):
    synced = []
    real = os.fsync

    def noting(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    driver = sink(tmp_path / "out.txt")
    monkeypatch.setattr(os, "fsync", noting)  # a loss of power cannot be run
    driver.put("one")
    driver.call("flush")
    driver.put("two")
    driver.call("flush")
    assert synced.count(tmp_path.stat().st_ino) == 1
